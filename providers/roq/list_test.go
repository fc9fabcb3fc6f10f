package roq

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/identity"
	"usher/providers"
)

// TestListInvites: what each row means.
func TestListInvites(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(r *rig, i row)
		want   identity.State // empty: left out
		roles  []string
		more   bool
	}{
		{"pending", func(*rig, row) {}, identity.StatePending, []string{"member"}, false},
		{"accepted", func(_ *rig, i row) { i["status"] = "accepted" }, identity.StateAccepted, []string{"member"}, false},
		{"canceled", func(_ *rig, i row) { i["status"] = "canceled" }, identity.StateRevoked, []string{"member"}, false},
		{"expired", func(_ *rig, i row) { i["status"] = "expired" }, identity.StateExpired, []string{"member"}, false},
		{"past its life", func(r *rig, _ row) { r.job = true; r.Clock.Advance(24 * time.Hour) }, identity.StateExpired, []string{"member"}, false},
		{"shortly before", func(r *rig, _ row) { r.job = true; r.Clock.Advance(24*time.Hour - time.Millisecond) }, identity.StatePending, []string{"member"}, false},
		{"sent again since", func(r *rig, i row) {
			r.job = true
			r.Clock.Advance(24 * time.Hour)
			i["statusUpdatedAt"] = r.stamp()
		}, identity.StatePending, []string{"member"}, false},
		{"times that cannot be read", func(_ *rig, i row) {
			for _, name := range []string{"createdAt", "updatedAt", "statusUpdatedAt"} {
				i[name] = "yesterday"
			}
		}, identity.StatePending, []string{"member"}, false},
		{"a new status", func(_ *rig, i row) { i["status"] = "rejected" }, "", nil, false},
		{"keys", func(_ *rig, i row) { i["roleKeys"], i["roles"] = []string{"org-admin", "org-member"}, nil }, identity.StatePending, []string{"admin", "member"}, false},
		{"a role that nobody maps", func(_ *rig, i row) { i["roleKeys"] = []string{"org-member", "auditor"} }, identity.StatePending, []string{"member"}, true},
		{"no roles", func(_ *rig, i row) { i["roleKeys"], i["roles"] = []string{}, nil }, identity.StatePending, []string{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			i := r.invite(orgOne, "A@example.com", "org-member")
			i["data"] = row{"usher_invite_id": "inv_9", "x": 1}
			r.invite(orgTwo, "a@example.com", "org-member")
			c.change(r, i)
			page, err := r.p.ListInvites(t.Context(), org(orgOne), identity.PageRequest{})
			if err != nil || page.Next != "" {
				t.Fatalf("%+v, %v", page, err)
			}
			if c.want == "" {
				if len(page.Items) != 0 {
					t.Errorf("listed %+v", page.Items)
				}
				return
			}
			if len(page.Items) != 1 {
				t.Fatalf("listed %+v", page.Items)
			}
			got := page.Items[0]
			if got.ProviderID != i["id"] || got.InviteID != "inv_9" || got.Email != "A@example.com" || got.State != c.want ||
				!slices.Equal(got.Roles, c.roles) || got.UnmappedRoles != c.more || got.Reference[refID] != i["id"] {
				t.Errorf("listed %+v", got)
			}
			if readable := i["createdAt"] != "yesterday"; (got.CreatedAt != nil) != readable || (got.ExpiresAt != nil) != (readable && i["status"] == "pending") {
				t.Errorf("created %v, expires %v", got.CreatedAt, got.ExpiresAt)
			}
		})
	}
}

// Where the life of an invitation is not known, the vendor alone says when one
// has expired.
func TestListWithoutLife(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config, _ *providers.Deps) { c.InviteLife = "0s" })
	r.job = true
	r.invite(orgOne, "a@example.com")
	r.Clock.Advance(365 * 24 * time.Hour)
	page, err := r.p.ListInvites(t.Context(), org(orgOne), identity.PageRequest{})
	if err != nil || len(page.Items) != 1 || page.Items[0].State != identity.StatePending || page.Items[0].ExpiresAt != nil {
		t.Errorf("listed %+v, %v", page, err)
	}
}

