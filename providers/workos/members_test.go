package workos

import (
	"fmt"
	"slices"
	"testing"

	"usher/identity"
	"usher/providers"
	"usher/providers/providertest"
	"usher/providers/providertest/scripted"
)

// Who is invited has a pending membership at this vendor, and who was switched
// off an inactive one: neither is a member.
func TestOnlyActiveMembers(t *testing.T) {
	t.Parallel()
	for _, bare := range []bool{false, true} {
		r := newRig(t, nil)
		r.bareMembers, r.statusless = bare, bare
		r.addMember(orgOne, "on@example.com", "active", "org-admin", "viewer", "member")
		r.addMember(orgOne, "off@example.com", "inactive", "member")
		r.elsewhere(orgOne, "invited@example.com", "member")
		page, err := r.client().ListMembers(t.Context(), org(orgOne), identity.PageRequest{})
		if err != nil || len(page.Items) != 1 || page.Next != "" {
			t.Fatalf("%+v, %v", page, err)
		}
		want := []string{"admin", "member"}
		if bare {
			want = []string{"admin"}
		}
		m := page.Items[0]
		if m.Email != "on@example.com" || m.GivenName != "on" || m.OrganizationID != org(orgOne).ID || m.CreatedAt == nil || !slices.Equal(m.Roles, want) {
			t.Errorf("listed %+v, want roles %v", m, want)
		}
		for _, email := range []string{"off@example.com", "invited@example.com"} {
			_, err := r.client().FindMember(t.Context(), providertest.Ref(r.request(email), &providers.Sent{}))
			wantCode(t, err, identity.CodeNotFound)
		}
	}
}

// The vendor's usual page is ten long: nobody may be missing for that.
func TestPagesToTheEnd(t *testing.T) {
	t.Parallel()
	for limit, pages := range map[int]int{0: 3, 7: 18, 200: 2} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			for n := range 125 {
				r.addMember(orgOne, fmt.Sprintf("m%d@example.com", n), "active", "member")
				r.elsewhere(orgOne, fmt.Sprintf("i%d@example.com", n), "member")
			}
			members, invites := map[string]bool{}, map[string]bool{}
			turned := walk(t, limit, func(q identity.PageRequest) (string, error) {
				page, err := r.client().ListMembers(t.Context(), org(orgOne), q)
				if err != nil {
					return "", err
				}
				for _, m := range page.Items {
					members[m.ProviderID] = true
				}
				return page.Next, nil
			})
			turnedToo := walk(t, limit, func(q identity.PageRequest) (string, error) {
				page, err := r.client().ListInvites(t.Context(), org(orgOne), q)
				if err != nil {
					return "", err
				}
				for _, i := range page.Items {
					invites[i.ProviderID] = true
				}
				return page.Next, nil
			})
			if len(members) != 125 || len(invites) != 125 || turned != pages || turnedToo != pages {
				t.Errorf("%d members on %d pages and %d invitations on %d, want 125 on %d", len(members), turned, len(invites), turnedToo, pages)
			}
		})
	}
}

func walk(t *testing.T, limit int, turn func(identity.PageRequest) (string, error)) (pages int) {
	t.Helper()
	q := identity.PageRequest{Limit: limit}
	for pages = 1; pages < 100; pages++ {
		next, err := turn(q)
		if err != nil {
			t.Fatal(err)
		}
		if next == "" {
			return pages
		}
		q.Cursor = next
	}
	t.Fatal("no end")
	return 0
}

