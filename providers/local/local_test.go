package local_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/testclock"
	"usher/ledger"
	"usher/providers"
	"usher/providers/local"
	"usher/providers/providertest"
)

// directory is the ledger's, as the house hands it over.
type directory struct{ *ledger.Directory }

func (d directory) Join(ctx context.Context, organization string, p providers.Person, roles []string) (*identity.Member, error) {
	return d.Directory.Join(ctx, organization, ledger.DirectoryUser(p), roles)
}

func open(t *testing.T) (providers.Provider, *providertest.Mailer, *testclock.Clock) {
	t.Helper()
	clock := testclock.At(time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC))
	url := "sqlite:" + filepath.Join(t.TempDir(), "usher.db")
	if _, err := ledger.Up(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(t.Context(), url, &ledger.Options{Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	d := directory{l.Directory("local")}
	member := providers.Person{Email: "member@example.com", EmailKey: "member@example.com"}
	if _, err := d.Join(t.Context(), "one", member, []string{"member"}); err != nil {
		t.Fatal(err)
	}
	mailer := &providertest.Mailer{}
	p, err := (&local.Config{}).Open(providers.Deps{
		Connection: "local", Roles: map[string]string{"admin": "Administrator", "member": "Member"}, Now: clock.Now,
		Mailer: mailer, Directory: d,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, mailer, clock
}

func TestConformance(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.Harness{Open: func(t *testing.T) *providertest.Vendor {
		p, mailer, clock := open(t)
		return &providertest.Vendor{
			Provider: p, Org: identity.OrgRef{ID: "org_1", ProviderID: "one"}, Other: identity.OrgRef{ID: "org_2", ProviderID: "two"},
			MemberEmail: "member@example.com", Mailer: mailer, AnyOrganization: true,
			Expire: func(*testing.T) { clock.Advance(8 * 24 * time.Hour) },
		}
	}})
}

// What the sender asks for is what the invitee gets, and no longer.
func TestExpiry(t *testing.T) {
	t.Parallel()
	p, _, clock := open(t)
	v := &providertest.Vendor{Provider: p, Org: identity.OrgRef{ID: "org_1", ProviderID: "one"}}
	r := v.Request(t, "ada@example.com")
	sent, err := p.Invite(t.Context(), r)
	if err != nil || !sent.ExpiresAt.Equal(clock.Now().Add(7*24*time.Hour)) {
		t.Errorf("by itself it expires at %v, %v", sent.ExpiresAt, err)
	}
	at := clock.Now().Add(90 * time.Minute)
	r = v.Request(t, "bob@example.com")
	r.ExpiresAt = &at
	if sent, err = p.Invite(t.Context(), r); err != nil || !sent.ExpiresAt.Equal(at) {
		t.Errorf("asked for %v it expires at %v, %v", at, sent.ExpiresAt, err)
	}
	if f := p.Describe().Fields; f.MaxLife != 30*24*time.Hour || f.Life != 7*24*time.Hour {
		t.Errorf("fields %+v", f)
	}
}

// The first administrator is in the configuration, and a restart changes
// nothing of what he is by then.
func TestMembersFromTheStart(t *testing.T) {
	t.Parallel()
	_, mailer, clock := open(t)
	url := "sqlite:" + filepath.Join(t.TempDir(), "usher.db")
	if _, err := ledger.Up(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	deps := providers.Deps{
		Roles: map[string]string{"admin": "Administrator", "member": "Member"}, Now: clock.Now,
		Mailer: mailer, Directory: directory{l.Directory("local")}, EmailRule: identity.EmailLowercase,
	}
	for _, roles := range [][]string{{"admin"}, {"member"}} {
		c := local.Config{Members: []local.Member{{Organization: "acme", Email: "Ada@example.com", Roles: roles, GivenName: "Ada"}}}
		p, err := c.Open(deps)
		if err != nil {
			t.Fatal(err)
		}
		page, err := p.ListMembers(t.Context(), identity.OrgRef{ID: "org_1", ProviderID: "acme"}, identity.PageRequest{})
		if err != nil || len(page.Items) != 1 || page.Items[0].Email != "Ada@example.com" || page.Items[0].Roles[0] != "admin" {
			t.Errorf("members %+v, %v", page, err)
		}
	}
	c := local.Config{Members: []local.Member{{Organization: "acme", Email: "bob@example.com", Roles: []string{"owner"}}}}
	if _, err := c.Open(deps); identity.CodeOf(err) != identity.CodeUnknownRole {
		t.Errorf("a role that is not mapped: %v", err)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		config local.Config
		want   string // the beginnings of the problems
	}{
		"none":          {local.Config{}, ""},
		"good":          {local.Config{InviteLife: "24h", MaxLife: "48h"}, ""},
		"long":          {local.Config{InviteLife: "2000h"}, ""},
		"not durations": {local.Config{InviteLife: "a week", MaxLife: "1d"}, "invite_life max_life"},
		"too short":     {local.Config{InviteLife: "1s"}, "invite_life"},
		"too long":      {local.Config{MaxLife: "9000h"}, "max_life"},
		"bad people":    {local.Config{Members: []local.Member{{Email: "nobody"}}}, "members[0].organization members[0].email members[0].roles"},
		"upside down":   {local.Config{InviteLife: "24h", MaxLife: "1h"}, "max_life"},
	} {
		var got []string
		for _, err := range tt.config.Validate() {
			key, _, _ := strings.Cut(err.Error(), ":")
			got = append(got, key)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: problems %q, want %q", name, got, tt.want)
		}
	}
	if _, err := (&local.Config{}).Open(providers.Deps{}); err == nil {
		t.Error("opened without anything to mail with")
	}
	if n := (&local.Config{}).Needs(); !n.Links || !n.Mail {
		t.Errorf("needs %+v", n)
	}
}
