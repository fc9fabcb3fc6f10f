package clerk_test

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"testing"
	"time"

	"usher/sandbox/clerk"
)

func TestInvitation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.want(w.invite("New@Example.COM", "public_metadata", m{"a": 1}, "private_metadata", m{"b": "c"}, "expires_in_days", 2), 200)
	link := a.Text("url")
	want := m{
		"object": "organization_invitation", "id": a.Text("id"), "email_address": "new@example.com", "role": "org:member", "role_name": "Member",
		"organization_id": w.acme, "inviter_id": nil, "public_inviter_data": nil, "status": "pending", "public_metadata": m{"a": 1},
		"private_metadata": m{"b": "c"}, "url": link, "created_at": start.UnixMilli(), "updated_at": start.UnixMilli(),
		"expires_at": start.Add(48 * time.Hour).UnixMilli(),
	}
	same(t, "invitation", a.JSON, want)
	same(t, "read", w.get(w.org("/invitations/"+a.Text("id"))).JSON, want)
	mails := w.mails.To("new@example.com")
	if len(mails) != 1 || mails[0].Link != link || mails[0].Kind != clerk.MailOrganizationInvitation {
		t.Errorf("mails %+v", mails)
	}
	revoked := w.post(w.org("/invitations/"+a.Text("id")+"/revoke"), nil)
	if revoked.Text("status") != "revoked" || revoked.At("url") != nil {
		t.Errorf("revoked: %s", revoked.Raw)
	}
	plain := w.want(w.invite("plain@example.com", "notify", false, "redirect_url", nil, "expires_in_days", nil, "inviter_user_id", w.admin), 200)
	same(t, "inviter", plain.At("public_inviter_data"), m{"user_id": w.admin, "first_name": "Bo", "last_name": "Ss", "image_url": plain.Text("public_inviter_data", "image_url"), "has_image": false, "identifier": "boss@example.com"})
	same(t, "default life", plain.Number("expires_at")-plain.Number("created_at"), (30 * 24 * time.Hour).Milliseconds())
	if len(w.mails.To("plain@example.com")) != 0 {
		t.Error("a mail went out in spite of notify: false")
	}
}

// TestInvitationRefusals walks the order of section 14: every body has the
// fault of its row and those of the rows below.
func TestInvitationRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	full := w.sim.AddOrganization(clerk.Org{Name: "Full", MemberLimit: 3})
	for _, u := range []string{w.admin, w.member} {
		w.sim.AddMember(full, u, map[bool]string{true: "org:admin", false: "org:member"}[u == w.admin])
	}
	w.post("/v1/organizations/"+full+"/invitations", invitation("pending@example.com"))
	w.post("/v1/organization_roles", m{"name": "Elsewhere", "key": "org:elsewhere"})
	tests := []struct {
		name, org string
		body      m
		status    int
		code      string
		meta      m
	}{
		{"unknown parameter", "none", m{"email_address": 5, "name": "x"}, 422, "form_param_unknown", m{"param_name": "name"}},
		{"no role", "none", m{"email_address": 5}, 422, "form_param_missing", m{"param_name": "role"}},
		{"empty address", "none", m{"email_address": "", "role": "x"}, 422, "form_param_nil", m{"param_name": "email_address"}},
		{"type", "none", invitation("none", "role", 5), 422, "form_param_type_invalid", m{"param_name": "role"}},
		{"too long", "none", invitation("none", "expires_in_days", 366), 422, "form_param_value_invalid", m{"param_name": "expires_in_days"}},
		{"too short", "none", invitation("none", "expires_in_days", 0), 422, "form_param_value_invalid", m{"param_name": "expires_in_days"}},
		{"half a day", "none", invitation("none", "expires_in_days", 1.5), 422, "form_param_type_invalid", m{"param_name": "expires_in_days"}},
		{"metadata", "none", invitation("none", "public_metadata", []int{1}), 422, "form_param_type_invalid", m{"param_name": "public_metadata"}},
		{"organization", "none", invitation("none", "role", "org:none"), 404, "resource_not_found", nil},
		{"organization by slug", "acme", invitation("a@example.com"), 404, "resource_not_found", nil},
		{"address", full, invitation("none", "role", "org:none"), 422, "form_param_format_invalid", m{"param_name": "email_address", "email_addresses": []string{"none"}}},
		{"redirect", full, invitation("a@example.com", "redirect_url", "/path", "role", "org:none"), 422, "form_param_format_invalid", m{"param_name": "redirect_url"}},
		{"role", full, invitation("member@example.com", "role", "org:none", "inviter_user_id", "none"), 404, "resource_not_found", m{"param_name": "role"}},
		{"role outside of the set", full, invitation("member@example.com", "role", "org:elsewhere"), 404, "resource_not_found", m{"param_name": "role"}},
		{"inviter", full, invitation("member@example.com", "inviter_user_id", w.outside), 403, "not_a_member_in_organization", nil},
		{"inviter's right", full, invitation("member@example.com", "inviter_user_id", w.member), 403, "missing_organization_permission", m{"permissions": []string{"org:sys_memberships:manage"}}},
		{"member", full, invitation("Member@example.com"), 400, "already_a_member_in_organization", nil},
		{"duplicate", full, invitation("Pending@example.com"), 400, "organization_invitation_not_unique", nil},
		{"quota", full, invitation("new@example.com"), 403, "organization_membership_quota_exceeded", nil},
	}
	before := len(w.sim.State().Invitations)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w.t = t
			path := "/v1/organizations/" + test.org + "/invitations"
			a := w.refused(w.do("POST", path, test.body), test.status, test.code)
			bulk := w.refused(w.do("POST", path+"/bulk", []m{test.body}), test.status, test.code)
			if test.meta != nil {
				same(t, "meta", a.At("errors", 0, "meta"), test.meta)
				same(t, "meta of the bulk", bulk.At("errors", 0, "meta"), test.meta)
			}
		})
	}
	w.t = t
	if after := len(w.sim.State().Invitations); after != before || len(w.mails.All()) != 1 {
		t.Errorf("%d invitations became %d, %d mails", before, after, len(w.mails.All()))
	}
}

