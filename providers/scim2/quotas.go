package scim2

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"time"

	"usher/internal/quota"
	"usher/providers"
)

// Quotas implements providers.Limited. SCIM knows no limits: the one class is
// there to be given some. A service refuses for all connections to it together;
// its path may name a tenant, so it is part of what is counted by, unread.
func (c *Config) Quotas() quota.Declaration {
	base, err := url.Parse(strings.TrimRight(c.BaseURL, "/"))
	if err != nil {
		return quota.Declaration{}
	}
	const shown = 4 // bytes
	sum := sha256.Sum256([]byte(base.Path))
	return quota.Declaration{
		Scope: "scim2 " + base.Host + " " + hex.EncodeToString(sum[:shown]), Period: time.Minute,
		Quotas: []quota.Quota{{Class: "calls"}},
	}
}

// Pace implements providers.Pacer. Before a link is mailed, three looks show
// whether it can be accepted: at the organization's group, those of the roles,
// and the person's account.
func (p *Provider) Pace(bool) quota.Pace {
	const looks = 3
	return p.http.Pace(http.MethodGet, p.settings.BaseURL+groupsPath).Each(looks)
}

var (
	_ providers.Limited = (*Config)(nil)
	_ providers.Pacer   = (*Provider)(nil)
)
