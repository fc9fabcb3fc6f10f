package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
)

// TestNoRouteBesideTheDocument: what answers without a token is this list, and
// all else is in the document, where the matrix finds it.
func TestNoRouteBesideTheDocument(t *testing.T) {
	t.Parallel()
	setGlobals()
	a := &API{engine: gin.New(), templates: map[string]string{}}
	doc, err := a.register("", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.serveOperations(prometheus.NewRegistry(), doc); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	var written struct {
		Paths map[string]map[string]any
	}
	if err := json.Unmarshal(text, &written); err != nil {
		t.Fatal(err)
	}
	open := []string{pathAcceptPage, pathDocs, pathLive, pathMetrics, pathOpenAPI, pathReady}
	for _, r := range a.engine.Routes() {
		if slices.Contains(open, r.Path) && (r.Method == http.MethodGet || r.Path == pathAcceptPage) {
			continue
		}
		if template := a.template(r.Path); written.Paths[template][strings.ToLower(r.Method)] == nil {
			t.Errorf("%s %s is not in the document", r.Method, r.Path)
		}
	}
	if n := len(a.engine.Routes()); n != len(open)+1+len(a.routes()) {
		t.Errorf("%d routes on the engine, %d open, %d in the table", n, len(open), len(a.routes()))
	}
}
