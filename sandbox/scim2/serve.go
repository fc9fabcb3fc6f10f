package scim2

import (
	"mime"
	"net/http"
	"strings"

	"usher/sandbox/stage"
)

const maxBody = 1 << 20

// call is one request on its way through the simulator.
type call struct {
	r      *http.Request
	base   string            // URL of the service, for locations
	params map[string]string // of the route's pattern
	body   []byte
	view   *view // of the store, once something was rendered
}

func (s *Simulator) serve(w http.ResponseWriter, r *http.Request) {
	if p, limited := s.limited(r); limited {
		p.write(w)
		return
	}
	body, fits := stage.Body(w, r, maxBody)
	s.mu.Lock()
	var p reply
	if fits {
		p = s.dispatch(&call{r: r, base: stage.Base(s.o.BaseURL, r) + s.o.Path, body: body})
	} else {
		p = s.fail(&problem{http.StatusRequestEntityTooLarge, "", "The request is larger than 1048576 bytes."})
	}
	s.mu.Unlock()
	p.write(w)
}

func (s *Simulator) dispatch(c *call) reply {
	if c.r.URL.Path == tokenPath {
		return s.token(c)
	}
	path, ok := strings.CutPrefix(c.r.URL.Path, s.o.Path)
	if !ok || path != "" && path[0] != '/' {
		return s.fail(&problem{http.StatusNotFound, "", "There is no such endpoint."})
	}
	rt, params, refused := s.match(c.r.Method, path)
	if rt == nil || !rt.public || s.q.DiscoveryNeedsToken {
		if p, ok := s.authorize(c.r); !ok {
			return p
		}
	}
	if rt == nil {
		return refused
	}
	c.params = params
	if p := contentType(c.r); p != nil {
		return s.fail(p)
	}
	return rt.do(c)
}

// contentType refuses bodies of another kind (RFC 7644 sections 3.1 and 8.1:
// application/scim+json, and application/json as well).
func contentType(r *http.Request) *problem {
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
	default:
		return nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != kindSCIM && kind != kindJSON {
		return &problem{http.StatusUnsupportedMediaType, "", "The body has to be " + kindSCIM + "."}
	}
	return nil
}

// me is not supported, which section 3.11 answers with 501.
func (s *Simulator) me(*call) reply {
	return s.fail(&problem{http.StatusNotImplemented, "", "/Me is not supported."})
}
