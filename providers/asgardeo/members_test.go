package asgardeo

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/identity"
	"usher/providers"
	"usher/providers/providertest/scripted"
)

func TestListMembers(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for n := range 5 {
		r.addMember(orgOne, fmt.Sprintf("m%d@example.com", n), []string{"adm-1008", "mem-1008"}[n%2])
	}
	var got []identity.Member
	for page := (identity.PageRequest{Limit: 2}); ; {
		list, err := r.p.ListMembers(t.Context(), org(orgOne), page)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, list.Items...)
		if list.Next == "" {
			break
		}
		page.Cursor = list.Next
	}
	if len(got) != 5 {
		t.Fatalf("listed %+v", got)
	}
	created := time.Date(2026, 1, 2, 10, 34, 29, 902e6, time.UTC)
	want := identity.Member{
		OrganizationID: "org_1008", ProviderID: r.orgs[orgOne].members[1].id, UserName: "m1@example.com", Email: "m1@example.com",
		Roles: []string{"member"}, CreatedAt: &created,
	}
	if !reflect.DeepEqual(got[1], want) {
		t.Errorf("listed %+v, want %+v", got[1], want)
	}
}

func TestMemberPages(t *testing.T) {
	t.Parallel()
	users := func(n int) string {
		list := make([]string, n)
		for k := range list {
			list[k] = fmt.Sprintf(`{"id":"u%d","userName":"DEFAULT/u%d","roles":[{"value":"mem-1008"}]}`, k, k)
		}
		return strings.Join(list, ",")
	}
	for _, c := range []struct {
		name, body, cursor string
		limit              int
		items              int
		next               string
		code               identity.Code
	}{
		{"a full page whose total is the page", `{"totalResults":2,"startIndex":1,"Resources":[` + users(2) + `]}`, "", 2, 2, "3", ""},
		{"a short page", `{"totalResults":1,"startIndex":1,"Resources":[` + users(1) + `]}`, "", 2, 1, "", ""},
		{"a page the vendor cut", `{"totalResults":9,"startIndex":1,"Resources":[` + users(3) + `]}`, "", 50, 3, "4", ""},
		{"a total and nothing", `{"totalResults":5,"itemsPerPage":0}`, "6", 5, 0, "", ""},
		{"numbers as texts", `{"totalResults":"1","startIndex":"1","Resources":[` + users(1) + `]}`, "", 5, 1, "", ""},
		{"the first page again", `{"totalResults":9,"startIndex":1,"Resources":[` + users(2) + `]}`, "3", 2, 0, "", identity.CodeProviderError},
		{"another organization", `{"totalResults":1,"Resources":[{"id":"u","userName":"u","meta":{"location":"https://h/t/acme/o/` + orgTwo + `/scim2/Users/u"}}]}`, "", 2, 0, "", identity.CodeProviderError},
		{"this organization", `{"totalResults":1,"Resources":[{"id":"u","userName":"u","meta":{"location":"https://h/t/acme/o/` + orgOne + `/scim2/Users/u"}}]}`, "", 2, 1, "", ""},
		{"cursor of zero", `{}`, "0", 2, 0, "", identity.CodeInvalidRequest},
		{"cursor with a sign", `{}`, "+3", 2, 0, "", identity.CodeInvalidRequest},
		{"not JSON", `<html>`, "", 2, 0, "", identity.CodeProviderError},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.Inject(scripted.Mishap{Op: "members", Status: 200, Body: c.body})
			page, err := r.p.ListMembers(t.Context(), org(orgOne), identity.PageRequest{Limit: c.limit, Cursor: c.cursor})
			wantCode(t, err, c.code)
			if err == nil && (len(page.Items) != c.items || page.Next != c.next) {
				t.Errorf("%d items and next %q, want %d and %q", len(page.Items), page.Next, c.items, c.next)
			}
		})
	}
}

