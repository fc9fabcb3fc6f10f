package workos

import (
	"net/http"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/quota"
	"usher/providers"
	"usher/providers/providertest"
)

// The suite holds whatever the vendor does where nobody has seen it.
func TestConformance(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*vendor){
		"as by default":                  func(*vendor) {},
		"renews what is sent again":      func(v *vendor) { v.rotate = true },
		"keeps what has run out pending": func(v *vendor) { v.lazyExpiry = true },
		"the log is late":                func(v *vendor) { v.lateEvents = 1 },
		"older answers":                  func(v *vendor) { v.bareMembers = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, providertest.Harness{Open: func(t *testing.T) *providertest.Vendor { return open(t, change) }})
		})
	}
}

func open(t *testing.T, change func(*vendor)) *providertest.Vendor {
	var quotas *quota.Registry
	r := newRig(t, func(c *Config, d *providers.Deps) {
		c.CallTimeout = "1s"
		quotas = quota.New(&quota.Options{Now: d.Now})
		d.Quotas, d.LimitWait, d.Limits = quotas, time.Second, map[string]quota.Limit{quota.All: {}}
	})
	t.Cleanup(func() { _ = quotas.Close() })
	change(r.vendor)
	r.addMember(orgOne, "member@example.com", "active", "member")
	return &providertest.Vendor{
		Provider: r.p, Org: org(orgOne), Other: org(orgTwo), MemberEmail: "member@example.com",
		Accept: func(t *testing.T, o identity.OrgRef, email string) {
			if err := r.accept(o.ProviderID, email, email); err != nil {
				t.Fatal(err)
			}
		},
		Elsewhere: func(_ *testing.T, o identity.OrgRef, email, role string) {
			r.elsewhere(o.ProviderID, email, map[string]string{"admin": "org-admin", "member": "member"}[role])
		},
		Invitations: func(t *testing.T, email string) int {
			address, err := identity.ParseEmail(email)
			if err != nil {
				t.Fatal(err)
			}
			return r.mailed(address.Key(identity.EmailLowercase))
		},
		Fail:    func(_ *testing.T, f providertest.Failure) { r.failure(f) },
		Expire:  func(*testing.T) { r.advance(8 * day) },
		Secrets: func() []string { return []string{apiKey, "Z1uX3RbwcIl5fIGJJJCXXisdI"} },
		Calls:   func() int { return r.count("") },
		Pass:    func(_ *testing.T, d time.Duration) { r.advance(d) },
	}
}

// failure makes every try of sending an invitation fail.
func (v *vendor) failure(f providertest.Failure) {
	m := mishap{op: "send", times: -1}
	switch f {
	case providertest.Refused:
		m.status, m.header = 429, http.Header{"Retry-After": {"7"}}
		m.body = `{"message":"Too many requests.","code":"rate_limit_exceeded"}`
	case providertest.Credentials:
		m.status, m.body = 401, `{"message":"Unauthorized"}`
	case providertest.ServerError:
		m.status, m.body = 500, `{"message":"Internal Server Error, key `+apiKey+`"}`
	case providertest.AnswerLost:
		m.acts, m.cut = true, true
	case providertest.NotJSON:
		m.status, m.body = 200, "<html>gateway</html>"
	case providertest.EndlessBody:
		m.status, m.long = 201, true
	case providertest.Hang:
		m.hang = true
	case providertest.Unreachable:
		m.refuse = true
	case providertest.Back:
		v.mu.Lock()
		defer v.mu.Unlock()
		v.faults = nil
		return
	}
	v.inject(m)
}
