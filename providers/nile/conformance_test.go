package nile

import (
	"encoding/json"
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

// The suite passes whatever is configured and however the server is set up.
func TestConformance(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*vendor, *Config){
		"as documented":                func(*vendor, *Config) {},
		"an application on loopback":   func(_ *vendor, c *Config) { c.Origin = "http://localhost:3000" },
		"sessions that tell no expiry": func(v *vendor, _ *Config) { v.noExpiry = true },
		"sessions of a second":         func(v *vendor, _ *Config) { v.life = time.Second },
		"a page that mails lead on to": func(_ *vendor, c *Config) { c.CallbackURL = "https://app.example.com/welcome?from=mail" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, providertest.Harness{Open: func(t *testing.T) *providertest.Vendor {
				return open(t, func(v *vendor, c *Config, _ *providers.Deps) { change(v, c) })
			}})
		})
	}
}

// Every request that the suite makes and every answer of this test's vendor fits
// the server's own document, as corrected to what it was seen to answer.
func TestContract(t *testing.T) {
	t.Parallel()
	loaded := contract(t)
	providertest.Run(t, providertest.Harness{Open: func(t *testing.T) *providertest.Vendor {
		return open(t, func(v *vendor, _ *Config, d *providers.Deps) { d.Transport = loaded.Fresh(t).RoundTripper(v) })
	}})
}

// contract loads the document, which the test needs. The official one is wrong
// in most statuses and media types (FACTS.md section 8).
func contract(t *testing.T) *contracttest.Validator {
	t.Helper()
	return contracttest.NewValidator(t, contracttest.Dir(t, "nile"), contracttest.Spec{
		Files: []string{"openapi.observed.yaml"}, Injected: injected,
		Answer: func(_ string, h http.Header, body []byte) {
			if json.Valid(body) { // JSON is sent as plain text (section 1), which the validator takes for a text
				h.Set("Content-Type", "application/json")
			}
		},
		Known: []contracttest.Exemption{
			{Method: "POST", Path: regexp.MustCompile(`/auth/callback/`), Request: true, Error: regexp.MustCompile(`"/json": Value is not nullable`),
				Reason: "a field of a form that may be anything is read as nothing by the validator"},
		},
	})
}

func open(t *testing.T, change func(*vendor, *Config, *providers.Deps)) *providertest.Vendor {
	var quotas *quota.Registry
	r := newRig(t, func(v *vendor, c *Config, d *providers.Deps) {
		c.CallTimeout = "2s"
		quotas = quota.New(&quota.Options{Now: d.Now})
		// The suite compares addresses without regard to case.
		d.EmailRule, d.Quotas, d.LimitWait, d.Limits = identity.EmailLowercase, quotas, time.Second, map[string]quota.Limit{quota.All: {}}
		change(v, c, d)
	})
	t.Cleanup(func() { _ = quotas.Close() })
	r.With(func() { r.join(orgOne, "member@example.com", true) })
	return &providertest.Vendor{
		Provider: r.p, Org: org(orgOne), Other: org(orgTwo), MemberEmail: "member@example.com", Role: "member",
		Elsewhere:   func(_ *testing.T, o identity.OrgRef, email, _ string) { r.elsewhere(o.ProviderID, service, email) },
		Invitations: func(_ *testing.T, email string) int { return len(r.links(email)) },
		Fail:        func(_ *testing.T, f providertest.Failure) { r.failure(f) },
		Expire:      func(*testing.T) { r.Clock.Advance(week) },
		Secrets:     func() []string { return []string{password, "eyJ", strings.Repeat("0", 32), "secret-of-the-link"} },
		Calls:       r.Total,
		Pass:        func(_ *testing.T, d time.Duration) { r.Clock.Advance(d) },
	}
}

// failure makes every try of an invitation fail.
func (v *vendor) failure(f providertest.Failure) {
	m := scripted.Mishap{Op: "invite", Times: -1}
	switch f {
	case providertest.Refused:
		m.Status, m.Header = 429, http.Header{"Retry-After": {"7"}}
	case providertest.Credentials:
		m.Status = 401
	case providertest.ServerError:
		m.Status, m.Body = 500, "Internal Server Error"
	case providertest.AnswerLost:
		m.Acts, m.Cut = true, true
	case providertest.NotJSON:
		m.Status, m.Body = 201, "<html>"+strings.Repeat("0", 64)
	case providertest.EndlessBody:
		m.Status, m.Long = 201, true
	case providertest.Hang:
		m.Hang = true
	case providertest.Unreachable:
		m.Refuse = true
	case providertest.Back:
		v.Heal()
		return
	}
	v.Inject(m)
}
