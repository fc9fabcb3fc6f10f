package redact_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"usher/internal/redact"
)

func TestRedact(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3tvalue"
	for _, text := range []string{
		"Authorization: Bearer " + secret, "authorization: basic " + secret, "Authorization: Custom a=b, " + secret, "got bearer " + secret + " today",
		`{"access_token":"` + secret + `"}`, `{"access_token" : "a b ` + secret + ` c"}`, `{"password":"a,\"` + secret + `\" b"}`,
		`"{\"refresh_token\":\"a ` + secret + `\"}"`, "client_secret=" + secret + "&x=1", `password="a ` + secret + `"`,
		`"confirmationCode": "` + secret + `"`, "Ask-Password-Confirmation-Code: " + secret, "https://h/reset?confirmation=" + secret + "&x=1",
		"https://h/x?__clerk_ticket=" + secret, "?code=" + secret, "a=b&code=" + secret, "password: " + secret, "api_key=" + secret, "X-Api-Key: " + secret,
		"got eyJhbGciOiJSUzI1NiJ9." + secret + ".sig", "https://user:" + secret + "@h/path", "Set-Cookie: session=a; id=" + secret,
		`{"invitation_token":"` + secret, `{'secret': 'x ` + secret + `'}`,
		"the key sk_live_" + secret + " is revoked", "(sk_test_" + secret + ")", "/keys/sk_live_" + secret + "?x=1", `line\nsk_test_` + secret,
	} {
		if got := redact.Text(text); strings.Contains(got, secret) || !strings.Contains(got, "[redacted]") {
			t.Errorf("%q became %q", text, got)
		}
	}
	for _, text := range []string{
		"user not found in organization", `{"code":"OUI-10018","message":"Invitation already exists."}`, "errorCode=OUI-1", "status code: 403",
		"token_type=Bearer", "Invalid token received.", "https://h/path?filter=1", "a sk_live key", "https://h/a%20b", "40% of 40",
	} {
		if got := redact.Text(text); got != text {
			t.Errorf("plain text %q became %q", text, got)
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"user jane@example.com exists":                             "user [redacted] exists",
		`filter userName eq "jane.d+x@example.com"`:                `filter userName eq "[redacted]"`,
		"email=jane@bücher.example, more":                          "email=[redacted], more",
		"User with the name: DEFAULT/a@example.com already exists": "User with the name: DEFAULT/[redacted] already exists",
		"GET https://h/users/jane%40example.com: 404":              "GET https://h/users/[redacted] 404",
		"GET https://h/users?email=jane.d%2Bx%40b%C3%BC.example":   "GET https://h/users?email=[redacted]",
	} {
		if got := redact.Text(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestExcerpt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                             "",
		"short":                        "short",
		strings.Repeat("x", 5000):      strings.Repeat("x", 200),
		strings.Repeat("é", 150):       strings.Repeat("é", 100),
		"x" + strings.Repeat("é", 150): "x" + strings.Repeat("é", 99),
		"a\xffb":                       "a\ufffdb",
		"token=" + strings.Repeat("s", 300) + " rest": "token=[redacted] rest",
	} {
		if got := redact.Excerpt([]byte(text)); got != want {
			t.Errorf("%.20q…: got %q, want %q", text, got, want)
		}
	}
}

func FuzzRedact(f *testing.F) {
	for _, text := range []string{"Bearer abc", `{"token":"a\\"}`, "eyJhbGciOi.a.b", "\xff", "password='", "a%40b", "sk_live_", "sk_test_a b%40"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		once := redact.Text(text)
		if utf8.ValidString(text) && !utf8.ValidString(once) {
			t.Errorf("%q became invalid: %q", text, once)
		}
		if got := redact.Excerpt([]byte(text)); len(got) > 200 || !utf8.ValidString(got) {
			t.Errorf("%q became %q", text, got)
		}
		// A value under its name never survives, whatever stands before it
		// on a line of its own.
		if got := redact.Text(text + "\nclient_secret=s3cr3tvalue"); strings.HasSuffix(got, "=s3cr3tvalue") {
			t.Errorf("%q kept the secret: %q", text, got)
		}
		// Nor do a key and an address.
		for _, line := range []string{"sk_live_s3cr3tvalue", "jane@example.com", "jane%40example.com"} {
			if got := redact.Text(text + "\n" + line); strings.HasSuffix(got, line) {
				t.Errorf("%q kept the secret: %q", text, got)
			}
		}
	})
}
