package workos_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/sandbox/workos"
)

// serve puts a simulator of a test's own on a server.
func serve(t *testing.T, sim *workos.Simulator) *world {
	t.Helper()
	srv := httptest.NewServer(sim)
	t.Cleanup(srv.Close)
	return &world{t: t, sim: sim, srv: srv}
}

func TestPages(t *testing.T) { // FACTS.md section 3
	t.Parallel()
	w := newWorld(t)
	var ids []string // oldest first
	for n := range 12 {
		w.advance(time.Minute)
		ids = append(ids, w.want(w.send(fmt.Sprintf("p%d@person.example", n)), 201).Text("id"))
	}
	newest := slices.Clone(ids)
	slices.Reverse(newest)
	for _, test := range []struct {
		query         string
		want          []string
		before, after any
	}{
		{"", newest[:10], nil, newest[9]},
		{"?limit=100", newest, nil, nil},
		{"?limit=12", newest, nil, nil},
		{"?limit=5&order=asc", ids[:5], nil, ids[4]},
		{"?limit=5&order=asc&after=" + ids[4], ids[5:10], ids[5], ids[9]},
		{"?limit=5&order=asc&after=" + ids[9], ids[10:], ids[10], nil},
		{"?limit=5&order=asc&after=" + ids[11], []string{}, nil, nil},
		{"?limit=2&order=asc&before=" + ids[4], ids[2:4], ids[2], ids[3]},
		{"?limit=5&order=asc&before=" + ids[2], ids[:2], nil, ids[1]},
		{"?limit=5&after=" + newest[4], newest[5:10], newest[5], newest[9]},
		{"?limit=5&order=normal", newest[:5], newest[4], nil},
		{"?limit=5&order=normal&before=" + newest[4], newest[5:10], newest[9], newest[5]},
		{"?limit=5&order=normal&after=" + newest[5], newest[:5], newest[4], nil},
		{"?limit=3&after=invitation_unknown", newest[:3], nil, newest[2]},
	} {
		a := w.get(invitations+test.query, 200)
		if got := a.Column("data", "id"); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", test.query, got, test.want)
		}
		if a.At("list_metadata", "before") != test.before || a.At("list_metadata", "after") != test.after {
			t.Errorf("%s: %v, want %v %v", test.query, a.At("list_metadata"), test.before, test.after)
		}
	}
	w.quirks(func(q *workos.Quirks) { q.BeforeOnFirstPage, q.RefuseUnknownCursor = true, true })
	if got := w.get(invitations+"?limit=3", 200).At("list_metadata", "before"); got != newest[0] {
		t.Errorf("before on the first page: %v", got)
	}
	w.want(w.do("GET", invitations+"?after=invitation_unknown", nil), 422)
}

func TestKeys(t *testing.T) { // FACTS.md sections 1, 2 and 13.11
	t.Parallel()
	w := newWorld(t)
	for _, header := range []string{"", "Bearer", "Bearer sk_test_other", "Basic " + apiKey, apiKey} {
		a := w.do("GET", invitations, nil, "Authorization", header)
		w.refused(a, 401, "")
		if a.Text("message") == "" || a.Header.Get("X-Request-ID") == "" {
			t.Errorf("%q: %s", header, a.Raw)
		}
	}
	w.sim.AddKey("sk_test_reader", workos.GroupUsers)
	w.refused(w.do("GET", invitations, nil, "Authorization", "Bearer sk_test_reader"), 403, "")
	w.want(w.do("GET", users, nil, "Authorization", "Bearer sk_test_reader"), 200)
	w.sim.RevokeKey(apiKey)
	w.refused(w.do("GET", users, nil), 401, "")
	// Ids of another environment are unknown here, not forbidden.
	other := workos.New(workos.Options{ClientID: "client_other", Now: func() time.Time { return start }})
	id := other.AddUser(workos.Person{Email: "boss@acme.example"})
	w.refused(w.do("GET", users+"/"+id, nil, "Authorization", "Bearer sk_test_reader"), 404, "entity_not_found")
}