// TestDuplicates guards against an adapter that knows one of the forms alone.
func TestDuplicates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	first := w.want(w.invite("a@example.com"), 200).Text("id")
	w.refused(w.invite("A@example.com"), 400, "organization_invitation_not_unique")
	other := w.sim.AddOrganization(clerk.Org{Name: "Other"})
	w.post("/v1/organizations/"+other+"/invitations", invitation("a@example.com"))
	w.quirks(func(q *clerk.Quirks) { q.DuplicateCode, q.DuplicateStatus = "duplicate_record", 409 })
	a := w.refused(w.invite("a@example.com"), 409, "duplicate_record")
	same(t, "meta", a.At("errors", 0, "meta", "email_addresses"), []string{"a@example.com"})
	w.quirks(func(q *clerk.Quirks) { *q = clerk.DefaultQuirks(); q.Duplicates = "replace" })
	second := w.want(w.invite("a@example.com"), 200).Text("id")
	if first == second || w.get(w.org("/invitations/"+first)).Text("status") != "revoked" {
		t.Error("the first invitation is not replaced")
	}
	w.quirks(func(q *clerk.Quirks) { *q = clerk.DefaultQuirks() })
	w.advance(30 * 24 * time.Hour)
	same(t, "status at the end", w.get(w.org("/invitations/"+second)).Text("status"), "expired")
	w.quirks(func(q *clerk.Quirks) { q.ExpiredBlocks = true })
	w.refused(w.invite("a@example.com"), 400, "organization_invitation_not_unique")
	w.quirks(func(q *clerk.Quirks) { q.ExpiredBlocks = false })
	w.want(w.invite("a@example.com"), 200)
}