// TestListToTheEnd: rows of one moment have no order, so a page can repeat one
// and leave out another. An invitation that is left out would count as gone.
func TestListToTheEnd(t *testing.T) {
	t.Parallel()
	const n = 11
	for _, c := range []struct {
		name  string
		edit  func(call int, list row)
		calls int
		want  identity.Code
	}{
		{"in order", func(int, row) {}, 4, ""},
		{"a row stands for another, once", func(call int, list row) {
			if rows := list["data"].([]any); call == 2 {
				rows[0] = rows[1]
			}
		}, 8, ""},
		{"a row never comes", func(call int, list row) {
			if rows := list["data"].([]any); call == 2 || call == 6 {
				rows[0] = rows[1]
			}
		}, 8, identity.CodeProviderError},
		{"another tenant's row", func(call int, list row) {
			if call == 2 {
				list["data"].([]any)[0].(row)["tenantId"] = orgTwo
			}
		}, 2, identity.CodeProviderError},
		{"a row of no tenant", func(call int, list row) {
			if call == 3 {
				list["data"].([]any)[0].(row)["tenantId"] = nil
			}
		}, 3, identity.CodeProviderError},
		{"an empty page before the end", func(call int, list row) {
			if call == 2 {
				list["data"] = []any{}
			}
		}, 6, ""},
		{"more than it counts", func(_ int, list row) { list["totalCount"] = 3 }, 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.cap = 3
			for k := range n {
				r.invite(orgOne, fmt.Sprintf("a%d@example.com", k), "org-member")
			}
			call := 0
			r.edit = func(_ string, data row) {
				call++
				c.edit(call, data["userInvites"].(row))
			}
			page, err := r.p.ListInvites(t.Context(), org(orgOne), identity.PageRequest{Limit: 2})
			wantCode(t, err, c.want)
			if got := r.Count("usherInvites"); got != c.calls {
				t.Errorf("%d calls, want %d", got, c.calls)
			}
			if err != nil || c.name == "more than it counts" {
				return
			}
			seen := map[string]bool{}
			for _, i := range page.Items {
				seen[i.ProviderID] = true
			}
			if len(page.Items) != n || len(seen) != n {
				t.Errorf("%d rows, %d of them different, want %d", len(page.Items), len(seen), n)
			}
		})
	}
	r := newRig(t, nil)
	_, err := r.p.ListInvites(t.Context(), org(orgOne), identity.PageRequest{Cursor: "2"})
	wantCode(t, err, identity.CodeInvalidRequest)
	_, err = r.p.ListInvites(t.Context(), org(environment), identity.PageRequest{})
	wantCode(t, err, identity.CodeNotFound)
}

// TestLookComparesTenants: what a look shows of another tenant stops the
// sending before anything is written.
func TestLookComparesTenants(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(r *rig, data row){
		"pending of another tenant": func(r *rig, data row) {
			data["pending"] = row{"data": []any{row{"id": r.id(), "email": "a@example.com", "status": "pending", "tenantId": orgTwo}}}
		},
		"another tenant": func(_ *rig, data row) { data["tenants"] = row{"data": []any{row{"id": orgTwo}}} },
		"half a look":    func(_ *rig, data row) { delete(data, "roles") },
		"no tenants":     func(_ *rig, data row) { data["tenants"] = nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.edit = func(op string, data row) {
				if op == "usherLook" {
					edit(r, data)
				}
			}
			_, err := r.p.Invite(t.Context(), r.request("a@example.com"))
			want := identity.CodeProviderError
			if name == "another tenant" {
				want = identity.CodeNotFound
			}
			wantCode(t, err, want)
			wantActed(t, err, false)
			if r.Count("sendUserInvites") != 0 {
				t.Error("it was sent")
			}
		})
	}
}

// A tenant without an id is nobody's: nothing is asked.
func TestNoTenant(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	nowhere := identity.OrgRef{ID: "org_1", ProviderID: " "}
	request := r.request("a@example.com")
	request.Org = nowhere
	ref := r.ref("a@example.com", "")
	ref.Org = nowhere
	for name, do := range map[string]func() error{
		"invite": func() error { _, err := r.p.Invite(t.Context(), request); return err },
		"resend": func() error {
			_, err := r.p.Resend(t.Context(), providers.ResendRequest{InviteRequest: request})
			return err
		},
		"revoke":  func() error { return r.p.Revoke(t.Context(), ref) },
		"settle":  func() error { _, err := r.p.Settle(t.Context(), request); return err },
		"find":    func() error { _, err := r.p.FindMember(t.Context(), ref); return err },
		"members": func() error { _, err := r.p.ListMembers(t.Context(), nowhere, identity.PageRequest{}); return err },
		"invites": func() error { _, err := r.p.ListInvites(t.Context(), nowhere, identity.PageRequest{}); return err },
		"roles":   func() error { _, err := r.p.ListRoles(t.Context(), nowhere); return err },
	} {
		if code := identity.CodeOf(do()); code != identity.CodeNotFound {
			t.Errorf("%s: code %q", name, code)
		}
	}
	if r.Total() != 0 {
		t.Errorf("calls %v", r.Calls)
	}
}

