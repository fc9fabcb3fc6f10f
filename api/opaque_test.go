package api_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"usher/api"
	"usher/oidc"
)

// asking verifies tokens in earnest: by two issuers that know no opaque token,
// each trusted by one connection. A source may present so many that fail.
func asking(t *testing.T, failures int, asked *atomic.Int64) func(*api.Options) {
	t.Helper()
	return func(o *api.Options) {
		var issuers []oidc.IssuerConfig
		for _, name := range []string{"one", "two"} {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost {
					http.NotFound(w, r)
					return
				}
				asked.Add(1)
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, `{"active":false}`)
			}))
			t.Cleanup(s.Close)
			issuers = append(issuers, oidc.IssuerConfig{
				Name: name, Issuer: s.URL, Audiences: []string{"usher"},
				Introspection: oidc.IntrospectionConfig{Endpoint: s.URL, ClientID: "us", ClientSecret: "s"},
			})
		}
		organizations := o.Ledger
		auth, err := oidc.New(issuers, &oidc.Options{
			Trust: map[string][]string{"one": {"main"}, "two": {"spare"}}, Now: o.Now, SourceFailures: failures,
			Connection: func(ctx context.Context, ref string) string {
				org, err := organizations.Organization(ctx, ref)
				if err != nil {
					return ""
				}
				return org.Connection
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = auth.Close() })
		o.Auth = auth
	}
}

// TestABadTokenTellsNoOrganization: an organization that is there decides which
// issuer is asked, and whether it still is. The answer is the same without it.
func TestABadTokenTellsNoOrganization(t *testing.T) {
	t.Parallel()
	const failures = 3
	var asked atomic.Int64
	h := build(t, asking(t, failures, &asked))
	for n := range failures + 2 {
		at := func(slug string) answer {
			return h.do(fmt.Sprint("junk", n), "GET", "/v1/organizations/"+slug+"/members", "", "X-Request-Id", "the-request").is(401, "unauthenticated")
		}
		there, missing := at("acme"), at("nowhere")
		if there.body != missing.body || !reflect.DeepEqual(there.header, missing.header) {
			t.Errorf("token %d: of one that is there\n%v %s\nof one that is not\n%v %s", n, there.header, there.body, missing.header, missing.body)
		}
	}
	if n := asked.Load(); n != failures {
		t.Errorf("the issuers were asked %d times, want %d", n, failures)
	}
	for _, reason := range []string{"inactive: ", "too_many_failures: ", "unroutable: "} {
		if !strings.Contains(h.log.String(), reason) {
			t.Errorf("the log does not say %s", reason)
		}
	}
}
