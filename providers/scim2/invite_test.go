package scim2

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/identity"
	"usher/providers"
)

// Nothing is granted, and nobody is touched, before the invitation is accepted.
func TestNothingIsWrittenBeforeAcceptance(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.addUser("ada@example.com")
	i := request(t, "ada@example.com", "admin", "member")
	ref := providers.InviteRef{Org: i.Org, Address: i.Address, EmailKey: i.EmailKey}
	do := map[string]func() error{
		"invite": func() error { _, err := r.c.Invite(t.Context(), i); return err },
		"resend": func() error {
			_, err := r.c.Resend(t.Context(), providers.ResendRequest{InviteRequest: request(t, "ada@example.com")})
			return err
		},
		"revoke":  func() error { return r.c.Revoke(t.Context(), ref) },
		"settle":  func() error { _, err := r.c.Settle(t.Context(), i); return err },
		"members": func() error { _, err := r.c.ListMembers(t.Context(), i.Org, identity.PageRequest{}); return err },
		"roles":   func() error { _, err := r.c.ListRoles(t.Context(), i.Org); return err },
	}
	before := r.shown(r.users) + r.shown(r.groups)
	for name, f := range do {
		if err := f(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.c.FindMember(t.Context(), ref); identity.CodeOf(err) != identity.CodeNotFound {
		t.Error(err)
	}
	if writes := r.writes(); len(writes) > 0 || before != r.shown(r.users)+r.shown(r.groups) {
		t.Errorf("written: %v", writes)
	}
}

func TestSent(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.addUser("has@example.com")
	at := r.Clock.Now().Add(90 * time.Minute)
	for _, tt := range []struct {
		email string
		until *time.Time
		life  time.Duration
		lost  string
	}{
		{"new@example.com", nil, 7 * 24 * time.Hour, "[metadata]"},
		{"has@example.com", &at, 90 * time.Minute, "[given_name family_name locale metadata]"},
	} {
		i := request(t, tt.email)
		i.GivenName, i.FamilyName, i.Locale, i.Metadata, i.ExpiresAt = "A", "B", "en-GB", map[string]any{"k": 1}, tt.until
		sent, err := r.c.Invite(t.Context(), i)
		if err != nil || !sent.ExpiresAt.Equal(r.Clock.Now().Add(tt.life)) || fmt.Sprint(sent.NotCarried) != tt.lost {
			t.Errorf("%s: %+v, %v", tt.email, sent, err)
		}
	}
	f := r.c.Fields()
	if f.Life != 7*24*time.Hour || f.MaxLife != 30*24*time.Hour || !f.ExpiresAt || !f.Message || !f.RedirectURL || f.NotifyFalse {
		t.Errorf("fields %+v", f)
	}
}

// One read of each kind: organization, roles, person, and what the service can
// do once for all.
func TestReadsOfOneSend(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.join(acme, r.addUser("member@example.com"))
	for n, want := range []int{4, 3} {
		if _, err := r.c.Invite(t.Context(), request(t, fmt.Sprintf("new%d@example.com", n), "admin", "member")); err != nil {
			t.Fatal(err)
		}
		if got := r.asked(); len(got) != want {
			t.Errorf("%d reads, want %d:\n%s", len(got), want, strings.Join(got, "\n"))
		}
	}
}

// Whoever the service says it found: only the person counts. A wider match
// would make a stranger a member (CVE-2019-11278).
func TestWhoIsFound(t *testing.T) {
	t.Parallel()
	no := false
	for name, tt := range map[string]struct {
		users  [][]string // user name, then the listed addresses
		change func(v *vendor, c *Config, d *providers.Deps)
		want   int // index of who is found; -1 nobody, -2 conflict
	}{
		"user name":             {[][]string{{"ann@example.com"}}, nil, 0},
		"user name, other case": {[][]string{{"Ann@Example.com"}}, nil, 0},
		"listed address":        {[][]string{{"jdoe", "ann@example.com"}}, nil, 0},
		"second listed address": {[][]string{{"jdoe", "j@example.com", "ANN@example.com"}}, nil, 0},
		"user name first":       {[][]string{{"jdoe", "ann@example.com"}, {"ann@example.com"}}, nil, 1},
		"two list it":           {[][]string{{"a", "ann@example.com"}, {"b", "ann@example.com"}}, nil, -2},
		"longer":                {[][]string{{"joann@example.com", "ann@example.com.evil.test"}}, nil, -1},
		"filters not heeded":    {[][]string{{"bob@example.com"}, {"jdoe", "ann@example.com"}, {"joann@example.com"}}, func(v *vendor, _ *Config, _ *providers.Deps) { v.widens = true }, 1},
		"filters not heeded, nobody": {[][]string{{"bob@example.com"}, {"joann@example.com", "annb@example.com"}},
			func(v *vendor, _ *Config, _ *providers.Deps) { v.widens = true }, -1},
		"listed addresses do not count": {[][]string{{"jdoe", "ann@example.com"}}, func(_ *vendor, c *Config, _ *providers.Deps) { c.MatchEmails = &no }, -1},
		"no filter on addresses": {[][]string{{"x", "x@example.com"}, {"jdoe", "ann@example.com"}},
			func(v *vendor, _ *Config, _ *providers.Deps) {
				v.refuses = map[string]bool{"or": true, "emails.value": true}
			}, 1},
		"no filters at all": {[][]string{{"x"}, {"jdoe", "ann@example.com"}}, func(v *vendor, _ *Config, _ *providers.Deps) { v.filter = false }, 1},
		"filters promised and refused": {[][]string{{"x"}, {"ann@example.com"}},
			func(v *vendor, _ *Config, _ *providers.Deps) {
				v.refuses = map[string]bool{"or": true, "emails.value": true, "userName": true}
			}, 1},
		"exact rule, other case": {[][]string{{"Ann@example.com", "ANN@example.com"}}, func(_ *vendor, _ *Config, d *providers.Deps) { d.EmailRule = identity.EmailExact }, -1},
		"exact rule":             {[][]string{{"Ann@example.com"}, {"ann@EXAMPLE.com"}}, func(_ *vendor, _ *Config, d *providers.Deps) { d.EmailRule = identity.EmailExact }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, tt.change)
			var ids []string
			for _, u := range tt.users {
				ids = append(ids, r.addUser(u[0], u[1:]...))
			}
			for range 2 { // what was learnt of the service must not change the answer
				found, err := r.p.find(t.Context(), request(t, "ann@example.com").Address)
				got := -1
				if found != nil {
					got = slices.Index(ids, found.ID)
				}
				if err != nil {
					wantCode(t, err, identity.CodeConflict)
					got = -2
				}
				if got != tt.want {
					t.Errorf("found %d, want %d", got, tt.want)
				}
			}
		})
	}
}

