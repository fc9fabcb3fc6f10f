package api_test

import (
	"crypto/sha256"
	"encoding/base64"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"usher/identity"
	"usher/providers/memory"
)

var update = flag.Bool("update", false, "rewrite the golden exchanges")

func sum256(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// exchanges writes down what is asked and answered, with ids numbered in the
// order they appear.
type exchanges struct {
	h    *house
	text strings.Builder
	ids  map[string]string
}

func (e *exchanges) do(token, method, path, body string, headers ...string) answer {
	e.h.t.Helper()
	got := e.h.do(token, method, path, body, append(headers, "X-Request-Id", "golden-request")...)
	fmt.Fprintf(&e.text, "> %s %s\n", method, path)
	for n := 0; n < len(headers); n += 2 {
		fmt.Fprintf(&e.text, "> %s: %s\n", headers[n], headers[n+1])
	}
	if body != "" {
		fmt.Fprintf(&e.text, "> %s\n", body)
	}
	fmt.Fprintf(&e.text, "%d %s\n", got.status, got.header.Get("Content-Type"))
	for _, name := range []string{"Location", "Idempotency-Replayed", "Retry-After", "WWW-Authenticate"} {
		if value := got.header.Get(name); value != "" {
			fmt.Fprintf(&e.text, "%s: %s\n", name, value)
		}
	}
	fmt.Fprintf(&e.text, "%s\n", got.body)
	return got
}

// stable numbers the ids and hides the cursors.
func (e *exchanges) stable() string {
	text := regexp.MustCompile(`(org|inv|mem)_[0-9a-v]{26}`).ReplaceAllStringFunc(e.text.String(), func(id string) string {
		if e.ids[id] == "" {
			e.ids[id] = fmt.Sprintf("%s_%d", id[:3], len(e.ids)+1)
		}
		return e.ids[id]
	})
	return regexp.MustCompile(`"eyJ[\w-]+"|cursor=eyJ[\w-]+`).ReplaceAllString(text, `"CURSOR"`)
}

// TestGolden walks through every operation and compares whole answers.
func TestGolden(t *testing.T) {
	t.Parallel()
	h := build(t)
	e := &exchanges{h: h, ids: map[string]string{}}
	sent := e.do(single, "POST", "/v1/organizations/current/invites", `{"email":"Jane.Doe+x@Example.com","roles":["member","admin"],`+
		`"given_name":"Jane","family_name":"Doe","locale":"en-GB","metadata":{"plan":"pro","seats":3},"notify":true}`, "Idempotency-Key", "first")
	invite := invitesPath + "/" + sent.text("id")
	e.do(single, "POST", "/v1/organizations/acme/invites", `{"email":"Jane.Doe+x@Example.com","roles":["member","admin"],`+
		`"given_name":"Jane","family_name":"Doe","locale":"en-GB","metadata":{"plan":"pro","seats":3},"notify":true}`, "Idempotency-Key", "first")
	e.do(admin, "POST", invitesPath, `{"email":"jane.doe+x@example.com","roles":["member"]}`)
	e.do(admin, "POST", invitesPath, `{"email":"member@example.com","roles":["member"]}`)
	e.do(admin, "POST", invitesPath, `{"email":"bob@example.com","roles":["owner"]}`)
	e.do(helper, "POST", invitesPath, `{"email":"bob@example.com","roles":["admin"]}`)
	e.do(admin, "POST", invitesPath, `{"email":"bob@example.com","roles":["member"],"notify":false}`)
	e.do(admin, "POST", invitesPath, `{"email":"bob@example.com","roles":["member"],"message":"Hi"}`)
	e.do(admin, "POST", invitesPath, `{"email":"bob@example.com","roles":["member"],"redirect_url":"https://evil.example/"}`)
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeProviderRateLimited, RetryAfter: 30 * time.Second})
	e.do(admin, "POST", invitesPath, `{"email":"bob@example.com","roles":["member"]}`)
	e.do(admin, "GET", invite, "")
	e.do(admin, "GET", invitesPath+"?limit=1", "")
	e.do(admin, "GET", invitesPath+"?state=failed&state=expired", "")
	e.do(admin, "POST", invite+"/resend", "")
	if err := h.vendor.Accept("one", "Jane.Doe+x@Example.com"); err != nil {
		t.Fatal(err)
	}
	e.do(admin, "GET", invitesPath+"?refresh=true&email=JANE.DOE%2Bx@EXAMPLE.com", "")
	e.do(admin, "POST", invite+"/revoke", "")
	e.do(admin, "POST", invite+"/resend", "")
	e.do(admin, "GET", "/v1/organizations/acme/members", "")
	e.do(admin, "GET", "/v1/organizations/acme/roles", "")
	e.do(admin, "GET", "/v1/organizations/acme/capabilities", "")
	e.do(admin, "GET", "/v1/connections", "")
	e.do(admin, "GET", "/v1/connections/main/capabilities", "")
	e.do(admin, "POST", "/v1/organizations", `{"connection":"main","provider_id":"three","name":"Third","slug":"third"}`)
	e.do(admin, "POST", "/v1/organizations", `{"connection":"main","provider_id":"three"}`)
	e.do(admin, "POST", "/v1/organizations", `{"connection":"main","provider_id":"nowhere"}`)
	e.do(admin, "PATCH", "/v1/organizations/third", `{"slug":"acme"}`)
	e.do(admin, "PATCH", "/v1/organizations/third", `{"slug":null,"name":"Number three"}`)
	e.do(admin, "PATCH", "/v1/organizations/third", `{"name":"x"}`)
	e.do(single, "GET", "/v1/organizations", "")
	e.do(admin, "GET", "/v1/organizations?limit=2", "")
	e.do(reader, "POST", invitesPath, jane)
	e.do("wrong", "GET", invitesPath, "")

	got, file := e.stable(), filepath.Join("testdata", "exchanges.golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the exchanges changed; after a look, go test ./api -update\n%s", firstDifference(got, string(want)))
	}
}

