package scim2

import (
	"net/http"
	"reflect"
	"strings"
)

// shown answers with a resource as its readers see it; st is what the caller
// made of it, or what everybody sees.
func (s *Simulator) shown(c *call, status int, r *record, st state) reply {
	v := c.r.URL.Query()
	sel := selection{only: commas(v.Get("attributes")), except: commas(v.Get("excludedAttributes"))}
	c.view = nil // what was written may have changed it
	p := s.answer(status, s.project(r.kind, s.render(c, r, st), r.kind.choose(sel))).with("Location", location(c, r))
	if tag := s.etag(st); tag != "" {
		p = p.with("ETag", tag)
	}
	return p
}

func (s *Simulator) unknown(c *call) reply {
	return s.fail(&problem{http.StatusNotFound, "", "Resource " + c.params["id"] + " not found."})
}

// create makes a resource (RFC 7644 section 3.3).
func (s *Simulator) create(c *call, k *kind) reply {
	body, p := s.resource(k, c.body)
	if p == nil {
		body, p = s.settleBody(k, nil, body)
	}
	if p != nil {
		return s.fail(p)
	}
	r := s.add(k, body)
	return s.shown(c, http.StatusCreated, r, r.now)
}

// settleBody does what needs the store: members exist, nothing is there twice.
// A password is taken and forgotten: it can be neither read nor searched.
func (s *Simulator) settleBody(k *kind, r *record, body map[string]any) (map[string]any, *problem) {
	delete(body, "password")
	if k.extension != nil {
		plainManager(body, k.extension.ID)
	}
	if k == s.groups {
		var p *problem
		if body, p = s.settleMembers(body); p != nil {
			return nil, p
		}
	}
	return body, s.unique(k, r, body)
}

// plainManager leaves of a manager what is not derived from its id.
func plainManager(body map[string]any, urn string) {
	extension, _ := body[urn].(map[string]any)
	if manager, ok := extension["manager"].(map[string]any); ok && manager["value"] != nil {
		extension["manager"] = map[string]any{"value": manager["value"]}
	}
}

// get reads a resource (section 3.4.1); one that the caller has already answers
// 304 (section 3.14).
func (s *Simulator) get(c *call, k *kind) reply {
	r := s.lookup(k, c.params["id"])
	if r == nil {
		return s.unknown(c)
	}
	st := s.seen(r)
	if tag := s.etag(st); tag != "" && matches(c.r.Header.Get("If-None-Match"), tag) {
		return empty(http.StatusNotModified).with("ETag", tag)
	}
	return s.shown(c, http.StatusOK, r, st)
}

// matches tells whether a list of entity tags has one, by the weak comparison
// (RFC 9110 section 8.8.3.2).
func matches(header, tag string) bool {
	weak := func(v string) string { return strings.TrimPrefix(strings.TrimSpace(v), "W/") }
	for _, one := range strings.Split(header, ",") {
		if one = strings.TrimSpace(one); one == "*" || one != "" && weak(one) == weak(tag) {
			return true
		}
	}
	return false
}

// writable finds the resource to change, in the version that the caller knows.
func (s *Simulator) writable(c *call, k *kind) (*record, reply) {
	r := s.lookup(k, c.params["id"])
	if r == nil {
		return nil, s.unknown(c)
	}
	header := c.r.Header.Get("If-Match")
	if tag := s.etag(r.now); tag != "" && header != "" && !matches(header, tag) {
		return nil, s.fail(&problem{http.StatusPreconditionFailed, "", "The resource has changed: its version is " + tag + "."})
	}
	return r, reply{}
}

// put replaces a resource (section 3.5.1).
func (s *Simulator) put(c *call, k *kind) reply {
	r, refused := s.writable(c, k)
	if r == nil {
		return refused
	}
	body, p := s.resource(k, c.body)
	if p == nil {
		body, p = s.settleBody(k, r, body)
	}
	if p != nil {
		return s.fail(p)
	}
	s.change(r, body)
	return s.shown(c, http.StatusOK, r, r.now)
}

// patch changes a resource, wholly or not at all (section 3.5.2). What changes
// nothing leaves the version as it is.
func (s *Simulator) patch(c *call, k *kind) reply {
	if s.q.NoPatch {
		return s.fail(&problem{s.q.PatchRefusal, "", "PATCH is not supported."})
	}
	r, refused := s.writable(c, k)
	if r == nil {
		return refused
	}
	body, p := s.patched(c, r)
	password := body["password"] != nil
	if p == nil {
		body, p = s.settleBody(k, r, body)
	}
	if p != nil {
		return s.fail(p)
	}
	if password || !reflect.DeepEqual(body, r.now.body) {
		s.change(r, body)
	}
	if s.q.PatchNoContent && !c.r.URL.Query().Has("attributes") {
		p := empty(http.StatusNoContent)
		if tag := s.etag(r.now); tag != "" {
			p = p.with("ETag", tag)
		}
		return p
	}
	return s.shown(c, http.StatusOK, r, r.now)
}

// remove deletes a resource (section 3.6).
func (s *Simulator) remove(c *call, k *kind) reply {
	r, refused := s.writable(c, k)
	if r == nil {
		return refused
	}
	if s.q.DeactivateOnDelete && k == s.users {
		body := map[string]any{}
		for name, v := range r.now.body {
			body[name] = v
		}
		body["active"] = false
		s.change(r, body)
		return empty(http.StatusNoContent)
	}
	s.drop(r)
	return empty(http.StatusNoContent)
}
