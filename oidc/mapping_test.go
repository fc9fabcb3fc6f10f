package oidc

import (
	"reflect"
	"testing"
	"time"

	"usher/identity"
)

const mappedIssuer = "https://api.asgardeo.io/t/acme/oauth2/token"

func granted(list ...identity.Permission) map[identity.Permission]bool {
	all := map[identity.Permission]bool{}
	for _, p := range list {
		all[p] = true
	}
	return all
}

func aliases(id string, connections ...string) []identity.Alias {
	var all []identity.Alias
	for _, c := range connections {
		all = append(all, identity.Alias{Connection: c, ProviderID: id})
	}
	return all
}

// asgardeoUser are the claims of a person's token (FACTS.md section 13).
func asgardeoUser() fields {
	return fields{
		"iss": mappedIssuer, "sub": "9c1e0d2f", "aut": "APPLICATION_USER", "aud": "app", "azp": "app", "client_id": "app",
		"scope": "openid invites.write", "org_id": "sub-1", "org_name": "Sub", "org_handle": "sub", "user_org": "root-1",
		"roles": []any{"Administrator", "Application/Other"}, "email": "a@example.com", "email_verified": true,
	}
}

func asgardeoConfig() IssuerConfig {
	return IssuerConfig{
		Name: "main", Issuer: mappedIssuer, Preset: PresetAsgardeo, Audiences: []string{"app"},
		Roles: map[string]string{"Administrator": "admin", "Editor": "editor", "Owner": "admin"},
		Permissions: []PermissionRule{
			{Scope: "invites.write", Grant: []identity.Permission{identity.InvitesRead, identity.InvitesWrite}},
			{Role: "admin", Grant: []identity.Permission{identity.MembersRead}},
			{Scope: "connections", Role: "editor", Grant: []identity.Permission{identity.ConnectionsRead}},
		},
		Services: []ServiceRule{
			{Client: "backend", Role: "admin", Grant: []identity.Permission{identity.InvitesWrite, identity.OrganizationsWrite},
				Organizations: []OrganizationRule{{Connection: "c1", All: true}, {Connection: "c2", Only: []string{"acme", "org_1"}}}},
			{Subject: "robot", Grant: []identity.Permission{identity.InvitesRead}, Organizations: []OrganizationRule{{Connection: "c3", All: true}}},
			{Client: "both", Subject: "user-of-both", Role: "member", Grant: []identity.Permission{identity.InvitesRead}},
			{Client: "app", Grant: []identity.Permission{identity.InvitesRead}},
		},
	}
}

const mappedExpiry = 4102444800

// mappedCase is a token of asgardeoUser with some claims changed.
type mappedCase struct {
	name  string
	trust []string
	with  fields
	want  Principal
}

func (c mappedCase) run(t *testing.T) {
	t.Parallel()
	m, err := newMapping(asgardeoConfig().withDefaults(), c.trust)
	if err != nil {
		t.Fatal(err)
	}
	read, err := decodeObject(mustJSON(changed(asgardeoUser(), c.with)))
	if err != nil {
		t.Fatal(err)
	}
	if got := m.principal(read, time.Unix(mappedExpiry, 0)); !reflect.DeepEqual(*got, c.want) {
		t.Errorf("principal is\n%+v\nwant\n%+v", *got, c.want)
	}
}

// person is the principal of asgardeoUser, changed.
func person(change func(*Principal)) Principal {
	p := Principal{
		Issuer: mappedIssuer, Subject: "9c1e0d2f", ClientID: "app", Email: "a@example.com", Expires: time.Unix(mappedExpiry, 0),
		Access:      identity.Access{Claimed: aliases("sub-1", "c1", "c2")},
		Permissions: granted(identity.InvitesRead, identity.InvitesWrite, identity.MembersRead), Roles: []string{"admin"},
	}
	change(&p)
	return p
}

func service(sub, client string, change func(*Principal)) Principal {
	p := Principal{Issuer: mappedIssuer, Subject: sub, ClientID: client, Expires: time.Unix(mappedExpiry, 0)}
	change(&p)
	return p
}

