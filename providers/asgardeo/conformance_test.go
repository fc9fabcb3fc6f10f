package asgardeo

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

func TestConformance(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.Harness{Open: func(t *testing.T) *providertest.Vendor {
		var quotas *quota.Registry
		r := newRig(t, func(c *Config, d *providers.Deps) {
			c.CallTimeout, c.LagWait = "2s", "0s"
			quotas = quota.New(&quota.Options{Now: d.Now})
			d.Quotas, d.LimitWait, d.Limits = quotas, time.Second, map[string]quota.Limit{quota.All: {}}
		})
		t.Cleanup(func() { _ = quotas.Close() })
		r.addMember(orgOne, "member@example.com", "mem-1008")
		return &providertest.Vendor{
			Provider: r.p, Org: org(orgOne), Other: org(orgTwo), MemberEmail: "member@example.com",
			Accept: func(t *testing.T, o identity.OrgRef, email string) {
				if err := r.accept(o.ProviderID, email); err != nil {
					t.Fatal(err)
				}
			},
			Elsewhere: func(t *testing.T, o identity.OrgRef, email, role string) {
				r.addUser(person{userName: "DEFAULT/" + email, email: email})
				names := map[string]string{"admin": "Administrator", "member": "Team Member"}
				r.elsewhere(o.ProviderID, email, names[role])
			},
			Invitations: func(t *testing.T, email string) int {
				address, err := identity.ParseEmail(email)
				if err != nil {
					t.Fatal(err)
				}
				return r.mailed("guest_invitation", address.Key(identity.EmailLowercase))
			},
			Fail:    func(t *testing.T, f providertest.Failure) { r.failure(f) },
			Expire:  func(*testing.T) { r.Clock.Advance(73 * 60 * 60 * 1e9) },
			Secrets: func() []string { return []string{secret, "eyJ"} },
			Calls:   r.Total,
			Pass:    func(_ *testing.T, d time.Duration) { r.Clock.Advance(d) },
		}
	}})
}

func (v *vendor) elsewhere(org, email, role string) {
	v.Lock()
	defer v.Unlock()
	o := v.orgs[org]
	o.rows = append(o.rows, &row{
		id: "elsewhere-" + email, username: email, email: email, roles: []string{o.roles[role]}, expires: v.Clock.Now().Add(v.life),
	})
}

// failure makes every try of the guest invitation fail.
func (v *vendor) failure(f providertest.Failure) {
	html := "<html>gateway</html>"
	m := scripted.Mishap{Op: "invite", Times: -1}
	switch f {
	case providertest.Refused:
		m.Status, m.Header = 429, http.Header{"Retry-After": {"7"}}
	case providertest.Credentials:
		m.Status, m.Body = 401, `{"code":401,"message":"Unauthorized"}`
	case providertest.ServerError:
		m.Status, m.Body = 500, `{"code":"OUI-65001","message":"m"}`
	case providertest.AnswerLost:
		m.Acts, m.Cut = true, true
	case providertest.NotJSON:
		m.Status, m.Body = 200, html
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
