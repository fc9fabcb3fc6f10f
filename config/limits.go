package config

import (
	"maps"
	"slices"
	"time"

	"usher/internal/quota"
	"usher/providers"
)

// Bounds of what may be configured of a vendor's limits.
const (
	maxCalls             = 1_000_000
	minWindow, maxWindow = time.Second, 24 * time.Hour

	minCompare, maxCompare = time.Minute, 24 * time.Hour
)

// limits checks how often a connection's vendor may be called: overrides against
// the classes that its provider declares.
func (d *decoder) limits(c *Connection, at string) {
	if c.LimitWait < 0 || c.LimitWait > maxTimeout {
		d.once(at+".limit_wait", "must be from 0s to %s", maxTimeout)
	}
	if c.CompareEvery != 0 && (c.CompareEvery < minCompare || c.CompareEvery > maxCompare) {
		d.once(at+".compare_every", "must be from %s to %s, or 0s for never", minCompare, maxCompare)
	}
	classes := []string{quota.All}
	if limited, ok := c.Settings.(providers.Limited); ok {
		for _, q := range limited.Quotas().Quotas {
			classes = append(classes, q.Class)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Limits)) {
		limit, path := c.Limits[name], join(at+".limits", name)
		switch {
		case !slices.Contains(classes, name):
			d.once(path, "the provider %s has no such class of calls%s", c.Provider, suggestion(name, classes))
		case limit.Calls != nil && (*limit.Calls < 0 || *limit.Calls > maxCalls):
			d.once(path+".calls", "must be from 0 to %d", maxCalls)
		case limit.Window != 0 && (limit.Window < minWindow || limit.Window > maxWindow):
			d.once(path+".window", "must be from %s to %s", minWindow, maxWindow)
		}
	}
}

// callers checks what a caller may send, and how often.
func (d *decoder) callers(l Limits) {
	if l.BodyBytes < minBody || l.BodyBytes > maxBody {
		d.once("limits.body_bytes", "must be from %d to %d", minBody, maxBody)
	}
	if l.RequestsPerMinute < 0 || l.RequestsPerMinute > maxRequests {
		d.once("limits.requests_per_minute", "must be from 0 to %d", maxRequests)
	}
	if l.RequestBurst < 1 || l.RequestBurst > maxBurst {
		d.once("limits.request_burst", "must be from 1 to %d", maxBurst)
	}
	if l.Mails < 0 || l.Mails > maxMails {
		d.once("limits.mails", "must be from 0 to %d", maxMails)
	}
	if l.MailWindow < minMailWindow || l.MailWindow > maxMailWindow {
		d.once("limits.mail_window", "must be from %s to %s", minMailWindow, maxMailWindow)
	}
	if l.FailedTokens < 0 || l.FailedTokens > maxFailedTokens {
		d.once("limits.failed_tokens", "must be from 0 to %d", maxFailedTokens)
	}
	if l.FailedTokensWindow < minFailedTokensWindow || l.FailedTokensWindow > maxFailedTokensWindow {
		d.once("limits.failed_tokens_window", "must be from %s to %s", minFailedTokensWindow, maxFailedTokensWindow)
	}
}
