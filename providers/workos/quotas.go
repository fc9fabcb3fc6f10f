package workos

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

// What the vendor allows (FACTS.md section 4).
const (
	callLimit   = 6000 // a minute, by API key
	readLimit   = 1000 // in ten seconds, by environment
	writeLimit  = 500  // the same
	shortWindow = 10 * time.Second
)

// Quotas implements providers.Limited. The vendor counts by API key, and users
// and invitations by environment; a key is all that is known of its
// environment, so connections with the same key share their limits. A scope is
// a label in metrics: it names the key by the beginning of its hash.
func (c *Config) Quotas() quota.Declaration {
	s, _ := c.settle()
	base, err := url.Parse(s.BaseURL)
	if err != nil {
		return quota.Declaration{}
	}
	root := strings.TrimRight(base.Path, "/")
	users := func(write bool) func(method, path string) bool {
		return func(method, path string) bool {
			return strings.HasPrefix(path, root+"/user_management/") && (method != http.MethodGet) == write
		}
	}
	const shown = 4 // bytes
	hash := sha256.Sum256([]byte(c.APIKey.Reveal()))
	return quota.Declaration{
		Scope: "workos " + base.Host + " " + hex.EncodeToString(hash[:shown]), Period: shortWindow,
		Quotas: []quota.Quota{
			{Class: "calls", Limit: quota.Limit{Calls: callLimit, Window: time.Minute}},
			{Class: "reads", Limit: quota.Limit{Calls: readLimit}, Counts: users(false)},
			{Class: "writes", Limit: quota.Limit{Calls: writeLimit}, Counts: users(true)},
		},
	}
}

// Pace implements providers.Pacer: an invitation is one call.
func (p *Provider) Pace(bool) quota.Pace { return p.client.Pace() }

var (
	_ providers.Limited = (*Config)(nil)
	_ providers.Pacer   = (*Provider)(nil)
)
