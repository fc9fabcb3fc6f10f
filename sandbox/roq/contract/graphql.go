package contract

import (
	"encoding/json"
	"mime"
	"net/http"
	"slices"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// asked is a GraphQL request that fits the schema.
type asked struct {
	operation *ast.OperationDefinition
	variables map[string]any
}

// readQuery checks the body of a GraphQL call: its keys (FACTS.md section 2),
// the document, and the variables. Undeclared variables may be there: SDKs pass
// on what they are given.
func (x *exchange) readQuery(body []byte) {
	var keys map[string]json.RawMessage
	var in struct {
		Query         string         `json:"query"`
		Variables     map[string]any `json:"variables"`
		OperationName string         `json:"operationName"`
	}
	if json.Unmarshal(body, &keys) != nil || json.Unmarshal(body, &in) != nil {
		x.wrong("the body is no GraphQL request")
		return
	}
	for key := range keys {
		if !slices.Contains([]string{"query", "variables", "operationName"}, key) {
			x.wrong("unknown key %s", key)
		}
	}
	document, errs := gqlparser.LoadQueryWithRules(x.v.schema, in.Query, rules.NewDefaultRules())
	if len(errs) > 0 {
		x.wrong("%v", errs)
		return
	}
	operation := document.Operations.ForName(in.OperationName)
	if operation == nil {
		x.wrong("no operation %q", in.OperationName)
		return
	}
	variables, err := validator.VariableValues(x.v.schema, operation, in.Variables)
	if err != nil {
		x.wrong("%v", err)
		return
	}
	x.asked = &asked{operation, variables}
}

type envelope struct {
	Data   json.RawMessage              `json:"data"`
	Errors []map[string]json.RawMessage `json:"errors"`
}

// graphQL checks the answer of a GraphQL call.
func (x *exchange) graphQL(status int, header http.Header, got []byte) (wrong []string, refused bool) {
	if kind, _, err := mime.ParseMediaType(header.Get("Content-Type")); err != nil || kind != "application/json" {
		return []string{"not JSON by its Content-Type"}, status >= 400
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(got, &keys); err != nil {
		return []string{"not a JSON object"}, status >= 400
	}
	_, hasData := keys["data"]
	_, hasErrors := keys["errors"]
	if !hasData && !hasErrors {
		if status < 400 {
			return []string{"neither data nor errors"}, false
		}
		return nestError(status, got), true
	}
	var in envelope
	if err := json.Unmarshal(got, &in); err != nil || len(in.Data) == 0 && hasData || hasErrors && len(in.Errors) == 0 {
		return []string{"the envelope cannot be read, or has errors without one"}, false
	}
	for key := range keys {
		if key != "data" && key != "errors" {
			wrong = append(wrong, "unknown key "+key)
		}
	}
	for _, e := range in.Errors {
		wrong = append(wrong, errorForm(e)...)
	}
	empty := !hasData || string(in.Data) == "null"
	switch {
	case empty && !hasErrors:
		wrong = append(wrong, "no data and no errors")
	case empty:
	case x.asked == nil:
		wrong = append(wrong, "data for a request that does not fit the schema")
	default:
		wrong = append(wrong, x.data(in.Data, hasErrors)...)
	}
	return wrong, hasErrors && empty
}

// data holds an answer's data against what was asked for.
func (x *exchange) data(raw json.RawMessage, hasErrors bool) []string {
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return []string{"data cannot be read"}
	}
	root, kind := x.v.schema.Query, "query"
	if x.asked.operation.Operation == ast.Mutation {
		root, kind = x.v.schema.Mutation, "mutation"
	}
	w := &walk{schema: x.v.schema, variables: x.asked.variables}
	w.object(root, x.asked.operation.SelectionSet, value, "data")
	if !hasErrors && len(w.wrong) == 0 {
		for _, f := range w.fields(x.asked.operation.SelectionSet) {
			x.v.saw(kind + " " + f.Name)
		}
	}
	return w.wrong
}

// errorForm is what is wrong with one error (FACTS.md section 6).
func errorForm(e map[string]json.RawMessage) (wrong []string) {
	for key := range e {
		if !slices.Contains([]string{"message", "locations", "path", "extensions"}, key) {
			wrong = append(wrong, "unknown key in an error: "+key)
		}
	}
	var message string
	var extensions struct {
		Code     string `json:"code"`
		Response struct {
			StatusCode int            `json:"statusCode"`
			Error      string         `json:"error"`
			ErrorCode  string         `json:"errorCode"`
			Message    string         `json:"message"`
			Variables  map[string]any `json:"variables"`
		} `json:"response"`
	}
	if json.Unmarshal(e["message"], &message) != nil || message == "" {
		wrong = append(wrong, "an error without message")
	}
	if json.Unmarshal(e["extensions"], &extensions) != nil {
		return append(wrong, "an error without extensions")
	}
	r := extensions.Response
	if extensions.Code == "" || r.StatusCode < 400 || r.Error == "" || r.ErrorCode == "" || r.Message == "" || r.Variables == nil {
		wrong = append(wrong, "an error whose extensions lack something: "+string(e["extensions"]))
	}
	return wrong
}
