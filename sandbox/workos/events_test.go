package workos_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"usher/sandbox/workos"
)

func TestEvents(t *testing.T) { // FACTS.md section 10
	t.Parallel()
	w := newWorld(t)
	w.want(w.send("a@person.example"), 201)
	w.advance(time.Hour)
	id := w.want(w.send("b@person.example"), 201).Text("id")
	w.want(w.do("POST", invitations+"/"+id+"/revoke", nil), 200)
	const both = "/events?events=invitation.created,invitation.revoked"
	all := w.get(both, 200)
	if got := all.Column("data", "event"); !slices.Equal(got, []string{"invitation.revoked", "invitation.created", "invitation.created"}) {
		t.Errorf("events %v", got)
	}
	data, _ := all.At("data", 0, "data").(object)
	if len(data) != 13 || data["state"] != "revoked" {
		t.Errorf("data %v", data)
	}
	m, _ := w.get("/events?events=organization_membership.created&limit=1", 200).At("data", 0, "data").(object)
	if m["user"] != nil || m["organization_name"] != nil || m["status"] != "pending" {
		t.Errorf("data %v", m)
	}
	// Step by step, oldest first.
	var seen []string
	for path := both + "&limit=1&order=asc"; ; {
		a := w.get(path, 200)
		seen = append(seen, a.Column("data", "id")...)
		after := a.Text("list_metadata", "after")
		if after == "" {
			break
		}
		path = both + "&limit=1&order=asc&after=" + after
	}
	want := all.Column("data", "id")
	slices.Reverse(want)
	if !slices.Equal(seen, want) {
		t.Errorf("walked %v, want %v", seen, want)
	}
	for query, n := range map[string]int{
		"&range_start=2026-03-01T12:30:00Z": 2, "&range_end=2026-03-01T12:30:00Z": 1, "&range_start=2026-03-02": 0,
		"&organization_id=" + w.acme: 3, "&organization_id=org_unknown": 0,
	} {
		if got := len(w.get(both+query, 200).Column("data", "id")); got != n {
			t.Errorf("%s: %d events, want %d", query, got, n)
		}
	}
	a := w.do("GET", "/events", nil)
	w.refused(a, 422, "invalid_request_parameters")
	if a.Text("errors", 0, "field") != "events" || a.Text("errors", 0, "code") != "required" {
		t.Errorf("refusal %s", a.Raw)
	}
	w.refused(w.do("GET", both+"&range_start=yesterday", nil), 422, "invalid_request_parameters")
	w.refused(w.do("GET", both+"&range_start=2026-03-01&after="+want[0], nil), 400, "")
	w.quirks(func(q *workos.Quirks) { q.EventsOrder = "asc" })
	if got := w.get(both, 200).Column("data", "id"); !slices.Equal(got, want) {
		t.Errorf("oldest first: %v", got)
	}
	w.advance(30*24*time.Hour - 30*time.Minute)
	if got := w.get(both, 200).Column("data", "id"); !slices.Equal(got, want[1:]) {
		t.Errorf("after thirty days: %v", got)
	}
}

// receiver notes webhooks and answers with a status.
type receiver struct {
	status int
	got    []string // ids of events
	states []string
}

