package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"usher/config"
	"usher/providers/all"
	"usher/providers/asgardeo"
)

const secretLine = "      client_secret: s3cret"

func TestReferences(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, value, want string
		env               []string
	}{
		{"plain", "abc", "abc", nil},
		{"variable", "${SECRET}", "abc", []string{"SECRET", "abc"}},
		{"within text", "a${X}c${Y}", "abcd", []string{"X", "b", "Y", "d"}},
		{"escaped", "$${SECRET}", "${SECRET}", []string{"SECRET", "abc"}},
		{"escaped beside one", "$${A}${A}", "${A}x", []string{"A", "x"}},
		{"dollars alone", "$1 $$ $A", "$1 $$ $A", nil},
		{"value is not read again", "${X}", "${Y}", []string{"X", "${Y}", "Y", "no"}},
		{"value is no file", "${X}", "file:/etc/passwd", []string{"X", "file:/etc/passwd"}},
		{"what Escape wrote", config.Escape("a${b}$${c"), "a${b}$${c", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := mustParse(t, with(t, secretLine, `      client_secret: "`+tc.value+`"`), tc.env...)
			if got := c.Connections[0].Settings.(*asgardeo.Config).ClientSecret.Reveal(); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestBadReferences(t *testing.T) {
	t.Parallel()
	const at = "14 connections[0].settings.client_secret: "
	for _, tc := range []struct {
		name, value string
		want        []string
	}{
		{"not set", "${NO}", []string{at + "the environment variable NO is not set"}},
		{"several not set", "${NO}${NEITHER}", []string{at + "the environment variable NO is not set", at + "the environment variable NEITHER is not set"}},
		{"set but empty", "${EMPTY}", []string{at + "${EMPTY} is set, but empty"}},
		{"no name", "${}", []string{at + "${} is not a reference: write ${NAME}, or $${ for a literal ${"}},
		{"shell default", "${A:-b}", []string{at + "${A:-b} is not a reference: write ${NAME}, or $${ for a literal ${"}},
		{"not closed", "x${A", []string{at + "${A is not a reference: write ${NAME}, or $${ for a literal ${"}},
		{"file is absent", "file:/does/not/exist", []string{at + "the file /does/not/exist does not exist"}},
		{"file name not set", "file:/run/${NO}", []string{at + "the environment variable NO is not set"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			wants(t, with(t, secretLine, `      client_secret: "`+tc.value+`"`), tc.want, "EMPTY", "")
		})
	}
}

func TestSecretFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "plain", "from a file")
	write(t, dir, "newline", "from a file\n")
	write(t, dir, "windows", "from a file\r\n")
	write(t, dir, "two", "one\n\n")
	write(t, dir, "empty", "\n")
	write(t, dir, "long", strings.Repeat("x", 70<<10))
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	const at = "14 connections[0].settings.client_secret: "
	for _, tc := range []struct{ name, value, want, problem string }{
		{"as it is", "file:plain", "from a file", ""},
		{"one line break is cut", "file:newline", "from a file", ""},
		{"of either kind", "file:windows", "from a file", ""},
		{"but one only", "file:two", "one\n", ""},
		{"absolute", "file:" + dir + "/plain", "from a file", ""},
		{"by variable", "file:${DIR}/plain", "from a file", ""},
		{"empty", "file:empty", "", at + "the file " + dir + "/empty is empty"},
		{"too long", "file:long", "", at + "the file " + dir + "/long is too long for a secret"},
		{"folder", "file:folder", "", at + "cannot read the secret: read " + dir + "/folder: is a directory"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			path := write(t, dir, strings.ReplaceAll(tc.name, " ", "-")+".yaml", with(t, secretLine, `      client_secret: "`+tc.value+`"`))
			c, err := config.Load(path, config.Options{Providers: all.Table(), Env: vars("DIR", dir)})
			if tc.problem != "" {
				if got := lines(t, err); !slices.Equal(got, []string{tc.problem}) {
					t.Errorf("got %q", got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Connections[0].Settings.(*asgardeo.Config).ClientSecret.Reveal(); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// file: is for secrets alone: anywhere else it is text.
func TestFileIsForSecrets(t *testing.T) {
	t.Parallel()
	c := mustParse(t, with(t, "      client_id: abc", `      client_id: "file-x"`))
	if got := c.Connections[0].Settings.(*asgardeo.Config).ClientID; got != "file-x" {
		t.Errorf("got %q", got)
	}
}

func TestLoadUnreadable(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "absent.yaml")
	_, err := config.Load(path, config.Options{})
	if want := "read configuration: open " + path + ": no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// No problem text holds what a secret resolved to, nor does printing.
func TestSecretsStayHidden(t *testing.T) {
	t.Parallel()
	const secret = "xyzzy-plugh"
	text := with(t, secretLine, "      client_secret: ${SECRET}")
	_, err := parse(text+"listen: x\n", "SECRET", secret)
	if err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("got %v", err)
	}
	c := mustParse(t, text, "SECRET", secret)
	redacted, err := c.Redacted()
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{string(redacted), c.String()} {
		if strings.Contains(shown, secret) || !strings.Contains(shown, `client_secret: "[redacted]"`) {
			t.Errorf("shows\n%s", shown)
		}
	}
}