// What cannot be carried in a filter as exactly this text is refused before
// anything is recorded.
func TestCheckAddress(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for address, want := range map[identity.Address]identity.Code{
		{Typed: "o'brien+x@example.com", Local: "o'brien+x", Domain: "example.com"}: "",
		{Typed: `a"b@example.com`, Local: `a"b`, Domain: "example.com"}:             identity.CodeEmailNotDeliverable,
		{Typed: `a\@example.com`, Local: `a\`, Domain: "example.com"}:               identity.CodeEmailNotDeliverable,
		{Typed: "a@example.com\u2028", Local: "a", Domain: "example.com"}:           identity.CodeEmailNotDeliverable,
		{Typed: "a\x00@example.com", Local: "a\x00", Domain: "example.com"}:         identity.CodeEmailNotDeliverable,
	} {
		if err := r.p.CheckAddress(address); identity.CodeOf(err) != want {
			t.Errorf("%q: %v", address.Typed, err)
		}
	}
	if calls := r.asked(); len(calls) > 0 {
		t.Errorf("asked %v", calls)
	}
}

// Whatever the address: the question that reaches the service is about exactly
// this person, or there is none.
func FuzzAddressInFilter(f *testing.F) {
	for _, seed := range []string{"o'brien", `x" or userName pr or userName eq "`, "and", "a%22b", "a&filter=x", "ü", "a eq b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, local string) {
		address, err := identity.ParseEmail(local + "@example.com")
		if err != nil {
			return
		}
		v := newVendor()
		for n, name := range []string{"a@example.com", "b@example.com", "or@example.com"} {
			v.users[fmt.Sprint(n)] = map[string]any{"id": fmt.Sprint(n), "userName": name}
			v.order = append(v.order, fmt.Sprint(n))
		}
		p, err := config().Open(deps(v))
		if err != nil {
			t.Fatal(err)
		}
		if p.(*Provider).CheckAddress(address) != nil {
			return
		}
		found, err := p.(*Provider).find(t.Context(), address)
		if err != nil {
			t.Fatalf("%q: %v", local, err)
		}
		if found != nil && !strings.EqualFold(found.UserName, address.Typed) {
			t.Fatalf("%q found %s", local, found.UserName)
		}
		for _, id := range []string{"0", "1", "2"} {
			delete(v.users, id) // were the filter wider, these would have come
		}
		if again, err := p.(*Provider).find(t.Context(), address); again != nil || err != nil {
			t.Fatalf("%q: %v, %v", local, again, err)
		}
	})
}

// A service that answers with another group than the one asked for would mix
// tenants up.
func TestAnotherOrganizationComes(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.groups["odd"] = map[string]any{"schemas": []any{}, "id": acme, "displayName": "Acme"}
	i := request(t, "ada@example.com")
	i.Org = org("odd")
	_, err := r.c.Invite(t.Context(), i)
	wantCode(t, err, identity.CodeProviderError)
	_, err = r.c.ListMembers(t.Context(), i.Org, identity.PageRequest{})
	wantCode(t, err, identity.CodeProviderError)
	_, err = r.c.Accept(t.Context(), providers.AcceptRequest{InviteRequest: i})
	wantCode(t, err, identity.CodeProviderError)
	if len(r.writes()) > 0 || len(r.mailer.To("ada@example.com")) > 0 {
		t.Error("something was done for the wrong organization")
	}
}

func TestRoleGroups(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		role   string // what the map says
		change func(v *vendor)
		want   string // the group's id; empty: unknown role
	}{
		"template":                 {"{organization}: Admin", nil, acme + "-adm"},
		"literal":                  {"Acme: Member", nil, acme + "-mem"},
		"the organization's own":   {"{organization}", nil, acme},
		"absent":                   {"{organization}: Owner", nil, ""},
		"other case":               {"acme: admin", nil, ""},
		"twice":                    {"Acme: Admin", func(v *vendor) { v.addGroup("again", "Acme: Admin") }, ""},
		"by listing":               {"{organization}: Admin", func(v *vendor) { v.filter = false }, acme + "-adm"},
		"filter refused":           {"{organization}: Admin", func(v *vendor) { v.refuses["displayName"] = true }, acme + "-adm"},
		"filters not heeded":       {"{organization}: Admin", func(v *vendor) { v.widens = true }, acme + "-adm"},
		"cannot be carried":        {`{organization} "Admin"`, func(v *vendor) { v.addGroup("quoted", `Acme "Admin"`) }, "quoted"},
		"in the organization name": {"{organization}: Admin", func(v *vendor) { v.groups[acme]["displayName"] = "{organization}" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(v *vendor, _ *Config, d *providers.Deps) {
				d.Roles = map[string]string{"member": "{organization}: Member", "tested": tt.role}
				if tt.change != nil {
					tt.change(v)
				}
			})
			roles, err := r.c.ListRoles(t.Context(), org(acme))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, role := range roles {
				if role.Key == "tested" {
					got = role.ProviderID
				}
			}
			if got != tt.want {
				t.Errorf("listed %+v, want %s", roles, tt.want)
			}
			_, err = r.c.Invite(t.Context(), request(t, "ada@example.com", "tested"))
			if tt.want != "" {
				wantCode(t, err, "")
				return
			}
			wantCode(t, err, identity.CodeUnknownRole)
			if known, ok := err.(*identity.Error); !ok || known.Field != "/roles/0" || len(r.mailer.To("ada@example.com")) > 0 {
				t.Errorf("got %+v", err)
			}
		})
	}
}

// Looking through everything has an end, and the refusal says so.
func TestTooManyToLookThrough(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		most int
		want identity.Code
	}{{6, identity.CodeUnsupported}, {7, ""}} {
		r := newRig(t, func(v *vendor, c *Config, _ *providers.Deps) { v.filter, c.MaxScan = false, tt.most })
		for n := range 7 {
			r.addUser(fmt.Sprintf("u%d", n))
		}
		_, err := r.c.Invite(t.Context(), request(t, "ada@example.com"))
		wantCode(t, err, tt.want)
		if err != nil && !strings.Contains(err.(*identity.Error).Detail, "users") {
			t.Error(err)
		}
	}
}