func TestCursors(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, cursor := range []string{"x", "om_1/../2", "om_1&organization_id=x", "invitation_1 ", "user_1"} {
		_, err := r.client().ListMembers(t.Context(), org(orgOne), identity.PageRequest{Cursor: cursor})
		wantCode(t, err, identity.CodeInvalidRequest)
		_, err = r.client().ListInvites(t.Context(), org(orgOne), identity.PageRequest{Cursor: cursor})
		wantCode(t, err, identity.CodeInvalidRequest)
	}
	if n := r.Total(); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// A cursor that leads back to its own page would be walked for ever, and an
// answer that is no list would mean that every invitation is gone.
func TestListsThatAreNone(t *testing.T) {
	t.Parallel()
	const at = "invitation_1"
	for name, body := range map[string]string{
		"an empty object":   `{}`,
		"an array":          `[]`,
		"an error with 200": `{"message":"Internal Server Error"}`,
		"html":              `<html></html>`,
		"no rows":           `{"object":"list","list_metadata":{"before":null,"after":null}}`,
		"null":              `{"object":"list","data":null,"list_metadata":{"before":null,"after":null}}`,
		"no place in it":    `{"object":"list","data":[]}`,
		"a circle":          `{"object":"list","data":[],"list_metadata":{"before":null,"after":"` + at + `"}}`,
		"no cursor":         `{"object":"list","data":[],"list_metadata":{"before":null,"after":"https://example.com/?after=1"}}`,
	} {
		r := newRig(t, nil)
		r.Inject(scripted.Mishap{Op: "list", Times: -1, Status: 200, Body: body})
		_, err := r.client().ListInvites(t.Context(), org(orgOne), identity.PageRequest{Cursor: at})
		definite(t, name, err, identity.CodeProviderError)
		_, err = r.client().Settle(t.Context(), r.request("a@example.com"))
		definite(t, name, err, identity.CodeProviderError)
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.elsewhere(orgOne, "expired@example.com", "member")
	r.Clock.Advance(7*day - 1)
	r.elsewhere(orgOne, "pending@example.com", "viewer")
	r.revoked(r.elsewhere(orgOne, "revoked@example.com", "member"))
	r.elsewhere(orgOne, "accepted@example.com", "org-admin")
	if err := r.accept(orgOne, "accepted@example.com", "accepted@example.com"); err != nil {
		t.Fatal(err)
	}
	odd := r.elsewhere(orgOne, "odd@example.com", "member")
	odd.state = "declined" // the document has no such state
	r.Inject(scripted.Mishap{Op: "list", During: func() {
		r.Lock()
		r.rows = slices.DeleteFunc(r.rows, func(row *invitation) bool { return row == odd })
		r.Unlock()
	}})
	r.Clock.Advance(2)
	r.lazyExpiry = true
	page, err := r.client().ListInvites(t.Context(), org(orgOne), identity.PageRequest{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]struct {
		state    identity.State
		roles    []string
		unmapped bool
	}{
		"expired@example.com": {identity.StateExpired, []string{"member"}, false}, "pending@example.com": {identity.StatePending, []string{}, true},
		"revoked@example.com": {identity.StateRevoked, []string{"member"}, false}, "accepted@example.com": {identity.StateAccepted, []string{"admin"}, false},
	}
	for _, row := range page.Items {
		w := want[row.Email]
		if row.State != w.state || !slices.Equal(row.Roles, w.roles) || row.UnmappedRoles != w.unmapped || row.CreatedAt == nil || row.ExpiresAt == nil || row.ProviderID == "" {
			t.Errorf("listed %+v, want %+v", row, w)
		}
	}
	if len(page.Items) != len(want) {
		t.Errorf("%d rows", len(page.Items))
	}
}

// A state that nobody knows is left out, not guessed at; a row that does not say
// its role may grant any.
func TestRowsNotUnderstood(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Inject(scripted.Mishap{Op: "list", Status: 200, Body: `{"object":"list","list_metadata":{"after":null},"data":[
		{"id":"invitation_1","email":"a@example.com","state":"declined","organization_id":"` + orgOne + `"},
		{"id":"","email":"b@example.com","state":"pending","organization_id":"` + orgOne + `"},
		{"id":"../users","email":"c@example.com","state":"pending","organization_id":"` + orgOne + `"},
		{"id":"invitation_3","email":"c@example.com","state":"pending","organization_id":"` + orgOne + `","something_new":{}}]}`})
	page, err := r.client().ListInvites(t.Context(), org(orgOne), identity.PageRequest{})
	if err != nil || len(page.Items) != 1 || page.Items[0].ProviderID != "invitation_3" || !page.Items[0].UnmappedRoles {
		t.Errorf("%+v, %v", page, err)
	}
}

// Somebody who merely carries the address is not the invitee; who accepted is,
// whatever his own address.
func TestFindMember(t *testing.T) {
	t.Parallel()
	r, request, sent := pendingRig(t, nil)
	ref := providertest.Ref(request, sent)
	other := r.addMember(orgTwo, "a@example.com", "active", "member")
	_, err := r.client().FindMember(t.Context(), ref)
	wantCode(t, err, identity.CodeNotFound)
	if err := r.accept(orgOne, "a@example.com", "colleague@example.com"); err != nil {
		t.Fatal(err)
	}
	m, err := r.client().FindMember(t.Context(), ref)
	if err != nil || m.Email != "colleague@example.com" || m.ProviderID == other.id || !slices.Equal(m.Roles, []string{"admin"}) {
		t.Errorf("found %+v, %v", m, err)
	}

	carrier := r.addMember(orgOne, "carrier@example.com", "active", "member")
	by := providertest.Ref(r.request("Carrier@example.com"), &providers.Sent{ProviderID: "invitation_gone"})
	if m, err := r.client().FindMember(t.Context(), by); err != nil || m.ProviderID != carrier.id {
		t.Errorf("found %+v, %v", m, err)
	}
	r.person("carrier@example.com").verified = false
	_, err = r.client().FindMember(t.Context(), by)
	wantCode(t, err, identity.CodeNotFound)
}

// A user who is gone leaves a member without a name, not an error.
func TestMemberWithoutUser(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.bareMembers = true
	m := r.addMember(orgOne, "a@example.com", "active", "member")
	r.Inject(scripted.Mishap{Op: "user", Status: 404, Body: `{"message":"User not found."}`})
	page, err := r.client().ListMembers(t.Context(), org(orgOne), identity.PageRequest{})
	if err != nil || len(page.Items) != 1 || page.Items[0].ProviderID != m.id || page.Items[0].Email != "" {
		t.Errorf("%+v, %v", page, err)
	}
	r.Inject(scripted.Mishap{Op: "user", Status: 200, Body: `{"object":"user","id":"user_other","email":"other@example.com"}`})
	_, err = r.client().ListMembers(t.Context(), org(orgOne), identity.PageRequest{})
	wantCode(t, err, identity.CodeProviderError)
}

func TestRoles(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(_ *Config, d *providers.Deps) {
		d.Roles = map[string]string{"owner": "org-admin", "admin": "org-admin", "guest": "viewer", "editor": "editor", "absent": "org-absent"}
	})
	got, err := r.client().ListRoles(t.Context(), org(orgOne))
	want := []identity.Role{
		{Key: "admin", Name: "Role org-admin", ProviderID: "org-admin"}, {Key: "guest", Name: "Role viewer", ProviderID: "viewer"},
		{Key: "owner", Name: "Role org-admin", ProviderID: "org-admin"},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	_, err = r.client().ListRoles(t.Context(), identity.OrgRef{ID: "org_x", ProviderID: "org_unknown"})
	wantCode(t, err, identity.CodeNotFound)
	_, err = r.client().ListRoles(t.Context(), identity.OrgRef{ID: "org_x", ProviderID: orgOne + "/roles/.."})
	wantCode(t, err, identity.CodeNotFound)
}

// What the vendor lacks rights or time for is told apart, on reads too.
func TestFailingReads(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]identity.Code{
		401: identity.CodeProviderCredentials, 403: identity.CodeProviderCredentials, 429: identity.CodeProviderRateLimited,
		500: identity.CodeProviderError, 503: identity.CodeProviderUnavailable, 504: identity.CodeProviderTimeout,
	} {
		for op, do := range map[string]func(r *rig) error{
			"memberships": func(r *rig) error {
				_, err := r.client().ListMembers(t.Context(), org(orgOne), identity.PageRequest{})
				return err
			},
			"list": func(r *rig) error {
				_, err := r.client().ListInvites(t.Context(), org(orgOne), identity.PageRequest{})
				return err
			},
			"roles": func(r *rig) error { _, err := r.client().ListRoles(t.Context(), org(orgOne)); return err },
			"users": func(r *rig) error { _, err := r.client().Settle(t.Context(), r.request("a@example.com")); return err },
			"get": func(r *rig) error {
				return r.client().Revoke(t.Context(), providertest.Ref(r.request("a@example.com"), &providers.Sent{ProviderID: "invitation_1"}))
			},
		} {
			r := newRig(t, nil)
			r.Inject(scripted.Mishap{Op: op, Times: -1, Status: status, Body: `{"message":"m"}`})
			definite(t, fmt.Sprint(op, " ", status), do(r), want)
		}
	}
}