// TestListMembers: pages, deactivated users, other tenants' rows.
func TestListMembers(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(_ *Config, d *providers.Deps) { d.Transport = checked(t, d.Transport) })
	for _, name := range []string{"dora", "ada", "bob", "carl"} {
		u := r.user(orgOne, name+"@example.com", "org-member", "auditor")
		u["firstName"], u["lastName"] = strings.ToUpper(name), "X"
		r.users = append(r.users, u)
	}
	r.users = append(r.users, r.user(orgTwo, "far@example.com"))
	var emails []string
	page := identity.PageRequest{Limit: 2}
	for {
		got, err := r.p.ListMembers(t.Context(), org(orgOne), page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range got.Items {
			emails = append(emails, m.Email)
			if m.Email == "ada@example.com" && (m.GivenName != "ADA" || m.FamilyName != "X" || !slices.Equal(m.Roles, []string{"member"}) ||
				m.CreatedAt == nil || m.OrganizationID != "org_01" || m.UserName != m.Email) {
				t.Errorf("member %+v", m)
			}
		}
		if page.Cursor = got.Next; got.Next == "" {
			break
		}
	}
	if want := []string{"ada@example.com", "bob@example.com", "carl@example.com", "dora@example.com", "inviter@example.com"}; !slices.Equal(emails, want) {
		t.Errorf("listed %v, want %v", emails, want)
	}
	r.edit = func(_ string, data row) {
		data["users"].(row)["data"].([]any)[0].(row)["active"] = false
	}
	if got, err := r.p.ListMembers(t.Context(), org(orgOne), identity.PageRequest{}); err != nil || len(got.Items) != 4 {
		t.Errorf("with a deactivated one: %+v, %v", got, err)
	}
	r.edit = func(_ string, data row) {
		data["users"].(row)["data"].([]any)[1].(row)["tenantId"] = orgTwo
	}
	_, err := r.p.ListMembers(t.Context(), org(orgOne), identity.PageRequest{})
	wantCode(t, err, identity.CodeProviderError)
	for _, cursor := range []string{"0", "-1", "+1", "01", "x", "1e3"} {
		_, err := r.p.ListMembers(t.Context(), org(orgOne), identity.PageRequest{Cursor: cursor})
		wantCode(t, err, identity.CodeInvalidRequest)
	}
}

// TestFindMember: who accepted an invitation is the member, under whatever
// address; a namesake of another tenant is not.
func TestFindMember(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(r *rig, i row)
		want   string
	}{
		{"nobody", func(*rig, row) {}, ""},
		{"by address", func(r *rig, _ row) { r.users = append(r.users, r.user(orgOne, "a@example.com")) }, "a@example.com"},
		{"deactivated", func(r *rig, _ row) {
			r.users = append(r.users, r.user(orgOne, "a@example.com"))
			r.users[1]["active"] = false
		}, ""},
		{"of another tenant", func(r *rig, _ row) { r.users = append(r.users, r.user(orgTwo, "a@example.com")) }, ""},
		{"who accepted", func(r *rig, i row) {
			r.users = append(r.users, r.user(orgOne, "other@example.com"))
			i["status"], i["acceptedByUserId"] = "accepted", r.users[1]["id"]
		}, "other@example.com"},
		{"who accepted is of another tenant", func(r *rig, i row) {
			r.users = append(r.users, r.user(orgTwo, "other@example.com"))
			i["status"], i["acceptedByUserId"] = "accepted", r.users[1]["id"]
		}, ""},
		{"accepted by nobody known", func(_ *rig, i row) { i["status"] = "accepted" }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(_ *Config, d *providers.Deps) { d.Transport = checked(t, d.Transport) })
			i := r.invite(orgOne, "a@example.com")
			c.change(r, i)
			m, err := r.p.FindMember(t.Context(), r.ref("A@Example.com", i["id"].(string)))
			if c.want == "" {
				wantCode(t, err, identity.CodeNotFound)
				return
			}
			if err != nil || m.Email != c.want || m.ProviderID != r.users[1]["id"] {
				t.Errorf("found %+v, %v", m, err)
			}
		})
	}
}

func TestListRoles(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(_ *Config, d *providers.Deps) {
		d.Transport = checked(t, d.Transport)
		d.Roles["gone"], d.Roles["owner"] = "org-gone", "org-admin"
	})
	got, err := r.p.ListRoles(t.Context(), org(orgOne))
	want := []identity.Role{
		{Key: "admin", Name: "Role 0", ProviderID: "org-admin"}, {Key: "member", Name: "Role 1", ProviderID: "org-member"},
		{Key: "owner", Name: "Role 0", ProviderID: "org-admin"},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	_, err = r.p.ListRoles(t.Context(), org(environment))
	wantCode(t, err, identity.CodeNotFound)
}

// An answer that only looks like an empty list does not make usher send again,
// and does not end every invite of an organization.
func TestNoList(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(data row, list string){
		"null":    func(data row, list string) { data[list] = nil },
		"no list": func(data row, list string) { delete(data, list) },
		"no rows": func(data row, list string) { data[list] = row{"data": nil, "totalCount": 0} },
	} {
		r := newRig(t, nil)
		sent := r.invited("a@example.com", "member")
		r.edit = func(_ string, data row) {
			for list := range data {
				if list != "tenants" {
					edit(data, list)
				}
			}
		}
		client := r.client()
		_, settled := client.Settle(t.Context(), sent.InviteRequest)
		_, listed := client.ListInvites(t.Context(), sent.Org, identity.PageRequest{})
		_, members := client.ListMembers(t.Context(), sent.Org, identity.PageRequest{})
		_, roles := client.ListRoles(t.Context(), sent.Org)
		for n, err := range []error{settled, listed, members, roles} {
			if identity.CodeOf(err) != identity.CodeProviderError {
				t.Errorf("%s, call %d: %v", name, n, err)
			}
		}
	}
}