func TestPrincipalOfPerson(t *testing.T) {
	t.Parallel()
	trusted := []string{"c2", "c1", "c2"}
	user := person(func(*Principal) {})
	for _, c := range []mappedCase{
		{"a person", trusted, nil, user},
		{"scopes as an array", trusted, fields{"scope": []any{"openid", "invites.write"}}, user},
		{"client from azp alone", trusted, fields{"client_id": nil}, user},
		{"client from client_id alone", trusted, fields{"azp": nil}, user},
		{"one role as a string", trusted, fields{"roles": "Administrator"}, user},
		{"two roles that are one", trusted, fields{"roles": []any{"Administrator", "Owner"}}, user},
		{"email_verified as text", trusted, fields{"email_verified": "true"}, user},
		{"a plain root token: its organization is the root", trusted, fields{"org_id": "root-1", "user_org": nil},
			person(func(p *Principal) { p.Access.Claimed = aliases("root-1", "c1", "c2") })},
		{"several organizations", []string{"c1"}, fields{"org_id": []any{"a", "b", "a", 3}},
			person(func(p *Principal) { p.Access.Claimed = append(aliases("a", "c1"), aliases("b", "c1")...) })},
		{"no organization", trusted, fields{"org_id": nil}, person(func(p *Principal) { p.Access = identity.Access{} })},
		{"an empty organization", trusted, fields{"org_id": ""}, person(func(p *Principal) { p.Access = identity.Access{} })},
		{"an organization that is a number", trusted, fields{"org_id": 7}, person(func(p *Principal) { p.Access = identity.Access{} })},
		{"user_org is not the organization", trusted, fields{"org_id": nil, "user_org": "root-1"}, person(func(p *Principal) { p.Access = identity.Access{} })},
		{"an issuer that no connection trusts", nil, nil, person(func(p *Principal) { p.Access, p.Email = identity.Access{}, "" })},
		{"address not verified", trusted, fields{"email_verified": false}, person(func(p *Principal) { p.Email = "" })},
		{"address verified, so to speak", trusted, fields{"email_verified": "True"}, person(func(p *Principal) { p.Email = "" })},
		{"address verified as a number", trusted, fields{"email_verified": 1}, person(func(p *Principal) { p.Email = "" })},
		{"nothing about verification", trusted, fields{"email_verified": nil}, person(func(p *Principal) { p.Email = "" })},
		{"an address that is none", trusted, fields{"email": "Bob <a@example.com>"}, person(func(p *Principal) { p.Email = "" })},
		{"two addresses", trusted, fields{"email": []any{"a@example.com", "b@example.com"}}, person(func(p *Principal) { p.Email = "" })},
		{"no scope", trusted, fields{"scope": nil}, person(func(p *Principal) { p.Permissions = granted(identity.MembersRead) })},
		{"part of a scope", trusted, fields{"scope": "invites.writer xinvites.write invites"},
			person(func(p *Principal) { p.Permissions = granted(identity.MembersRead) })},
		{"the portable role's name from the vendor", trusted, fields{"roles": []any{"admin"}},
			person(func(p *Principal) {
				p.Roles, p.Permissions = nil, granted(identity.InvitesRead, identity.InvitesWrite)
			})},
		{"a rule that needs scope and role, with the scope", trusted, fields{"scope": "connections", "roles": nil},
			person(func(p *Principal) { p.Roles, p.Permissions = nil, granted() })},
		{"a rule that needs scope and role, with the role", trusted, fields{"scope": nil, "roles": "Editor"},
			person(func(p *Principal) { p.Roles, p.Permissions = []string{"editor"}, granted() })},
		{"a rule that needs scope and role, with both", trusted, fields{"scope": "connections", "roles": []any{"Editor", "Owner"}},
			person(func(p *Principal) {
				p.Roles, p.Permissions = []string{"admin", "editor"}, granted(identity.ConnectionsRead, identity.MembersRead)
			})},
	} {
		t.Run(c.name, c.run)
	}
}

func TestPrincipalOfService(t *testing.T) {
	t.Parallel()
	trusted := []string{"c1", "c2"}
	backend := func(p *Principal) {
		p.Permissions = granted(identity.InvitesWrite, identity.OrganizationsWrite)
		p.Roles = []string{"admin"}
		p.Access.Rules = []identity.AccessRule{{Connection: "c1", All: true}, {Connection: "c2", Organizations: []string{"acme", "org_1"}}}
	}
	for _, c := range []mappedCase{
		{"a service: the rule alone decides", trusted,
			fields{"sub": "backend", "client_id": "backend", "azp": "backend", "aut": "APPLICATION", "roles": "Editor", "email": nil},
			service("backend", "backend", backend)},
		{"a service with another subject, by aut", trusted, fields{"sub": "x", "client_id": "backend", "azp": nil, "aut": "APPLICATION", "email": nil},
			service("x", "backend", backend)},
		{"a service without aut, by subject", trusted, fields{"sub": "backend", "client_id": "backend", "azp": nil, "aut": nil, "email": nil},
			service("backend", "backend", backend)},
		{"a person through the service's client is no service", trusted, fields{"client_id": "backend", "azp": nil},
			person(func(p *Principal) { p.ClientID = "backend" })},
		{"a person named like the client is no service", trusted, fields{"sub": "backend", "client_id": "backend", "azp": nil},
			person(func(p *Principal) { p.Subject, p.ClientID = "backend", "backend" })},
		{"an unknown kind of token is no service", trusted, fields{"client_id": "backend", "azp": nil, "aut": []any{"APPLICATION"}},
			person(func(p *Principal) { p.ClientID = "backend" })},
		{"a subject's rule", trusted, fields{"sub": "robot", "email": nil}, service("robot", "app", func(p *Principal) {
			p.Permissions = granted(identity.InvitesRead)
			p.Access.Rules = []identity.AccessRule{{Connection: "c3", All: true}}
		})},
		{"a rule for client and subject", trusted, fields{"sub": "user-of-both", "client_id": "both", "azp": nil, "email": nil},
			service("user-of-both", "both", func(p *Principal) {
				p.Permissions, p.Roles = granted(identity.InvitesRead), []string{"member"}
			})},
		{"the right subject of the wrong client", trusted, fields{"sub": "user-of-both", "client_id": "app", "azp": nil},
			person(func(p *Principal) { p.Subject = "user-of-both" })},
		{"two rules add up", trusted, fields{"sub": "robot", "client_id": "backend", "azp": nil, "aut": "APPLICATION", "email": nil},
			service("robot", "backend", func(p *Principal) {
				backend(p)
				p.Permissions[identity.InvitesRead] = true
				p.Access.Rules = append(p.Access.Rules, identity.AccessRule{Connection: "c3", All: true})
			})},
	} {
		t.Run(c.name, c.run)
	}
}

