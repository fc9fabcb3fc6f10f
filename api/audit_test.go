package api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/api"
	"usher/identity"
	"usher/internal/audit"
	"usher/providers/memory"
)

// audited keeps the record in a buffer.
func audited(b *bytes.Buffer) func(*api.Options) {
	return func(o *api.Options) { o.Audit = audit.To(b) }
}

// entries returns the record and empties it.
func entries(t *testing.T, b *bytes.Buffer) []audit.Entry {
	t.Helper()
	var list []audit.Entry
	for line := range strings.Lines(b.String()) {
		var e audit.Entry
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&e); err != nil || !strings.HasPrefix(line, `{"stream":"audit",`) {
			t.Fatalf("%s: %v", line, err)
		}
		list = append(list, e)
	}
	b.Reset()
	return list
}

// TestEveryWritingOperationIsRecorded takes the operations from the document:
// done or refused, each call is one line.
func TestEveryWritingOperationIsRecorded(t *testing.T) {
	t.Parallel()
	var record bytes.Buffer
	h := build(t, audited(&record))
	for _, op := range h.document().operations() {
		invite := h.send("invitee-of-" + op.OperationID + "@example.com")
		record.Reset()
		for _, as := range []string{admin, reader, outsider} {
			got := h.do(as, op.method, h.concrete(op, "acme", invite), h.bodyFor(op), "X-Request-Id", "call-of-"+as)
			lines := entries(t, &record)
			if op.method == "GET" && got.status < 300 {
				if len(lines) != 0 {
					t.Errorf("%s as %s: reading is recorded: %+v", op.OperationID, as, lines)
				}
				continue
			}
			if len(lines) != 1 {
				t.Errorf("%s as %s answered %d and left %d lines", op.OperationID, as, got.status, len(lines))
				continue
			}
			e, who := lines[0], h.auth[as]
			code := ""
			if got.status >= 400 {
				code = got.text("code")
			}
			if e.Operation != op.OperationID || e.Status != got.status || e.Code != code || e.RequestID != "call-of-"+as ||
				e.Issuer != issuer || e.Subject != audit.Name(who.Subject) || e.Source != "192.0.2.1" || !e.Time.Equal(h.clock.Now()) || e.Replayed {
				t.Errorf("%s as %s answered %d: %+v", op.OperationID, as, got.status, e)
			}
			if strings.Contains(op.path, "{invite}") && e.Targets["invite"] != invite {
				t.Errorf("%s as %s: targets %v", op.OperationID, as, e.Targets)
			}
			if org := strings.Contains(op.path, "{org}"); org && as != outsider && e.Organization != h.acme.ID ||
				org && as == outsider && (e.Organization != "" || e.OrganizationRef != "acme") {
				t.Errorf("%s as %s: organization %q, ref %q", op.OperationID, as, e.Organization, e.OrganizationRef)
			}
		}
	}
}

// TestRecordOfOneInvite has what lines say beyond who and what.
func TestRecordOfOneInvite(t *testing.T) {
	t.Parallel()
	var record bytes.Buffer
	h := build(t, audited(&record))
	h.auth[admin].ClientID = "backend"
	base := audit.Entry{
		Stream: "audit", Time: h.clock.Now(), RequestID: "the-request", Issuer: issuer, Subject: audit.Name("admin@example.com"), ClientID: "backend",
		Source: "192.0.2.1", Operation: "sendInvite", Organization: h.acme.ID,
	}
	var id string
	for _, step := range []struct {
		name, body, key string
		fault           identity.Code
		want            func(e *audit.Entry)
	}{
		{"sent", `{"email":"jane@example.com","roles":["member","admin"]}`, "k1", "", func(e *audit.Entry) {
			e.Status, e.Roles, e.Targets = 201, []string{"member", "admin"}, map[string]string{"invite": id}
		}},
		{"replayed", `{"email":"jane@example.com","roles":["member","admin"]}`, "k1", "", func(e *audit.Entry) {
			e.Status, e.Roles, e.Targets, e.Replayed = 201, []string{"member", "admin"}, map[string]string{"invite": id}, true
		}},
		{"there is one", jane, "k2", "", func(e *audit.Entry) {
			e.Status, e.Code, e.Roles, e.Targets = 409, "invite_pending", []string{"member"}, map[string]string{"invite": id}
		}},
		{"a problem replayed", jane, "k2", "", func(e *audit.Entry) {
			e.Status, e.Code, e.Roles, e.Targets, e.Replayed = 409, "invite_pending", []string{"member"}, map[string]string{"invite": id}, true
		}},
		{"no such role", `{"email":"x@example.com","roles":["owner"]}`, "k3", "", func(e *audit.Entry) {
			e.Status, e.Code, e.Roles = 422, "unknown_role", []string{"owner"}
		}},
		{"no roles", `{"email":"x@example.com","roles":["a b","x@example.com"]}`, "k4", "", func(e *audit.Entry) {
			e.Status, e.Code, e.Roles = 422, "unknown_role", []string{"?", "?"}
		}},
		{"no JSON", `{"roles":["member"`, "k5", "", func(e *audit.Entry) { e.Status, e.Code = 400, "invalid_request" }},
		{"the vendor fails", `{"email":"y@example.com","roles":["member"]}`, "", identity.CodeProviderRateLimited, func(e *audit.Entry) {
			e.Status, e.Code, e.Roles, e.Targets = 429, "provider_rate_limited", []string{"member"}, map[string]string{"invite": id}
		}},
	} {
		if step.fault != "" {
			h.vendor.Inject(memory.Fault{Op: "invite", Code: step.fault})
		}
		headers := []string{"X-Request-Id", "the-request"}
		if step.key != "" {
			headers = append(headers, "Idempotency-Key", step.key)
		}
		got := h.do(admin, "POST", invitesPath, step.body, headers...)
		for _, name := range []string{"id", "invite_id"} {
			if given := got.text(name); given != "" {
				id = given
			}
		}
		want := base
		step.want(&want)
		if lines := entries(t, &record); len(lines) != 1 || !reflect.DeepEqual(lines[0], want) {
			t.Errorf("%s: got\n%+v\nwant\n%+v\nfor %s", step.name, lines, want, got.body)
		}
	}
}

