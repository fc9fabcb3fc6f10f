package workos

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// endpoint is where webhooks go.
type endpoint struct {
	id, url, secret, status string
	events                  []string
	created, updated        time.Time
}

func endpointID(e *endpoint) string { return e.id }

func viewEndpoint(e *endpoint) object {
	return object{"object": "webhook_endpoint", "id": e.id, "endpoint_url": e.url, "secret": e.secret, "status": e.status,
		"events": append([]string{}, e.events...), "created_at": stamp(e.created), "updated_at": stamp(e.updated)}
}

func (s *Simulator) listEndpoints(c *call) reply {
	return listReply(s, c, s.endpoints, endpointID, viewEndpoint)
}

func (s *Simulator) endpoint(id string) *endpoint {
	return find(s.endpoints, func(e *endpoint) bool { return e.id == id })
}

func (s *Simulator) endpointNotFound() reply {
	return jsonReply(http.StatusNotFound, object{"code": "entity_not_found", "message": "Webhook endpoint not found."})
}

func (s *Simulator) postEndpoint(c *call) reply {
	f := s.read(c)
	address := f.needed("endpoint_url")
	names := readEvents(f, true)
	if p, bad := f.refused(); bad {
		return p
	}
	if p, bad := s.refuseEndpoint(nil, address); bad {
		return p
	}
	now := s.clock.Now()
	e := &endpoint{id: s.newID("we"), url: address, secret: newSecret(25), status: "enabled", events: names, created: now, updated: now}
	s.endpoints = append(s.endpoints, e)
	return created(viewEndpoint(e))
}

// readEvents reads the names of events; that there are others than those the
// simulator emits is no reason to refuse them.
func readEvents(f *fields, needed bool) []string {
	names, present := f.texts("events")
	switch {
	case !present && needed:
		f.problem = append(f.problem, problem{Field: "events", Code: "required", Message: "Required."})
	case slices.ContainsFunc(names, func(n string) bool { return !strings.Contains(n, ".") }):
		f.problem = append(f.problem, problem{Field: "events", Code: "unknown_event_type", Message: "Invalid enum value."})
	}
	return names
}

// refuseEndpoint wants HTTPS, but for addresses of this machine, which is
// where a sandbox's receivers are.
func (s *Simulator) refuseEndpoint(self *endpoint, address string) (reply, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !local(u)) {
		return refusal(http.StatusUnprocessableEntity, "invalid_url"), true
	}
	if slices.ContainsFunc(s.endpoints, func(e *endpoint) bool { return e.url == address && e != self }) {
		return refusal(http.StatusConflict, "duplicate_endpoint"), true
	}
	return reply{}, false
}

func local(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

func (s *Simulator) patchEndpoint(c *call) reply {
	f := s.read(c)
	address, status := f.text("endpoint_url"), f.oneOf("status", []string{"enabled", "disabled"})
	names := readEvents(f, false)
	if p, bad := f.refused(); bad {
		return p
	}
	e := s.endpoint(c.params["id"])
	if e == nil {
		return s.endpointNotFound()
	}
	if address != "" {
		if p, bad := s.refuseEndpoint(e, address); bad {
			return p
		}
		e.url = address
	}
	if status != "" {
		e.status = status
	}
	if names != nil {
		e.events = names
	}
	e.updated = s.clock.Now()
	return ok(viewEndpoint(e))
}

func (s *Simulator) deleteEndpoint(c *call) reply {
	e := s.endpoint(c.params["id"])
	if e == nil {
		return s.endpointNotFound()
	}
	s.endpoints = slices.DeleteFunc(s.endpoints, func(x *endpoint) bool { return x == e })
	return empty(http.StatusNoContent)
}
