package nile

import (
	"net/http"
	"strings"

	"usher/sandbox/stage"
)

const maxBody = 1 << 20

// call is one request on its way through the simulator.
type call struct {
	r       *http.Request
	base    string // scheme and host it was sent to
	origin  string // whom the answer is for, see originOf
	secure  bool   // cookies carry the prefix
	rest    string // the path below /v2/databases/{id}
	params  map[string]string
	body    []byte
	user    string   // of the session; empty: anonymous
	cookies []string // Set-Cookie of the answer, beside the reply's own
	mail    *outgoing
}

func (c *call) query(name string) string { return c.r.URL.Query().Get(name) }

func (s *Simulator) serve(w http.ResponseWriter, r *http.Request) {
	c := &call{r: r, base: stage.Base(s.o.BaseURL, r)}
	c.origin, c.secure = originOf(r, c.base)
	if path, ok := strings.CutPrefix(r.URL.Path, "/api/"); ok {
		s.page(w, c, path)
		return
	}
	if p, limited := s.limited(r); limited {
		p.write(w)
		return
	}
	body, fits := stage.Body(w, r, maxBody)
	if !fits {
		text(http.StatusRequestEntityTooLarge, "Request Entity Too Large").write(w, nil)
		return
	}
	c.body = body
	s.o.Sleep.BeforeWrite(r, s.Quirks().WriteDelayMS)
	p := s.locked(func() reply { return s.dispatch(c) })
	s.deliver(r.Context(), c, p).write(w, c.cookies)
}

func (s *Simulator) locked(do func() reply) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	return do()
}

func (s *Simulator) dispatch(c *call) reply {
	if c.r.URL.Path == "/v2/ready" {
		return empty(http.StatusOK)
	}
	rest, ok := strings.CutPrefix(c.r.URL.Path, s.prefix()+"/")
	if !ok {
		return notFoundPage()
	}
	c.rest = "/" + rest
	auth := strings.HasPrefix(c.rest, "/auth/")
	if auth && !wellFormed(c.origin) {
		return text(http.StatusBadRequest, "The request origin is not a well formed URL.")
	}
	rt, p := s.match(c)
	if rt == nil {
		return p
	}
	c.user = s.caller(c)
	if !auth && !rt.open && c.user == "" {
		return empty(http.StatusUnauthorized)
	}
	if !auth && s.aborted {
		return text(http.StatusBadRequest, "An error has occurred: current transaction is aborted, commands ignored until end of transaction block")
	}
	return rt.do(c)
}

// context is what the vendor's database checks when a call names a tenant: the
// id's form, that the tenant exists, and that the user is a member of it
// (FACTS.md section 3; the texts of the first two are of section 11).
func (s *Simulator) context(tenant, user string) (reply, bool) {
	switch {
	case !isUUID(tenant):
		return s.malformed(tenant), false
	case s.tenant(tenant) == nil:
		return s.databaseError(http.StatusNotFound, "Resource not found"), false
	case !s.isMember(tenant, user):
		return s.unauthorized(), false
	}
	return reply{}, true
}

// unauthorized is the 401 of somebody who is signed in and no member.
func (s *Simulator) unauthorized() reply {
	s.aborted = s.q.AbortedTransaction
	return text(http.StatusUnauthorized, "Unauthorized.")
}

func (s *Simulator) malformed(id string) reply {
	return s.databaseError(http.StatusBadRequest, `An error has occurred: invalid input syntax for type uuid: "`+id+`"`)
}

func (s *Simulator) databaseError(status int, message string) reply {
	s.aborted = s.q.AbortedTransaction
	if s.q.EmptyDatabaseErrors {
		return empty(status)
	}
	return text(status, message)
}
