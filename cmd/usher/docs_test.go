package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"usher/identity"
	"usher/providers/all"
)

var root = filepath.Join("..", "..")

func read(t *testing.T, parts ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{root}, parts...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks returns the fenced blocks of one language.
func blocks(markdown, language string) []string {
	var found []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(markdown, -1) {
		found = append(found, m[1])
	}
	return found
}

// What README tells a new user to paste is pasted here, against a demo of this
// build: the first block starts it, all others go to a shell in the same folder,
// word for word. Only the port differs, since the usual one may be taken; no
// command names it.
func TestReadme(t *testing.T) {
	t.Parallel()
	pasted := blocks(read(t, "README.md"), "sh")
	if len(pasted) < 6 || pasted[0] != "make demo\n" {
		t.Fatalf("README does not begin with make demo: %q", pasted)
	}
	dir := t.TempDir()
	bin := usher(t)
	if err := os.Symlink(filepath.Dir(bin), filepath.Join(dir, "bin")); err != nil {
		t.Fatal(err)
	}
	demo := start(t, dir, append(demoOfMake(t), "--listen", "127.0.0.1:0")...)
	demo.waitFor("the environment file is there", func() bool {
		_, err := os.Stat(filepath.Join(dir, "usher.env"))
		return err == nil
	})
	paste := func(n int, block string) {
		t.Helper()
		if strings.Contains(block, "8080") {
			t.Errorf("a command of README names the port:\n%s", block)
		}
		// A person's second terminal has the variables of the first block.
		script := block
		if n > 0 {
			script = pasted[1][:strings.Index(pasted[1], "\n")+1] + block
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-eu", "-c", script)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		refused := strings.Contains(string(out), "urn:usher:problem:")
		switch wanted := strings.Contains(block, "USHER_TOKEN_READER"); {
		case err != nil:
			t.Errorf("%s\nends with %v:\n%s", block, err, out)
		case refused != wanted:
			t.Errorf("%s\nanswers\n%s", block, out)
		case n == 0 && !strings.Contains(string(out), `"state":"pending"`):
			t.Errorf("the first invitation is not pending:\n%s", out)
		}
	}
	for n, block := range pasted[1:] {
		paste(n, block)
	}
	list := exec.CommandContext(t.Context(), "sh", "-euc", ". ./usher.env && curl -sS \"$USHER_MAIL_URL\"")
	list.Dir = dir
	if mails, err := list.Output(); err != nil || strings.Count(string(mails), `"to":["ada@example.com"]`) != 2 {
		t.Errorf("README says two mails: %v, %d bytes", err, len(mails))
	}
	// The same lines work at every vendor.
	organizations := demoOrganizations(t, dir)
	if len(organizations) != len(all.Table()) {
		t.Errorf("the demo has the organizations %q, and there are %d providers", organizations, len(all.Table()))
	}
	const first = "acme-asgardeo"
	for _, slug := range organizations {
		if !strings.Contains(strings.Join(pasted, ""), slug) {
			t.Errorf("README does not name %s", slug)
		}
		for n, block := range pasted[1:] {
			if slug != first && strings.Contains(block, "curl") && strings.Contains(block, "/"+first+"/") {
				paste(n, strings.ReplaceAll(block, first, slug))
			}
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, "usher.yaml")); err != nil || len(text) == 0 {
		t.Errorf("README's example configuration: %v", err)
	}
}

// demoOrganizations are the slugs of the demo's organizations.
func demoOrganizations(t *testing.T, dir string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", `. ./usher.env && curl -sS "$USHER_URL/v1/organizations" -H "Authorization: Bearer $USHER_TOKEN"`)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var slugs []string
	for _, m := range regexp.MustCompile(`"slug":"([^"]+)"`).FindAllStringSubmatch(string(out), -1) {
		slugs = append(slugs, m[1])
	}
	return slugs
}

// demoOfMake is what make demo runs.
func demoOfMake(t *testing.T) []string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^demo:.*\n\t@?(?:exec )?\./bin/usher (.+?) \$\(ARGS\)$`).FindStringSubmatch(read(t, "Makefile"))
	if m == nil {
		t.Fatal("make demo does not run ./bin/usher … $(ARGS)")
	}
	return strings.Fields(m[1])
}

// What the banner of a demo prints can be pasted as well.
func TestBanner(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		args []string
	}{{"with a file", []string{"--env-file", "usher.env"}}, {"without", nil}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			demo := start(t, dir, append([]string{"demo", "--listen", "127.0.0.1:0"}, tc.args...)...)
			demo.waitFor("the banner is complete", func() bool { return strings.Contains(demo.output.String(), "to play the invited person.") })
			_, pasted, _ := strings.Cut(demo.output.String(), "Paste into another terminal:\n")
			pasted, _, _ = strings.Cut(pasted, "Open the links")
			cmd := exec.CommandContext(t.Context(), "sh", "-eu", "-c", pasted)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			if err != nil || strings.Count(string(out), `"state":"pending"`) != 2 || !strings.Contains(string(out), `"kind":"guest_invitation"`) {
				t.Errorf("%s\nends with %v:\n%s", pasted, err, out)
			}
		})
	}
}

// README's make targets and commands exist, and none is left out.
func TestReadmeNamesCommands(t *testing.T) {
	t.Parallel()
	readme, makefile := read(t, "README.md"), read(t, "Makefile")
	for _, m := range regexp.MustCompile("`make ([a-z]+)`").FindAllStringSubmatch(readme, -1) {
		if !regexp.MustCompile(`(?m)^` + m[1] + `:`).MatchString(makefile) {
			t.Errorf("README names make %s, which does not exist", m[1])
		}
	}
	parser, err := kong.New(&grammar{}, kong.Name("usher"))
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range parser.Model.Children {
		row := regexp.MustCompile("(?m)^\\| `usher " + command.Name + ".*$").FindString(readme)
		if row == "" {
			t.Errorf("README does not name usher %s", command.Name)
		}
		for _, sub := range command.Children {
			if sub.Type == kong.CommandNode && !strings.Contains(row, sub.Name) {
				t.Errorf("README does not name usher %s %s", command.Name, sub.Name)
			}
		}
	}
}

