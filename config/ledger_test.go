package config_test

import (
	"strings"
	"testing"

	"usher/config"
)

// The password in a ledger's URL is shown nowhere.
func TestLedgerURL(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"sqlite:usher.db":                               "sqlite:usher.db",
		"postgres://usher@host/db":                      "postgres://usher@host/db",
		"postgres://usher:geheim@host:5432/db":          "postgres://usher:xxxxx@host:5432/db",
		"postgres://host/db?password=geheim":            "postgres://host/db?password=xxxxx",
		"postgres://u@host/db?sslpassword=geheim":       "postgres://u@host/db?sslpassword=xxxxx",
		"postgres://u:geh%eim@host/db":                  "[redacted]",
		"postgres://u:p@h/db?sslmode=disable&sslcert=c": "postgres://u:xxxxx@h/db?sslcert=c&sslmode=disable",
	} {
		if got := config.LedgerURL(url).String(); got != want {
			t.Errorf("%s shows as %s, want %s", url, got, want)
		}
	}
	c := mustParse(t, least+"ledger: {url: 'postgres://usher:geheim@host/db'}\n")
	if text := c.String(); strings.Contains(text, "geheim") || !strings.Contains(text, "usher:xxxxx@host") {
		t.Errorf("printed as:\n%s", text)
	}
}