func firstDifference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for n := range min(len(a), len(b)) {
		if a[n] != b[n] {
			return fmt.Sprintf("line %d\ngot  %s\nwant %s", n+1, a[n], b[n])
		}
	}
	return fmt.Sprintf("got %d lines, want %d", len(a), len(b))
}

// TestPagesToTheEnd walks through lists and tampers with their cursors.
func TestPagesToTheEnd(t *testing.T) {
	t.Parallel()
	h := build(t)
	for n := range 7 {
		h.clock.Advance(time.Second)
		h.send(fmt.Sprintf("person%d@example.com", n))
	}
	var seen []string
	cursor, pages := "", 0
	for {
		got := h.do(admin, "GET", invitesPath+"?limit=3"+cursor, "").is(200, "")
		for _, row := range got.fields()["data"].([]any) {
			seen = append(seen, strings.TrimSuffix(row.(map[string]any)["email"].(string), "@example.com"))
		}
		pages++
		if got.text("next_cursor") == "" {
			break
		}
		cursor = "&cursor=" + got.text("next_cursor")
	}
	if got := strings.Join(seen, " "); pages != 3 || got != "person6 person5 person4 person3 person2 person1 person0" {
		t.Errorf("%d pages: %s", pages, got)
	}
	foreign := func(path string) { h.do(admin, "GET", path, "").is(400, "invalid_request").at("?cursor") }
	foreign(invitesPath + "?limit=3&state=pending" + cursor)
	foreign(invitesPath + "?limit=3&email=a@example.com" + cursor)
	foreign("/v1/organizations/other/invites?limit=3" + cursor)
	foreign("/v1/organizations?limit=3" + cursor)
	foreign("/v1/organizations/acme/members?limit=3" + cursor)
	foreign(invitesPath + "?limit=3" + cursor[:len(cursor)-4])
	foreign(invitesPath + "?limit=3" + strings.Replace(cursor, "eyJ", "eyK", 1))
	h.do(admin, "GET", invitesPath+"?limit=200"+cursor, "").is(200, "")
}

func TestUpdateOrganization(t *testing.T) {
	t.Parallel()
	h := build(t)
	path := "/v1/organizations/" + h.acme.ID
	for body, at := range map[string]string{
		`{}`: "", `{"slug":""}`: "/slug", `{"slug":"me"}`: "/slug", `{"slug":"current"}`: "/slug", `{"slug":"org_1"}`: "/slug", `{"slug":"Acme"}`: "/slug",
		`{"slug":1}`: "/slug", `{"name":null}`: "/name", `{"name":""}`: "/name", `{"name":5}`: "/name", `{"seats":5}`: "/seats", `{"name":"` + strings.Repeat("x", 201) + `"}`: "/name",
	} {
		h.do(admin, "PATCH", path, body).is(400, "invalid_request").at(at)
	}
	h.do(admin, "PATCH", path, `{"slug":"other"}`).is(409, "conflict").at("/slug")
	if got := h.do(admin, "PATCH", path, `{"slug":null}`).is(200, ""); got.fields()["slug"] != nil || got.text("name") != "acme" {
		t.Errorf("got %s", got.body)
	}
	h.do(admin, "GET", "/v1/organizations/acme", "").is(404, "not_found")
	if got := h.do(admin, "PATCH", path, `{"slug":"acme-2","name":"Ä & Co"}`).is(200, ""); got.text("slug") != "acme-2" || got.text("name") != "Ä & Co" {
		t.Errorf("got %s", got.body)
	}
	h.do(admin, "GET", "/v1/organizations/acme-2", "").is(200, "")
}
