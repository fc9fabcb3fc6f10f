package crashtest

import (
	"fmt"
	"strings"
)

// place is an address in an organization of a vendor.
type place struct {
	connection, org, email string
}

// truth is what the vendors have at the end.
type truth struct {
	invitations map[place][]string        // their states
	mails       map[string]map[string]int // by vendor, by "kind to address"
	accounts    map[string]int            // of Asgardeo's root, by address
	people      string                    // who is where at the SCIM service
}

// shapes says where a vendor's dump has the invitations, and how it calls one
// that waits.
func shapes() map[string]struct{ list, org, email, state, pending string } {
	return map[string]struct{ list, org, email, state, pending string }{
		"asgardeo": {"invitations", "organization_id", "user_name", "status", "PENDING"},
		"clerk":    {"invitations", "organization_id", "email", "status", "pending"},
		"nile":     {"invites", "tenant_id", "identifier", "expired", "false"},
		"roq":      {"invites", "tenant_id", "email", "status", "pending"},
		"workos":   {"invitations", "organization_id", "email", "state", "pending"},
	}
}

const pendingThere = "pending"

func (w *world) truth() *truth {
	w.t.Helper()
	all := &truth{invitations: map[place][]string{}, mails: map[string]map[string]int{}, accounts: map[string]int{}}
	for _, v := range w.vendors {
		var state map[string]any
		w.vendorAsk("GET", v.origin+"/_sandbox/state", "", nil, &state)
		if shape, ok := shapes()[v.name]; ok {
			for _, one := range objects(state[shape.list]) {
				at := place{v.name, fmt.Sprint(one[shape.org]), bare(fmt.Sprint(one[shape.email]))}
				said := fmt.Sprint(one[shape.state])
				if strings.EqualFold(said, shape.pending) {
					said = pendingThere
				}
				all.invitations[at] = append(all.invitations[at], said)
			}
		}
		all.mails[v.name] = map[string]int{}
		for _, one := range objects(state["mails"]) {
			all.mails[v.name][fmt.Sprintf("%v to %v", one["kind"], one["to"])]++
		}
		switch v.name {
		case "asgardeo":
			for _, one := range objects(state["users"]) {
				if one["organization_id"] == state["root_id"] {
					all.accounts[bare(fmt.Sprint(one["user_name"]))]++
				}
			}
		case "scim2":
			all.people = fmt.Sprint(state["users"], state["groups"])
		}
	}
	return all
}

func objects(list any) (all []map[string]any) {
	rows, _ := list.([]any)
	for _, one := range rows {
		if object, ok := one.(map[string]any); ok {
			all = append(all, object)
		}
	}
	return all
}

// bare is a user name without the store it is in.
func bare(name string) string {
	if _, rest, ok := strings.Cut(name, "/"); ok {
		return rest
	}
	return name
}

// mailsOf are the mails that an invitation of somebody new is, by kind. Asgardeo
// has two: one to set a password, one to join.
func mailsOf(connection string) []string {
	return map[string][]string{
		"asgardeo": {"set_password", "guest_invitation"},
		"clerk":    {"organization_invitation"},
		"nile":     {"invite_user"},
		"roq":      {"invitation"},
		"workos":   {"invitation"},
	}[connection]
}

// about is what a vendor has about an address, for who looks into a difference.
func (t *truth) about(o *organization, email string) string {
	var mails []string
	for what, n := range t.mails[o.connection] {
		if strings.HasSuffix(what, " to "+email) {
			mails = append(mails, fmt.Sprintf("%d × %s", n, what))
		}
	}
	return fmt.Sprintf("invitations %v, mails %v, accounts %d", t.invitations[place{o.connection, o.providerID, email}], mails, t.accounts[email])
}
