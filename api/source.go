package api

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"usher/identity"
	"usher/oidc"
)

// origin tells where a request comes from and which organization it is for, as
// far as can be told before anybody is known.
func (a *API) origin(r *http.Request, org string) oidc.Origin {
	o := oidc.Origin{Source: a.source(r)}
	if plausibleRef(org) && org != identity.Current {
		o.Organization = org
	}
	return o
}

// source returns the address a request comes from. X-Forwarded-For is read
// from its end for as long as the addresses are trusted proxies': each has put
// there whom it was talking to, and what stands before may be made up. All
// lines of the header count, since a proxy may add its own line to a caller's.
func (a *API) source(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	source := peer.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !a.trusts(source) {
			break
		}
		next, ok := forwarded(hop)
		if !ok {
			break
		}
		source = next
	}
	return source
}

func (a *API) trusts(proxy netip.Addr) bool {
	return slices.ContainsFunc(a.proxies, func(p netip.Prefix) bool { return p.Contains(proxy) })
}

// forwarded reads one address of X-Forwarded-For; some proxies add the port.
func forwarded(hop string) (netip.Addr, bool) {
	hop = strings.TrimSpace(hop)
	if with, err := netip.ParseAddrPort(hop); err == nil {
		return with.Addr().Unmap().WithZone(""), true
	}
	address, err := netip.ParseAddr(strings.Trim(hop, "[]"))
	return address.Unmap().WithZone(""), err == nil
}
