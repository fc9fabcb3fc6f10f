package identity_test

import (
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"usher/identity"
)

func TestParseEmail(t *testing.T) {
	t.Parallel()
	local64 := strings.Repeat("a", 64)
	cases := []struct {
		name, in, lower, exact string // lower empty: refused
	}{
		{"plain", "a@example.com", "a@example.com", "a@example.com"},
		{"case", "A.b@Example.COM", "a.b@example.com", "A.b@example.com"},
		{"dots and plus stay", "First.Last+tag@example.com", "first.last+tag@example.com", "First.Last+tag@example.com"},
		{"apostrophe", "o'brien@example.com", "o'brien@example.com", "o'brien@example.com"},
		{"word that is an operator", "and@example.com", "and@example.com", "and@example.com"},
		{"international", "ü@bücher.example", "ü@xn--bcher-kva.example", "ü@xn--bcher-kva.example"},
		{"decomposed letter", "u\u0308@example.com", "ü@example.com", "ü@example.com"},
		{"capital without a composed form", "J\u030c@example.com", "\u01f0@example.com", "J\u030c@example.com"},
		{"A-label", "a@xn--bcher-kva.example", "a@xn--bcher-kva.example", "a@xn--bcher-kva.example"},
		{"64 byte local part", local64 + "@example.com", local64 + "@example.com", local64 + "@example.com"},
		{"65 byte local part", local64 + "a@example.com", "", ""},
		{"320 characters", local64 + "@" + strings.Repeat("d", 251) + ".com", "", ""},
		{"empty", "", "", ""},
		{"no at", "example.com", "", ""},
		{"no local part", "@example.com", "", ""},
		{"no domain", "a@", "", ""},
		{"two ats", "a@b@example.com", "", ""},
		{"quote", `a"b@example.com`, "", ""},
		{"quoted local part", `"a b"@example.com`, "", ""},
		{"blank and word", "x or y@example.com", "", ""},
		{"wildcard", "*@example.com", "", ""},
		{"display name", "Bob <a@b.example>", "", ""},
		{"angle brackets", "<a@b.example>", "", ""},
		{"list", "a@b.example,c@d.example", "", ""},
		{"line break", "a@example.com\r\nBcc: b@example.com", "", ""},
		{"line break in local part", "a\nb@example.com", "", ""},
		{"tab", "a\tb@example.com", "", ""},
		{"NUL", "a\x00b@example.com", "", ""},
		{"leading blank", " a@example.com", "", ""},
		{"trailing blank", "a@example.com ", "", ""},
		{"no-break space", "a\u00a0b@example.com", "", ""},
		{"zero width joiner", "a\u200db@example.com", "", ""},
		{"right-to-left override", "a\u202eb@example.com", "", ""},
		{"backslash", `a\b@example.com`, "", ""},
		{"comment", "a(b)@example.com", "", ""},
		{"leading dot", ".a@example.com", "", ""},
		{"double dot", "a..b@example.com", "", ""},
		{"invalid UTF-8", "a\xff@example.com", "", ""},
		{"address literal", "a@[127.0.0.1]", "", ""},
		{"numeric domain", "a@127.0.0.1", "", ""},
		{"single label", "a@localhost", "", ""},
		{"underscore in domain", "a@b_c.example", "", ""},
		{"empty label", "a@b..example", "", ""},
		{"trailing dot", "a@example.com.", "", ""},
		{"emoji", "😀@example.com", "", ""},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := identity.ParseEmail(tc.in)
			if tc.lower == "" {
				known, ok := err.(*identity.Error)
				if !ok || known.Code != identity.CodeInvalidRequest || known.Field != "/email" {
					t.Fatalf("ParseEmail(%q) = %+v, %v; want invalid_request at /email", tc.in, got, err)
				}
				if len(tc.in) > 3 && strings.Contains(known.Detail, tc.in) {
					t.Errorf("the detail repeats the input: %q", known.Detail)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			keys := []string{got.Typed, got.Key(identity.EmailLowercase), got.Key(identity.EmailExact)}
			want := []string{tc.in, tc.lower, tc.exact}
			for n := range keys {
				if keys[n] != want[n] {
					t.Errorf("ParseEmail(%q): got %q, want %q", tc.in, keys[n], want[n])
				}
			}
		})
	}
}

// A key is an address itself and its own key: comparing by key is stable.
func TestEmailKeyIsStable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		local := rapid.StringMatching(`[A-Za-z0-9üÄéß'+_.-]{1,20}`).Draw(t, "local")
		domain := rapid.StringMatching(`[A-Za-z0-9ü]{1,10}\.[A-Za-z]{2,5}`).Draw(t, "domain")
		a, err := identity.ParseEmail(local + "@" + domain)
		if err != nil {
			t.Skip()
		}
		for _, rule := range []identity.EmailRule{identity.EmailLowercase, identity.EmailExact} {
			again, err := identity.ParseEmail(a.Key(rule))
			if err != nil {
				t.Fatalf("key %q does not parse: %v", a.Key(rule), err)
			}
			if again.Key(rule) != a.Key(rule) {
				t.Fatalf("key %q has the key %q", a.Key(rule), again.Key(rule))
			}
		}
	})
}

// Whatever is accepted is one bare word that cannot end a quoted value, a
// header line or a filter, and its key is an address and its own key.
func FuzzParseEmail(f *testing.F) {
	for _, seed := range []string{"a@example.com", `a"b@example.com`, "x or y@example.com", "*@example.com", "Bob <a@b.example>", "ü@bücher.example", "a@b\r\nc"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		a, err := identity.ParseEmail(in)
		if err != nil {
			return
		}
		if a.Typed != in || strings.ContainsAny(in, "\"\\*()<>[],;: \t\r\n\x00") || strings.Count(in, "@") != 1 || len(in) > 254 ||
			strings.ContainsFunc(in, unicode.IsControl) || strings.ContainsFunc(in, unicode.IsSpace) {
			t.Fatalf("accepted %q", in)
		}
		for _, rule := range []identity.EmailRule{identity.EmailLowercase, identity.EmailExact} {
			if !identity.SameEmail(in, in, rule) {
				t.Fatalf("%q is not the same as itself", in)
			}
			key := a.Key(rule)
			if len(key) > len(a.Local)+1+len(a.Domain) {
				continue // a small letter may be longer than its capital, and the key than an address
			}
			if again, err := identity.ParseEmail(key); err != nil || again.Key(rule) != key {
				t.Fatalf("%q has the key %q, and that %+v, %v", in, key, again, err)
			}
		}
	})
}