func TestRolesOfMembers(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Inject(scripted.Mishap{Op: "members", Status: 200, Body: `{"totalResults":2,"Resources":[
		{"id":"u1","userName":"u1","roles":[{"display":"everyone","value":"e"},{"display":"Team Member","value":"mem-1008"}]},
		{"id":"u2","userName":"u2","roles":[{"display":"Team Member","value":"of-another-application"}]}]}`})
	page, err := r.p.ListMembers(t.Context(), org(orgOne), identity.PageRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(page.Items[0].Roles, []string{"member"}) || len(page.Items[1].Roles) != 0 || r.Count("role") != 0 {
		t.Errorf("listed %+v with %d look-ups of roles", page.Items, r.Count("role"))
	}
	r.addMember(orgOne, "m@example.com", "adm-1008")
	r.Inject(scripted.Mishap{Op: "role", Status: 404, Times: -1})
	if page, err = r.p.ListMembers(t.Context(), org(orgOne), identity.PageRequest{}); err != nil || len(page.Items[0].Roles) != 0 {
		t.Errorf("with roles that are gone: %+v, %v", page, err)
	}
}

func TestFindMember(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, body string
		want       bool
	}{
		{"invited", `{"id":"m","userName":"DEFAULT/a@example.com","emails":["a@example.com"],"urn:scim:wso2:schema":{"managedOrg":"root-0000"}}`, true},
		{"older schema", `{"id":"m","userName":"a@example.com","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"managedOrg":"root-0000"}}`, true},
		{"native account of that name", `{"id":"m","userName":"DEFAULT/a@example.com","emails":["a@example.com"]}`, false},
		{"shared from somewhere else", `{"id":"m","userName":"DEFAULT/a@example.com","urn:scim:wso2:schema":{"managedOrg":"other"}}`, false},
		{"somebody else", `{"id":"m","userName":"DEFAULT/b@example.com","emails":["a@example.com"],"urn:scim:wso2:schema":{"managedOrg":"root-0000"}}`, false},
		{"no id", `{"userName":"DEFAULT/a@example.com","urn:scim:wso2:schema":{"managedOrg":"root-0000"}}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.Inject(scripted.Mishap{Op: "member", Status: 200, Body: `{"totalResults":1,"Resources":[` + c.body + `]}`})
			request := r.request("A@example.com")
			member, err := r.p.FindMember(t.Context(), providers.InviteRef{
				Org: request.Org, Address: request.Address, Reference: map[string]string{refUsername: "a@example.com"},
			})
			if !c.want {
				wantCode(t, err, identity.CodeNotFound)
				return
			}
			if err != nil || member.ProviderID != "m" || member.UserName != "a@example.com" {
				t.Errorf("found %+v, %v", member, err)
			}
		})
	}
}

// TestNativeMember: where it is not known which organization is the root one,
// an account that was not shared from any still is nobody's acceptance.
func TestNativeMember(t *testing.T) {
	t.Parallel()
	for _, require := range []bool{true, false} {
		r := newRig(t, func(c *Config, _ *providers.Deps) { c.RequireManagedOrg = &require })
		r.hide = true
		r.addMember(orgOne, "a@example.com")
		r.orgs[orgOne].members[0].managedOrg = ""
		request := r.request("a@example.com")
		_, err := r.p.FindMember(t.Context(), providers.InviteRef{Org: request.Org, Address: request.Address})
		if found := err == nil; found == require {
			t.Errorf("managed_org required: %v, found: %v (%v)", require, found, err)
		}
	}
}

func TestListRoles(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(_ *Config, d *providers.Deps) {
		d.Roles = map[string]string{"researcher": "Research and Development", "admin": "Administrator", "absent": "Nobody"}
	})
	got, err := r.p.ListRoles(t.Context(), org(orgOne))
	want := []identity.Role{
		{Key: "admin", Name: "Administrator", ProviderID: "adm-1008"},
		{Key: "researcher", Name: "Research and Development", ProviderID: "rnd-1008"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("listed %+v, %v", got, err)
	}
	if _, err := r.p.Invite(t.Context(), r.request("a@example.com", "researcher")); err != nil {
		t.Error(err)
	}
	r.orgs[orgTwo].app = "" // the application is not there
	if got, err := r.p.ListRoles(t.Context(), org(orgTwo)); err != nil || len(got) != 0 {
		t.Errorf("listed %+v, %v", got, err)
	}
}

// TestRolePages: roles of another application among those listed, and a server
// that repeats its page for ever.
func TestRolePages(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Inject(scripted.Mishap{Op: "roles", Status: 200, Body: `{"totalResults":2,"Resources":[
		{"id":"r1","displayName":"Administrator","audience":{"value":"app-in-1008","type":"application"}},
		{"id":"r2","displayName":"Team Member","audience":[{"value":"another","type":"application"}]}]}`})
	got, err := r.p.ListRoles(t.Context(), org(orgOne))
	if want := []identity.Role{{Key: "admin", Name: "Administrator", ProviderID: "r1"}}; err != nil || !reflect.DeepEqual(got, want) || r.Count("roles") != 1 {
		t.Errorf("listed %+v, %v after %d pages", got, err, r.Count("roles"))
	}
	r.Inject(scripted.Mishap{Op: "roles", Times: -1, Status: 200, Body: `{"totalResults":500,"Resources":[{"id":"r1","displayName":"Administrator"}]}`})
	_, err = r.p.ListRoles(t.Context(), org(orgTwo))
	wantCode(t, err, identity.CodeProviderError)
}

// TestRoleLag: a new organization gets its roles a moment later.
func TestRoleLag(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Inject(scripted.Mishap{Op: "roles", Times: 3, Status: 200, Body: `{"totalResults":0}`})
	if _, err := r.p.Invite(t.Context(), r.request("a@example.com")); err != nil {
		t.Fatal(err)
	}
	if got := r.Count("roles"); got != 4 {
		t.Errorf("%d look-ups, want 4", got)
	}
	// Roles that stay missing are waited for once.
	delete(r.orgs[orgOne].roles, "Administrator")
	r.Clock.Advance(6 * time.Minute) // past what is remembered
	_, err := r.p.Invite(t.Context(), r.request("b@example.com", "admin"))
	wantCode(t, err, identity.CodeUnknownRole)
	before := r.Count("roles")
	r.Clock.Advance(time.Minute)
	_, err = r.p.Invite(t.Context(), r.request("b@example.com", "admin"))
	wantCode(t, err, identity.CodeUnknownRole)
	if got := r.Count("roles") - before; got != 1 || r.Count("create") != 1 {
		t.Errorf("%d more look-ups, want 1; calls %v", got, r.Calls)
	}
}
