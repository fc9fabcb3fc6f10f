package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"usher/identity"
	"usher/providers"
	"usher/providers/all"
)

// The option tables in docs/ stand between these marks.
const (
	begin = "<!-- generated from the code by make docs -->"
	end   = "<!-- end -->"
)

// TestDocs fails when an option table in docs/ is not what the struct tags
// say. With USHER_WRITE_DOCS set it writes the tables instead.
func TestDocs(t *testing.T) {
	t.Parallel()
	documents := map[string]string{"configuration.md": tables("", reflect.TypeFor[Config]())}
	for name, settings := range all.Table() {
		documents["providers/"+name+".md"] = tables("", reflect.TypeOf(settings()).Elem())
	}
	for name, want := range documents {
		path := filepath.Join("..", "docs", name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
			continue
		}
		before, rest, found := strings.Cut(string(text), begin+"\n")
		old, after, closed := strings.Cut(rest, end+"\n")
		switch {
		case !found || !closed:
			t.Errorf("%s has no place for its option tables: the lines %q and %q", path, begin, end)
		case old == want:
		case os.Getenv("USHER_WRITE_DOCS") == "":
			t.Errorf("%s is stale: run make docs", path)
		default:
			if err := os.WriteFile(path, []byte(before+begin+"\n"+want+end+"\n"+after), 0o644); err != nil {
				t.Error(err)
			}
		}
	}
}

// Every option says what it is, in whole sentences.
func TestEveryOptionIsExplained(t *testing.T) {
	t.Parallel()
	roots := []reflect.Type{reflect.TypeFor[Config]()}
	for _, settings := range all.Table() {
		roots = append(roots, reflect.TypeOf(settings()).Elem())
	}
	for _, root := range roots {
		walk("", root, func(path string, t2 reflect.Type, fields []Field) {
			for _, f := range fields {
				if f.Help == "" || !strings.HasSuffix(f.Help, ".") && !strings.HasSuffix(f.Help, "\".") {
					t.Errorf("%s: %s.%s: help %q is no sentence", t2, path, f.Key, f.Help)
				}
			}
		})
	}
}

// walk visits a struct and those within it, outer ones first.
func walk(path string, t reflect.Type, visit func(path string, t reflect.Type, fields []Field)) {
	fields := fieldsOf(t)
	visit(path, t, fields)
	for _, f := range fields {
		at, inner := join(path, f.Key), f.Type
		for {
			switch inner.Kind() {
			case reflect.Slice:
				at, inner = at+"[]", inner.Elem()
				continue
			case reflect.Map:
				at, inner = at+".NAME", inner.Elem()
				continue
			case reflect.Pointer:
				inner = inner.Elem()
				continue
			}
			break
		}
		if inner.Kind() == reflect.Struct {
			walk(at, inner, visit)
		}
	}
}

// tables writes one table for a struct and one for each struct within it.
func tables(path string, t reflect.Type) string {
	var b strings.Builder
	walk(path, t, func(path string, _ reflect.Type, fields []Field) {
		if path != "" {
			fmt.Fprintf(&b, "\n### `%s`\n", path)
		}
		b.WriteString("\n| key | kind | meaning |\n|---|---|---|\n")
		for _, f := range fields {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.Key, kind(f.Type), strings.ReplaceAll(meaning(f), "|", `\|`))
		}
	})
	b.WriteString("\n")
	return b.String()
}

func meaning(f Field) string {
	text := f.Help
	if len(f.Enum) > 0 {
		text += " One of `" + strings.Join(f.Enum, "`, `") + "`."
	}
	if f.Required {
		text += " Required."
	}
	if f.Default != "" {
		text += " Default `" + f.Default + "`."
	}
	return text
}

func kind(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "duration"
	case t == reflect.TypeFor[identity.Secret]():
		return "secret"
	case t == reflect.TypeFor[providers.Config]():
		return "see [providers](providers/)"
	}
	switch t.Kind() {
	case reflect.Slice:
		return "list of " + kind(t.Elem())
	case reflect.Map:
		return "names to " + kind(t.Elem())
	case reflect.Struct:
		return "mapping"
	case reflect.Pointer:
		return kind(t.Elem())
	case reflect.Bool:
		return "true, false"
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Float64:
		return "number"
	default:
		return "text"
	}
}
