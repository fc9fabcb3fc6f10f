package clerk

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"usher/identity"
	"usher/providers"
	"usher/providers/providertest/scripted"
)

// Somebody who merely carries the invitee's address, unproven, is not the
// invitee, and neither is a member of another organization.
func TestFindMember(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.addMember(orgOne, "proven@example.com", "org:admin")
	unproven := r.addMember(orgOne, "unproven@example.com", "org:member")
	r.With(func() { unproven.verified = false })
	r.addMember(orgTwo, "elsewhere@example.com", "org:member")
	for email, want := range map[string]identity.Code{
		"Proven@Example.com": "", "unproven@example.com": identity.CodeNotFound,
		"elsewhere@example.com": identity.CodeNotFound, "nobody@example.com": identity.CodeNotFound,
	} {
		for _, anything := range []bool{false, true} {
			r.With(func() { r.anything = anything })
			address, err := identity.ParseEmail(email)
			if err != nil {
				t.Fatal(err)
			}
			m, err := r.client().FindMember(t.Context(), providers.InviteRef{Org: org(orgOne), Address: address})
			if identity.CodeOf(err) != want {
				t.Errorf("%s: %v, want %q", email, err, want)
			}
			if err == nil && (m.Email != "proven@example.com" || !slices.Equal(m.Roles, []string{"admin"}) || m.ProviderID == "" || m.CreatedAt == nil) {
				t.Errorf("found %+v", m)
			}
		}
	}
}

// The identifier of a member may be a user name: then the address is looked up,
// once for a page.
func TestMembersWithUserNames(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(v *vendor, _ *Config, _ *providers.Deps) { v.userNames = true })
	want := []string{"a@example.com", "b@example.com", "c@example.com"}
	for _, email := range want {
		r.addMember(orgOne, email, "org:billing")
	}
	page, err := r.client().ListMembers(t.Context(), org(orgOne), identity.PageRequest{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, m := range page.Items {
		got[m.Email] = true
		if len(m.Roles) != 0 || m.UserName == "" || m.GivenName != "A" || m.OrganizationID != org(orgOne).ID {
			t.Errorf("member %+v", m)
		}
	}
	if !slices.Equal(slices.Sorted(maps.Keys(got)), want) || r.Count("users") != 1 {
		t.Errorf("listed %v with %d look-ups", got, r.Count("users"))
	}
}

// Roles are those of the organization's own role set, and those of the instance
// where there is none or the plan has no role sets.
func TestRoles(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(r *rig){
		"role set":    func(*rig) {},
		"no role set": func(r *rig) { r.noSets = true },
		"not offered": func(r *rig) {
			r.Inject(scripted.Mishap{Op: "set", Status: 403, Body: problem("authorization_invalid", nil)})
		},
		"not in a plan": func(r *rig) {
			r.Inject(scripted.Mishap{Op: "set", Status: 402, Body: problem("unsupported_subscription_plan_features", nil)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			prepare(r)
			roles, err := r.client().ListRoles(t.Context(), org(orgOne))
			want := []identity.Role{{Key: "admin", Name: "ADMIN", ProviderID: "org:admin"}, {Key: "member", Name: "MEMBER", ProviderID: "org:member"}}
			if err != nil || !slices.Equal(roles, want) {
				t.Errorf("roles %+v, %v, want %+v", roles, err, want)
			}
		})
	}
	r := newRig(t, nil)
	r.With(func() { r.orgs[orgOne].roles = []string{"org:member"} })
	roles, err := r.client().ListRoles(t.Context(), org(orgOne))
	if err != nil || len(roles) != 1 || roles[0].Key != "member" {
		t.Errorf("a role outside of the set is listed: %+v, %v", roles, err)
	}
	r.Inject(scripted.Mishap{Op: "set", Times: -1, Status: 404, Body: "<html>not found</html>"})
	_, err = r.client().ListRoles(t.Context(), org(orgOne))
	wantCode(t, err, identity.CodeProviderError)
}

// A list that does not tell its length, or one that cannot be, is read to its end
// all the same: what is not listed would count as gone.
func TestListsWithoutALength(t *testing.T) {
	t.Parallel()
	row := func(n int) string {
		return fmt.Sprintf(`{"id":"orginv_%d","email_address":"a%d@example.com","role":"org:member","status":"pending","created_at":%d}`, n, n, n)
	}
	for name, total := range map[string]string{"none": "", "too short": `,"total_count":1`, "null": `,"total_count":null`} {
		r := newRig(t, nil)
		r.Inject(scripted.Mishap{Op: "list", Status: 200, Body: `{"data":[` + row(1) + "," + row(2) + `]` + total + `}`})
		page, err := r.client().ListInvites(t.Context(), org(orgOne), identity.PageRequest{Limit: 2})
		if err != nil || len(page.Items) != 2 || page.Next != "2" {
			t.Errorf("%s: %+v, %v", name, page, err)
		}
		r.Inject(scripted.Mishap{Op: "list", Status: 200, Body: `{"data":[` + row(3) + `]` + total + `}`})
		page, err = r.client().ListInvites(t.Context(), org(orgOne), identity.PageRequest{Limit: 2, Cursor: "2"})
		if err != nil || len(page.Items) != 1 || page.Next != "" {
			t.Errorf("%s: then %+v, %v", name, page, err)
		}
	}
}
