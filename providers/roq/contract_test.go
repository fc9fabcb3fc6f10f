package roq

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"usher/internal/contracttest"
	"usher/providers"
	"usher/providers/roq/internal"
)

// vendorSchema is the vendor's schema, nil where the documents are absent.
var vendorSchema = sync.OnceValues(func() (*ast.Schema, error) {
	dir := os.Getenv("USHER_CONTRACTS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "contracts")
	}
	text, err := os.ReadFile(filepath.Join(dir, "roq", "schema.graphql"))
	if err != nil {
		return nil, nil
	}
	return gqlparser.LoadSchema(&ast.Source{Name: "schema.graphql", Input: string(text)})
})

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// checked validates every call against the vendor's schema, where it is there:
// the document, the variables, and the data that was answered.
func checked(t *testing.T, next http.RoundTripper) http.RoundTripper {
	t.Helper()
	schema, err := vendorSchema()
	if err != nil {
		t.Fatal(err)
	}
	if schema == nil {
		return next
	}
	return &checker{t: t, schema: schema, next: next}
}

type checker struct {
	t      *testing.T
	schema *ast.Schema
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (c *checker) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if !strings.HasSuffix(r.URL.Path, internal.PathGraphQL) {
		return c.next.RoundTrip(r)
	}
	operation, variables := c.request(body)
	answer, err := c.next.RoundTrip(r)
	if err != nil || operation == nil {
		return answer, err
	}
	var kept bytes.Buffer
	rest := answer.Body
	answer.Body = struct {
		io.Reader
		io.Closer
	}{io.TeeReader(rest, limited{&kept}), closer(func() error {
		c.answer(operation, variables, kept.Bytes())
		return rest.Close()
	})}
	return answer, nil
}

type closer func() error

func (c closer) Close() error { return c() }

// limited keeps no more of an endless answer than a real one has.
type limited struct{ b *bytes.Buffer }

func (l limited) Write(p []byte) (int, error) {
	if l.b.Len() < 1<<20 {
		l.b.Write(p)
	}
	return len(p), nil
}

func (c *checker) request(body []byte) (*ast.OperationDefinition, map[string]any) {
	var call struct {
		Query, OperationName string
		Variables            map[string]any
	}
	if err := json.Unmarshal(body, &call); err != nil {
		c.t.Errorf("contract: request: %v", err)
		return nil, nil
	}
	document, problems := gqlparser.LoadQueryWithRules(c.schema, call.Query, rules.NewDefaultRules())
	if len(problems) > 0 {
		c.t.Errorf("contract: %s: %v", call.OperationName, problems)
		return nil, nil
	}
	operation := document.Operations.ForName(call.OperationName)
	if operation == nil {
		c.t.Errorf("contract: no operation is named %q", call.OperationName)
		return nil, nil
	}
	for name := range call.Variables {
		if operation.VariableDefinitions.ForName(name) == nil {
			c.t.Errorf("contract: %s: the variable %s is not declared", call.OperationName, name)
		}
	}
	variables, err := validator.VariableValues(c.schema, operation, call.Variables)
	if err != nil {
		c.t.Errorf("contract: %s: %v", call.OperationName, err)
		return nil, nil
	}
	return operation, variables
}

// answer checks data, where there is some: what the tests answer is as far from
// being made up as what they are asked.
func (c *checker) answer(operation *ast.OperationDefinition, variables map[string]any, body []byte) {
	var envelope struct{ Data map[string]any }
	if json.Unmarshal(body, &envelope) != nil || envelope.Data == nil {
		return
	}
	for _, problem := range c.object(operation.Name, operation.SelectionSet, envelope.Data, variables) {
		c.t.Errorf("contract: answer: %s", problem)
	}
}

func (c *checker) object(path string, selections ast.SelectionSet, value map[string]any, variables map[string]any) (problems []string) {
	var asked []string
	for _, selection := range selections {
		field := selection.(*ast.Field)
		if !included(field, variables) {
			continue
		}
		asked = append(asked, field.Alias)
		got, there := value[field.Alias]
		if !there {
			problems = append(problems, path+"."+field.Alias+" is missing")
			continue
		}
		problems = append(problems, c.value(path+"."+field.Alias, field.Definition.Type, field.SelectionSet, got, variables)...)
	}
	for name := range value {
		if !slices.Contains(asked, name) {
			problems = append(problems, path+"."+name+" was not asked for")
		}
	}
	return problems
}

