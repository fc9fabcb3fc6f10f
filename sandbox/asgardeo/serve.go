package asgardeo

import (
	"bytes"
	"mime"
	"net/http"
	"slices"
	"strings"

	"usher/sandbox/stage"
)

const maxBody = 1 << 20

// call is one request on its way through the simulator.
type call struct {
	r       *http.Request
	base    string            // scheme and host, for links
	tenant  string            // the {root} of the path
	orgPath bool              // below /o/
	pathOrg string            // the organization id of an /o/{id} path
	rest    string            // the path below all that
	family  string            // path family of rest, for limits and envelopes
	params  map[string]string // of the route's pattern
	token   *token            // nil on public routes
	org     string            // the organization the call works on
	body    []byte
	outbox  []stage.Mail // goes out when the lock is free again
}

func (c *call) query(name string) string { return c.r.URL.Query().Get(name) }

// scim is the base URL of SCIM resources as this caller addresses them.
func (c *call) scim() string { return c.home() + "/scim2" }

func (c *call) home() string {
	home := c.base + "/t/" + c.tenant
	if c.orgPath {
		home += "/o"
	}
	return home
}

func (s *Simulator) serve(w http.ResponseWriter, r *http.Request) {
	c := &call{r: r, base: stage.Base(strings.TrimSuffix(s.o.BaseURL, "/"), r)}
	if !c.locate() {
		apiError(http.StatusNotFound, http.StatusNotFound, "Not Found", "No such resource.").Write(w)
		return
	}
	if page, ok := strings.CutPrefix(c.rest, "/accountrecoveryendpoint/"); ok {
		s.page(w, c, page)
		return
	}
	if p, limited := s.limited(c); limited {
		p.Write(w)
		return
	}
	body, fits := stage.Body(w, r, maxBody)
	if !fits {
		s.lockedReply(func() reply {
			return s.scimError(http.StatusRequestEntityTooLarge, "tooLarge", "The size of the request exceeds the maximum of 1048576 bytes.")
		}).Write(w)
		return
	}
	c.body = body
	s.o.Sleep.BeforeWrite(r, s.Quirks().WriteDelayMS)
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

// locate reads the forms of FACTS.md section 0: /t/{root}/…, /t/{root}/o/…,
// and the older /t/{root}/o/{id}/….
func (c *call) locate() bool {
	rest, ok := strings.CutPrefix(c.r.URL.Path, "/t/")
	if !ok {
		return false
	}
	c.tenant, rest, ok = strings.Cut(rest, "/")
	if !ok {
		return false
	}
	if after, ok := strings.CutPrefix(rest, "o/"); ok {
		c.orgPath, rest = true, after
		if first, after, ok := strings.Cut(rest, "/"); ok && !slices.Contains(families(), first) && first != "accountrecoveryendpoint" {
			c.pathOrg, rest = first, after
		}
	}
	c.rest = "/" + rest
	c.family = family(rest)
	return true
}

func families() []string { return []string{"scim2", "api", "oauth2", ".well-known"} }

// family is the path family that shares a rate limit (FACTS.md section 12).
func family(rest string) string {
	for _, f := range []string{"scim2", "api/server", "oauth2", "api/users", "api/identity", ".well-known"} {
		if rest == f || strings.HasPrefix(rest, f+"/") {
			return f
		}
	}
	return ""
}

func (s *Simulator) dispatch(c *call) reply {
	rt, p := s.match(c)
	if rt == nil {
		return p
	}
	if rt.public && c.tenant != s.o.Root && c.rest != "/oauth2/token" {
		return apiError(http.StatusNotFound, http.StatusNotFound, "Not Found", "No such tenant.")
	}
	if p, ok := s.authorize(c, rt); !ok {
		return p
	}
	if p, ok := s.contentType(c, rt); !ok {
		return p
	}
	return rt.do(c)
}

// contentType refuses bodies of another kind with 406 (FACTS.md sections 3 and 11).
func (s *Simulator) contentType(c *call, rt *route) (reply, bool) {
	switch c.r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
	default:
		return reply{}, true
	}
	kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil {
		kind = ""
	}
	switch {
	case c.family == "oauth2":
		if kind != "application/x-www-form-urlencoded" {
			return oauthError(http.StatusBadRequest, "invalid_request", "The request has to be a form."), false
		}
	case c.family == "scim2":
		if kind != kindSCIM && kind != kindJSON {
			return s.scimError(http.StatusNotAcceptable, "", "Content type "+kind+" is not supported."), false
		}
	case kind != kindJSON && len(bytes.TrimSpace(c.body)) > 0:
		return apiError(http.StatusNotAcceptable, http.StatusNotAcceptable, "Not Acceptable", "Content type is not supported."), false
	}
	return reply{}, true
}
