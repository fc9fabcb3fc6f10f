package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// besieged is a gateway that trusts forgers beside the sandbox's issuer.
type besieged struct {
	*world
	main *forger // JWTs, and opaque tokens of no prefix
	down *forger // JWTs, and opaque tokens that begin with down_
	lone *forger // as main, but no connection trusts it
}

func besiege(t *testing.T, limits map[string]any) *besieged {
	t.Helper()
	b := &besieged{main: newForger(t), down: newForger(t), lone: newForger(t)}
	b.world = open(t, func(text string) string {
		var c map[string]any
		if err := yaml.Unmarshal([]byte(text), &c); err != nil {
			t.Fatal(err)
		}
		all := c["connections"].([]any)
		asgardeo := all[slices.IndexFunc(all, func(one any) bool { return one.(map[string]any)["provider"] == "asgardeo" })].(map[string]any)
		asgardeo["issuers"] = append(asgardeo["issuers"].([]any), "main", "down")
		name := asgardeo["name"].(string)
		c["issuers"] = append(c["issuers"].([]any), b.main.entry("main", name, nil), b.down.entry("down", name, []string{"down_"}))
		lone := b.lone.entry("lone", name, nil)
		delete(lone, "services")
		c["issuers"] = append(c["issuers"].([]any), lone)
		c["limits"], c["trusted_proxies"], c["log"] = limits, []string{"127.0.0.1"}, map[string]any{"level": "warn"}
		out, err := yaml.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	})
	eventually(t, "both issuers' keys are there", func() bool { return b.main.fetches.Load() > 0 && b.down.fetches.Load() > 0 })
	b.present(t, b.main.good(), "").is(t, http.StatusOK)
	b.present(t, b.down.good(), "").is(t, http.StatusOK)
	return b
}

// entry is the forger in the gateway's configuration.
func (f *forger) entry(name, connection string, prefixes []string) map[string]any {
	return map[string]any{
		"name": name, "issuer": f.url, "audiences": []string{"usher"}, "authorized_parties": []string{"backend"},
		"introspection": map[string]any{"client_id": "usher", "client_secret": "s3cret", "prefixes": prefixes, "timeout": "2s"},
		"services": []any{map[string]any{
			"client": "backend", "grant": []string{"invites:read"},
			"organizations": []any{map[string]any{"connection": connection, "all": true}},
		}},
	}
}

// verdict is the answer to a token.
type verdict struct {
	status    int
	code      string
	challenge string
	retry     string
	text      string
}

// present sends a token from an address: as a proxy would tell, or directly.
func (b *besieged) present(t *testing.T, token, from string) verdict {
	t.Helper()
	header := []string{"Authorization", "Bearer " + token}
	if from != "" {
		header = append(header, "X-Forwarded-For", from)
	}
	got, err := b.try(http.MethodGet, org, nil, header...)
	if err != nil {
		t.Fatal(err)
	}
	return verdict{got.status, got.str("code"), got.header.Get("WWW-Authenticate"), got.header.Get("Retry-After"), got.text}
}

func (v verdict) is(t *testing.T, status int) {
	t.Helper()
	if v.status != status {
		t.Errorf("answered %d %s, want %d", v.status, v.text, status)
	}
}

// refused fails unless the answer is the one to every bad token: 401 with its
// problem code and challenge, and nothing of the token in it.
func (v verdict) refused(t *testing.T, token string) {
	t.Helper()
	if v.status != http.StatusUnauthorized || v.code != "unauthenticated" || v.challenge != `Bearer realm="usher", error="invalid_token"` {
		t.Errorf("answered %+v", v)
	}
	for _, part := range strings.Split(token, ".") {
		if len(part) > 8 && strings.Contains(v.text, part) {
			t.Errorf("the answer quotes the token: %s", v.text)
		}
	}
}
