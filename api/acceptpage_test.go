package api_test

import (
	"bytes"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"usher/api"
	"usher/identity"
	"usher/internal/audit"
	"usher/providers/memory"
)

// press sends the form of usher's own page.
func (h *house) press(token string, headers ...string) answer {
	h.t.Helper()
	r := httptest.NewRequest("POST", "/accept", strings.NewReader(url.Values{"invite_token": {token}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for n := 0; n < len(headers); n += 2 {
		r.Header.Set(headers[n], headers[n+1])
	}
	return h.serve(r)
}

// page checks that an answer is a page with these words.
func (a answer) page(status int, words string) answer {
	a.t.Helper()
	if a.status != status || !strings.Contains(a.body, words) || a.header.Get("Content-Type") != "text/html; charset=utf-8" {
		a.t.Errorf("got %d %v, want %d: %s", a.status, a.header, status, a.body)
	}
	return a
}

// TestAcceptanceIsRecorded whichever way it came: usher's own page leaves the
// lines that its operations leave.
func TestAcceptanceIsRecorded(t *testing.T) {
	t.Parallel()
	id := []string{"X-Request-Id", "the-request"}
	for name, way := range map[string]struct {
		accept, look func(h *house, token string) answer
	}{
		"operations": {
			func(h *house, token string) answer {
				return h.do("", "POST", "/v1/invites/accept", `{"token":"`+token+`"}`, id...)
			},
			func(h *house, token string) answer { return h.do("", "GET", callbackPath+token, "", id...) },
		},
		"page": {
			func(h *house, token string) answer { return h.press(token, id...) },
			func(h *house, token string) answer { return h.do("", "GET", "/accept?invite_token="+token, "", id...) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var record bytes.Buffer
			h := build(t, audited(&record))
			invite := h.send("ada@example.com")
			h.send("bob@example.com")
			secret, other := h.link("ada@example.com"), h.link("bob@example.com")
			record.Reset()
			about := map[string]string{"invite": invite}
			line := func(operation string, status int, code, organization string, targets map[string]string) []audit.Entry {
				return []audit.Entry{{
					Stream: "audit", Time: h.clock.Now(), RequestID: "the-request", Source: "192.0.2.1",
					Operation: operation, Status: status, Code: code, Organization: organization, Targets: targets,
				}}
			}
			for _, step := range []struct {
				name  string
				fault memory.Fault
				does  func(h *house, token string) answer
				token string
				want  []audit.Entry
			}{
				{"look", memory.Fault{}, way.look, secret, nil},
				{"look with a guess", memory.Fault{}, way.look, noLink, line("openInviteLink", 404, "not_found", "", nil)},
				{"guess", memory.Fault{}, way.accept, noLink, line("acceptInvite", 404, "not_found", "", nil)},
				{"accept", memory.Fault{}, way.accept, secret, line("acceptInvite", 200, "", h.acme.ID, about)},
				{"accept again", memory.Fault{}, way.accept, secret, line("acceptInvite", 409, "invite_not_pending", "", about)},
				{"panic", memory.Fault{Op: "accept", Dies: true}, way.accept, other, line("acceptInvite", 500, "internal", "", nil)},
			} {
				if step.fault.Op != "" {
					h.vendor.Inject(step.fault)
				}
				got := step.does(h, step.token)
				if lines := entries(t, &record); !reflect.DeepEqual(lines, step.want) {
					t.Errorf("%s answered %d and left\n%+v\nwant\n%+v", step.name, got.status, lines, step.want)
				}
			}
		})
	}
}

// TestAcceptPageIsLimited as every request is that comes without a token, and
// says so to people and to programs.
func TestAcceptPageIsLimited(t *testing.T) {
	t.Parallel()
	var record bytes.Buffer
	h := build(t, limited(12, 2), audited(&record))
	look := func() answer { return h.do("", "GET", "/accept?invite_token="+noLink, "") }
	press := func() answer { return h.press(noLink) }
	for _, way := range []func() answer{look, press} {
		record.Reset()
		way().page(404, "No invitation").says(`"default";r=1;t=5`, "")
		way().page(404, "No invitation").says(`"default";r=0;t=5`, "")
		record.Reset()
		for _, spent := range []func() answer{look, press} {
			got := spent().page(429, "Too many requests").says(`"default";r=0;t=5`, "5")
			if policy := got.header.Get("RateLimit-Policy"); policy != `"default";q=2;w=10` {
				t.Errorf("RateLimit-Policy is %q", policy)
			}
		}
		h.do("", "GET", callbackPath+noLink, "").is(429, "rate_limited").says(`"default";r=0;t=5`, "5")
		h.do("", "POST", "/v1/invites/accept", `{"token":"`+noLink+`"}`).is(429, "rate_limited").says(`"default";r=0;t=5`, "5")
		if record.Len() > 0 {
			t.Errorf("what was not let in is recorded: %s", record.String())
		}
		h.clock.Advance(time.Minute)
	}
	line := h.lines()
	if last := line[len(line)-1]; last["code"] != "rate_limited" || last["status"] != 429.0 {
		t.Errorf("logged as %v", last)
	}
}

// TestLinksAreLimited: following one is a request like any other.
func TestLinksAreLimited(t *testing.T) {
	t.Parallel()
	h := build(t, limited(12, 2))
	for range 2 {
		h.do("", "GET", callbackPath+noLink, "").is(404, "not_found")
	}
	h.do("", "GET", callbackPath+noLink, "").is(429, "rate_limited").says(`"default";r=0;t=5`, "5")
}

// TestAcceptPageTellsWhenToComeBack where it is known.
func TestAcceptPageTellsWhenToComeBack(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.send("ada@example.com")
	h.vendor.Inject(memory.Fault{Op: "accept", Code: identity.CodeProviderRateLimited, RetryAfter: 30 * time.Second})
	h.press(h.link("ada@example.com")).page(429, "The invitation is still open.").says("", "30")
}

// TestAcceptPageBelowAPath: where callers reach the gateway below a path of the
// proxy's, so do people the page.
func TestAcceptPageBelowAPath(t *testing.T) {
	t.Parallel()
	h := build(t, func(o *api.Options) { o.PublicURL = "https://acme.example/in/vites/" })
	h.send("ada@example.com")
	secret := h.link("ada@example.com")
	got := h.do("", "GET", callbackPath+secret, "").is(303, "").header.Get("Location")
	if want := "/in/vites/accept?invite_status=ready&invite_token=" + secret; got != want {
		t.Errorf("leads to %q, want %q", got, want)
	}
	if page := h.do("", "GET", "/accept?invite_token="+secret, ""); !strings.Contains(page.body, `action="/in/vites/accept"`) {
		t.Errorf("the form leads elsewhere: %s", page.body)
	}
}

// What was made is found below the path of public_url.
func TestLocationBelowAPath(t *testing.T) {
	t.Parallel()
	h := build(t, func(o *api.Options) { o.PublicURL = "https://acme.example/in/vites/" })
	for path, body := range map[string]string{
		invitesPath: `{"email":"ada@example.com","roles":["member"]}`,
		strings.TrimSuffix(invitesPath, "invites") + "invite-batches": `{"email":"bob@example.com","roles":["member"]}` + "\n",
	} {
		got := h.do(admin, "POST", path, body)
		if at := got.header.Get("Location"); !strings.HasPrefix(at, "/in/vites/v1/organizations/org_") {
			t.Errorf("%s: %d, Location %q", path, got.status, at)
		}
	}
}
