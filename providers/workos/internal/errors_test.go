package internal

import (
	"slices"
	"strings"
	"testing"

	"usher/identity"
)

// Every code of the table leads to one of ours, with a sentence where it is the
// caller's to act, and the sentence quotes nothing.
func TestCodes(t *testing.T) {
	t.Parallel()
	for vendors, problem := range codes() {
		if !slices.Contains(identity.Codes(), problem.Code) {
			t.Errorf("%s leads to %q", vendors, problem.Code)
		}
		if problem.Detail == "" && problem.Code != identity.CodeProviderRateLimited {
			t.Errorf("%s has no sentence", vendors)
		}
		if strings.Contains(problem.Detail, "_") {
			t.Errorf("%s: %q speaks the vendor's words", vendors, problem.Detail)
		}
	}
}

func TestLocale(t *testing.T) {
	t.Parallel()
	if n := len(strings.Fields(locales)); n != 90 {
		t.Errorf("%d locales, the vendor has 90", n)
	}
	for tag, want := range map[string]struct {
		locale string
		exact  bool
	}{
		"en": {"en", true}, "EN-gb": {"en-GB", true}, "pt_br": {"pt-BR", true}, "de-AT": {"de", false}, "es-419": {"es-419", true},
		"tlh": {"", false}, "": {"", false}, "en de": {"", false}, "zh-Hant-TW": {"zh", false}, "-": {"", false},
	} {
		if locale, exact := Locale(tag); locale != want.locale || exact != want.exact {
			t.Errorf("%q: got %q, %v, want %+v", tag, locale, exact, want)
		}
	}
}

func TestValidID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		"org_01EHZNVPK3SFK441A1RGBFSHRT": true, "00000000-0000-4000-8000-000000000000": true,
		"": false, ".": false, "..": false, "a/b": false, "a b": false, "a%2Fb": false, "a?b": false, "é": false, strings.Repeat("a", 129): false,
	} {
		if ValidID(id) != want {
			t.Errorf("%q: %v", id, !want)
		}
	}
}
