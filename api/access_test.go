package api_test

import (
	"context"
	"strings"
	"testing"

	"usher/identity"
	"usher/invites"
)

// noLink is a secret that no link has.
const noLink = "no-such-link"

// batch hands in a batch of one row for acme and returns its id.
func (h *house) batch() string {
	h.t.Helper()
	by := invites.Caller{Actor: identity.Actor{Issuer: issuer, Subject: "batch"}}
	upload, err := h.service.ReceiveBatch(h.t.Context(), by, h.acme)
	if err != nil {
		h.t.Fatal(err)
	}
	if err = upload.Add(h.t.Context(), 1, invites.SendRequest{Email: "row@example.com", Roles: []string{"member"}}, nil); err != nil {
		h.t.Fatal(err)
	}
	b, err := upload.Publish(h.t.Context(), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return b.ID
}

// concrete fills a path template. A parameter that no test knows a value for
// fails its tests: a new one must be thought of here.
func (h *house) concrete(op *operation, org, invite string) string {
	path := strings.NewReplacer("{org}", org, "{invite}", invite, "{connection}", "main", "{handle}", noLink).Replace(op.path)
	if before, after, ok := strings.Cut(path, "{batch}"); ok {
		path = before + h.batch() + after
	}
	if strings.Contains(path, "{") {
		panic("no test value for a parameter of " + op.path)
	}
	return path
}

// bodies are valid requests for the operations that take one. An operation
// that is not here and takes one fails its tests.
func (h *house) bodyFor(op *operation) string {
	h.t.Helper()
	if op.RequestBody == nil {
		return ""
	}
	body, ok := map[string]string{
		"sendInvite":         jane,
		"sendInviteBatch":    jane,
		"createOrganization": `{"connection":"main","provider_id":"three","slug":"third"}`,
		"updateOrganization": `{"name":"Acme Ltd"}`,
		"acceptInvite":       `{"token":"` + noLink + `"}`,
	}[op.OperationID]
	if !ok {
		h.t.Fatalf("no test body for %s", op.OperationID)
	}
	return body
}

// TestEveryPermissionIsNeeded takes one permission after the other away from
// somebody who has them all.
func TestEveryPermissionIsNeeded(t *testing.T) {
	t.Parallel()
	h := build(t)
	for _, missing := range identity.Permissions() {
		p := *h.auth[admin]
		p.Permissions = map[identity.Permission]bool{}
		for _, other := range identity.Permissions() {
			p.Permissions[other] = other != missing
		}
		h.auth["all-but-"+string(missing)] = &p
	}
	for _, op := range h.document().operations() {
		for _, missing := range identity.Permissions() {
			got := h.do("all-but-"+string(missing), op.method, h.concrete(op, "acme", "inv_none"), h.bodyFor(op))
			if denied := got.status == 403; denied != (op.Permission == missing) {
				t.Errorf("%s without %s: %d %s", op.OperationID, missing, got.status, got.body)
			}
		}
	}
}

// TestOutsiderSeesNothing: what needs no organization shows none.
func TestOutsiderSeesNothing(t *testing.T) {
	t.Parallel()
	h := build(t)
	const empty = `{"data":[],"next_cursor":null}` + "\n"
	for _, path := range []string{"/v1/organizations", "/v1/connections"} {
		if got := h.do(outsider, "GET", path, "").is(200, ""); got.body != empty {
			t.Errorf("%s: %s", path, got.body)
		}
	}
	h.do(outsider, "GET", "/v1/connections/main/capabilities", "").is(404, "not_found")
	h.do(admin, "GET", "/v1/connections/spare/capabilities", "").is(404, "not_found")
	h.do(admin, "GET", "/v1/connections/missing/capabilities", "").is(404, "not_found")
	h.do(outsider, "POST", "/v1/organizations", `{"connection":"main","provider_id":"three"}`).is(400, "invalid_request").at("/connection")
	h.do(single, "POST", "/v1/organizations", `{"connection":"main","provider_id":"three"}`).is(403, "permission_denied")
	h.do(outsider, "GET", "/v1/organizations/current", "").is(404, "not_found")
	h.do(admin, "GET", "/v1/organizations/current", "").is(404, "not_found")
}

// TestAnotherOrganizationsInviteIsNotFound: an id is not a right.
func TestAnotherOrganizationsInviteIsNotFound(t *testing.T) {
	t.Parallel()
	h := build(t)
	id := h.send("jane@example.com")
	for _, at := range []string{"GET /v1/organizations/other/invites/" + id, "POST /v1/organizations/other/invites/" + id + "/resend", "POST /v1/organizations/other/invites/" + id + "/revoke"} {
		method, path, _ := strings.Cut(at, " ")
		h.do(admin, method, path, "").is(404, "not_found")
	}
	if got := h.do(single, "GET", "/v1/organizations/current/invites/"+id, "").is(200, ""); got.text("state") != "pending" {
		t.Errorf("the invite changed: %s", got.body)
	}
}

// TestTheLoadedRowIsChecked: whichever row a reference leads to by mistake, it
// is shown and changed only if it is the caller's.
func TestTheLoadedRowIsChecked(t *testing.T) {
	t.Parallel()
	h := build(t)
	before := h.everything()
	h.api.LoadOrganization(func(context.Context, invites.Caller, string) (*identity.Organization, error) { return h.other, nil })
	for _, op := range h.document().operations() {
		if !strings.Contains(op.path, "{org}") {
			continue
		}
		for _, ref := range []string{"acme", "current", h.other.ID} {
			got := h.do(single, op.method, h.concrete(op, ref, "inv_none"), h.bodyFor(op)).is(404, "not_found")
			if got.text("detail") != "There is no such organization." {
				t.Errorf("%s of %s: %s", op.OperationID, ref, got.body)
			}
		}
	}
	h.do(admin, "GET", "/v1/organizations/acme", "").is(200, "") // it is his
	h.api.LoadOrganization(h.service.Organization)
	if after := h.everything(); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
}

// TestAuthorizationHeader has what may stand in the header.
func TestAuthorizationHeader(t *testing.T) {
	t.Parallel()
	h := build(t)
	for name, tt := range map[string]struct {
		values    []string
		status    int
		challenge string
	}{
		"one token":           {[]string{"Bearer " + admin}, 200, ""},
		"any case":            {[]string{"bEARER " + admin}, 200, ""},
		"more blanks":         {[]string{"Bearer   " + admin}, 200, ""},
		"none":                {nil, 401, `Bearer realm="usher"`},
		"empty":               {[]string{""}, 401, `Bearer realm="usher", error="invalid_request"`},
		"scheme alone":        {[]string{"Bearer"}, 401, `Bearer realm="usher", error="invalid_request"`},
		"scheme and a blank":  {[]string{"Bearer "}, 401, `Bearer realm="usher", error="invalid_request"`},
		"another scheme":      {[]string{"Basic " + admin}, 401, `Bearer realm="usher", error="invalid_request"`},
		"no scheme":           {[]string{admin}, 401, `Bearer realm="usher", error="invalid_request"`},
		"two headers":         {[]string{"Bearer " + admin, "Bearer " + outsider}, 401, `Bearer realm="usher", error="invalid_request"`},
		"two tokens":          {[]string{"Bearer " + admin + ", Bearer " + outsider}, 401, `Bearer realm="usher", error="invalid_request"`},
		"a blank in it":       {[]string{"Bearer " + admin + " x"}, 401, `Bearer realm="usher", error="invalid_request"`},
		"a control character": {[]string{"Bearer " + admin + "\x00"}, 401, `Bearer realm="usher", error="invalid_request"`},
		"unknown":             {[]string{"Bearer x"}, 401, `Bearer realm="usher", error="invalid_token"`},
	} {
		t.Run(name, func(t *testing.T) {
			h := on(t, h)
			r := newRequest("GET", "/v1/organizations")
			r.Header["Authorization"] = tt.values
			got := h.serve(r)
			if got.status != tt.status || got.header.Get("WWW-Authenticate") != tt.challenge {
				t.Errorf("got %d, challenge %q", got.status, got.header.Get("WWW-Authenticate"))
			}
		})
	}
	if got := h.do("token-broken", "GET", "/v1/organizations", "").is(500, "internal"); got.header.Get("WWW-Authenticate") != "" {
		t.Error("our own trouble challenges the caller")
	}
}

// TestOrderOfChecks breaks everything at once and repairs it one by one.
func TestOrderOfChecks(t *testing.T) {
	t.Parallel()
	h := build(t)
	missing, mine := "/v1/organizations/missing/invites", invitesPath
	bad := "\x00"
	for _, step := range []struct {
		name, token, path, key, body string
		status                       int
		code                         string
	}{
		{"token", "wrong", missing, bad, `{`, 401, "unauthenticated"},
		{"organization", reader, missing, bad, `{`, 404, "not_found"},
		{"permission", reader, mine, bad, `{`, 403, "permission_denied"},
		{"key", helper, mine, bad, `{`, 400, "invalid_request"},
		{"body", helper, mine, "key-1", `{`, 400, "invalid_request"},
		{"fields", helper, mine, "key-2", `{"email":"x","roles":["nobody","admin"]}`, 400, "invalid_request"},
		{"roles exist", helper, mine, "key-3", `{"email":"a@example.com","roles":["admin","nobody"]}`, 422, "unknown_role"},
		{"roles may be granted", helper, mine, "key-4", `{"email":"a@example.com","roles":["member","admin"]}`, 403, "role_not_grantable"},
		{"all is well", admin, mine, "key-5", `{"email":"a@example.com","roles":["member","admin"]}`, 201, ""},
	} {
		got := h.do(step.token, "POST", step.path, step.body, "Idempotency-Key", step.key).is(step.status, step.code)
		if step.name == "key" {
			got.at("Idempotency-Key")
		}
	}
	h.do(admin, "POST", mine, `{`, "Idempotency-Key", "key-5").is(422, "idempotency_key_reused").at("Idempotency-Key")
}
