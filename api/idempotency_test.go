package api_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"usher/api"
	"usher/identity"
	"usher/invites"
	"usher/ledger"
	"usher/providers/memory"
)

// same checks that an answer is the replay of another, byte for byte.
func (a answer) same(first answer) {
	a.t.Helper()
	if a.header.Get("Idempotency-Replayed") != "true" || first.header.Get("Idempotency-Replayed") != "" {
		a.t.Fatalf("not a replay: %v %s", a.header, a.body)
	}
	for _, name := range []string{"Content-Type", "Location"} {
		if a.header.Get(name) != first.header.Get(name) {
			a.t.Errorf("%s: got %q, want %q", name, a.header.Get(name), first.header.Get(name))
		}
	}
	if a.status != first.status || a.body != first.body {
		a.t.Errorf("got %d %s\nwant %d %s", a.status, a.body, first.status, first.body)
	}
}

func (h *house) keyed(token, path, body, key string) answer {
	h.t.Helper()
	return h.do(token, "POST", path, body, "Idempotency-Key", key)
}

func TestReplay(t *testing.T) {
	t.Parallel()
	h := build(t)
	first := h.keyed(admin, invitesPath, jane, "key").is(201, "")
	h.keyed(admin, invitesPath, jane, "key").is(201, "").same(first)
	id := first.text("id")
	h.do(admin, "POST", invitesPath+"/"+id+"/revoke", "").is(200, "")
	h.keyed(admin, invitesPath, jane, "key").is(201, "").same(first)
	h.close()
	h.open()
	h.keyed(admin, invitesPath, jane, "key").is(201, "").same(first)
	h.keyed(admin, invitesPath, jane+" ", "key").is(422, "idempotency_key_reused").at("Idempotency-Key")
	h.keyed(admin, invitesPath, `{`, "key").is(422, "idempotency_key_reused")
	if n := h.vendor.Calls("invite"); n != 1 {
		t.Errorf("the vendor was asked %d times", n)
	}
}

// TestReplayOfARefusal: what cannot become better is answered as it was.
func TestReplayOfARefusal(t *testing.T) {
	t.Parallel()
	h := build(t)
	id := h.send("jane@example.com")
	pending := h.keyed(admin, invitesPath, jane, "pending").is(409, "invite_pending")
	if pending.text("invite_id") != id {
		t.Errorf("does not name the living invite: %s", pending.body)
	}
	h.do(admin, "POST", invitesPath+"/"+id+"/revoke", "").is(200, "")
	h.keyed(admin, invitesPath, jane, "pending").is(409, "invite_pending").same(pending)
	bad := h.keyed(admin, invitesPath, `{"email":"x"}`, "bad").is(400, "invalid_request")
	h.keyed(admin, invitesPath, `{"email":"x"}`, "bad").is(400, "invalid_request").same(bad)
}

// TestOneRequestHoweverTheOrganizationIsNamed: id, slug and current.
func TestOneRequestHoweverTheOrganizationIsNamed(t *testing.T) {
	t.Parallel()
	h := build(t)
	first := h.keyed(single, "/v1/organizations/current/invites", jane, "key").is(201, "")
	for _, ref := range []string{"acme", "%61cme", h.acme.ID} {
		h.keyed(single, "/v1/organizations/"+ref+"/invites", jane, "key").is(201, "").same(first)
	}
}

// TestKeysOfOthers: a key means nothing to another caller, another path,
// another organization or another method.
func TestKeysOfOthers(t *testing.T) {
	t.Parallel()
	h := build(t)
	first := h.keyed(admin, invitesPath, jane, "key").is(201, "")
	h.keyed(single, invitesPath, jane, "key").is(409, "invite_pending")
	h.keyed(reader, invitesPath, jane, "key").is(403, "permission_denied")
	h.keyed(outsider, invitesPath, jane, "key").is(404, "not_found")
	h.keyed("wrong", invitesPath, jane, "key").is(401, "unauthenticated")
	h.keyed(admin, "/v1/organizations/other/invites", jane, "key").is(201, "")
	h.keyed(admin, invitesPath+"/"+first.text("id")+"/resend", "", "key").is(200, "")
	h.keyed(admin, invitesPath+"/"+first.text("id")+"/revoke", "", "key").is(200, "")
	h.keyed(admin, "/v1/organizations", `{"connection":"main","provider_id":"three"}`, "key").is(201, "")
	h.do(admin, "PATCH", "/v1/organizations/acme", `{"name":"A"}`, "Idempotency-Key", "key").is(200, "")
	if got := h.do(admin, "GET", invitesPath, "", "Idempotency-Key", "\x00").is(200, ""); got.header.Get("Idempotency-Replayed") != "" {
		t.Error("a GET was replayed")
	}
}

