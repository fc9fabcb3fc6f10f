package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/httpx"
	"usher/scim"
	"usher/scim/client"
)

func serve(t *testing.T, handler http.HandlerFunc) *client.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return client.New(httpx.New(nil), client.Options{
		BaseURL: server.URL + "/scim2/", PageSize: 10,
		Authorize: func(_ context.Context, h http.Header) error { h.Set("Authorization", "Bearer t"); return nil },
	})
}

// listing serves n users; the quirks are what services do to the totals.
func listing(n, most int, total func(n, page int) int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		start, _ := strconv.Atoi(r.URL.Query().Get("startIndex"))
		count, _ := strconv.Atoi(r.URL.Query().Get("count"))
		page := []map[string]string{}
		for k := start; k <= n && len(page) < min(count, most); k++ {
			page = append(page, map[string]string{"id": strconv.Itoa(k), "userName": "u" + strconv.Itoa(k)})
		}
		body := map[string]any{"totalResults": total(n, len(page)), "startIndex": start, "itemsPerPage": len(page)}
		if len(page) > 0 {
			body["Resources"] = page
		}
		_ = json.NewEncoder(w).Encode(body)
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	var got []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, fmt.Sprintf("%s %s %s %s %s", r.Method, r.RequestURI, r.Header.Get("Authorization"), r.Header.Get("Content-Type"), body))
		switch r.Method {
		case http.MethodPost:
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"id":"9"}`)
		case http.MethodGet:
			if strings.HasSuffix(r.URL.Path, "/Users") {
				_, _ = io.WriteString(w, `{"totalResults":0}`)
				return
			}
			_, _ = io.WriteString(w, `{"id":"9"}`)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	})
	f, err := scim.Eq(scim.Words, "emails", "a+b&c@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.FindUsers(t.Context(), f); err != nil {
		t.Error(err)
	}
	if u, err := c.CreateUser(t.Context(), scim.User{ID: "mine", UserName: "u"}); err != nil || u.ID != "9" {
		t.Errorf("created %+v, %v", u, err)
	}
	if u, err := client.Get[scim.User](t.Context(), c, "/Users", "a/../b"); err != nil || u.ID != "9" {
		t.Errorf("got %+v, %v", u, err)
	}
	if err := c.Patch(t.Context(), "/v2/Roles", "7", scim.Patch{Operations: []scim.Operation{scim.Add("users", "1")}}); err != nil {
		t.Error(err)
	}
	if err := c.DeleteUser(t.Context(), "7"); err != nil {
		t.Error(err)
	}
	want := []string{
		"GET /scim2/Users?count=10&filter=emails%20eq%20%22a%2Bb%26c%40example.com%22&startIndex=1 Bearer t  ",
		`POST /scim2/Users Bearer t application/scim+json {"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"u"}`,
		"GET /scim2/Users/a%2F..%2Fb Bearer t  ",
		`PATCH /scim2/v2/Roles/7 Bearer t application/scim+json {"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"users","value":"1"}]}`,
		"DELETE /scim2/Users/7 Bearer t  ",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		status int
		body   string
		code   identity.Code
		acted  bool
		text   string
	}{
		{"taken", 409, `{"status":"409","detail":"exists"}`, identity.CodeConflict, false, "exists"},
		{"taken, as 400", 400, `{"status":400,"scimType":"uniqueness","detail":"exists"}`, identity.CodeConflict, false, "exists"},
		{"value", 400, `{"status":"400","scimType":"invalidValue","detail":"no"}`, identity.CodeInvalidRequest, false, "invalidValue"},
		{"limit of the plan", 403, `{"status":"403","scimType":"userLimitReached"}`, identity.CodeQuotaExceeded, false, "userLimitReached"},
		{"credentials", 401, `{"status":401,"detail":"no"}`, identity.CodeProviderCredentials, false, "no"},
		{"server envelope", 403, `{"code":403,"message":"Forbidden","description":"scope"}`, identity.CodeProviderCredentials, false, "Forbidden scope"},
		{"server error", 500, `{"status":"500","detail":"boom"}`, identity.CodeProviderError, true, "boom"},
		{"page", 502, `<html>token=abcdefgh</html>`, identity.CodeProviderError, true, "[redacted]"},
		{"html for json", 201, `<html>`, identity.CodeProviderError, true, "not the JSON expected"},
		{"not built", 501, ``, identity.CodeUnsupported, true, ""},
		{"our syntax", 400, `{"status":"400","scimType":"invalidSyntax","detail":"no"}`, identity.CodeProviderError, false, "invalidSyntax"},
		{"our filter", 400, `{"status":"400","scimType":"InvalidFilter","detail":"no"}`, identity.CodeProviderError, false, "InvalidFilter"},
		{"no target", 400, `{"status":"400","scimType":"noTarget"}`, identity.CodeNotFound, false, "noTarget"},
		{"no scimType", 400, `{"status":"400","detail":"Error in adding the user"}`, identity.CodeInvalidRequest, false, "adding"},
		{"server API's own code", 400, `{"code":"OUI-60001","message":"m","description":"d","traceId":"t"}`, identity.CodeInvalidRequest, false, "OUI-60001: m d"},
		{"page for 400", 400, `<html>`, identity.CodeProviderError, false, "<html>"},
		{"page for 404", 404, `<html>no route</html>`, identity.CodeProviderError, false, "no route"},
		{"page for 403", 403, `Forbidden`, identity.CodeProviderCredentials, false, "Forbidden"},
		{"404", 404, `{"status":"404"}`, identity.CodeNotFound, false, "404"},
		{"404, nothing said", 404, ``, identity.CodeNotFound, false, "404"},
		{"413", 413, ``, identity.CodeProviderError, false, "413"},
		{"412", 412, `{"status":"412"}`, identity.CodePreconditionFailed, false, "412"},
		{"408", 408, ``, identity.CodeProviderTimeout, true, "408"},
		{"redirect", 303, ``, identity.CodeProviderError, true, "303"},
		{"unexpected success", 206, `{}`, identity.CodeProviderError, true, "206"},
		{"nameless", 201, `{"userName":"u"}`, identity.CodeProviderError, true, "does not name the user"},
		{"created, says nothing", 201, ``, identity.CodeProviderError, true, "does not name the user"},
		{"flood", 500, `{"detail":"` + strings.Repeat("x", 5000) + `"}`, identity.CodeProviderError, true, "xxx"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			})
			_, err := c.CreateUser(t.Context(), scim.User{UserName: "u"})
			var acted interface{ MayHaveActed() bool }
			if identity.CodeOf(err) != tc.code || !errors.As(err, &acted) || acted.MayHaveActed() != tc.acted || !strings.Contains(err.Error(), tc.text) || len(err.Error()) > 700 {
				t.Errorf("got %v (acted %v), want %s (acted %v)", err, acted, tc.code, tc.acted)
			}
		})
	}
}

