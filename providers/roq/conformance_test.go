package roq

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/quota"
	"usher/providers"
	"usher/providers/providertest"
	"usher/providers/providertest/scripted"
)

// The suite, on each kind of instance that FACTS.md leaves open.
func TestConformance(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*vendor, *Config){
		"as by default":               func(*vendor, *Config) {},
		"older operations":            func(_ *vendor, c *Config) { c.Operations = "v1" },
		"ended ones stand in the way": func(v *vendor, _ *Config) { v.hardEnded, v.lateKeys = true, false },
		"expiry by a job, opaque tokens, short pages": func(v *vendor, _ *Config) {
			v.job, v.opaque, v.cap = true, true, 3
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, providertest.Harness{Open: func(t *testing.T) *providertest.Vendor { return open(t, change) }})
		})
	}
}

func open(t *testing.T, change func(*vendor, *Config)) *providertest.Vendor {
	var quotas *quota.Registry
	r := newRig(t, func(c *Config, d *providers.Deps) {
		c.CallTimeout, c.InviterAnyTenant, c.ResendShows = "1s", yes(), yes()
		v := d.Transport.(*vendor)
		change(v, c)
		quotas = quota.New(&quota.Options{Now: d.Now})
		d.Quotas, d.LimitWait, d.Limits = quotas, time.Second, map[string]quota.Limit{quota.All: {}}
		d.Transport = checked(t, v)
	})
	t.Cleanup(func() { _ = quotas.Close() })
	r.With(func() { r.users = append(r.users, r.user(orgOne, "member@example.com", "org-member")) })
	return &providertest.Vendor{
		Provider: r.p, Org: org(orgOne), Other: org(orgTwo), MemberEmail: "member@example.com",
		Accept: func(t *testing.T, o identity.OrgRef, email string) {
			if err := r.accept(o.ProviderID, email); err != nil {
				t.Fatal(err)
			}
		},
		Elsewhere: func(_ *testing.T, o identity.OrgRef, email, role string) {
			r.With(func() { r.invite(o.ProviderID, email, "org-"+role) })
		},
		Invitations: func(t *testing.T, email string) int {
			address, err := identity.ParseEmail(email)
			if err != nil {
				t.Fatal(err)
			}
			return r.mailed(address.Key(identity.EmailLowercase))
		},
		Fail:    func(_ *testing.T, f providertest.Failure) { r.failure("sendUserInvites", f) },
		Expire:  func(*testing.T) { r.Clock.Advance(25 * time.Hour) },
		Secrets: func() []string { return []string{secret, "eyJ", "opaque-"} },
		Calls:   r.Total,
		Pass:    func(_ *testing.T, d time.Duration) { r.Clock.Advance(d) },
	}
}

// failure makes every try of an operation fail.
func (v *vendor) failure(op string, f providertest.Failure) {
	m := scripted.Mishap{Op: op, Times: -1}
	switch f {
	case providertest.Refused:
		m.Status, m.Header = 429, http.Header{"Retry-After": {"7"}}
	case providertest.Credentials:
		m.Status, m.Body = 401, `{"statusCode":401,"message":"Unauthorized"}`
	case providertest.ServerError:
		m.Status, m.Body = 500, `{"statusCode":500,"message":"Internal server error"}`
	case providertest.AnswerLost:
		m.Acts, m.Cut = true, true
	case providertest.NotJSON:
		m.Status, m.Body = 200, "<html>gateway "+strings.Repeat("x", 300)+"</html>"
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
}
