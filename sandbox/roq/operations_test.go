package roq_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher/internal/contracttest"
)

// The operations of SDKs that do not run here are taken too: those of older
// ones, and of the vendor's React components.
func TestOperationsOfTheSDKs(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join(contracttest.Dir(t, "roq"), "operations.json"))
	if err != nil {
		t.Fatal(err)
	}
	var groups map[string]json.RawMessage
	if err := json.Unmarshal(raw, &groups); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	taken := 0
	for group, raw := range groups {
		if !strings.HasPrefix(group, "@roq/") {
			continue
		}
		var operations map[string]json.RawMessage
		if err := json.Unmarshal(raw, &operations); err != nil {
			t.Fatal(err)
		}
		for name, raw := range operations {
			var op operation
			if json.Unmarshal(raw, &op) != nil || op.RootField == "" {
				continue
			}
			// No values are given: what is refused for that alone is as good as taken.
			a := w.do(op.document(t, name), nil)
			for n := range a.Len("errors") {
				if text := a.Text("errors", n, "message"); strings.Contains(text, "Cannot query") || strings.Contains(text, "Unknown") || strings.Contains(text, "expecting type") {
					t.Errorf("%s %s: %s", group, name, text)
				}
			}
			taken++
		}
	}
	if taken < 30 {
		t.Errorf("only %d operations", taken)
	}
}

type operation struct {
	Operation     string            `json:"operation"`
	RootField     string            `json:"rootField"`
	RootArguments map[string]string `json:"rootArguments"`
	VariableTypes map[string]string `json:"variableTypes"`
	Selection     []any             `json:"selection"`
}

func (o operation) document(t *testing.T, name string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(o.Operation + " " + name)
	if len(o.VariableTypes) > 0 {
		b.WriteString("(")
		for v, kind := range o.VariableTypes {
			b.WriteString("$" + v + ": " + kind + " ")
		}
		b.WriteString(")")
	}
	b.WriteString(" { " + o.RootField)
	if len(o.VariableTypes) > 0 {
		b.WriteString("(")
		for argument, value := range o.RootArguments {
			b.WriteString(argument + ": " + value + " ")
		}
		b.WriteString(")")
	}
	b.WriteString(selection(t, o.Selection) + " }")
	return b.String()
}

func selection(t *testing.T, fields []any) string {
	t.Helper()
	if len(fields) == 0 {
		return ""
	}
	parts := []string{}
	for _, f := range fields {
		switch f := f.(type) {
		case string:
			parts = append(parts, f)
		case map[string]any:
			name, _ := f["field"].(string)
			inner, _ := f["select"].([]any)
			parts = append(parts, name+selection(t, inner))
		default:
			t.Fatalf("%T in a selection", f)
		}
	}
	return " { " + strings.Join(parts, " ") + " }"
}
