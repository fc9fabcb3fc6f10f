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
	shaped   byShape            // who takes tokens of no known prefix
	trusted  map[string]byShape // by connection, who of these it trusts
	// connection finds an organization's connection; nil: nothing is found.
	connection func(ctx context.Context, organization string) string
}

// byShape lists issuers by the shape of the tokens they take.
type byShape [shapes][]*issuer

func (b *byShape) add(i *issuer) {
	for _, s := range i.inquiries.asker.shapes() {
		b[s] = append(b[s], i)
	}
}

// prefixRoute is one of several that are sorted by prefix. No prefix begins
// with another.
type prefixRoute struct {
	prefix string
	issuer *issuer
}

func newRoutes(issuers []*issuer, prefixes map[*issuer][]string, o *Options) *routes {
	r := &routes{trusted: map[string]byShape{}, connection: o.Connection}
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
		r.shaped.add(i)
		for _, connection := range o.Trust[i.name] {
			trusted := r.trusted[connection]
			trusted.add(i)
			r.trusted[connection] = trusted
		}
	}
	slices.SortFunc(r.prefixes, func(a, b prefixRoute) int { return strings.Compare(a.prefix, b.prefix) })
	return r
}

// opaque reports whether a token is one to ask an issuer about rather than to
// verify: it has a configured prefix, or it does not look like a JWT and
// somebody takes tokens that look like it.
func (r *routes) opaque(bearer string) bool {
	return r.byPrefix(bearer) != nil || len(r.shaped[shapeOf(bearer)]) > 0
}

func (r *routes) byPrefix(bearer string) *prefixRoute {
	n, found := slices.BinarySearchFunc(r.prefixes, bearer, func(p prefixRoute, s string) int { return strings.Compare(p.prefix, s) })
	switch {
	case found:
		return &r.prefixes[n]
	case n > 0 && strings.HasPrefix(bearer, r.prefixes[n-1].prefix):
		return &r.prefixes[n-1]
	default:
		return nil
	}
}

// find returns the issuer of an opaque token, and the token as that knows it:
// by prefix; or the only one that takes tokens of its shape without one; or the
// only one of these that the connection of the request's organization trusts. A
// token is shown to no other.
func (r *routes) find(ctx context.Context, bearer, organization string) (*issuer, string, *refusal) {
	if strings.ContainsFunc(bearer, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return nil, "", refuse(reasonMalformed, "the token has characters that no token has")
	}
	i, token, refused := r.lead(ctx, bearer, organization)
	if refused == nil && !i.inquiries.asker.fits(token) {
		return nil, "", refuse(reasonMalformed, "the token is none that issuer %s could know", i.name)
	}
	return i, token, refused
}

func (r *routes) lead(ctx context.Context, bearer, organization string) (*issuer, string, *refusal) {
	if p := r.byPrefix(bearer); p != nil {
		if p.issuer.inquiries.asker.strips() {
			return p.issuer, bearer[len(p.prefix):], nil
		}
		return p.issuer, bearer, nil
	}
	shape := shapeOf(bearer)
	candidates := r.shaped[shape]
	if len(candidates) > 1 && r.connection != nil && organization != "" {
		if connection := r.connection(ctx, organization); connection != "" {
			trusted := r.trusted[connection]
			candidates = trusted[shape]
		}
	}
	if len(candidates) != 1 {
		return nil, "", refuse(reasonUnroutable, "%d issuers could be asked about the token", len(candidates))
	}
	return candidates[0], bearer, nil
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
		section, prefixes := c.prefixes()
		for n, prefix := range prefixes {
			same := slices.IndexFunc(all, func(o place) bool {
				return prefix != "" && o != place{i, prefix} && (strings.HasPrefix(prefix, o.prefix) || strings.HasPrefix(o.prefix, prefix))
			})
			if same >= 0 {
				o := all[same]
				p.at("issuers[%d].%s", i, section).add(fmt.Sprintf("prefixes[%d]", n), "%q and %q of issuers[%d] can be the prefixes of one token", prefix, o.prefix, o.issuer)
			}
			if prefix != "" {
				all = append(all, place{i, prefix})
			}
		}
	}
}
