package asgardeo

import (
	"reflect"
	"testing"
)

func TestParseFilter(t *testing.T) { // FACTS.md section 2.1
	t.Parallel()
	one := func(attribute, op, value string) []comparison { return []comparison{{attribute, op, value}} }
	tests := []struct {
		name, in string
		want     []comparison
		status   int
		scimType string
	}{
		{"quoted", `emails eq "a@example.com"`, one("emails", "eq", "a@example.com"), 0, ""},
		{"bare", `emails eq a@example.com`, one("emails", "eq", "a@example.com"), 0, ""},
		{"operator case", `userName EQ "a"`, one("userName", "eq", "a"), 0, ""},
		{"blanks collapse", `name.givenName eq "a   b"`, one("name.givenName", "eq", "a b"), 0, ""},
		{"quotes of each word go", `displayName eq "a" "b"`, one("displayName", "eq", "a b"), 0, ""},
		{"quote inside stays", `emails eq "a"b@example.com"`, one("emails", "eq", `a"b@example.com`), 0, ""},
		{"backslash is no escape", `emails eq "a\"`, one("emails", "eq", `a\`), 0, ""},
		{"and", `emails eq a and userName sw b`, []comparison{{"emails", "eq", "a"}, {"userName", "sw", "b"}}, 0, ""},
		{"injected and", `emails eq "x" and userName sw "a"`, []comparison{{"emails", "eq", "x"}, {"userName", "sw", "a"}}, 0, ""},
		{"grouped", `(emails eq a) and (userName eq b)`, []comparison{{"emails", "eq", "a"}, {"userName", "eq", "b"}}, 0, ""},
		{"and inside quotes", `displayName eq "Research and Development"`, nil, 400, "InvalidFilter"},
		{"or", `emails eq a or emails eq b`, nil, 500, ""},
		{"or inside quotes", `emails eq "x or y@example.com"`, nil, 400, "InvalidFilter"},
		{"injected or", `emails eq "x" or userName sw "a"`, nil, 500, ""},
		{"not", `not (emails eq a)`, nil, 500, ""},
		{"unsupported operator", `emails gt a`, nil, 400, "InvalidFilter"},
		{"present", `emails pr`, nil, 400, "InvalidFilter"},
		{"no value", `emails eq`, nil, 400, "InvalidFilter"},
		{"one word", `emails`, nil, 400, "InvalidFilter"},
		{"parentheses in a value", `emails eq "a(b)@example.com"`, nil, 400, "InvalidFilter"},
		{"dangling and", `emails eq a and`, nil, 400, "InvalidFilter"},
		{"leading and", `and emails eq a`, nil, 400, "InvalidFilter"},
		{"only parentheses", `()`, nil, 400, "InvalidFilter"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseFilter(test.in)
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
			status, kind := 0, ""
			if err != nil {
				status, kind = err.status, err.scimType
			}
			if status != test.status || kind != test.scimType {
				t.Errorf("error %d %q, want %d %q", status, kind, test.status, test.scimType)
			}
		})
	}
}

func FuzzParseFilter(f *testing.F) {
	for _, seed := range []string{`emails eq "a"`, `( ) and "or`, `a eq (b) not`, "\x00\"\"", `x eq * and y ne "`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseFilter(text)
		if (err == nil) != (len(got) > 0) {
			t.Errorf("%q: %v and %v", text, got, err)
		}
	})
}