func TestWebhooks(t *testing.T) { // FACTS.md section 10
	t.Parallel()
	w := newWorld(t)
	r := &receiver{status: 200}
	secret := ""
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		at, rest, _ := strings.Cut(strings.TrimPrefix(q.Header.Get("WorkOS-Signature"), "t="), ", v1=")
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(at + "." + string(body)))
		if rest != hex.EncodeToString(mac.Sum(nil)) || at != strconv.FormatInt(w.sim.Now().UnixMilli(), 10) {
			t.Errorf("signature %q at %s", q.Header.Get("WorkOS-Signature"), at)
		}
		var e struct {
			ID   string
			Data struct{ State, Token string }
		}
		if json.Unmarshal(body, &e) != nil || e.Data.Token != "" {
			t.Errorf("body %s", body)
		}
		r.got, r.states = append(r.got, e.ID), append(r.states, e.Data.State)
		rw.WriteHeader(r.status)
	}))
	defer srv.Close()
	deliver := func() []string {
		t.Helper()
		r.got, r.states = nil, nil
		w.want(w.do("POST", "/_sandbox/webhooks/deliver", nil), 204)
		return r.states
	}
	const path = "/webhook_endpoints"
	a := w.want(w.do("POST", path, object{"endpoint_url": srv.URL, "events": []string{"invitation.created", "invitation.revoked"}}), 201)
	secret = a.Text("secret")
	id := w.want(w.send("a@person.example"), 201).Text("id")
	w.want(w.do("POST", invitations+"/"+id+"/revoke", nil), 200)
	if got := deliver(); !slices.Equal(got, []string{"pending", "revoked"}) {
		t.Errorf("delivered %v", got)
	}
	if got := deliver(); len(got) != 0 {
		t.Errorf("delivered again: %v", got)
	}
	w.quirks(func(q *workos.Quirks) { q.WebhooksDuplicated, q.WebhooksShuffled = true, true })
	id = w.want(w.send("b@person.example"), 201).Text("id")
	w.want(w.do("POST", invitations+"/"+id+"/revoke", nil), 200)
	if got := deliver(); !slices.Equal(got, []string{"revoked", "revoked", "pending", "pending"}) {
		t.Errorf("delivered %v", got)
	}
	w.quirks(func(q *workos.Quirks) { q.WebhooksDuplicated = false })
	// Refused ones come again, six times within three days.
	r.status = 500
	w.want(w.send("c@person.example"), 201)
	tries := 0
	for range 4 * 24 * 4 {
		tries += len(deliver())
		w.advance(15 * time.Minute)
	}
	if tries != 7 {
		t.Errorf("%d tries", tries)
	}
	// Endpoints that are off, or not on this machine, get nothing.
	w.want(w.do("PATCH", path+"/"+a.Text("id"), object{"status": "disabled"}), 200)
	w.want(w.do("POST", path, object{"endpoint_url": "https://example.com/hook", "events": []string{"invitation.created"}}), 201)
	w.want(w.send("d@person.example"), 201)
	if got := deliver(); len(got) != 0 {
		t.Errorf("delivered %v", got)
	}
}

func TestWebhookEndpoints(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const path = "/webhook_endpoints"
	events := []string{"invitation.created"}
	a := w.want(w.do("POST", path, object{"endpoint_url": "https://example.com/a", "events": events}), 201)
	one := path + "/" + a.Text("id")
	w.want(w.do("POST", path, object{"endpoint_url": "https://example.com/b", "events": events}), 201)
	if got := w.get(path, 200).Column("data", "endpoint_url"); len(got) != 2 {
		t.Errorf("endpoints %v", got)
	}
	for _, test := range []struct {
		method, path string
		body         object
		status       int
		code         string
	}{
		{"POST", path, object{"endpoint_url": "https://example.com/a", "events": events}, 409, "duplicate_endpoint"},
		{"POST", path, object{"endpoint_url": "http://example.com/a", "events": events}, 422, "invalid_url"},
		{"POST", path, object{"endpoint_url": "https://example.com/c"}, 422, "invalid_request_parameters"},
		{"POST", path, object{"endpoint_url": "https://example.com/c", "events": []string{"x"}}, 422, "invalid_request_parameters"},
		{"PATCH", one, object{"endpoint_url": "https://example.com/b"}, 409, "duplicate_endpoint"},
		{"PATCH", one, object{"endpoint_url": "nonsense"}, 422, "invalid_url"},
		{"PATCH", one, object{"endpoint_url": "https://example.com/c", "events": []string{"user.created"}}, 200, ""},
		{"PATCH", path + "/we_unknown", object{}, 404, "entity_not_found"},
		{"DELETE", one, nil, 204, ""},
		{"DELETE", one, nil, 404, "entity_not_found"},
	} {
		a := w.do(test.method, test.path, test.body)
		if a.Status != test.status || a.Text("code") != test.code {
			t.Errorf("%s %s %v: %d %s", test.method, test.path, test.body, a.Status, a.Raw)
		}
	}
}
