// Package simtest puts an adapter and the simulator of its vendor together, for
// the suite in providertest. What the vendor is made of is in the adapter's
// tests. Nothing but tests imports it.
package simtest

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/quota"
	"usher/providers"
	"usher/providers/providertest"
	"usher/sandbox/fault"
	"usher/sandbox/sandboxtest"
)

// MemberEmail is the address of the one member that a vendor has to begin with.
const MemberEmail = "member@example.com"

// Simulator is what all simulators are.
type Simulator interface {
	http.Handler
	Injector() *fault.Injector
	Now() time.Time
}

// Checker checks exchanges against a vendor's documents.
type Checker interface {
	Middleware(next http.Handler) http.Handler
}

// Site is a simulator on a server.
type Site[S Simulator] struct {
	Sim   S
	Base  string // its address
	calls atomic.Int64
}

// Serve serves what open makes until the test ends, with every exchange checked.
func Serve[S Simulator](t *testing.T, v Checker, open func(base string) S) *Site[S] {
	t.Helper()
	s := &Site[S]{}
	sandboxtest.Serve(t, func(base string) http.Handler {
		s.Sim, s.Base = open(base), base
		checked := v.Middleware(s.Sim)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.calls.Add(1)
			checked.ServeHTTP(w, r)
		})
	})
	t.Cleanup(s.Sim.Injector().Clear) // or a server waits for what hangs
	return s
}

// Open opens a connection to the site, with quotas that limit nothing until the
// vendor refuses a call.
func (s *Site[S]) Open(t *testing.T, c providers.Config, d providers.Deps) providers.Provider {
	t.Helper()
	if problems := c.Validate(); len(problems) > 0 {
		t.Fatal(problems)
	}
	quotas := quota.New(&quota.Options{Now: s.Sim.Now})
	d.Connection, d.Now, d.Quotas = "under-test", s.Sim.Now, quotas
	d.LimitWait, d.Limits = time.Second, map[string]quota.Limit{quota.All: {}}
	p, err := c.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(p.Close(), quotas.Close()); err != nil {
			t.Error(err)
		}
	})
	return p
}

// Vendor is the site for the suite, as far as all vendors are alike. life is how
// long an invitation lives at least.
func (s *Site[S]) Vendor(p providers.Provider, one, two string, life time.Duration) *providertest.Vendor {
	clock := s.Sim.Injector().Clock()
	return &providertest.Vendor{
		Provider: p, Org: identity.OrgRef{ID: "org_1", ProviderID: one}, Other: identity.OrgRef{ID: "org_2", ProviderID: two},
		MemberEmail: MemberEmail,
		Expire:      func(*testing.T) { clock.Advance(life + time.Hour) },
		Calls:       func() int { return int(s.calls.Load()) },
		Pass:        func(_ *testing.T, d time.Duration) { clock.Advance(d) },
	}
}

// Fail returns what makes every call that matches fail. credentials and server
// are the vendor's bodies of 401 and 500.
func (s *Site[S]) Fail(match fault.Match, credentials, server string) func(*testing.T, providertest.Failure) {
	injector := s.Sim.Injector()
	return func(t *testing.T, f providertest.Failure) {
		t.Helper()
		if f == providertest.Back {
			injector.Clear()
			return
		}
		rule := fault.Fault{Match: match, Times: -1, Do: map[providertest.Failure]fault.Action{
			providertest.Refused:     {Status: http.StatusTooManyRequests, Headers: map[string]string{"Retry-After": "7"}},
			providertest.Credentials: {Status: http.StatusUnauthorized, Body: credentials},
			providertest.ServerError: {Status: http.StatusInternalServerError, Body: server},
			providertest.AnswerLost:  {Cut: "after"},
			providertest.NotJSON:     {HTML: true},
			providertest.EndlessBody: {Endless: true},
			providertest.Hang:        {Hang: true},
			providertest.Unreachable: {Status: http.StatusServiceUnavailable},
		}[f]}
		if f == providertest.Unreachable {
			rule.Match = fault.Match{Path: "/"}
		}
		if _, err := injector.Add(rule); err != nil {
			t.Fatal(err)
		}
	}
}
