package nile

import (
	"net/http"
	"slices"
	"time"
)

const inviteLife = 7 * 24 * time.Hour // nothing can change it

// inviteRow is a row of auth.invites: these seven fields and no state.
type inviteRow struct {
	ID         string  `json:"id"`
	Tenant     string  `json:"tenant_id"`
	Token      string  `json:"token"`
	Identifier string  `json:"identifier"`
	Roles      *string `json:"roles"`
	CreatedBy  string  `json:"created_by"`
	Expires    stamp   `json:"expires"`
}

func (i *invite) row() inviteRow {
	return inviteRow{ID: i.id, Tenant: i.tenant, Token: i.token, Identifier: i.identifier, CreatedBy: i.createdBy, Expires: stamp(i.expires)}
}

// listInvites lists expired rows too, and every token in full.
func (s *Simulator) listInvites(c *call) reply {
	id := c.params["tenant"]
	if p, ok := s.context(id, c.user); !ok {
		return p
	}
	out := []inviteRow{}
	for _, i := range s.invites {
		if i.tenant == id || s.q.UnfilteredInvites {
			out = append(out, i.row())
		}
	}
	return rows(http.StatusOK, out)
}

// postInvite invites, or invites again: the same row with another token, at
// the end of the list. The checks are in the vendor's order (FACTS.md section
// 5); from the template on the row is written whatever the answer says.
func (s *Simulator) postInvite(c *call) reply {
	form, p, ok := c.form()
	if !ok {
		return p
	}
	id, email := c.params["tenant"], form.Get("identifier")
	switch {
	case !form.Has("identifier"):
		return text(http.StatusBadRequest, "identifier is required.")
	case !isAddress(email):
		return text(http.StatusBadRequest, "email is not valid.")
	}
	if token, ok := s.csrfToken(c); !ok || form.Get("csrfToken") != token {
		return text(http.StatusBadRequest, "Request blocked")
	}
	callback, redirectURL := formText(form, "callbackUrl"), formText(form, "redirectUrl")
	if callback == "" {
		u := c.callbackCookie()
		if u == nil {
			return text(http.StatusBadRequest, "Callback is not a valid url")
		}
		callback = normal(u)
	}
	if p, ok := s.mayInvite(id, email, c.user); !ok {
		return p
	}
	i := s.writeInvite(id, email, c.user)
	template, ok := s.template(MailInvite)
	switch {
	case !ok:
		return text(http.StatusNotFound, "Unable to find email template "+MailInvite)
	case s.q.NoEmailServer:
		return text(http.StatusBadRequest, "Email sending is not configured for this database.")
	}
	// A question mark is put in without looking whether one is there.
	link := redirectURL + "?" + encodeQuery([]parameter{{"token", i.token}, {"identifier", email}, {"callbackUrl", callback}})
	c.mail = &outgoing{
		mail:   s.compose(MailInvite, template, email, "", s.tenant(id).name, link),
		failed: func(err error) reply { return text(http.StatusBadRequest, err.Error()) },
	}
	return rows(http.StatusCreated, i.row())
}

// mayInvite tells outsiders too who is a member: their own membership is
// looked at last.
func (s *Simulator) mayInvite(id, email, caller string) (reply, bool) {
	switch u := s.userByEmail(email); {
	case !isUUID(id):
		return s.malformed(id), false
	case s.tenant(id) == nil:
		return empty(http.StatusNotFound), false
	case u != nil && s.isMember(id, u.id):
		return text(http.StatusBadRequest, "User is already a member of the tenant"), false
	case !s.isMember(id, caller):
		return s.unauthorized(), false
	}
	return reply{}, true
}

// writeInvite keeps one row a tenant and address. Who created it stays.
func (s *Simulator) writeInvite(tenant, email, caller string) *invite {
	at := slices.IndexFunc(s.invites, func(i *invite) bool { return i.tenant == tenant && i.identifier == email })
	i := &invite{id: newInviteID(), tenant: tenant, identifier: email, createdBy: caller}
	if at >= 0 {
		i = s.invites[at]
		s.invites = slices.Delete(s.invites, at, at+1)
	}
	i.token, i.expires = newToken(), s.clock.Now().Add(inviteLife)
	s.invites = append(s.invites, i)
	return i
}

// deleteInvite is 204 whether there was one or not.
func (s *Simulator) deleteInvite(c *call) reply {
	tenant, id := c.params["tenant"], c.params["invite"]
	if p, ok := s.context(tenant, c.user); !ok {
		return p
	}
	if !isUUID(id) {
		return s.malformed(id)
	}
	s.invites = slices.DeleteFunc(s.invites, func(i *invite) bool { return i.tenant == tenant && i.id == id })
	return empty(http.StatusNoContent)
}
