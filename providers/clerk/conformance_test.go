package clerk

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/contracttest"
	"usher/internal/quota"
	"usher/providers"
	"usher/providers/providertest"
	"usher/providers/providertest/scripted"
)

// What is not known of the vendor is tried both ways: the suite passes whichever
// is true.
func TestConformance(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*vendor){
		"refuses a second invitation":              func(*vendor) {},
		"replaces the first invitation":            func(v *vendor) { v.replaces = true },
		"calls expired invitations pending":        func(v *vendor) { v.saysOld = true },
		"keeps what has run out pending":           func(v *vendor) { v.oldStay = true },
		"names no organization and has no sets":    func(v *vendor) { v.noOrgID, v.noSets = true, true },
		"obeys no filter":                          func(v *vendor) { v.anything = true },
		"people sign in with user names":           func(v *vendor) { v.userNames = true },
		"keeps a part of what it refuses":          func(v *vendor) { v.partial = true },
		"keeps a part, replaces, shuffles":         func(v *vendor) { v.partial, v.replaces, v.shuffles = true, true, true },
		"replaces, and calls expired ones pending": func(v *vendor) { v.replaces, v.saysOld = true, true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, providertest.Harness{Open: func(t *testing.T) *providertest.Vendor {
				return open(t, func(v *vendor, _ *providers.Deps) { change(v) })
			}})
		})
	}
}

// Every request that the suite makes and every answer of this test's vendor fits
// the vendor's own document.
func TestContract(t *testing.T) {
	t.Parallel()
	loaded := contract(t)
	providertest.Run(t, providertest.Harness{Open: func(t *testing.T) *providertest.Vendor {
		return open(t, func(v *vendor, d *providers.Deps) { d.Transport = loaded.Fresh(t).RoundTripper(v) })
	}})
}

// contract loads the vendor's document, which the test needs.
func contract(t *testing.T) *contracttest.Validator {
	t.Helper()
	undocumented := regexp.MustCompile(`status is not supported|no answer of this status`)
	return contracttest.NewValidator(t, contracttest.Dir(t, "clerk"), contracttest.Spec{
		Origin: "https://api.clerk.com", Injected: injected,
		Known: []contracttest.Exemption{
			{Path: regexp.MustCompile(`/memberships$`), Status: 404, Error: undocumented, Reason: "section 11, 26: an unknown organization"},
		},
	})
}

func open(t *testing.T, change func(*vendor, *providers.Deps)) *providertest.Vendor {
	var quotas *quota.Registry
	r := newRig(t, func(v *vendor, c *Config, d *providers.Deps) {
		c.CallTimeout = "1s"
		quotas = quota.New(&quota.Options{Now: d.Now})
		d.Quotas, d.LimitWait, d.Limits = quotas, time.Second, map[string]quota.Limit{quota.All: {}}
		change(v, d)
	})
	t.Cleanup(func() { _ = quotas.Close() })
	r.addMember(orgOne, "member@example.com", "org:member")
	key := func(email string) string {
		address, err := identity.ParseEmail(email)
		if err != nil {
			t.Fatal(err)
		}
		return address.Key(identity.EmailLowercase)
	}
	return &providertest.Vendor{
		Provider: r.p, Org: org(orgOne), Other: org(orgTwo), MemberEmail: "member@example.com",
		Accept: func(t *testing.T, o identity.OrgRef, email string) {
			if err := r.accept(o.ProviderID, email); err != nil {
				t.Fatal(err)
			}
		},
		Elsewhere: func(_ *testing.T, o identity.OrgRef, email, role string) {
			r.With(func() { r.invite(o.ProviderID, invitation{email: email, role: "org:" + role}) })
		},
		Invitations: func(_ *testing.T, email string) int { return r.mailed(key(email)) },
		Fail:        func(_ *testing.T, f providertest.Failure) { r.failure(f) },
		Expire:      func(*testing.T) { r.Clock.Advance(31 * day) },
		Secrets:     func() []string { return []string{secret, "eyJ", "ticket"} },
		Calls:       r.Total,
		Pass:        func(_ *testing.T, d time.Duration) { r.Clock.Advance(d) },
	}
}

// failure makes every try of a creation fail.
func (v *vendor) failure(f providertest.Failure) {
	m := scripted.Mishap{Op: "create", Times: -1}
	switch f {
	case providertest.Refused:
		m.Status, m.Header = 429, http.Header{"Retry-After": {"7"}}
	case providertest.Credentials:
		m.Status, m.Body = 401, problem("clerk_key_invalid", nil)
	case providertest.ServerError:
		m.Status, m.Body = 500, problem("internal_clerk_error", nil)
	case providertest.AnswerLost:
		m.Acts, m.Cut = true, true
	case providertest.NotJSON:
		m.Status, m.Body = 200, "<html>"+strings.Repeat(ticket, 2)
	case providertest.EndlessBody:
		m.Status, m.Long = 200, true
	case providertest.Hang:
		m.Hang = true
	case providertest.Unreachable:
		m.Refuse = true
	case providertest.Back:
		v.Heal()
		return
	}
	v.Inject(m)
	m.Op = "bulk"
	v.Inject(m)
}
