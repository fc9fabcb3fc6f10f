package workos

import (
	"mime"
	"net/http"
	"net/url"
	"strings"

	"usher/sandbox/stage"
)

const maxBody = 1 << 20

// call is one request on its way through the simulator.
type call struct {
	r      *http.Request
	base   string // scheme and host, for links
	params map[string]string
	query  url.Values
	key    string       // the API key; empty on public routes
	body   []byte       // only of a kind that the vendor reads
	form   bool         // the body is a form
	outbox []stage.Mail // goes out when the lock is free again
}

func (s *Simulator) serve(w http.ResponseWriter, r *http.Request) {
	c := &call{r: r, base: stage.Base(strings.TrimSuffix(s.o.BaseURL, "/"), r)}
	if r.URL.Path == invitationPage {
		s.page(w, c)
		return
	}
	w.Header().Set("X-Request-ID", newRequestID())
	body, fits := stage.Body(w, r, maxBody)
	if !fits {
		messageReply(http.StatusRequestEntityTooLarge, "request entity too large").Write(w)
		return
	}
	var err error
	if c.query, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		messageReply(http.StatusBadRequest, "Bad Request").Write(w)
		return
	}
	// A body of a kind that is not read counts as none.
	switch kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind {
	case kindJSON:
		c.body = body
	case "application/x-www-form-urlencoded":
		c.body, c.form = body, true
	}
	p := s.lockedReply(func() reply {
		s.settle()
		return s.dispatch(c)
	})
	s.post.Deliver(r.Context(), c.outbox)
	p.Write(w)
}

func (s *Simulator) lockedReply(do func() reply) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	return do()
}

func (s *Simulator) dispatch(c *call) reply {
	rt := s.match(c)
	if rt == nil {
		return messageReply(http.StatusNotFound, "Not Found")
	}
	if p, ok := s.authorize(c, rt); !ok {
		return p
	}
	if p, limited := s.limited(c, rt); limited {
		return p
	}
	return s.once(c, func() reply { return rt.do(c) })
}

// settle does what became due as time went by. Called under the lock at the
// start of every call.
func (s *Simulator) settle() {
	now := s.clock.Now()
	for _, o := range s.orgs {
		if !o.ends.IsZero() && !o.ends.After(now) {
			s.dropOrganization(o)
		}
	}
	if s.q.ExpiryRemovesMembership {
		for _, i := range s.invitations {
			if m := s.membership(i.membership); m != nil && m.status == statusPending && s.state(i) == stateExpired {
				s.dropMembership(m)
			}
		}
	}
	s.dropEvents(now)
}
