package providers

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"usher/identity"
	"usher/internal/httpx"
	"usher/internal/quota"
)

// Deps is what an adapter gets from the house.
type Deps struct {
	Connection string
	// Roles maps portable keys to the vendor's own names.
	Roles map[string]string
	// EmailRule is how the connection compares addresses.
	EmailRule identity.EmailRule
	// ActAsCaller: vendor calls within an organization use the caller's own
	// token (see CallerFrom), not the service credential.
	ActAsCaller bool
	// Transport is the one that all connections of the process share; nil: the
	// connection has its own.
	Transport http.RoundTripper
	// Quotas are the vendors' limits that all connections of the process obey
	// together; nil: none are obeyed.
	Quotas *quota.Registry
	// Limits override the limits that the adapter declares, by class.
	Limits map[string]quota.Limit
	// LimitWait is the longest a call waits for its turn under them.
	LimitWait time.Duration
	Metrics   *Metrics // nil: not measured
	// Logger and Now, and Sleep and Jitter, which waits between tries need; nil:
	// the real ones. Sleep ends with its context, whose error it then returns;
	// Jitter is in [0,1).
	Logger *slog.Logger
	Now    func() time.Time
	Sleep  func(context.Context, time.Duration) error
	Jitter func() float64
	// Mailer mails invitations for vendors that do not; nil: usher mails nothing.
	Mailer Mailer
	// Directory is where the connection's people are kept if no vendor keeps
	// them.
	Directory Directory
}

// For returns what an adapter works with: all functions are there, and log lines
// name the connection and the provider.
func (d Deps) For(provider string) Deps {
	if d.Logger == nil {
		d.Logger = slog.Default()
	}
	d.Logger = d.Logger.With("connection", d.Connection, "provider", provider)
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Sleep == nil {
		d.Sleep = httpx.Sleep
	}
	if d.Jitter == nil {
		d.Jitter = rand.Float64
	}
	return d
}

// CheckRoles reports the roles that are mapped to nothing; what says what the
// vendor has for them, such as a key.
func (d Deps) CheckRoles(what string) (problems []error) {
	for _, key := range slices.Sorted(maps.Keys(d.Roles)) {
		if strings.TrimSpace(d.Roles[key]) == "" {
			problems = append(problems, fmt.Errorf("roles.%s: the role has no %s at the provider", key, what))
		}
	}
	return problems
}
