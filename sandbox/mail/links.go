package mail

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// links returns the http and https addresses of both bodies, each once.
func links(text, page string) []string {
	found := []string{}
	add := func(s string) {
		if isWeb(s) && !slices.Contains(found, s) {
			found = append(found, s)
		}
	}
	for _, span := range spans(text) {
		add(span)
	}
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return found
		case html.StartTagToken, html.SelfClosingTagToken:
			token := z.Token()
			if token.Data != "a" && token.Data != "area" {
				continue
			}
			for _, a := range token.Attr {
				if a.Key == "href" {
					add(strings.TrimSpace(a.Val))
				}
			}
		}
	}
}

// spans returns the addresses in a plain text, without the punctuation of the
// sentence around them.
func spans(text string) []string {
	var all []string
	for _, s := range webAddress().FindAllString(text, -1) {
		all = append(all, trimSentence(s))
	}
	return all
}

func webAddress() *regexp.Regexp { return regexp.MustCompile(`(?i)\bhttps?://[^\s<>"'` + "`" + `]+`) }

func trimSentence(s string) string {
	s = strings.TrimRight(s, ".,;:!?")
	for strings.HasSuffix(s, ")") && strings.Count(s, ")") > strings.Count(s, "(") {
		s = strings.TrimRight(s[:len(s)-1], ".,;:!?")
	}
	return s
}

func isWeb(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