func TestBulk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	bulk := w.org("/invitations/bulk")
	many := func(n int) (out []m) {
		for i := range n {
			out = append(out, invitation(fmt.Sprintf("many%d@example.com", i)))
		}
		return out
	}
	w.refused(w.do("POST", bulk, many(11)), 400, "bulk_size_exceeded")
	w.quirks(func(q *clerk.Quirks) { q.BulkTooLarge = "form_param_value_invalid" })
	w.refused(w.do("POST", bulk, many(11)), 422, "form_param_value_invalid")
	w.refused(w.do("POST", bulk, `[]`), 422, "form_param_value_invalid")
	w.refused(w.do("POST", bulk, []m{invitation("x@example.com"), invitation("X@example.com")}), 400, "organization_invitation_not_unique")
	bad := []m{invitation("x@example.com"), invitation("y@example.com", "role", "org:none")}
	w.refused(w.do("POST", bulk, bad), 404, "resource_not_found")
	if got := w.sim.State().Invitations; len(got) != 0 {
		t.Fatalf("a refused bulk left %v", got)
	}
	a := w.post(bulk, many(10))
	same(t, "total", a.Number("total_count"), 10)
	if len(a.List("data")) != 10 || a.Text("data", 9, "email_address") != "many9@example.com" || len(w.mails.All()) != 10 {
		t.Errorf("bulk of ten: %d mails, %s", len(w.mails.All()), a.Raw)
	}
	w.quirks(func(q *clerk.Quirks) { q.BulkPartial = true })
	w.refused(w.do("POST", bulk, bad), 404, "resource_not_found")
	if len(w.mails.To("x@example.com")) != 1 || len(w.mails.To("y@example.com")) != 0 {
		t.Error("a partial bulk does not keep what stands before the refused one")
	}
	// 2 members and 11 invitations: 7 places are left of 20.
	w.quirks(func(q *clerk.Quirks) { q.BulkPartial = false })
	var eight []m
	for i := range 8 {
		eight = append(eight, invitation(fmt.Sprintf("eight%d@example.com", i)))
	}
	w.refused(w.do("POST", bulk, eight), 403, "organization_membership_quota_exceeded")
	w.post(bulk, eight[:7])
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	invited := func(address string) string { return w.want(w.invite(address), 200).Text("id") }
	revoke := func(id string, body any) answer { return w.do("POST", w.org("/invitations/"+id+"/revoke"), body) }
	w.refused(revoke("orginv_none", nil), 404, "resource_not_found")
	w.refused(w.do("GET", w.org("/invitations/orginv_none"), nil), 404, "resource_not_found")
	w.quirks(func(q *clerk.Quirks) {
		q.UnknownInvitation, q.UnknownOrganization = "organization_invitation_not_found", "organization_not_found_or_unauthorized"
	})
	w.refused(revoke("orginv_none", nil), 404, "organization_invitation_not_found")
	w.refused(w.do("GET", "/v1/organizations/org_none/invitations", nil), 404, "organization_not_found_or_unauthorized")
	revoked, accepted, expired, open := invited("r@example.com"), invited("a@example.com"), invited("e@example.com"), invited("o@example.com")
	other := w.sim.AddOrganization(clerk.Org{Name: "Other"})
	w.refused(w.do("POST", "/v1/organizations/"+other+"/invitations/"+open+"/revoke", nil), 404, "organization_invitation_not_found")
	w.refused(revoke(open, m{"requesting_user_id": w.member}), 403, "missing_organization_permission")
	w.refused(revoke(open, m{"requesting_user_id": w.outside}), 403, "not_a_member_in_organization")
	w.refused(revoke(open, m{"reason": "x"}), 422, "form_param_unknown")
	w.want(revoke(revoked, nil), 200)
	if _, err := w.sim.Accept(accepted); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{revoked, accepted} {
		w.refused(revoke(id, nil), 404, "organization_invitation_not_pending")
	}
	w.advance(30 * 24 * time.Hour)
	w.refused(revoke(expired, nil), 404, "organization_invitation_not_pending")
	w.quirks(func(q *clerk.Quirks) { q.RequireInviter = true })
	w.refused(w.invite("new@example.com"), 422, "form_param_missing")
	w.refused(revoke(open, nil), 422, "form_param_missing")
}

func TestInvitationLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ids := map[string]string{}
	for _, name := range []string{"c", "a", "b", "d"} {
		ids[name] = w.want(w.invite(name+"@example.com", "expires_in_days", map[bool]int{true: 1, false: 9}[name == "d"]), 200).Text("id")
	}
	w.post(w.org("/invitations/"+ids["c"]+"/revoke"), nil)
	if _, err := w.sim.Accept(ids["a"]); err != nil {
		t.Fatal(err)
	}
	other := w.sim.AddOrganization(clerk.Org{Name: "Other", Slug: "other"})
	w.post("/v1/organizations/"+other+"/invitations", invitation("a@example.com"))
	w.advance(25 * time.Hour)
	tests := []struct {
		query string
		want  []string
	}{
		{"", []string{"d", "b", "a", "c"}},
		{"order_by=%2Bcreated_at", []string{"c", "a", "b", "d"}},
		{"order_by=email_address", []string{"a", "b", "c", "d"}},
		{"order_by=-email_address&limit=2&offset=1", []string{"c", "b"}},
		{"order_by=-email_address&order_by=created_at", []string{"d", "c", "b", "a"}},
		{"status=pending", []string{"b"}},
		{"status=accepted&status=revoked", []string{"a", "c"}},
		{"status=expired", []string{"d"}},
		{"email_address=A%40Example.com", []string{"a"}},
		{"email_address=none%40example.com", []string{}},
		{"offset=9", []string{}},
	}
	for _, test := range tests {
		var want []string
		for _, name := range test.want {
			want = append(want, name+"@example.com")
		}
		a := w.get(w.org("/invitations?" + test.query))
		if got := column(a.List("data"), "email_address"); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", test.query, got, want)
		}
	}
	same(t, "total of a page", w.get(w.org("/invitations?limit=1")).Number("total_count"), 4)
	same(t, "pending", column(w.get(w.org("/invitations/pending")).List("data"), "id"), []string{ids["b"]})
	for _, bad := range []string{"limit=0", "limit=501", "limit=x", "offset=-1", "status=open", "order_by=role"} {
		w.want(w.do("GET", w.org("/invitations?"+bad), nil), 422)
	}
	all := w.get("/v1/organization_invitations?query=A%40ex")
	same(t, "all", all.Number("total_count"), 2)
	same(t, "organization", all.At("data", 0, "public_organization_data", "slug"), "other")
	user := w.sim.State().Users[3].ID
	same(t, "the user's own", column(w.get("/v1/users/"+user+"/organization_invitations?status=pending").List("data"), "organization_id"), []string{other})
	w.quirks(func(q *clerk.Quirks) {
		q.OneStatus, q.ExactAddressFilter, q.ExpiredAsPending, q.URLAlways = true, true, true, true
	})
	w.refused(w.do("GET", w.org("/invitations?status=pending&status=revoked"), nil), 422, "form_param_duplicate")
	same(t, "exact", len(w.get(w.org("/invitations?email_address="+url.QueryEscape("A@example.com"))).List("data")), 0)
	same(t, "expired as pending", column(w.get(w.org("/invitations?status=pending")).List("data"), "id"), []string{ids["d"], ids["b"]})
	if w.get(w.org("/invitations/"+ids["c"])).Text("url") == "" {
		t.Error("no url in spite of URLAlways")
	}
}

// TestListsLag guards against a client that takes a list for the truth right
// after it wrote.
func TestListsLag(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.advance(time.Hour)
	w.quirks(func(q *clerk.Quirks) { q.ListLagMS = 2000 })
	id := w.want(w.invite("a@example.com"), 200).Text("id")
	w.get(w.org("/invitations/" + id))
	same(t, "at once", w.get(w.org("/invitations")).Number("total_count"), 0)
	same(t, "pending at once", w.get(w.org("/invitations/pending")).Number("total_count"), 0)
	w.advance(2 * time.Second)
	same(t, "later", w.get(w.org("/invitations")).Number("total_count"), 1)
}

func TestInvitationQuirks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.quirks(func(q *clerk.Quirks) { q.InvitationsOff = true })
	w.refused(w.invite("a@example.com"), 403, "invitations_not_supported_in_organization")
	w.refused(w.do("POST", "/v1/invitations", m{"email_address": "a@example.com"}), 400, "invitations_not_supported")
	w.quirks(func(q *clerk.Quirks) { q.InvitationsOff, q.BillingSeats = false, 3 })
	w.want(w.invite("a@example.com"), 200)
	a := w.refused(w.invite("b@example.com"), 402, "insufficient_seats")
	same(t, "seats", a.At("errors", 0, "meta", "seats_quantity"), 3)
	w.refused(w.do("POST", w.org("/invitations/bulk"), []m{invitation("b@example.com")}), 403, "organization_membership_quota_exceeded")
	w.mails.Fail = errors.New("mail server is down")
	w.quirks(func(q *clerk.Quirks) { q.BillingSeats = 0 })
	w.want(w.invite("c@example.com"), 200)
	if mails := w.sim.State().Mails; mails[len(mails)-1].Error == "" {
		t.Error("a mail that was not delivered is not noted")
	}
}

