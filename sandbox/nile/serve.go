package nile

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"usher/sandbox/fault"
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
	c := &call{r: r, base: s.base(r)}
	c.origin, c.secure = originOf(r, c.base)
	if path, ok := strings.CutPrefix(r.URL.Path, "/api/"); ok {
		s.page(w, c, path)
		return
	}
	if p, limited := s.limited(r); limited {
		p.write(w)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		text(http.StatusRequestEntityTooLarge, "Request Entity Too Large").write(w, nil)
		return
	case err != nil:
		panic(http.ErrAbortHandler) // half a request never acts
	}
	c.body = body
	if r.Method != http.MethodGet && r.Method != http.MethodHead && s.sleep(r.Context(), s.Quirks().WriteDelayMS) != nil {
		panic(http.ErrAbortHandler)
	}
	p := s.locked(func() reply { return s.dispatch(c) })
	s.deliver(r.Context(), c, p).write(w, c.cookies)
}

func (s *Simulator) locked(do func() reply) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	return do()
}

func (s *Simulator) sleep(ctx context.Context, ms int) error {
	d := time.Duration(ms) * time.Millisecond
	if d <= 0 {
		return nil
	}
	if s.o.Sleep != nil {
		return s.o.Sleep(ctx, d)
	}
	return fault.Sleep(ctx, d)
}

func (s *Simulator) base(r *http.Request) string {
	if s.o.BaseURL != "" {
		return s.o.BaseURL
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
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
