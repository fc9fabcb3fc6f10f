package workos

import (
	"net/http"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/quota"
	"usher/providers"
	"usher/providers/providertest"
	"usher/providers/providertest/scripted"
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
		Expire:  func(*testing.T) { r.Clock.Advance(8 * day) },
		Secrets: func() []string { return []string{apiKey, "Z1uX3RbwcIl5fIGJJJCXXisdI"} },
		Calls:   func() int { return r.Total() },
		Pass:    func(_ *testing.T, d time.Duration) { r.Clock.Advance(d) },
	}
}

// failure makes every try of sending an invitation fail.
func (v *vendor) failure(f providertest.Failure) {
	m := scripted.Mishap{Op: "send", Times: -1}
	switch f {
	case providertest.Refused:
		m.Status, m.Header = 429, http.Header{"Retry-After": {"7"}}
		m.Body = `{"message":"Too many requests.","code":"rate_limit_exceeded"}`
	case providertest.Credentials:
		m.Status, m.Body = 401, `{"message":"Unauthorized"}`
	case providertest.ServerError:
		m.Status, m.Body = 500, `{"message":"Internal Server Error, key `+apiKey+`"}`
	case providertest.AnswerLost:
		m.Acts, m.Cut = true, true
	case providertest.NotJSON:
		m.Status, m.Body = 200, "<html>gateway</html>"
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
