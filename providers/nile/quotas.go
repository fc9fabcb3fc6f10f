package nile

import (
	"net/url"
	"strings"

	"usher/identity"
	"usher/internal/quota"
	"usher/providers"
)

// Quotas implements providers.Limited. The vendor's server has no limits, and
// those of the hosted service are not known (FACTS.md sections 1 and 11), so the
// classes are there to be given one. All connections of this process to one host
// are counted together, and a refusal stops them together.
func (c *Config) Quotas() quota.Declaration {
	base, err := url.Parse(c.BaseURL)
	if err != nil {
		return quota.Declaration{}
	}
	return quota.Declaration{Scope: "nile " + base.Host, Quotas: []quota.Quota{
		{Class: "calls"},
		{Class: "invites", Counts: func(method, path string) bool { return method == "POST" && strings.HasSuffix(path, "/invite") }},
	}}
}

// Pace implements providers.Pacer. The invitations are looked at before one is
// sent, and the members where the vendor does not compare as usher does.
func (p *Provider) Pace(bool) quota.Pace {
	return p.client.Pace(p.deps.EmailRule != identity.EmailExact)
}

var (
	_ providers.Limited = (*Config)(nil)
	_ providers.Pacer   = (*Provider)(nil)
)
