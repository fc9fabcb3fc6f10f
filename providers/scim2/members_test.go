package scim2

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"usher/identity"
	"usher/providers"
	"usher/scim"
)

// people adds n members to Acme; every third is an administrator.
func (r *rig) people(n int) {
	for k := range n {
		id := r.addUser(fmt.Sprintf("p%03d@example.com", k), fmt.Sprintf("p%03d@example.com", k))
		r.join(acme, id)
		if k%3 == 0 {
			r.join(acme+"-adm", id)
		}
	}
}

// all pages through the members, and returns how many reads each page took.
func (r *rig) all(t *testing.T, limit int) (members []identity.Member, reads []int) {
	t.Helper()
	request := identity.PageRequest{Limit: limit}
	r.asked()
	for range 100 {
		page, err := r.c.ListMembers(t.Context(), org(acme), request)
		if err != nil {
			t.Fatal(err)
		}
		reads = append(reads, len(r.asked()))
		members = append(members, page.Items...)
		if page.Next == "" {
			return members, reads
		}
		request.Cursor = page.Next
	}
	t.Fatal("the list has no end")
	return nil, nil
}

// A page takes the same few reads however many are on it, unless the service
// leaves no other way than one each.
func TestReadsOfAPage(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(v *vendor)
		limit  int
		want   string // reads of each page
	}{
		// What it can do, the group, users by their ids, the roles' groups.
		"filters":          {func(*vendor) {}, 30, "[4 3 3]"},
		"large pages":      {func(*vendor) {}, 100, "[5]"},
		"200, 100 at most": {func(*vendor) {}, 200, "[5]"},
		"short answers":    {func(v *vendor) { v.most = 20 }, 30, "[5 4 3]"},
		"no or":            {func(v *vendor) { v.refuses["or"] = true }, 60, "[31 28 23]"},
		// 25 at a time, each by himself; groups by listing.
		"no filters": {func(v *vendor) { v.filter = false }, 60, "[28 27 22]"},
	} {
		r := newRig(t, func(v *vendor, _ *Config, _ *providers.Deps) { tt.change(v) })
		r.join(acme+"-mem", r.addUser("elsewhere@example.com"))
		r.people(70)
		members, reads := r.all(t, tt.limit)
		if len(members) != 70 {
			t.Errorf("%s: %d members", name, len(members))
		}
		for n, m := range members {
			if m.Email != fmt.Sprintf("p%03d@example.com", n) || slices.Contains(m.Roles, "admin") != (n%3 == 0) || slices.Contains(m.Roles, "member") || m.OrganizationID != "org_"+acme {
				t.Errorf("%s: member %d is %+v", name, n, m)
			}
		}
		if got := fmt.Sprint(reads); got != tt.want {
			t.Errorf("%s: reads %s, want %s", name, got, tt.want)
		}
	}
}

// In the group are also who was deleted and groups: no members. In the answers
// are also people who were not asked for: not theirs.
func TestWhoIsNoMember(t *testing.T) {
	t.Parallel()
	for _, filters := range []bool{true, false} {
		r := newRig(t, func(v *vendor, _ *Config, _ *providers.Deps) { v.filter, v.widens = filters, true })
		stranger := r.addUser("stranger@example.com")
		r.people(3)
		r.Lock()
		r.add(acme, map[string]any{"value": "deleted"})
		r.add(acme, map[string]any{"value": beta, "type": "Group"})
		r.add(acme, map[string]any{"value": beta + "-mem", "$ref": base + "/Groups/" + beta + "-mem"})
		r.Unlock()
		var asked []string
		r.before = func(v *vendor, method, path string) { asked = append(asked, path) }
		members, _ := r.all(t, 2)
		if slices.Contains(asked, "/Users/"+beta) || slices.Contains(asked, "/Users/"+beta+"-mem") {
			t.Errorf("groups were read as people: %v", asked)
		}
		if len(members) != 3 || slices.ContainsFunc(members, func(m identity.Member) bool { return m.ProviderID == stranger }) {
			t.Errorf("filters %v: members %+v", filters, members)
		}
	}
}