// Every command teaches by example, and every flag says what it does.
func TestHelpTeaches(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&grammar{}, kong.Name("usher"))
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(true) {
		if leaf.Name != "version" && !strings.Contains(leaf.Detail, "Examples:\n\n    ") && !strings.Contains(leaf.Detail, "Examples:") {
			t.Errorf("%s has no examples", leaf.Path())
		}
		for _, flag := range leaf.Flags {
			if !strings.HasSuffix(flag.Help, ".") {
				t.Errorf("%s --%s: help %q is no sentence", leaf.Path(), flag.Name, flag.Help)
			}
		}
	}
}

// docs/api.md lists every problem code once.
func TestProblemTable(t *testing.T) {
	t.Parallel()
	text := read(t, "docs", "api.md")
	for _, code := range identity.Codes() {
		if n := len(regexp.MustCompile("(?m)^\\| `"+string(code)+"` \\| [45]\\d\\d \\|").FindAllString(text, -1)); n != 1 {
			t.Errorf("docs/api.md has %d rows for %s", n, code)
		}
	}
	for _, state := range identity.States() {
		if !strings.Contains(text, "| `"+string(state)+"` |") {
			t.Errorf("docs/api.md does not explain the state %s", state)
		}
	}
}

// Every provider has its page, and README a link to it.
func TestProviderPages(t *testing.T) {
	t.Parallel()
	readme := read(t, "README.md")
	for name := range all.Table() {
		page := "docs/providers/" + name + ".md"
		if !strings.Contains(readme, "("+page+")") {
			t.Errorf("README has no link to %s", page)
		}
	}
}

// Every module of go.mod's own list has its reason.
func TestDependenciesAreExplained(t *testing.T) {
	t.Parallel()
	direct, _, _ := strings.Cut(read(t, "go.mod"), ")")
	text := read(t, "docs", "dependencies.md")
	for _, m := range regexp.MustCompile(`(?m)^\t(\S+) v`).FindAllStringSubmatch(direct, -1) {
		name := strings.TrimPrefix(m[1], "github.com/")
		name = strings.Replace(name, "golang.org/x/", "x/", 1)
		if !strings.Contains(text, name) {
			t.Errorf("docs/dependencies.md says nothing of %s", m[1])
		}
	}
}

// Links between the documents lead somewhere.
func TestLinks(t *testing.T) {
	t.Parallel()
	files := []string{"README.md"}
	for _, pattern := range []string{"docs/*.md", "docs/providers/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			relative, err := filepath.Rel(root, f)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, relative)
		}
	}
	if len(files) < 7 {
		t.Fatalf("only %v", files)
	}
	for _, f := range files {
		for _, m := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(read(t, f), -1) {
			path, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(path, "://") {
				continue
			}
			target := filepath.Join(filepath.Dir(f), path)
			info, err := os.Stat(filepath.Join(root, target))
			if err != nil {
				t.Errorf("%s links to %s, which is not there", f, m[1])
				continue
			}
			if anchor != "" && !info.IsDir() && !slices.Contains(anchors(read(t, target)), anchor) {
				t.Errorf("%s links to %s, which has no such heading", f, m[1])
			}
		}
	}
}

// anchors are the headings of a document as links name them.
func anchors(markdown string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(markdown, -1) {
		words := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(words, " ", "-"))
	}
	return all
}
