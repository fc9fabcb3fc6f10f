package api_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// contract validates answers against the OpenAPI document they came with.
type contract struct {
	mu       sync.Mutex
	document map[string]any
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema
}

// contracts are shared by all tests: compiling one takes longer than most.
var contracts sync.Map

// contractOf returns the contract of a document, compiled once.
func contractOf(t testing.TB, document []byte) *contract {
	t.Helper()
	if known, ok := contracts.Load(string(document)); ok {
		return known.(*contract)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	c := &contract{document: parsed.(map[string]any), compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	c.compiler.DefaultDraft(jsonschema.Draft2020)
	c.compiler.AssertFormat()
	if err := c.compiler.AddResource("openapi.json", parsed); err != nil {
		t.Fatal(err)
	}
	known, _ := contracts.LoadOrStore(string(document), c)
	return known.(*contract)
}

// validate checks a JSON text against the schema at a place in the document.
func (c *contract) validate(t testing.TB, at string, body []byte) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.schemas[at]
	if !ok {
		var err error
		if s, err = c.compiler.Compile("openapi.json#" + at); err != nil {
			t.Fatalf("compile %s: %v", at, err)
		}
		c.schemas[at] = s
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Fatalf("%s: not JSON: %s", at, body)
	}
	if err := s.Validate(value); err != nil {
		t.Errorf("%s: %v\n%s", at, err, body)
	}
}

// operationOf finds the operation a path belongs to, as "/paths/…/get".
func (c *contract) operationOf(method, path string) string {
	for template, item := range c.document["paths"].(map[string]any) {
		if !matches(template, path) {
			continue
		}
		if _, ok := item.(map[string]any)[strings.ToLower(method)]; ok {
			return "/paths/" + pointerToken(template) + "/" + strings.ToLower(method)
		}
	}
	return ""
}

func matches(template, path string) bool {
	a, b := strings.Split(template, "/"), strings.Split(path, "/")
	if len(a) != len(b) {
		return false
	}
	for n := range a {
		if a[n] != b[n] && !strings.HasPrefix(a[n], "{") {
			return false
		}
	}
	return true
}

func pointerToken(s string) string {
	s = strings.NewReplacer("~", "~0", "/", "~1").Replace(s)
	return strings.NewReplacer("{", "%7B", "}", "%7D").Replace(s)
}

// checkContract fails the test if an answer is not one that the document
// promises: its status, its type and its body.
func (h *house) checkContract(r *http.Request, w *httptest.ResponseRecorder) {
	h.t.Helper()
	document, err := h.api.OpenAPI()
	if err != nil {
		h.t.Fatal(err)
	}
	c := contractOf(h.t, document)
	at := c.operationOf(r.Method, r.URL.EscapedPath())
	if at == "" {
		return
	}
	template := strings.NewReplacer("%7B", "{", "%7D", "}", "~1", "/", "~0", "~").Replace(strings.Split(at, "/")[2])
	op := c.document["paths"].(map[string]any)[template].(map[string]any)[strings.ToLower(r.Method)].(map[string]any)
	response, ok := op["responses"].(map[string]any)[strconv.Itoa(w.Code)].(map[string]any)
	if !ok {
		h.t.Errorf("%s %s answered %d, which the document does not know: %s", r.Method, r.URL, w.Code, w.Body)
		return
	}
	media := w.Header().Get("Content-Type")
	if response["content"] == nil {
		if media != "" || w.Body.Len() > 0 {
			h.t.Errorf("%s %s answered %d with a body, which the document does not know: %s", r.Method, r.URL, w.Code, w.Body)
		}
		return
	}
	if _, ok := response["content"].(map[string]any)[media]; !ok {
		h.t.Errorf("%s %s answered %d as %q, which the document does not know", r.Method, r.URL, w.Code, media)
		return
	}
	place := at + "/responses/" + strconv.Itoa(w.Code) + "/content/" + pointerToken(media)
	c.validate(h.t, place+"/schema", w.Body.Bytes())
	if media == "application/problem+json" {
		examples := response["content"].(map[string]any)[media].(map[string]any)["examples"].(map[string]any)
		code := answer{t: h.t, body: w.Body.String()}.text("code")
		if _, ok := examples[code]; !ok {
			h.t.Errorf("%s %s answered code %s, which the document does not list for it", r.Method, r.URL, code)
		}
	}
}
