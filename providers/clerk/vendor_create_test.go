package clerk

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

func (v *vendor) serveCreate(w http.ResponseWriter, org string, o *organization, body []byte) {
	var sent object
	if json.Unmarshal(body, &sent) != nil {
		refuse(w, 400, "request_body_invalid", nil)
		return
	}
	v.bodies = append(v.bodies, sent)
	if r := v.refusal(o, sent, nil); r != nil {
		refuse(w, r.status, r.code, r.meta)
		return
	}
	reply(w, 200, v.object(org, v.create(org, o, sent)))
}

// serveBulk makes all or none, or with partial those before the one it refuses.
func (v *vendor) serveBulk(w http.ResponseWriter, org string, o *organization, body []byte) {
	var sent []object
	if json.Unmarshal(body, &sent) != nil || len(sent) == 0 {
		refuse(w, 400, "request_body_invalid", nil)
		return
	}
	if len(sent) > 10 {
		refuse(w, 400, "bulk_size_exceeded", nil)
		return
	}
	v.bodies = append(v.bodies, sent...)
	data := []object{}
	for n, one := range sent {
		r := v.refusal(o, one, sent[:n])
		switch {
		case r != nil:
			refuse(w, r.status, r.code, r.meta)
			return
		case v.partial:
			data = append(data, v.object(org, v.create(org, o, one)))
		}
	}
	if !v.partial {
		for _, one := range sent {
			data = append(data, v.object(org, v.create(org, o, one)))
		}
	}
	if v.shuffles {
		slices.Reverse(data)
	}
	if v.answers != nil {
		data = v.answers(data)
	}
	reply(w, 200, object{"data": data, "total_count": len(data)})
}

// refusal is why the vendor does not invite somebody.
type refusal struct {
	status int
	code   string
	meta   object
}

// refusal refuses in the order of FACTS.md section 14. before are those of the
// same call.
func (v *vendor) refusal(o *organization, sent object, before []object) *refusal {
	known := []string{"email_address", "role", "inviter_user_id", "public_metadata", "private_metadata", "redirect_url", "expires_in_days", "notify"}
	for name := range sent {
		if !slices.Contains(known, name) {
			return &refusal{422, "form_param_unknown", object{"param_name": name}}
		}
	}
	address, _ := sent["email_address"].(string)
	role, _ := sent["role"].(string)
	address = strings.ToLower(address)
	if address == "" || role == "" {
		return &refusal{422, "form_param_missing", object{"param_name": "role"}}
	}
	if slices.Contains(v.dislikes, address) {
		return &refusal{422, "form_param_format_invalid", object{"param_name": "email_address", "email_addresses": []string{address}}}
	}
	if days := daysOf(sent); days < 1 || days > 365 || days != float64(int(days)) {
		return &refusal{422, "form_param_value_invalid", object{"param_name": "expires_in_days"}}
	}
	if page, ok := sent["redirect_url"].(string); ok {
		if u, err := url.Parse(page); err != nil || !u.IsAbs() {
			return &refusal{422, "form_param_format_invalid", object{"param_name": "redirect_url"}}
		}
	}
	if !slices.Contains(o.roles, role) {
		return &refusal{404, "resource_not_found", object{"param_name": "role"}}
	}
	for _, m := range o.members {
		if u := v.user(m.user); u.email == address {
			return &refusal{400, "already_a_member_in_organization", nil}
		}
	}
	return v.crowded(o, address, before)
}

func daysOf(sent object) float64 {
	days, given := sent["expires_in_days"].(float64)
	if !given {
		return 30
	}
	return days
}

// crowded refuses a second pending invitation, and one too many.
func (v *vendor) crowded(o *organization, address string, before []object) *refusal {
	taken := len(o.members)
	for _, i := range o.invitations {
		if v.statusOf(i) != "pending" {
			continue
		}
		if i.email == address && !v.replaces {
			return &refusal{400, "organization_invitation_not_unique", nil}
		}
		if i.email != address {
			taken++
		}
	}
	for _, one := range before {
		if one["email_address"] == address {
			return &refusal{400, "organization_invitation_not_unique", nil}
		}
		if !v.partial {
			taken++
		}
	}
	if v.seats > 0 && taken >= v.seats {
		return &refusal{403, "organization_membership_quota_exceeded", nil}
	}
	return nil
}

// create makes an invitation in the place of a pending one, if there is one.
func (v *vendor) create(org string, o *organization, sent object) *invitation {
	address := strings.ToLower(sent["email_address"].(string))
	for _, i := range o.invitations {
		if i.email == address && v.statusOf(i) == "pending" {
			i.status = "revoked"
		}
	}
	public, _ := sent["public_metadata"].(object)
	private, _ := sent["private_metadata"].(object)
	i := v.invite(org, invitation{
		email: address, role: sent["role"].(string), public: public, private: private,
		expires: v.Clock.Now().Add(time.Duration(daysOf(sent)) * 24 * time.Hour),
	})
	if notify, ok := sent["notify"].(bool); !ok || notify {
		v.mails[address]++
	}
	return i
}
