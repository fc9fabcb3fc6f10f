package nile

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// acceptInvite needs neither session nor CSRF pair: token, exact address and
// tenant are enough, and who is signed in does not matter (FACTS.md section 6).
func (s *Simulator) acceptInvite(c *call) reply {
	form, p, ok := c.form()
	if !ok {
		return p
	}
	callback := c.acceptCallback(form)
	switch {
	case callback == nil:
		return text(http.StatusBadRequest, "Invalid callback url: missing base")
	case !form.Has("identifier"):
		return text(http.StatusBadRequest, "identifier is required.")
	case !form.Has("token"):
		return text(http.StatusBadRequest, "token is not valid.")
	}
	return s.accept(c.params["tenant"], form.Get("identifier"), form.Get("token"), callback)
}

// acceptCallback is where the browser is to go: an absolute URL of any host,
// or a path on the host of the remembered one; nil when there is neither.
func (c *call) acceptCallback(form url.Values) *url.URL {
	base := c.callbackCookie()
	if !form.Has("callbackUrl") {
		return base
	}
	u, err := url.Parse(form.Get("callbackUrl"))
	switch {
	case err != nil:
		return nil
	case u.Scheme != "" && u.Host != "":
		return u
	case base == nil || !strings.HasPrefix(base.Scheme, "http"):
		return nil
	}
	return (&url.URL{Scheme: base.Scheme, Host: base.Host, Path: "/"}).ResolveReference(u)
}

// accept spends the invite first, so that what fails later has burnt it.
func (s *Simulator) accept(tenant, email, token string, callback *url.URL) reply {
	// An apostrophe breaks the vendor's statement, which it answers like this too.
	at := slices.IndexFunc(s.invites, func(i *invite) bool {
		return i.tenant == tenant && i.identifier == email && i.token == token
	})
	if at < 0 || s.tenant(tenant) == nil {
		return text(http.StatusNotFound, "Invite not found")
	}
	i := s.invites[at]
	s.invites = slices.Delete(s.invites, at, at+1)
	switch {
	case i.expires.Before(s.clock.Now()):
		return text(http.StatusGone, "Invite has expired.")
	case !s.isMember(tenant, i.createdBy):
		return empty(http.StatusNotFound)
	}
	u := s.userByEmail(email)
	if u == nil {
		u = s.addUser(email)
	}
	now := s.clock.Now()
	u.verified = &now
	if s.isMember(tenant, u.id) {
		return reply{status: http.StatusBadRequest, location: withError(callback, "User is already a member of the tenant")}
	}
	s.addMember(tenant, u.id)
	return reply{status: http.StatusNoContent, location: normal(callback)}
}

// withError adds the parameter error, encoded once more than it needs.
func withError(u *url.URL, message string) string {
	query := slices.DeleteFunc(parseQuery(u.RawQuery), func(p parameter) bool { return p.name == "error" })
	query = append(query, parameter{"error", url.PathEscape(message)})
	n := *u
	n.RawQuery = encodeQuery(query)
	return normal(&n)
}
