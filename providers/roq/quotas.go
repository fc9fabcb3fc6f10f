package roq

import (
	"net/url"
	"strings"

	"usher/internal/quota"
	"usher/providers"
	"usher/providers/roq/internal"
)

// Quotas implements providers.Limited. No limit of the vendor's is known
// (FACTS.md section 7), so the classes are there to be given one. All
// connections of this process to one host are counted together, and a refusal
// stops them together.
func (c *Config) Quotas() quota.Declaration {
	base, err := url.Parse(c.BaseURL)
	if err != nil {
		return quota.Declaration{}
	}
	class := func(name, path string) quota.Quota {
		return quota.Quota{Class: name, Counts: func(_, called string) bool { return strings.HasSuffix(called, path) }}
	}
	return quota.Declaration{Scope: "roq " + base.Host, Quotas: []quota.Quota{
		class("graphql", internal.PathGraphQL),
		class("tokens", internal.PathToken),
	}}
}

var _ providers.Limited = (*Config)(nil)
