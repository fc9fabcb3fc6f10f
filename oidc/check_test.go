package oidc

import (
	"encoding/json"
	"testing"
	"time"
)

// At the edges: what is just good enough, and what just is not.
func TestPolicy(t *testing.T) {
	t.Parallel()
	now := time.Unix(1900000000, 0)
	at := func(d time.Duration) json.Number { return json.Number(string(mustJSON(now.Add(d).Unix()))) }
	ours := policy{algorithms: []string{"RS256"}, types: []string{"at+jwt", "jwt"}, leeway: 30 * time.Second, audiences: []string{"a", "b"}}
	parties := policy{algorithms: []string{"RS256"}, types: []string{"jwt"}, leeway: 0, authorizedParties: []string{"app"}}
	both := ours
	both.authorizedParties = []string{"app"}
	for _, tt := range []struct {
		name   string
		policy policy
		typ    string
		with   fields
		want   reason
	}{
		{"good", ours, "at+jwt", nil, ""},
		{"aud in a list", ours, "at+jwt", fields{"aud": []any{"x", "b"}}, ""},
		{"no nbf, no iat", ours, "at+jwt", fields{"nbf": nil, "iat": nil}, ""},
		{"last moment of the leeway", ours, "at+jwt", fields{"exp": at(-29 * time.Second)}, ""},
		{"end of the leeway", ours, "at+jwt", fields{"exp": at(-30 * time.Second)}, reasonExpired},
		{"nbf at the leeway", ours, "at+jwt", fields{"nbf": at(30 * time.Second)}, ""},
		{"nbf past the leeway", ours, "at+jwt", fields{"nbf": at(31 * time.Second)}, reasonNotYetValid},
		{"iat at the leeway", ours, "at+jwt", fields{"iat": at(30 * time.Second)}, ""},
		{"iat past the leeway", ours, "at+jwt", fields{"iat": at(31 * time.Second)}, reasonNotYetValid},
		{"exp with a fraction", ours, "at+jwt", fields{"exp": json.Number("1900000000.5")}, ""},
		{"exp with an exponent", ours, "at+jwt", fields{"exp": json.Number("2e9")}, ""},
		{"a fraction too late", parties, "JWT", fields{"azp": "app", "exp": json.Number("1899999999.5")}, reasonExpired},
		{"an access token may have a nonce if it says what it is", ours, "at+jwt", fields{"nonce": "n"}, ""},
		{"without saying so it may not", ours, "JWT", fields{"nonce": "n"}, reasonType},
		{"a claim typ that is an access token's", ours, "JWT", fields{"typ": "Bearer", "token_use": "access"}, ""},
		{"typ that this issuer does not use", parties, "at+jwt", fields{"azp": "app"}, reasonType},
		{"azp is ours, no aud", parties, "JWT", fields{"azp": "app", "aud": nil}, ""},
		{"azp is ours, whatever aud", parties, "JWT", fields{"azp": "app", "aud": "x"}, ""},
		{"client_id for azp", parties, "JWT", fields{"client_id": "app"}, ""},
		{"azp of somebody else", parties, "JWT", fields{"azp": "another"}, reasonAudience},
		{"no azp", parties, "JWT", nil, reasonAudience},
		{"aud and azp", both, "at+jwt", fields{"azp": "app"}, ""},
		{"aud without azp", both, "at+jwt", nil, reasonAudience},
		{"azp without aud", both, "at+jwt", fields{"azp": "app", "aud": "x"}, reasonAudience},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := changed(fields{"sub": "s", "aud": "a", "exp": at(time.Hour), "iat": at(0), "nbf": at(0)}, tt.with)
			got := reason("")
			if r := tt.policy.check(&token{header: header{alg: "RS256", typ: tt.typ}, claims: c}, now); r != nil {
				got = r.reason
			}
			if got != tt.want {
				t.Errorf("reason %q, want %q", got, tt.want)
			}
		})
	}
}

func TestEveryReasonHasAText(t *testing.T) {
	t.Parallel()
	for _, r := range []reason{
		reasonMissing, reasonTooLong, reasonMalformed, reasonUnknownIssuer, reasonAlgorithm, reasonType, reasonClaims,
		reasonExpired, reasonNotYetValid, reasonAudience, reasonKeysUnavailable,
	} {
		if r.detail() == reasonSignature.detail() {
			t.Errorf("%s has the text of a bad signature", r)
		}
	}
}
