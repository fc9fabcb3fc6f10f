package mail

import (
	"errors"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/go-playground/locales"
	"github.com/go-playground/locales/de"
	"github.com/go-playground/locales/en"
	"github.com/go-playground/locales/es"
	"github.com/go-playground/locales/fr"
	"golang.org/x/text/language"
)

// Lengths in characters: what is longer is cut, and a link refused.
const (
	maxName    = 200
	maxMessage = 2000
	maxLink    = 2000
)

// line makes one line of what a person typed: no control characters, no
// invisible ones that turn the direction of what follows, single blanks.
func line(s string, longest int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), unicode.IsSpace(r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
			return ' '
		case unicode.Is(unicode.Bidi_Control, r), r == '\u200B', r == '\uFEFF':
			return -1
		default:
			return r
		}
	}, strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > longest {
		return strings.TrimSpace(string(runes[:longest-1])) + "…"
	}
	return s
}

func lines(all []string) []string {
	var clean []string
	for _, s := range all {
		if s = line(s, maxName); s != "" {
			clean = append(clean, s)
		}
	}
	return clean
}

// checkLink insists on an address that looks the same in every body. Its error
// does not hold it.
func checkLink(link string) error {
	odd := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"'<>\\^`{|}", r) }
	u, err := url.Parse(link)
	switch {
	case len(link) > maxLink:
		return errors.New("the link is too long")
	case err != nil || strings.ContainsFunc(link, odd):
		return errors.New("the link is no URL in ASCII")
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil:
		return errors.New("the link is not http or https to a host")
	default:
		return nil
	}
}

// dates returns how a locale writes a time: in its words, or as ISO 8601 has it
// where usher has no words for it.
func dates(tag language.Tag) func(time.Time) string {
	base, _ := tag.Base()
	words, known := map[string]func() locales.Translator{"de": de.New, "en": en.New, "es": es.New, "fr": fr.New}[base.String()]
	if !known {
		return func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
	}
	translator := words()
	return func(t time.Time) string {
		t = t.UTC()
		return translator.FmtDateLong(t) + t.Format(", 15:04 UTC")
	}
}