func TestMalformedKeys(t *testing.T) {
	t.Parallel()
	h := build(t)
	for _, key := range []string{"", " ", "a b", "a\tb", "a\x00", "ü", strings.Repeat("x", 256)} {
		h.keyed(admin, invitesPath, jane, key).is(400, "invalid_request").at("Idempotency-Key")
	}
	r := newRequest("POST", invitesPath)
	r.Header.Set("Authorization", "Bearer "+admin)
	r.Header["Idempotency-Key"] = []string{"a", "b"}
	h.serve(r).is(400, "invalid_request").at("Idempotency-Key")
	h.keyed(admin, invitesPath, jane, strings.Repeat("~", 255)).is(201, "")
}

// TestTryingAgain: after a definite failure the same key tries again, under
// the same invite.
func TestTryingAgain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		code   identity.Code
		status int
	}{
		{identity.CodeProviderRateLimited, 429}, {identity.CodeProviderUnavailable, 503},
		{identity.CodeProviderError, 502}, {identity.CodeProviderCredentials, 502}, {identity.CodeQuotaExceeded, 403},
	} {
		t.Run(string(tt.code), func(t *testing.T) {
			t.Parallel()
			h := build(t)
			h.vendor.Inject(memory.Fault{Op: "invite", Code: tt.code, RetryAfter: 1500 * time.Millisecond})
			first := h.keyed(admin, invitesPath, jane, "key").is(tt.status, string(tt.code))
			if got := first.header.Get("Retry-After"); got != "2" {
				t.Errorf("Retry-After is %q", got)
			}
			id := first.text("invite_id")
			if got := h.do(admin, "GET", invitesPath+"/"+id, "").is(200, ""); got.text("state") != "failed" || got.text("state_reason") != string(tt.code) {
				t.Errorf("the ledger says %s", got.body)
			}
			h.keyed(admin, invitesPath, jane+" ", "key").is(422, "idempotency_key_reused")
			second := h.keyed(admin, invitesPath, jane, "key").is(201, "")
			if second.text("id") != id || second.header.Get("Idempotency-Replayed") != "" {
				t.Errorf("the second try made %s, the first %s", second.text("id"), id)
			}
			h.keyed(admin, invitesPath, jane, "key").is(201, "").same(second)
			if n := h.vendor.Mails("one", "jane@example.com"); n != 1 {
				t.Errorf("%d mails", n)
			}
		})
	}
}

// TestLostAnswer: the vendor acted and its answer was lost. Nothing is sent
// twice, whoever asks again.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeProviderTimeout, Acted: true})
	h.vendor.Inject(memory.Fault{Op: "settle", Code: identity.CodeProviderUnavailable})
	lost := h.keyed(admin, invitesPath, jane, "key").is(504, "provider_timeout")
	id := lost.text("invite_id")
	// Reading it through the API would set a comparison with the vendor going.
	if got, err := h.ledger.Invite(t.Context(), h.acme.ID, id); err != nil || got.State != identity.StateUncertain {
		t.Errorf("the ledger says %+v, %v", got, err)
	}
	found := h.keyed(admin, invitesPath, jane, "key").is(201, "")
	if found.text("id") != id || found.text("state") != "pending" {
		t.Errorf("got %s", found.body)
	}
	if n := h.vendor.Mails("one", "jane@example.com"); n != 1 {
		t.Errorf("%d mails", n)
	}
}

// TestTwin: the same request while the first one is under way.
func TestTwin(t *testing.T) {
	t.Parallel()
	h := build(t)
	entered, block := make(chan struct{}), make(chan struct{})
	h.vendor.Inject(memory.Fault{Op: "invite", Block: block, Entered: entered})
	first := make(chan answer, 1)
	go func() { first <- h.keyed(admin, invitesPath, jane, "key") }()
	<-entered
	h.keyed(admin, invitesPath, jane, "key").is(409, "idempotency_in_progress").at("Idempotency-Key")
	h.keyed(admin, invitesPath, `{}`, "key").is(422, "idempotency_key_reused")
	h.do(admin, "POST", invitesPath, jane).is(409, "invite_pending")
	close(block)
	done := (<-first).is(201, "")
	h.keyed(admin, invitesPath, jane, "key").is(201, "").same(done)
	if n := h.vendor.Calls("invite"); n != 1 {
		t.Errorf("the vendor was asked %d times", n)
	}
}

