package internal

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"usher/internal/contracttest"
)

// sdkOperation is what the vendor's SDK sends, as far as it is compared.
type sdkOperation struct {
	OperationName, RootField string
	RootArguments            map[string]string
	VariableTypes            map[string]string
}

// Each document is valid in the vendor's schema, whether a test sends it or
// not; and each write has the name, the field, the arguments and the variables
// that the vendor's own SDK sends.
func TestDocuments(t *testing.T) {
	t.Parallel()
	dir := contracttest.Dir(t, "roq")
	text, err := os.ReadFile(filepath.Join(dir, "schema.graphql"))
	if err != nil {
		t.Fatal(err)
	}
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphql", Input: string(text)})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "operations.json"))
	if err != nil {
		t.Fatal(err)
	}
	var sdk struct {
		New map[string]sdkOperation `json:"@roq/nodejs@1.0.20"`
		Old map[string]sdkOperation `json:"@roq/nodejs@1.0.13 (operations that differ from or are missing in 1.0.20)"`
	}
	if err := json.Unmarshal(raw, &sdk); err != nil {
		t.Fatal(err)
	}
	none := sdkOperation{}
	for document, want := range map[string]sdkOperation{
		lookDocument: none, endedDocument: none, holdersDocument: none, memberDocument: none,
		membersDocument: none, invitesDocument: none, rolesDocument: none,
		sendDocument: sdk.New[OpSend], sendV1Document: sdk.Old[OpSend], resendDocument: sdk.New[OpResend], cancelDocument: sdk.New[OpCancel],
	} {
		parsed, problems := gqlparser.LoadQueryWithRules(schema, document, rules.NewDefaultRules())
		if len(problems) > 0 {
			t.Errorf("%v in %s", problems, document)
			continue
		}
		got := parsed.Operations[0]
		if got.Operation == ast.Query {
			continue
		}
		field := got.SelectionSet[0].(*ast.Field)
		if want.RootField == "" || got.Name != want.OperationName || field.Name != want.RootField || len(field.Arguments) != len(want.RootArguments) {
			t.Errorf("%s calls %s, the SDK's %s calls %s", got.Name, field.Name, want.OperationName, want.RootField)
		}
		for _, argument := range field.Arguments {
			if argument.Value.String() != want.RootArguments[argument.Name] {
				t.Errorf("%s: argument %s is %s", field.Name, argument.Name, argument.Value)
			}
		}
		for _, variable := range got.VariableDefinitions {
			if variable.Type.String() != want.VariableTypes[variable.Variable] {
				t.Errorf("%s: variable %s is a %s", field.Name, variable.Variable, variable.Type)
			}
		}
	}
}
