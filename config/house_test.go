package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"usher/config"
	"usher/providers"
	"usher/providers/all"
)

// least is a small configuration without a problem; tests put lines into it.
const least = `issuers:
  - name: main
    issuer: https://issuer.example.com
    audiences: [usher]
connections:
  - name: one
    provider: asgardeo
    issuers: [main]
    roles:
      member: {provider: Member}
    settings:
      base_url: https://api.asgardeo.io/t/acme
      client_id: abc
      client_secret: s3cret
      application: App
`

// vars is an environment.
func vars(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

func parse(text string, env ...string) (*config.Config, error) {
	return config.Parse([]byte(text), config.Options{File: "usher.yaml", Providers: all.Table(), Env: vars(env...)})
}

func mustParse(t *testing.T, text string, env ...string) *config.Config {
	t.Helper()
	c, err := parse(text, env...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// lines is what an error reports, one problem each: line, place, text.
func lines(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var problems config.Problems
	if !errors.As(err, &problems) {
		t.Fatalf("not Problems: %v", err)
	}
	var list []string
	for _, p := range problems {
		list = append(list, fmt.Sprintf("%d %s: %s", p.Line, p.Path, p.Text))
	}
	return list
}

// wants compares the problems of a text with all that are expected.
func wants(t *testing.T, text string, want []string, env ...string) {
	t.Helper()
	_, err := parse(text, env...)
	if got := lines(t, err); !slices.Equal(got, want) {
		t.Errorf("for\n%s\ngot\n  %s\nwant\n  %s", text, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// with replaces one line of the least configuration by others.
func with(t *testing.T, line, by string) string {
	t.Helper()
	if strings.Count(least, line+"\n") != 1 {
		t.Fatalf("%q is not one line of the least configuration", line)
	}
	return strings.Replace(least, line+"\n", by+"\n", 1)
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// table is the providers of this build.
func table() map[string]func() providers.Config { return all.Table() }
