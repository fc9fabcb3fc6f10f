package oidc

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// routes lead opaque tokens to the one issuer that is asked about them.
type routes struct {
	prefixes []prefixRoute
	shaped   []*issuer // they take opaque tokens of no known prefix
	trusted  map[string][]*issuer
	// connection finds an organization's connection; nil: nothing is found.
	connection func(ctx context.Context, organization string) string
}

// prefixRoute is one of several that are sorted by prefix. No prefix begins
// with another.
type prefixRoute struct {
	prefix string
	issuer *issuer
}

func newRoutes(issuers []*issuer, prefixes map[*issuer][]string, o *Options) *routes {
	r := &routes{trusted: map[string][]*issuer{}, connection: o.Connection}
	for _, i := range issuers {
		if i.inquiries == nil {
			continue
		}
		for _, p := range prefixes[i] {
			r.prefixes = append(r.prefixes, prefixRoute{p, i})
		}
		if len(prefixes[i]) > 0 {
			continue
		}
		r.shaped = append(r.shaped, i)
		for _, connection := range o.Trust[i.name] {
			r.trusted[connection] = append(r.trusted[connection], i)
		}
	}
	slices.SortFunc(r.prefixes, func(a, b prefixRoute) int { return strings.Compare(a.prefix, b.prefix) })
	return r
}

// opaque reports whether a token is one to ask an issuer about rather than to
// verify: it has a configured prefix, or it does not look like a JWT (three
// parts, or five where it is encrypted) and somebody takes such tokens.
func (r *routes) opaque(bearer string) bool {
	if r.byPrefix(bearer) != nil {
		return true
	}
	return len(r.shaped) > 0 && bearer != "" && strings.Count(bearer, ".") < 2
}

func (r *routes) byPrefix(bearer string) *issuer {
	n, found := slices.BinarySearchFunc(r.prefixes, bearer, func(p prefixRoute, s string) int { return strings.Compare(p.prefix, s) })
	switch {
	case found:
		return r.prefixes[n].issuer
	case n > 0 && strings.HasPrefix(bearer, r.prefixes[n-1].prefix):
		return r.prefixes[n-1].issuer
	default:
		return nil
	}
}

// find returns the issuer of an opaque token: by prefix; or the only one that
// takes tokens without one; or the only one of these that the connection of
// the request's organization trusts. A token is shown to no other.
func (r *routes) find(ctx context.Context, bearer, organization string) (*issuer, *refusal) {
	if strings.ContainsFunc(bearer, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return nil, refuse(reasonMalformed, "the token has characters that no token has")
	}
	if i := r.byPrefix(bearer); i != nil {
		return i, nil
	}
	candidates := r.shaped
	if len(candidates) > 1 && r.connection != nil && organization != "" {
		if connection := r.connection(ctx, organization); connection != "" {
			candidates = r.trusted[connection]
		}
	}
	if len(candidates) != 1 {
		return nil, refuse(reasonUnroutable, "%d issuers could be asked about the token", len(candidates))
	}
	return candidates[0], nil
}

// checkPrefixes makes sure that no prefix begins with another: a token has one
// at most.
func checkPrefixes(issuers []IssuerConfig, p *problems) {
	type place struct {
		issuer int
		prefix string
	}
	var all []place
	for i, c := range issuers {
		for n, prefix := range c.Introspection.Prefixes {
			same := slices.IndexFunc(all, func(o place) bool {
				return prefix != "" && o != place{i, prefix} && (strings.HasPrefix(prefix, o.prefix) || strings.HasPrefix(o.prefix, prefix))
			})
			if same >= 0 {
				o := all[same]
				p.at("issuers[%d].introspection", i).add(fmt.Sprintf("prefixes[%d]", n), "%q and %q of issuers[%d] can be the prefixes of one token", prefix, o.prefix, o.issuer)
			}
			if prefix != "" {
				all = append(all, place{i, prefix})
			}
		}
	}
}