// TestWhatIsNotRecorded: nobody is known, or nothing was let in.
func TestWhatIsNotRecorded(t *testing.T) {
	t.Parallel()
	var record bytes.Buffer
	h := build(t, audited(&record), limited(1, 1))
	h.do("", "POST", invitesPath, jane).is(401, "unauthenticated")
	h.do("wrong", "POST", invitesPath, jane).is(401, "unauthenticated")
	h.do(admin, "GET", "/nowhere", "").is(404, "not_found")
	h.do(admin, "GET", invitesPath, "").is(200, "")
	h.do(admin, "POST", invitesPath, jane).is(429, "rate_limited")
	if lines := entries(t, &record); len(lines) != 0 {
		t.Errorf("got %+v", lines)
	}
	h.clock.Advance(time.Hour)
	h.do(admin, "GET", "/v1/organizations/acme/invites/inv_other", "").is(404, "not_found")
	if lines := entries(t, &record); len(lines) != 1 || lines[0].Operation != "getInvite" || lines[0].Targets["invite"] != "inv_other" {
		t.Errorf("got %+v", lines)
	}
}

// TestAPanicIsRecorded: whatever was done until then may have been done.
func TestAPanicIsRecorded(t *testing.T) {
	t.Parallel()
	var record bytes.Buffer
	h := build(t, audited(&record))
	h.vendor.Inject(memory.Fault{Op: "invite", Dies: true})
	h.do(admin, "POST", invitesPath, jane).is(500, "internal")
	if lines := entries(t, &record); len(lines) != 1 || lines[0].Status != 500 || lines[0].Code != "internal" {
		t.Errorf("got %+v", lines)
	}
}

// withoutIDs takes usher's own random ids out of a text: any short word can be
// in them.
func withoutIDs(text string) string { return randomID.ReplaceAllString(text, "id") }

var randomID = regexp.MustCompile(`\b[a-z]{3}_[0-9a-v]{26}\b`)

// TestTheRecordKeepsSecrets puts tokens and addresses wherever a caller can.
func TestTheRecordKeepsSecrets(t *testing.T) {
	t.Parallel()
	var record bytes.Buffer
	h := build(t, audited(&record))
	h.auth[admin].ClientID = "client-of-jane@example.com"
	const address = "jane@example.com"
	for _, op := range h.document().operations() {
		for _, as := range slices.Sorted(maps.Keys(h.auth)) {
			for _, path := range []string{h.concrete(op, "acme", address), h.concrete(op, address, address), h.concrete(op, "current", "inv_1") + "?email=" + address} {
				h.do(as, op.method, path, h.bodyFor(op), "Idempotency-Key", "key-"+address+op.OperationID)
				h.do(as, op.method, path, `{"email":"`+address+`","roles":["`+address+`"],"connection":"`+address+`"}`)
			}
		}
	}
	for _, secret := range []string{"token-", "jane", "@", "Bearer"} {
		for line := range strings.Lines(record.String()) {
			if strings.Contains(withoutIDs(line), secret) {
				t.Fatalf("the record holds %q: %s", secret, line)
			}
		}
	}
	if n := len(entries(t, &record)); n < 50 {
		t.Errorf("only %d lines", n)
	}
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// TestAFailingRecordStopsNobody: what was done at the vendor is done. It is
// told loudly.
func TestAFailingRecordStopsNobody(t *testing.T) {
	t.Parallel()
	h := build(t, func(o *api.Options) { o.Audit = audit.To(full{}) })
	got := h.do(admin, "POST", invitesPath, jane).is(201, "")
	line := h.lines()[0]
	if line["level"] != "ERROR" || line["msg"] != "a call is missing in the audit record" || line["operation"] != "sendInvite" ||
		line["request_id"] != got.header.Get("X-Request-Id") || line["status"] != 201.0 || line["error"] != "write an audit entry: no space left on device" {
		t.Errorf("logged as %v", line)
	}
	if metrics := h.do("", "GET", "/metrics", "").body; !strings.Contains(metrics, "usher_audit_failures_total 1\n") {
		t.Error("it is not counted")
	}
}
