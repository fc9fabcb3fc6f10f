package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

const operations = "docs/operations.md"

// anyLevel is the level of a line that has several.
const anyLevel = "any"

// calls runs over every call in usher's own source: no tests, what serves them,
// or simulators.
func calls(t *testing.T, visit func(at token.Position, call *ast.CallExpr)) {
	t.Helper()
	files := token.NewFileSet()
	elsewhere := []string{"sandbox", filepath.Join("internal", "bench"), filepath.Join("internal", "golden")}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		switch {
		case err != nil || relative == ".":
			return err
		case d.IsDir():
			if d.Name() == "testdata" || d.Name()[0] == '.' || strings.HasSuffix(d.Name(), "test") || slices.Contains(elsewhere, relative) {
				return filepath.SkipDir
			}
			return nil
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		parsed, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				visit(files.Position(call.Pos()), call)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// logged are the lines that usher's source writes to its log, debugging apart,
// with their level.
func logged(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	calls(t, func(at token.Position, call *ast.CallExpr) {
		level, line, ok := logLine(call)
		switch {
		case !ok:
		case line == "":
			t.Errorf("%s: a line of the log that cannot be looked up, since it is no literal", at)
		case found[line] != "" && found[line] != level:
			t.Errorf("%s: %q has the level %s elsewhere", at, line, found[line])
		default:
			found[line] = level
		}
	})
	return found
}

// logLine takes a call of a logger apart. The line is empty where it is no
// literal.
func logLine(call *ast.CallExpr) (level, line string, ok bool) {
	method, isMethod := call.Fun.(*ast.SelectorExpr)
	if !isMethod || !isLogger(method.X) {
		return "", "", false
	}
	at := 0
	switch name := method.Sel.Name; name {
	case "Info", "Warn", "Error":
		level = strings.ToLower(name)
	case "InfoContext", "WarnContext", "ErrorContext":
		level, at = strings.ToLower(strings.TrimSuffix(name, "Context")), 1
	case "Log", "LogAttrs":
		level, at = levelOf(call.Args[1]), 2
	default:
		return "", "", false
	}
	line, _ = literal(call.Args[at])
	return level, line, level != "debug"
}

// isLogger goes by the names that loggers have here.
func isLogger(x ast.Expr) bool {
	name := ""
	switch x := x.(type) {
	case *ast.Ident:
		name = x.Name
	case *ast.SelectorExpr:
		name = x.Sel.Name
	}
	return slices.Contains([]string{"log", "logger", "Logger", "slog"}, name)
}

func levelOf(x ast.Expr) string {
	if named, ok := x.(*ast.SelectorExpr); ok {
		return strings.ToLower(strings.TrimPrefix(named.Sel.Name, "Level"))
	}
	return anyLevel
}

func literal(x ast.Expr) (string, bool) {
	l, ok := x.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}

// metrics are those that usher's source makes, with their labels.
func metrics(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	calls(t, func(at token.Position, call *ast.CallExpr) {
		if len(call.Args) == 0 {
			return
		}
		name := metricName(call.Args[0])
		if name == "" {
			return
		}
		labels := []string{}
		for _, arg := range call.Args[1:] {
			list := []ast.Expr{arg}
			if composite, ok := arg.(*ast.CompositeLit); ok {
				list = composite.Elts
			}
			for _, label := range list {
				if text, ok := literal(label); ok && !strings.Contains(text, " ") {
					labels = append(labels, text)
				}
			}
		}
		found[name] = labels
	})
	return found
}

// metricName is the name in the first argument of a call that makes a metric:
// itself, or the Name of its options.
func metricName(x ast.Expr) string {
	options, ok := x.(*ast.CompositeLit)
	if !ok {
		name, _ := literal(x)
		if !regexp.MustCompile(`^usher_[a-z_]+_(total|seconds|state|calls|waiting)$`).MatchString(name) {
			return ""
		}
		return name
	}
	for _, element := range options.Elts {
		field, ok := element.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		if key, ok := field.Key.(*ast.Ident); ok && key.Name == "Name" {
			if name, ok := literal(field.Value); ok && strings.HasPrefix(name, "usher_") {
				return name
			}
		}
	}
	return ""
}

// rows are those of a table of a document whose first cell is code: the code of
// the first cell, and the second cell. heading is that of the section.
func rows(t *testing.T, document, heading string) map[string]string {
	t.Helper()
	_, section, ok := strings.Cut(read(t, document), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("%s has no section %s", document, heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	found := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|([^|]*)\\|.*\\|$").FindAllStringSubmatch(section, -1) {
		if _, twice := found[m[1]]; twice {
			t.Errorf("%s has two rows for %q", document, m[1])
		}
		found[m[1]] = strings.TrimSpace(m[2])
	}
	return found
}

// same holds a table to what there is.
func same[V any](t *testing.T, what string, listed map[string]string, there map[string]V) {
	t.Helper()
	for name := range there {
		if _, ok := listed[name]; !ok {
			t.Errorf("%s does not explain the %s %q", operations, what, name)
		}
	}
	for name := range listed {
		if _, ok := there[name]; !ok {
			t.Errorf("%s explains the %s %q, which is not there", operations, what, name)
		}
	}
}

// docs/operations.md explains every line of the log, and none that is not there.
func TestLogTable(t *testing.T) {
	t.Parallel()
	there, listed := logged(t), rows(t, operations, "The log")
	if len(there) < 40 {
		t.Fatalf("only %d lines were found in the source", len(there))
	}
	same(t, "log line", listed, there)
	for line, level := range there {
		if level != anyLevel && listed[line] != level {
			t.Errorf("%s says that %q has level %q, and it has %q", operations, line, listed[line], level)
		}
	}
}

// It explains every metric with its labels.
func TestMetricTable(t *testing.T) {
	t.Parallel()
	there, listed := metrics(t), rows(t, operations, "Metrics")
	if len(there) < 15 {
		t.Fatalf("only %d metrics were found in the source", len(there))
	}
	same(t, "metric", listed, there)
	for name, labels := range there {
		if want := strings.Join(labels, "`, `"); strings.Trim(listed[name], "`") != want {
			t.Errorf("%s gives %s the labels %s, and it has %q", operations, name, listed[name], labels)
		}
	}
}

// What a running gateway serves is in the table too.
func TestServedMetricsAreExplained(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	demo := start(t, dir, "demo", "--listen", "127.0.0.1:0", "--env-file", "usher.env")
	demo.waitFor("the demo is up", func() bool { _, err := os.Stat(filepath.Join(dir, "usher.env")); return err == nil })
	env := sourced(t.Fatalf, filepath.Join(dir, "usher.env"))
	if got := send(t, env["USHER_URL"]+"/v1/organizations/acme-asgardeo/invites", env["USHER_TOKEN"], `{"email":"ada@example.com","roles":["member"]}`); got.status != http.StatusCreated {
		t.Fatalf("%+v", got)
	}
	answer, err := http.Get(env["USHER_URL"] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	listed, served := rows(t, operations, "Metrics"), 0
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\S+) `).FindAllStringSubmatch(string(body), -1) {
		if strings.HasPrefix(m[1], "go_") || strings.HasPrefix(m[1], "process_") {
			continue
		}
		served++
		if _, ok := listed[m[1]]; !ok {
			t.Errorf("%s does not explain %s, which is served", operations, m[1])
		}
	}
	if served < 10 {
		t.Errorf("only %d metrics are served:\n%s", served, body)
	}
}

// Every alert is explained, and asks for metrics and labels that there are.
func TestAlertTable(t *testing.T) {
	t.Parallel()
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For string
				Labels           map[string]string
			}
		}
	}
	if err := yaml.UnmarshalWithOptions([]byte(read(t, "deploy", "alerts.yaml")), &file, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	known, there := metrics(t), map[string]bool{}
	for _, rule := range file.Groups[0].Rules {
		there[rule.Alert] = true
		if rule.Labels["severity"] == "" {
			t.Errorf("%s has no severity", rule.Alert)
		}
		for _, m := range regexp.MustCompile(`(usher_[a-z_]+)(\{[^}]*\})?`).FindAllStringSubmatch(rule.Expr, -1) {
			name := regexp.MustCompile(`_(bucket|count|sum)$`).ReplaceAllString(m[1], "")
			labels, ok := known[name]
			if !ok {
				t.Errorf("%s asks for %s, which is not there", rule.Alert, m[1])
			}
			for _, l := range regexp.MustCompile(`([a-z_]+)(?:=|!=|=~|!~)"`).FindAllStringSubmatch(m[2], -1) {
				if !slices.Contains(labels, l[1]) {
					t.Errorf("%s asks %s for the label %s, which it does not have", rule.Alert, name, l[1])
				}
			}
			for _, by := range regexp.MustCompile(`by \(([a-z]+)\)`).FindAllStringSubmatch(rule.Expr, -1) {
				if !slices.Contains(append([]string{"le", "instance"}, labels...), by[1]) {
					t.Errorf("%s parts %s by %s, a label it does not have", rule.Alert, name, by[1])
				}
			}
		}
	}
	same(t, "alert", rows(t, operations, "Alerts"), there)
}
