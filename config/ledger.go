package config

import (
	"net/url"
	"strings"

	"usher/identity"
)

// LedgerURL is the URL of a ledger. It may hold a password.
type LedgerURL string

// String implements fmt.Stringer without showing a password.
func (u LedgerURL) String() string {
	text := string(u)
	if strings.HasPrefix(text, "sqlite:") {
		return text
	}
	parsed, err := url.Parse(text)
	if err != nil {
		return identity.Secret(text).String()
	}
	options := parsed.Query()
	for name := range options {
		if strings.Contains(strings.ToLower(name), "password") {
			options.Set(name, "xxxxx")
		}
	}
	if len(options) > 0 {
		parsed.RawQuery = options.Encode()
	}
	return parsed.Redacted()
}

// problem says what is wrong with the URL, or "".
func (u LedgerURL) problem() string {
	const example = "sqlite: and the path of a file, as in sqlite:usher.db, or postgres://user:password@host:5432/database"
	scheme, rest, _ := strings.Cut(string(u), ":")
	switch {
	case scheme == "sqlite" && rest != "":
		return ""
	case scheme != "postgres" && scheme != "postgresql":
		return "must be " + example
	}
	if parsed, err := url.Parse(string(u)); err != nil || parsed.Opaque != "" || strings.Trim(parsed.Path, "/") == "" && !parsed.Query().Has("dbname") {
		return "must be " + example
	}
	return ""
}