func (c *checker) value(path string, kind *ast.Type, selections ast.SelectionSet, got any, variables map[string]any) (problems []string) {
	if got == nil {
		if kind.NonNull {
			problems = append(problems, path+" is null")
		}
		return problems
	}
	if kind.Elem != nil {
		list, ok := got.([]any)
		if !ok {
			return []string{path + " is no list"}
		}
		for n, one := range list {
			problems = append(problems, c.value(fmt.Sprint(path, "[", n, "]"), kind.Elem, selections, one, variables)...)
		}
		return problems
	}
	definition := c.schema.Types[kind.NamedType]
	if definition.Kind == ast.Object {
		object, ok := got.(map[string]any)
		if !ok {
			return []string{path + " is no object"}
		}
		return c.object(path, selections, object, variables)
	}
	text, isText := got.(string)
	switch {
	case definition.Kind == ast.Enum && (!isText || definition.EnumValues.ForName(text) == nil),
		(kind.NamedType == "ID" || kind.NamedType == "String" || kind.NamedType == "Date") && !isText,
		kind.NamedType == "Date" && !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`).MatchString(text):
		return []string{fmt.Sprintf("%s is %v, no %s", path, got, kind.NamedType)}
	}
	switch got.(type) {
	case bool:
		if kind.NamedType != "Boolean" {
			return []string{path + " is a boolean"}
		}
	case float64:
		if kind.NamedType != "Int" {
			return []string{path + " is a number"}
		}
	case map[string]any:
		if kind.NamedType != "JsonObject" {
			return []string{path + " is an object"}
		}
	}
	return nil
}

// What is sent over the wire beside the documents is what the vendor's own SDK
// sends: path, method, headers and the keys of both bodies.
func TestWireIsTheSDKs(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join(contracttest.Dir(t, "roq"), "operations.json"))
	if err != nil {
		t.Fatal(err)
	}
	var sdk struct {
		Transport struct {
			Method, Path string
			Headers      map[string]string
			Body         map[string]string
		}
		Tokens struct {
			ServiceAccount struct {
				Method, Path string
				Headers      map[string]string
				Body         map[string]string
			}
		}
	}
	if err := json.Unmarshal(raw, &sdk); err != nil {
		t.Fatal(err)
	}
	var seen []*http.Request
	var bodies []map[string]any
	r := newRig(t, func(_ *Config, d *providers.Deps) {
		next := d.Transport
		d.Transport = roundTripper(func(q *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(q.Body)
			q.Body = io.NopCloser(bytes.NewReader(body))
			var decoded map[string]any
			_ = json.Unmarshal(body, &decoded)
			seen, bodies = append(seen, q), append(bodies, decoded)
			return next.RoundTrip(q)
		})
	})
	r.invited("a@example.com")
	for n, q := range seen {
		want, keys := sdk.Transport.Headers, sdk.Transport.Body
		path, method := sdk.Transport.Path, sdk.Transport.Method
		if n == 0 {
			want, keys = sdk.Tokens.ServiceAccount.Headers, sdk.Tokens.ServiceAccount.Body
			path, method = sdk.Tokens.ServiceAccount.Path, sdk.Tokens.ServiceAccount.Method
		}
		if q.Method != method || q.URL.Path != "/instance"+path {
			t.Errorf("call %d is %s %s", n, q.Method, q.URL.Path)
		}
		for name := range want {
			if q.Header.Get(name) == "" {
				t.Errorf("call %d has no header %s", n, name)
			}
		}
		for name := range q.Header {
			if _, ok := want[strings.ToLower(name)]; !ok && !slices.Contains([]string{"Accept", "User-Agent", "Accept-Encoding"}, name) {
				t.Errorf("call %d has the header %s", n, name)
			}
		}
		for name := range bodies[n] {
			if _, ok := keys[name]; !ok {
				t.Errorf("call %d sends %s", n, name)
			}
		}
		if len(bodies[n]) != len(keys) {
			t.Errorf("call %d sends %d keys, want %d", n, len(bodies[n]), len(keys))
		}
	}
}
