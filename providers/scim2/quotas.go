package scim2

import (
	"crypto/sha256"
	"encoding/hex"
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

var _ providers.Limited = (*Config)(nil)