func TestRateLimits(t *testing.T) { // FACTS.md section 4
	t.Parallel()
	sim := workos.New(workos.Options{Limits: true, Now: func() time.Time { return start }})
	sim.AddKey(apiKey)
	ask := func(method, path string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader("{}"))
		r.Header.Set("Authorization", "Bearer "+apiKey)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, r)
		return w
	}
	until429 := func(most int, method, path string) int {
		for n := range most {
			if ask(method, path).Code == http.StatusTooManyRequests {
				return n
			}
		}
		return most
	}
	if got := until429(2000, "POST", invitations); got != 500 {
		t.Errorf("%d writes", got)
	}
	if got := until429(2000, "GET", users+"/x"); got != 1000 {
		t.Errorf("%d reads", got)
	}
	a := ask("POST", users)
	if a.Code != 429 || a.Header().Get("Retry-After") != "10" || !strings.Contains(a.Body.String(), `"rate_limit_exceeded"`) {
		t.Errorf("%d %q %s", a.Code, a.Header().Get("Retry-After"), a.Body)
	}
	if err := sim.PatchQuirks([]byte(`{"retry_after":false,"too_many_requests":"text"}`)); err != nil {
		t.Fatal(err)
	}
	a = ask("POST", users)
	if a.Code != 429 || a.Header().Get("Retry-After") != "" || strings.Contains(a.Body.String(), `"code"`) {
		t.Errorf("%d %q %s", a.Code, a.Header().Get("Retry-After"), a.Body)
	}
	if got := until429(60, "DELETE", organizations+"/x"); got != 50 {
		t.Errorf("%d deletions", got)
	}
	sim.Injector().Clock().Advance(10 * time.Second)
	if a := ask("POST", invitations); a.Code != 422 {
		t.Errorf("ten seconds later: %d", a.Code)
	}
	sim.Injector().Clock().Advance(50 * time.Second)
	if got := until429(6100, "GET", organizations+"/x"); got != 6000 {
		t.Errorf("%d calls", got)
	}
	login := func() int {
		body := `{"grant_type":"password","client_id":"client_sandbox","client_secret":"` + apiKey + `","email":"a@b.example","password":"x"}`
		r := httptest.NewRequest("POST", authenticate, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, r)
		return w.Code
	}
	for n := range 11 {
		if got := login(); (got == 429) != (n == 10) {
			t.Errorf("login %d: %d", n, got)
		}
	}
}

func TestMailQuota(t *testing.T) { // FACTS.md section 4
	t.Parallel()
	w := newWorld(t)
	w.quirks(func(q *workos.Quirks) { q.DailyMailQuota = 1 })
	id := w.want(w.send("a@person.example"), 201).Text("id")
	w.refused(w.send("b@person.example"), 429, "daily_quota_exceeded")
	w.refused(w.do("POST", invitations+"/"+id+"/resend", object{}), 429, "daily_quota_exceeded")
	if n := len(w.sim.State().Invitations); n != 1 {
		t.Errorf("%d invitations", n)
	}
	w.advance(24 * time.Hour)
	w.want(w.send("b@person.example"), 201)
}

// TestIdempotencyKey guards against believing in a header that the vendor
// documents for another operation alone (FACTS.md section 5).
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	send := func(key string) answer {
		return w.do("POST", invitations, object{"email": "a@person.example", "organization_id": w.acme}, "Idempotency-Key", key)
	}
	first := w.want(send("k1"), 201)
	w.refused(send("k1"), 400, "email_already_invited_to_organization")
	w.quirks(func(q *workos.Quirks) { q.HonourIdempotencyKey = true })
	w.want(w.do("POST", invitations+"/"+first.Text("id")+"/revoke", nil), 200)
	second := w.want(send("k2"), 201)
	if again := w.want(send("k2"), 201); again.Raw != second.Raw || second.Raw == first.Raw {
		t.Errorf("again: %s", again.Raw)
	}
	w.refused(send("k3"), 400, "email_already_invited_to_organization")
	if n := len(w.sim.State().Invitations); n != 2 {
		t.Errorf("%d invitations", n)
	}
	w.advance(24 * time.Hour)
	w.refused(send("k2"), 400, "email_already_invited_to_organization")
}

// TestLostAnswer is the fault that adapters must survive: the invitation is
// made, and the connection is cut (FACTS.md sections 5 and 15).
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(w.do("POST", "/_sandbox/faults", object{"match": object{"method": "POST"}, "times": 1, "do": object{"cut": "after"}}), 201)
	body := strings.NewReader(`{"email":"a@person.example","organization_id":"` + w.acme + `"}`)
	r, err := http.NewRequestWithContext(t.Context(), "POST", w.srv.URL+invitations, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+apiKey)
	if res, err := w.srv.Client().Do(r); err == nil {
		res.Body.Close()
		t.Fatalf("answered %s", res.Status)
	}
	a := w.get(invitations+"?organization_id="+w.acme+"&email="+url.QueryEscape("a@person.example"), 200)
	if len(a.Column("data", "id")) != 1 || len(w.mails.All()) != 1 {
		t.Errorf("invitations %s, %d mails", a.Raw, len(w.mails.All()))
	}
	w.refused(w.send("a@person.example"), 400, "email_already_invited_to_organization")
}