func TestApplicationInvitations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	first := w.post("/v1/invitations", m{"email_address": "New@example.com", "public_metadata": m{"a": 1}, "expires_in_days": 1})
	same(t, "invitation", first.JSON, m{
		"object": "invitation", "id": first.Text("id"), "email_address": "new@example.com", "public_metadata": m{"a": 1}, "revoked": false,
		"status": "pending", "url": first.Text("url"), "expires_at": start.Add(24 * time.Hour).UnixMilli(), "created_at": start.UnixMilli(), "updated_at": start.UnixMilli(),
	})
	again := m{"email_address": "new@example.com"}
	a := w.refused(w.do("POST", "/v1/invitations", again), 400, "duplicate_record")
	same(t, "meta", a.At("errors", 0, "meta", "email_addresses"), []string{"new@example.com"})
	w.refused(w.do("POST", "/v1/invitations/bulk", []m{{"email_address": "x@example.com"}, {"email_address": "x@example.com"}}), 400, "duplicate_record")
	w.refused(w.do("POST", "/v1/invitations", m{"email_address": "boss@example.com"}), 422, "form_identifier_exists")
	w.refused(w.do("POST", "/v1/invitations/bulk", []m{{"email_address": "boss@example.com", "ignore_existing": true}}), 422, "form_identifier_exists")
	w.quirks(func(q *clerk.Quirks) { q.InviteExistingUser = "duplicate_record" })
	w.refused(w.do("POST", "/v1/invitations", m{"email_address": "boss@example.com"}), 400, "duplicate_record")
	for _, bad := range []m{{}, {"email_address": "none"}, {"email_address": "a@example.com", "role": "x"}, {"email_address": "a@example.com", "template_slug": "x"},
		{"email_address": "a@example.com", "private_metadata": m{}}, {"email_address": "a@example.com", "expires_in_days": 0}} {
		w.want(w.do("POST", "/v1/invitations", bad), 422)
	}
	w.refused(w.do("POST", "/v1/invitations/bulk", `[]`), 422, "form_param_value_invalid")
	second := w.post("/v1/invitations", m{"email_address": "new@example.com", "ignore_existing": true}).Text("id")
	w.post("/v1/invitations", m{"email_address": "boss@example.com", "ignore_existing": true, "notify": false})
	bulk := w.post("/v1/invitations/bulk", []m{{"email_address": "bulk@example.com"}})
	same(t, "bulk", bulk.Text(0, "email_address"), "bulk@example.com")
	if len(w.mails.To("new@example.com")) != 2 || len(w.mails.To("boss@example.com")) != 0 {
		t.Error("the wrong mails went out")
	}
	revoked := w.post("/v1/invitations/"+second+"/revoke", nil)
	same(t, "revoked", []any{revoked.At("revoked"), revoked.At("status")}, []any{true, "revoked"})
	w.refused(w.do("POST", "/v1/invitations/"+second+"/revoke", nil), 400, "invitation_already_revoked")
	w.refused(w.do("POST", "/v1/invitations/inv_none/revoke", nil), 404, "resource_not_found")
	accepted := bulk.Text(0, "id")
	if _, err := w.sim.Accept(accepted); err != nil {
		t.Fatal(err)
	}
	w.refused(w.do("POST", "/v1/invitations/"+accepted+"/revoke", nil), 400, "invitation_already_accepted")
	w.advance(24 * time.Hour)
	for query, want := range map[string]int{"": 3, "status=revoked": 1, "status=expired": 1, "status=accepted": 1, "query=BULK": 1, "query=" + second + "&status=revoked": 1, "order_by=expires_at&limit=2": 2} {
		if got := len(w.get("/v1/invitations?" + query).List()); got != want {
			t.Errorf("%q: %d, want %d", query, got, want)
		}
	}
	same(t, "envelope", w.get("/v1/invitations?paginated=true&limit=1").Number("total_count"), 3)
	w.want(w.do("GET", "/v1/invitations?paginated=maybe", nil), 422)
	same(t, "organization's", w.get(w.org("/invitations")).Number("total_count"), 0)
}
