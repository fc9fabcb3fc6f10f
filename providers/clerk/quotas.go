package clerk

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

// What the vendor allows an instance (FACTS.md section 3).
const (
	liveCalls       = 1000 // in callsWindow, for all calls together
	testCalls       = 100  // the same, for a development instance
	callsWindow     = 10 * time.Second
	inviteCalls     = 250 // in inviteWindow, for all organizations together
	bulkCalls       = 50
	inviteWindow    = time.Hour
	testKeyPrefix   = "sk_test_"
	fingerprintSize = 4 // bytes
)

// Quotas implements providers.Limited. The vendor counts by instance, which a
// secret key stands for: connections with one key share their limits.
func (c *Config) Quotas() quota.Declaration {
	s, _ := c.settle()
	base, err := url.Parse(s.base)
	if err != nil {
		return quota.Declaration{}
	}
	calls := liveCalls
	if strings.HasPrefix(c.SecretKey.Reveal(), testKeyPrefix) {
		calls = testCalls
	}
	invites := func(suffix string) func(method, path string) bool {
		return func(method, path string) bool {
			rest, ok := strings.CutPrefix(path, base.Path+"/organizations/")
			if !ok || method != http.MethodPost {
				return false
			}
			_, rest, _ = strings.Cut(rest, "/")
			return rest == suffix
		}
	}
	return quota.Declaration{
		Scope: "clerk " + base.Host + " " + fingerprint(c.SecretKey.Reveal()), Period: callsWindow,
		Quotas: []quota.Quota{
			{Class: "calls", Limit: quota.Limit{Calls: calls, Window: callsWindow}},
			{Class: "invitations", Limit: quota.Limit{Calls: inviteCalls, Window: inviteWindow}, Counts: invites("invitations")},
			{Class: "bulk", Limit: quota.Limit{Calls: bulkCalls, Window: inviteWindow}, Counts: invites("invitations/bulk")},
		},
	}
}

// fingerprint tells keys apart without telling what they are: a scope is a
// label of metrics.
func fingerprint(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:fingerprintSize])
}

var _ providers.Limited = (*Config)(nil)
