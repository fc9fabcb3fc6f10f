package scim2

import (
	"strings"
	"testing"
)

// Whatever a filter or path is, reading it ends, and a filter that is read can
// be tested on any resource.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		`userName eq "a"`, `emails[type eq "work" and value co "x"]`, `not (a pr) or b.c eq null`, `urn:a:2.0:B:c sw "\u00e9"`, `a eq "`, `[`, `]`, `n eq 5`, `emails[n eq 1]`,
		strings.Repeat("(", 200), `members[value eq "x"].display`, "a eq \"\\\"", "\x00",
	} {
		f.Add(seed)
	}
	s := New(Options{})
	s.AddGroup("Team", s.AddUser(Person{Email: "ann@example.com", GivenName: "Ann"}))
	c := &call{base: "http://vendor"}
	f.Fuzz(func(_ *testing.T, text string) {
		for _, r := range s.records {
			if test, p := s.filterFor(r.kind, text, true); p == nil {
				test(s.render(c, r, r.now))
			}
			_ = s.applyAt(r, clone(s.render(c, r, r.now)).(map[string]any), operation{op: opReplace, path: text, value: "x", hasValue: true})
		}
	})
}
