package scim2

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/quota"
	"usher/providers"
	"usher/providers/providertest"
	"usher/providers/providertest/scripted"
)

// What services can do differs, and what people see does not.
func TestConformance(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*vendor){
		"everything":               func(*vendor) {},
		"no PATCH":                 func(v *vendor) { v.patch = false },
		"no PATCH, no entity tags": func(v *vendor) { v.patch, v.etag = false, false },
		"no filters":               func(v *vendor) { v.filter = false },
		"only what must be":        func(v *vendor) { v.silent, v.patch, v.filter, v.etag = true, false, false, false },
		"simple filters":           func(v *vendor) { v.refuses = map[string]bool{"or": true, "emails.value": true, "id": true} },
		"user names only": func(v *vendor) {
			v.refuses = map[string]bool{"or": true, "emails.value": true, "id": true, "displayName": true}
		},
		"filters of one part":       func(v *vendor) { v.firstOnly = true },
		"small pages":               func(v *vendor) { v.most = 2 },
		"members not in lists":      func(v *vendor) { v.hidden = "single" },
		"members where asked for":   func(v *vendor) { v.hidden = "named" },
		"members where asked, PUT":  func(v *vendor) { v.hidden, v.patch = "named", false },
		"compares by case in error": func(v *vendor) { v.exact = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, providertest.Harness{Open: func(t *testing.T) *providertest.Vendor { return open(t, change) }})
		})
	}
}

func open(t *testing.T, change func(*vendor)) *providertest.Vendor {
	var quotas *quota.Registry
	r := newRig(t, func(v *vendor, _ *Config, d *providers.Deps) {
		change(v)
		quotas = quota.New(&quota.Options{Now: d.Now})
		d.Quotas, d.LimitWait = quotas, time.Second
	})
	t.Cleanup(func() {
		if err := errors.Join(r.p.Close(), quotas.Close()); err != nil {
			t.Error(err)
		}
	})
	member := r.addUser("member@example.com", "member@example.com")
	r.join(acme, member)
	r.join(acme+"-mem", member)
	return &providertest.Vendor{
		Provider: r.p, Org: org(acme), Other: org(beta), MemberEmail: "member@example.com", Mailer: r.mailer,
		Expire:  func(*testing.T) { r.Clock.Advance(8 * 24 * time.Hour) },
		Secrets: func() []string { return []string{secret} },
		Calls:   r.Total,
		Pass:    func(_ *testing.T, d time.Duration) { r.Clock.Advance(d) },
		Fail: func(t *testing.T, f providertest.Failure) {
			switch f {
			case providertest.Refused:
				r.Inject(scripted.Mishap{Op: "*", Times: -1, Status: 429, Header: http.Header{"Retry-After": {"7"}}})
			case providertest.Back:
				r.Heal()
			default:
				t.Fatalf("no such failure: %s", f)
			}
		},
	}
}

// A person who joins one organization is in its groups alone.
func TestOrganizationsAreApart(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	a := accepting(t, "ada@example.com", "admin")
	if _, err := r.c.Accept(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	for group, want := range map[string]int{acme: 1, acme + "-adm": 1, acme + "-mem": 0, beta: 0, beta + "-adm": 0, beta + "-mem": 0} {
		if got := r.members(group); len(got) != want {
			t.Errorf("%s holds %v, want %d", group, got, want)
		}
	}
	ref := providers.InviteRef{Org: org(beta), Address: a.Address, EmailKey: a.EmailKey}
	_, err := r.c.FindMember(t.Context(), ref)
	wantCode(t, err, identity.CodeNotFound)
}