// TestManyTwins: of many at once exactly one is carried out.
func TestManyTwins(t *testing.T) {
	t.Parallel()
	h := build(t)
	const many = 16
	answers := make(chan answer, many)
	for range many {
		go func() { answers <- h.keyed(admin, invitesPath, jane, "key") }()
	}
	ids := map[string]bool{}
	for range many {
		switch got := <-answers; got.status {
		case 201:
			ids[got.text("id")] = true
		default:
			got.is(409, "idempotency_in_progress")
		}
	}
	if len(ids) != 1 || h.vendor.Calls("invite") != 1 {
		t.Errorf("%d invites, %d calls", len(ids), h.vendor.Calls("invite"))
	}
}

// TestWritesHaveADeadlineOfTheirOwn: a vendor that hangs is not waited for
// for ever.
func TestWritesHaveADeadlineOfTheirOwn(t *testing.T) {
	t.Parallel()
	h := build(t, func(o *api.Options) { o.Timeout = time.Second })
	h.vendor.Inject(memory.Fault{Op: "invite", Block: make(chan struct{})})
	got := h.keyed(admin, invitesPath, jane, "key")
	if got.status != 504 || got.text("invite_id") == "" {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestKeysOnEveryWrite(t *testing.T) {
	t.Parallel()
	h := build(t)
	for n, op := range h.document().operations() {
		if op.method == "GET" {
			continue
		}
		invite := h.send(fmt.Sprintf("person%d@example.com", n))
		path, body := h.concrete(op, "acme", invite), h.bodyFor(op)
		if op.OperationID == "acceptInvite" {
			body = `{"token":"` + h.link(fmt.Sprintf("person%d@example.com", n)) + `"}`
		}
		first := h.do(admin, op.method, path, body, "Idempotency-Key", "key")
		if first.status >= 300 {
			t.Errorf("%s: %d %s", op.OperationID, first.status, first.body)
		}
		h.do(admin, op.method, path, body, "Idempotency-Key", "key").same(first)
	}
}

// TestConflictIsNotKept: that somebody else works on the invite right now is no
// answer to keep under a key.
func TestConflictIsNotKept(t *testing.T) {
	t.Parallel()
	h := build(t)
	id := h.send("jane@example.com")
	entered, block := make(chan struct{}), make(chan struct{})
	h.vendor.Inject(memory.Fault{Op: "revoke", Block: block, Entered: entered})
	revoked := make(chan answer, 1)
	go func() { revoked <- h.do(admin, "POST", invitesPath+"/"+id+"/revoke", "") }()
	<-entered
	conflict := h.keyed(admin, invitesPath+"/"+id+"/resend", "", "key").is(409, "conflict")
	if got := conflict.header.Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After is %q", got)
	}
	close(block)
	(<-revoked).is(200, "")
	h.keyed(admin, invitesPath+"/"+id+"/resend", "", "key").is(409, "invite_not_pending")
}

// TestOrganizationAfterACrash: killed between making an organization and
// answering, the same key answers with that organization.
func TestOrganizationAfterACrash(t *testing.T) {
	t.Parallel()
	h := build(t)
	const path, body = "/v1/organizations", `{"connection":"main","provider_id":"three","slug":"three"}`
	who := h.auth[admin]
	hash := sha256.Sum256([]byte(body))
	claim, _, err := h.ledger.ClaimKey(t.Context(), ledger.IdempotencyKey{
		Issuer: who.Issuer, Subject: who.Subject, Method: "POST", Path: path, Key: "key",
	}, hash[:])
	if err != nil {
		t.Fatal(err)
	}
	made, err := h.service.CreateOrganization(t.Context(), invites.Caller{Actor: who.Actor(), Access: who.Access},
		invites.NewOrganization{Connection: "main", ProviderID: "three", Slug: "three"}, claim)
	if err != nil {
		t.Fatal(err)
	}
	h.close()
	h.open()
	got := h.keyed(admin, path, body, "key").is(201, "")
	if got.text("id") != made.ID || got.header.Get("Location") != path+"/"+made.ID {
		t.Errorf("got %s, want %s", got.body, made.ID)
	}
	h.do(admin, "POST", path, body).is(409, "conflict")
}