// The set that a token yields lets in its own organization only.
func TestAccessOfAToken(t *testing.T) {
	t.Parallel()
	m, err := newMapping(asgardeoConfig().withDefaults(), []string{"c1"})
	if err != nil {
		t.Fatal(err)
	}
	p := m.principal(asgardeoUser(), time.Now())
	for _, tt := range []struct {
		organization identity.Organization
		want         bool
	}{
		{identity.Organization{ID: "org_1", Connection: "c1", ProviderID: "sub-1"}, true},
		{identity.Organization{ID: "org_2", Connection: "c1", ProviderID: "sub-2"}, false},
		{identity.Organization{ID: "org_3", Connection: "c2", ProviderID: "sub-1"}, false},
		{identity.Organization{ID: "sub-1", Slug: "sub-1", Connection: "c1", ProviderID: "root-1"}, false},
	} {
		if got := p.Access.Allows(&tt.organization); got != tt.want {
			t.Errorf("%+v: %t", tt.organization, got)
		}
	}
}

func TestPresetNoneTakesNoOrganization(t *testing.T) {
	t.Parallel()
	c := asgardeoConfig()
	c.Preset, c.Services = PresetNone, nil
	m, err := newMapping(c.withDefaults(), []string{"c1"})
	if err != nil {
		t.Fatal(err)
	}
	if got := m.principal(asgardeoUser(), time.Now()).Access; len(got.Claimed) != 0 || len(got.Rules) != 0 {
		t.Errorf("access %+v", got)
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	c, err := decodeObject([]byte(`{
		"o": {"id": "one", "slug": "s", "n": 1},
		"o.id": "dotted", "https://example.com/roles": ["r1", "r2"],
		"list": [{"id": "a"}, {"id": "b"}, {"other": "c"}, "text", [{"id": "nested"}]],
		"empty": "", "null": null, "deep": {"deep": {"deep": "x"}}, "back\\slash": "b"
	}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path string
		want []string
	}{
		{"o.id", []string{"one"}},
		{`o\.id`, []string{"dotted"}},
		{`https://example\.com/roles`, []string{"r1", "r2"}},
		{"https://example.com/roles", nil},
		{"list.id", []string{"a", "b"}},
		{"list", []string{"text"}},
		{"deep.deep.deep", []string{"x"}},
		{"deep.deep", nil},
		{"deep.deep.deep.deep", nil},
		{"o.n", nil}, {"o", nil}, {"empty", nil}, {"null", nil}, {"missing", nil}, {"missing.id", nil}, {"O.ID", nil},
		{`back\\slash`, []string{"b"}},
		{"", nil}, {"-", nil},
	} {
		p, err := parsePath(tt.path)
		if err != nil {
			t.Errorf("%s: %v", tt.path, err)
			continue
		}
		if got := p.texts(c); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s is %q, want %q", tt.path, got, tt.want)
		}
	}
	for _, bad := range []string{".", "a.", ".a", "a..b", `a\b`, `a\`} {
		if p, err := parsePath(bad); err == nil {
			t.Errorf("%s is taken as %q", bad, p)
		}
	}
}

func TestPrincipalCan(t *testing.T) {
	t.Parallel()
	p := &Principal{Permissions: granted(identity.InvitesRead)}
	for _, permission := range identity.Permissions() {
		if got := p.Can(permission); got != (permission == identity.InvitesRead) {
			t.Errorf("%s: %t", permission, got)
		}
		if (*Principal)(nil).Can(permission) || new(Principal).Can(permission) {
			t.Errorf("nobody can %s", permission)
		}
	}
}
