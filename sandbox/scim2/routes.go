package scim2

import (
	"net/http"
	"slices"
	"strings"

	"usher/sandbox/stage"
)

// route is one operation (RFC 7644 section 3.2). Patterns are below
// Options.Path.
type route struct {
	method, pattern string
	public          bool // no token
	discovery       bool // away with Quirks.NoDiscovery
	do              func(*call) reply
}

func (s *Simulator) table() []route {
	return slices.Concat(s.resourceRoutes("/Users", s.users), s.resourceRoutes("/Groups", s.groups), s.otherRoutes())
}

func (s *Simulator) resourceRoutes(at string, k *kind) []route {
	of := func(do func(*call, *kind) reply) func(*call) reply {
		return func(c *call) reply { return do(c, k) }
	}
	return []route{
		{method: "GET", pattern: at, do: of(s.list)},
		{method: "POST", pattern: at, do: of(s.create)},
		{method: "POST", pattern: at + "/.search", do: of(s.search)},
		{method: "GET", pattern: at + "/{id}", do: of(s.get)},
		{method: "PUT", pattern: at + "/{id}", do: of(s.put)},
		{method: "PATCH", pattern: at + "/{id}", do: of(s.patch)},
		{method: "DELETE", pattern: at + "/{id}", do: of(s.remove)},
	}
}

func (s *Simulator) otherRoutes() []route {
	routes := []route{
		{method: "GET", pattern: "/ServiceProviderConfig", public: true, discovery: true, do: s.serviceProviderConfig},
		{method: "GET", pattern: "/ResourceTypes", discovery: true, do: s.resourceTypes},
		{method: "GET", pattern: "/ResourceTypes/{id}", discovery: true, do: s.resourceType},
		{method: "GET", pattern: "/Schemas", discovery: true, do: s.schemas},
		{method: "GET", pattern: "/Schemas/{id}", discovery: true, do: s.schema},
		{method: "GET", pattern: "", do: s.listAll},
		{method: "POST", pattern: "/.search", do: s.searchAll},
		{method: "POST", pattern: "/Bulk", do: s.bulk},
	}
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		routes = append(routes, route{method: method, pattern: "/Me", do: s.me})
	}
	return routes
}

// match finds the route of a path below Options.Path. Patterns are tried in the
// table's order, so that fixed names come before {id}.
func (s *Simulator) match(method, path string) (rt *route, params map[string]string, p reply) {
	parts := strings.Split(strings.TrimSuffix(path, "/"), "/")
	var allowed []string
	for i := range s.routes {
		rt := &s.routes[i]
		params, ok := stage.Match(rt.pattern, parts)
		if !ok || params["id"] == ".search" || rt.discovery && s.q.NoDiscovery {
			continue
		}
		if rt.method == method {
			return rt, params, reply{}
		}
		allowed = append(allowed, rt.method)
	}
	if len(allowed) > 0 {
		return nil, nil, s.fail(&problem{http.StatusMethodNotAllowed, "", "The method is not offered here."}).with("Allow", strings.Join(allowed, ", "))
	}
	return nil, nil, s.fail(&problem{http.StatusNotFound, "", "There is no such endpoint."})
}