// 202 means that somebody must approve: there is no user to read.
func TestCreateThatAwaitsApproval(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	if u, err := c.CreateUser(t.Context(), scim.User{UserName: "u"}); u != nil || err != nil {
		t.Errorf("got %+v, %v", u, err)
	}
}

// Where the answer has no body, its Location says what was created.
func TestCreateWithLocation(t *testing.T) {
	t.Parallel()
	const base = "https://api.example.com/t/root/scim2/Users/"
	cases := []struct {
		name, location, body string
		want                 scim.User
	}{
		{"no body", base + "a%2Fb", "", scim.User{ID: "a/b", UserName: "u", Meta: scim.Meta{Location: base + "a%2Fb"}}},
		{"blank body", base + "7?x=y", " \n", scim.User{ID: "7", UserName: "u", Meta: scim.Meta{Location: base + "7?x=y"}}},
		{"body without meta", base + "7", `{"id":"8","userName":"DEFAULT/u"}`, scim.User{ID: "8", UserName: "DEFAULT/u", Meta: scim.Meta{Location: base + "7"}}},
		{"body with meta", base + "7", `{"id":"8","meta":{"location":"here"}}`, scim.User{ID: "8", Meta: scim.Meta{Location: "here"}}},
	}
	for _, tc := range cases {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", tc.location)
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, tc.body)
		})
		got, err := c.CreateUser(t.Context(), scim.User{ID: "mine", UserName: "u"})
		if err != nil || !reflect.DeepEqual(*got, tc.want) {
			t.Errorf("%s: got %+v, %v\nwant %+v", tc.name, got, err, tc.want)
		}
	}
}

// What cannot be meant is not sent.
func TestNotSent(t *testing.T) {
	t.Parallel()
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s %s was sent", r.Method, r.URL) })
	for name, call := range map[string]func() error{
		"delete without id":   func() error { return c.DeleteUser(t.Context(), "") },
		"delete of a parent":  func() error { return c.Delete(t.Context(), "/Users", "..") },
		"get without id":      func() error { _, err := c.GetUser(t.Context(), ""); return err },
		"get of itself":       func() error { _, err := c.GetUser(t.Context(), "."); return err },
		"patch without id":    func() error { return c.Patch(t.Context(), "/Groups", "", scim.NewPatch(scim.Add("members", "1"))) },
		"empty patch":         func() error { return c.Patch(t.Context(), "/Groups", "1", scim.Patch{}) },
		"invalid user":        func() error { _, err := c.CreateUser(t.Context(), scim.User{}); return err },
		"filter for everyone": func() error { _, err := c.FindUsers(t.Context(), scim.Filter{}); return err },
	} {
		if err := call(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Every call needs a credential: without one nothing is sent.
func TestAuthorizeFails(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s was sent", r.URL) }))
	defer server.Close()
	broken := errors.New("no token")
	c := client.New(httpx.New(nil), client.Options{BaseURL: server.URL, Authorize: func(context.Context, http.Header) error { return broken }})
	if _, err := c.GetUser(t.Context(), "1"); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestGet(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, body string
		code       identity.Code
	}{
		{"user", `{"id":"9","userName":"u"}`, ""},
		{"another kind of answer", `{"code":"OUI-1","message":"m"}`, identity.CodeProviderError},
		{"list", `[]`, identity.CodeProviderError},
		{"null", `null`, identity.CodeProviderError},
		{"page", `<html>`, identity.CodeProviderError},
		{"nothing", ``, identity.CodeProviderError},
	}
	for _, tc := range cases {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, tc.body) })
		u, err := c.GetUser(t.Context(), "9")
		if identity.CodeOf(err) != tc.code || (err == nil && u.ID != "9") || (err != nil && u != nil) {
			t.Errorf("%s: got %+v, %v", tc.name, u, err)
		}
		if _, err := client.Get[scim.Group](t.Context(), c, "/Groups", "9"); identity.CodeOf(err) != tc.code {
			t.Errorf("%s: as a group: %v", tc.name, err)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "Sat, 21 Nov 2026 09:00:42 GMT")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer server.Close()
	clock := func() time.Time { return now }
	c := client.New(httpx.New(&httpx.Options{Now: clock}), client.Options{BaseURL: server.URL, Now: clock})
	_, err := c.CreateUser(t.Context(), scim.User{UserName: "u"})
	var refusal *client.Error
	if !errors.As(err, &refusal) || refusal.RetryAfter() != 42*time.Second || refusal.IdentityCode() != identity.CodeProviderRateLimited || refusal.MayHaveActed() {
		t.Errorf("got %v", err)
	}
}
