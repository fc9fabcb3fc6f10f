package api

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestSource(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, tt := range []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"direct", "192.0.2.1:5", nil, "192.0.2.1"},
		{"direct, made up", "192.0.2.1:5", []string{"10.1.1.1"}, "192.0.2.1"},
		{"proxy", "10.0.0.1:5", []string{"198.51.100.7"}, "198.51.100.7"},
		{"proxy without header", "10.0.0.1:5", nil, "10.0.0.1"},
		{"proxy, made up before", "10.0.0.1:5", []string{"203.0.113.9, 198.51.100.7"}, "198.51.100.7"},
		{"proxy adds a line", "10.0.0.1:5", []string{"203.0.113.9", "198.51.100.7"}, "198.51.100.7"},
		{"two proxies", "10.0.0.1:5", []string{"203.0.113.9, 198.51.100.7, 10.0.0.2"}, "198.51.100.7"},
		{"proxies only", "10.0.0.1:5", []string{"10.0.0.3,10.0.0.2"}, "10.0.0.3"},
		{"garbage at the end", "10.0.0.1:5", []string{"198.51.100.7, unknown"}, "10.0.0.1"},
		{"garbage before", "10.0.0.1:5", []string{"<script>, 198.51.100.7"}, "198.51.100.7"},
		{"with a port", "10.0.0.1:5", []string{"198.51.100.7:443"}, "198.51.100.7"},
		{"IPv6", "[fd00::1]:5", []string{"2001:db8::7"}, "2001:db8::7"},
		{"IPv6 in brackets", "[fd00::1]:5", []string{"[2001:db8::7]"}, "2001:db8::7"},
		{"IPv6 with a port", "[fd00::1]:5", []string{"[2001:db8::7]:1"}, "2001:db8::7"},
		{"IPv4 within IPv6", "[::ffff:10.0.0.1]:5", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		{"a socket file", "@", []string{"198.51.100.7"}, "invalid IP"},
	} {
		a := &API{proxies: proxies}
		r := &http.Request{RemoteAddr: tt.peer, Header: http.Header{"X-Forwarded-For": tt.forwarded}}
		if got := a.source(r).String(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		if got := (&API{}).source(r); tt.peer != "@" && got != netip.MustParseAddrPort(tt.peer).Addr().Unmap() {
			t.Errorf("%s, nobody trusted: %s", tt.name, got)
		}
	}
}
