package asgardeo

import (
	"net/url"
	"strings"
	"time"

	"usher/internal/quota"
	"usher/providers"
)

// What the vendor allows in a minute, for each family of paths, and of bulk
// calls beside (FACTS.md section 12).
const (
	familyLimit = 200
	bulkLimit   = 5
)

// Quotas implements providers.Limited. The vendor counts by egress address, so
// all connections of this process to one host share their limits, whatever
// their root organization.
func (c *Config) Quotas() quota.Declaration {
	base, err := url.Parse(c.BaseURL)
	if err != nil {
		return quota.Declaration{}
	}
	root := strings.TrimRight(base.Path, "/")
	class := func(name, prefix string, calls int) quota.Quota {
		return quota.Quota{
			Class: name, Limit: quota.Limit{Calls: calls, Window: time.Minute},
			Counts: func(_, path string) bool {
				path = strings.TrimPrefix(path, root)
				if rest, within := strings.CutPrefix(path, "/o/"); within {
					path = "/" + rest
				}
				return strings.HasPrefix(path, prefix)
			},
		}
	}
	return quota.Declaration{Scope: "asgardeo " + base.Host, Period: time.Minute, Quotas: []quota.Quota{
		class("oauth2", "/oauth2/", familyLimit),
		class("scim2", "/scim2/", familyLimit),
		class("server", "/api/server/", familyLimit),
		class("identity", "/api/identity/", familyLimit),
		class("bulk", "/scim2/Bulk", bulkLimit),
	}}
}

// Pace implements providers.Pacer.
func (p *Provider) Pace(bool) quota.Pace { return p.client.Pace() }

var (
	_ providers.Limited = (*Config)(nil)
	_ providers.Pacer   = (*Provider)(nil)
)
