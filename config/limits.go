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
)

// limits checks a connection's overrides against the classes that its provider
// declares.
func (d *decoder) limits(c *Connection, at string) {
	if c.LimitWait < 0 || c.LimitWait > maxTimeout {
		d.once(at+".limit_wait", "must be from 0s to %s", maxTimeout)
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
