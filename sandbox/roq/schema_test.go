package roq_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"usher/internal/contracttest"
	"usher/sandbox/roq"
)

// The simulator serves all that the vendor's typings have, and no more: a field
// too many would let an adapter lean on what does not exist.
func TestSchemaIsTheVendors(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join(contracttest.Dir(t, "roq"), "schema.graphql"))
	if err != nil {
		t.Fatal(err)
	}
	want := describe(t, string(raw))
	got := describe(t, roq.Schema())
	for line := range want {
		if !got[line] {
			t.Errorf("missing: %s", line)
		}
	}
	for line := range got {
		if !want[line] {
			t.Errorf("not the vendor's: %s", line)
		}
	}
	if len(want) < 400 {
		t.Errorf("only %d things compared", len(want))
	}
}

// describe says everything about a schema, a line for each thing.
func describe(t *testing.T, text string) map[string]bool {
	t.Helper()
	schema, err := gqlparser.LoadSchema(&ast.Source{Input: text})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for name, d := range schema.Types {
		if d.BuiltIn {
			continue
		}
		out[string(d.Kind)+" "+name] = true
		for _, f := range d.Fields {
			out[name+"."+f.Name+": "+f.Type.String()] = true
			for _, a := range f.Arguments {
				out[name+"."+f.Name+"("+a.Name+": "+a.Type.String()+")"] = true
			}
		}
		for _, v := range d.EnumValues {
			out[name+"."+v.Name] = true
		}
	}
	return out
}