// Members come and go between the pages, and nobody who stays is missed or
// comes twice.
func TestMembersChangeBetweenPages(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.people(6)
	first, err := r.c.ListMembers(t.Context(), org(acme), identity.PageRequest{Limit: 3})
	if err != nil {
		t.Fatal(err)
	}
	r.Lock()
	r.groups[acme]["members"] = r.groups[acme]["members"].([]any)[2:]
	r.Unlock()
	second, err := r.c.ListMembers(t.Context(), org(acme), identity.PageRequest{Limit: 10, Cursor: first.Next})
	if err != nil || len(first.Items) != 3 || len(second.Items) != 3 || second.Items[0].Email != "p003@example.com" || second.Next != "" {
		t.Errorf("%+v, then %+v, %v", first, second, err)
	}
}

// Whatever is presented as a cursor, it is refused at the cursor and nobody is
// asked, or it is the one that a page ended with.
func FuzzCursor(f *testing.F) {
	f.Add("")
	f.Add(base64.RawURLEncoding.EncodeToString([]byte("after u1")))
	f.Fuzz(func(t *testing.T, cursor string) {
		r := newRig(t, nil)
		page, err := r.c.ListMembers(t.Context(), org(acme), identity.PageRequest{Cursor: cursor})
		if err == nil {
			text, _ := base64.RawURLEncoding.DecodeString(cursor)
			if cursor != "" && base64.RawURLEncoding.EncodeToString(text) != cursor || page == nil {
				t.Errorf("%q was taken: %+v", cursor, page)
			}
			return
		}
		known, ok := errors.AsType[*identity.Error](err)
		if !ok || known.Code != identity.CodeInvalidRequest || known.Field != "query:cursor" || len(r.asked()) > 0 {
			t.Errorf("%q: %v, asked %v", cursor, err, r.asked())
		}
	})
}

// Two groups of one name: neither is a role's, and the operator is told.
func TestAmbiguousRole(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(v *vendor, _ *Config, _ *providers.Deps) { v.addGroup("again", "Acme: Admin", "u0001") })
	r.people(1)
	members, _ := r.all(t, 10)
	if len(members) != 1 || len(members[0].Roles) != 0 || !strings.Contains(r.log.String(), "several groups") {
		t.Errorf("%+v, log %s", members, r.log)
	}
}

// A role that is the organization's own group is everybody's.
func TestOwnGroupAsRole(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(_ *vendor, _ *Config, d *providers.Deps) { d.Roles["member"] = "{organization}" })
	a := accepting(t, "ada@example.com", "member", "admin")
	if _, err := r.c.Accept(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if n := len(r.writes()); n != 3 {
		t.Errorf("%d writes: %v", n, r.writes())
	}
	m, err := r.c.FindMember(t.Context(), providers.InviteRef{Org: org(acme), Address: a.Address, EmailKey: a.EmailKey})
	if err != nil || fmt.Sprint(m.Roles) != "[admin member]" {
		t.Errorf("%+v, %v", m, err)
	}
}

// Who has no e-mail listed is known by a user name that is an address.
func TestEmailOfAMember(t *testing.T) {
	t.Parallel()
	p := &Provider{}
	for want, u := range map[string]map[string]any{
		"p@example.com": {"userName": "x", "emails": []any{map[string]any{"value": "s@example.com"}, map[string]any{"value": "p@example.com", "primary": true}}},
		"n@example.com": {"userName": "n@example.com"},
		"":              {"userName": "jdoe"},
	} {
		r := newRig(t, nil)
		id := r.user(u)
		users := map[string]scim.User{}
		if err := r.p.eachMissing(t.Context(), []string{id}, users); err != nil {
			t.Fatal(err)
		}
		if got := p.member(org(acme), users[id], nil); got.Email != want {
			t.Errorf("%v: %q, want %q", u, got.Email, want)
		}
	}
}