func TestOtherQuirks(t *testing.T) {
	t.Parallel()
	w := looseWorld(t)
	w.quirks(func(q *workos.Quirks) {
		q.NotFoundWithoutCode, q.RefuseUnknownFields, q.OmitNewFields, q.DeleteStatus = true, true, true, 204
		q.RevokeKeepsMembership, q.InviteInactive, q.InviterUnchecked = true, "revive", true
		q.RefuseRoleWithoutOrg, q.UserExistsWithoutCode, q.LowerEmails, q.FoldEmails = true, true, false, false
	})
	w.refused(w.do("GET", invitations+"/none", nil), 404, "")
	w.refused(w.send("a@person.example", "note", "hi"), 422, "invalid_request_parameters")
	w.refused(w.send("a@person.example", "organization_id", nil, "role_slug", "admin"), 400, "invalid_role")
	w.refused(w.send("boss@acme.example", "organization_id", nil), 400, "")
	a := w.want(w.send("A@person.example", "inviter_user_id", "user_unknown"), 201)
	if a.Has("role_slug") || a.Text("email") != "A@person.example" {
		t.Errorf("invitation %s", a.Raw)
	}
	w.want(w.send("a@person.example"), 201) // somebody else, here
	w.want(w.do("POST", invitations+"/"+a.Text("id")+"/revoke", nil), 200)
	if m := w.membershipOf("A@person.example"); m.Status != "pending" {
		t.Errorf("membership %+v", m)
	}
	if m := w.get(memberships+"/"+w.bossIn, 200); m.Has("user") || m.Has("roles") || !m.Has("role") {
		t.Errorf("membership %s", m.Raw)
	}
	w.want(w.do("PUT", memberships+"/"+w.bossIn+"/deactivate", nil), 200)
	b := w.want(w.send("boss@acme.example"), 201)
	if m := w.membershipOf("boss@acme.example"); m.Status != "inactive" {
		t.Errorf("membership %+v", m)
	}
	w.want(w.do("POST", invitations+"/"+b.Text("id")+"/accept", nil), 200)
	if m := w.membershipOf("boss@acme.example"); m.Status != "active" {
		t.Errorf("membership %+v", m)
	}
	w.want(w.do("DELETE", memberships+"/"+w.bossIn, nil), 204)
	// An external id is a part of the path as it is.
	w.user("slash@person.example", "external_id", "crm/7")
	w.get(users+"/external_id/crm%2F7", 200)
	for _, path := range []string{"/", "/nothing", invitations + "/a/b/c", users + "/"} {
		a := w.do("GET", path, nil)
		if a.Status != 404 && path != users+"/" || path == users+"/" && a.Status != 200 {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
	w.want(w.do("DELETE", invitations+"/"+a.Text("id"), nil), 404) // no such route, FACTS.md section 6.2
	w.want(w.do("GET", invitations+"?a=%zz", nil), 400)
}

func TestSpellingsOfOneAddress(t *testing.T) { // FACTS.md section 16
	t.Parallel()
	w := newWorld(t)
	w.quirks(func(q *workos.Quirks) { q.LowerEmails = false })
	if got := w.want(w.send("Mixed@person.example"), 201).Text("email"); got != "Mixed@person.example" {
		t.Errorf("kept as %q", got)
	}
	w.refused(w.send("mixed@person.example"), 400, "email_already_invited_to_organization")
}

func TestQuirksOverHTTP(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if got := w.get("/_sandbox/quirks", 200); got.At("token_life_seconds") != float64(300) {
		t.Errorf("quirks %s", got.Raw)
	}
	w.want(w.do("PATCH", "/_sandbox/quirks", object{"resend_extends": true}), 200)
	for _, bad := range []object{
		{"resend_extend": true}, {"delete_status": 201}, {"events_order": "up"}, {"invite_inactive": "x"}, {"duplicate_membership": "x"},
		{"too_many_requests": "x"}, {"token_issuer": "x"}, {"token_life_seconds": 0}, {"resend_extends": "yes"},
	} {
		w.want(w.do("PATCH", "/_sandbox/quirks", bad), 400)
	}
	q := w.sim.Quirks()
	if !q.ResendExtends || q.DeleteStatus != 200 {
		t.Errorf("quirks %+v", q)
	}
}

// TestStateHasNoSecrets guards against tokens in the dump that tests print.
func TestStateHasNoSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.want(w.send("a@person.example"), 201)
	login := w.want(w.login(object{"grant_type": "password", "email": "boss@acme.example", "password": "a-long-password"}), 200)
	w.want(w.do("POST", "/webhook_endpoints", object{"endpoint_url": "https://example.com/a", "events": []string{"user.created"}}), 201)
	dump := w.get("/_sandbox/state", 200).Raw
	for _, secret := range []string{apiKey, a.Text("token"), login.Text("refresh_token"), login.Text("access_token"), "a-long-password"} {
		if strings.Contains(dump, secret) {
			t.Errorf("the dump has %q", secret)
		}
	}
	var s workos.State
	if err := json.Unmarshal([]byte(dump), &s); err != nil || len(s.Organizations) != 1 || len(s.Users) != 2 || s.ClientID != "client_world" {
		t.Errorf("%+v, %v", s, err)
	}
}
