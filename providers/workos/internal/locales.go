package internal

import "strings"

// locales are the languages of the vendor's mails (FACTS.md section 6.2); any
// other is refused.
const locales = " af am ar bg bn bs ca cs da de de-DE el en en-AU en-CA en-GB en-US es es-419 es-ES es-US et fa fi fil fr " +
	"fr-BE fr-CA fr-FR fy gl gu ha he hi hr hu hy id is it it-IT ja jv ka kk km kn ko lt lv mk ml mn mr ms my nb ne nl " +
	"nl-BE nl-NL nn no pa pl pt pt-BR pt-PT ro ru sk sl sq sr sv sw ta te th tr uk ur uz vi zh zh-CN zh-HK zh-TW zu "

// Locale returns the locale that the vendor has for a language tag: the tag
// itself, in its spelling, else the language without its region, else none.
// exact reports that it is the tag.
func Locale(tag string) (locale string, exact bool) {
	tag = strings.ReplaceAll(tag, "_", "-")
	if locale = known(tag); locale != "" {
		return locale, true
	}
	language, _, _ := strings.Cut(tag, "-")
	return known(language), false
}

func known(tag string) string {
	if tag == "" || strings.Contains(tag, " ") {
		return ""
	}
	at := strings.Index(strings.ToLower(locales), " "+strings.ToLower(tag)+" ")
	if at < 0 {
		return ""
	}
	return locales[at+1 : at+1+len(tag)]
}
