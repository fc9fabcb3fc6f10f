package roq

import (
	"encoding/json"
	"net/http"
	"strings"

	"usher/sandbox/stage"
)

const (
	maxBody  = 1 << 20
	kindJSON = "application/json; charset=utf-8"
)

// call is one request on its way through the simulator.
type call struct {
	r      *http.Request
	base   string // scheme and host, for links
	body   []byte
	client bool         // on the client's endpoint
	actor  *user        // nil: the service account
	outbox []stage.Mail // goes out when the lock is free again
}

// route is one path of FACTS.md section 2.
type route struct {
	method, path string
	do           func(*call) reply
}

func (s *Simulator) table() []route {
	return []route{
		{http.MethodPost, "/v01/authorize/serviceAccount", s.serviceAccountToken},
		{http.MethodPost, "/v01/authorize", s.userToken},
		{http.MethodPost, "/v01/server/graphql", s.serverGraphQL},
		{http.MethodPost, "/v01/graphql", s.clientGraphQL},
	}
}

func (s *Simulator) serve(w http.ResponseWriter, r *http.Request) {
	c := &call{r: r, base: stage.Base(strings.TrimSuffix(s.o.BaseURL, "/"), r)}
	if p := s.pageAt(r.URL.Path); p != nil {
		s.page(w, c, p)
		return
	}
	rt := find(s.table(), func(rt route) bool { return rt.method == r.Method && rt.path == r.URL.Path })
	if rt.do == nil {
		httpError(http.StatusNotFound, "Cannot "+r.Method+" "+r.URL.Path).Write(w)
		return
	}
	body, fits := stage.Body(w, r, maxBody)
	if !fits {
		httpError(http.StatusRequestEntityTooLarge, "request entity too large").Write(w)
		return
	}
	c.body = body
	p := s.locked(func() reply { return rt.do(c) })
	s.post.Deliver(r.Context(), c.outbox)
	p.Write(w)
}

func (s *Simulator) locked(do func() reply) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	return do()
}

// reply is an answer before it is written.
type reply = stage.Reply

func jsonReply(status int, v any) reply {
	body, err := json.Marshal(v)
	if err != nil { // never, for what is given here
		status, body = http.StatusInternalServerError, []byte(`{}`)
	}
	return reply{Status: status, Kind: kindJSON, Body: body}
}

// httpError is a refusal outside of GraphQL, in the form that NestJS gives it
// (FACTS.md section 3, inferred).
func httpError(status int, message string) reply {
	return jsonReply(status, map[string]any{"statusCode": status, "message": message, "error": http.StatusText(status)})
}
