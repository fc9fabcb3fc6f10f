// Package redact takes secrets and people's addresses out of texts that go to
// the log. It goes by names and shapes, so it is the last line of defence: what
// is known to be secret is not to be written at all.
package redact

import (
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"
)

// excerptBytes is how much of an unexpected answer reaches the log, and
// redactBytes how much of it is looked at for that.
const (
	excerptBytes = 200
	redactBytes  = 16 * excerptBytes
)

// Excerpt returns the beginning of an answer for the log, with what looks like
// a secret taken out: 200 bytes at most.
func Excerpt(body []byte) string {
	return Cut(Text(string(body[:min(len(body), redactBytes)])), excerptBytes)
}

// Cut shortens a text to n bytes of valid UTF-8.
func Cut(text string, n int) string {
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// redactions are what a secret looks like: $1 is kept, the rest replaced. The
// first is a header of credentials, then an authorization scheme, a value by
// its name (quoted as JSON, then bare, as in forms and URLs), an OAuth code, a
// URL's user information, a JWT, a secret key by its prefix, and an e-mail
// address, as it is or as in a URL.
var redactions = sync.OnceValue(func() []*regexp.Regexp {
	const (
		names = `(?:[\w-]*(?:token|secret|password|passwd|ticket|confirmation|confirmation[_-]?code|code_verifier|api[_-]?key|private_key|assertion)|device_code|user_code)`
		value = `[^\s"'&,;}<>]+`
	)
	var all []*regexp.Regexp
	for _, pattern := range []string{
		`(?im)(\b(?:proxy-)?authorization["']?[ \t]*[:=][ \t]*["']?|\b(?:set-)?cookie["']?[ \t]*:[ \t]*["']?)[^\r\n"']+`,
		`(?i)(\b(?:bearer|basic)\s+)[\w.~+/=-]+`,
		`(?i)(\\?["']` + names + `\\?["']\s*[:=]\s*)(?:"(?:[^"\\]|\\.)*"?|'[^']*'?|\\"[^"]*"?|` + value + `)`,
		`(?i)(\b` + names + `\s*[:=]\s*)(?:"(?:[^"\\]|\\.)*"?|'[^']*'?|` + value + `)`,
		`(?i)((?:^|[?&\s"'])code=)` + value,
		`(?i)(\b[a-z][a-z0-9+.-]*://)[^\s/@"'<>]+@`,
		`()eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)*`,
		`()sk_(?:live|test)_[\w+/=-]+`,
		`()[^\s"'<>:=,;(/]+(?:@|%40)[^\s"'<>,;)]+`,
	} {
		all = append(all, regexp.MustCompile(pattern))
	}
	return all
})

// Text replaces credentials, tokens, codes, passwords and e-mail addresses.
func Text(text string) string {
	for _, pattern := range redactions() {
		text = pattern.ReplaceAllString(text, "${1}[redacted]")
	}
	return text
}
