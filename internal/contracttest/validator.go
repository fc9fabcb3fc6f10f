package contracttest

import (
	"bytes"
	"context"
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

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// Spec says how a vendor's OpenAPI documents and its traffic fit together.
type Spec struct {
	// Files are the documents' names; none: every *.yaml in the folder.
	Files []string
	// Origin is what the documents' server URLs begin with, cut off them.
	Origin string
	// Path cuts what is the deployment's own off a request's path; nil: nothing is.
	Path func(string) string
	// Header names things as the document does, for a copy of the headers of a
	// request or an answer; nil: nothing is renamed.
	Header func(document string, h http.Header)
	// Answer does the same for what only an answer's body tells; nil: nothing.
	Answer func(document string, h http.Header, body []byte)
	// Known are the places where a document is wrong or silent.
	Known []Exemption
	// Uncovered are paths that FACTS.md describes and no document has.
	Uncovered []*regexp.Regexp
	// Injected is the header that marks an answer made by a fault injector,
	// which is left out.
	Injected string
}

// Exemption is one place where a document does not say what the server does.
// All fields that are set must match.
type Exemption struct {
	Document string         // file name; empty: any
	Method   string         // empty: any
	Path     *regexp.Regexp // of the operation's path in the document; nil: any
	Status   int            // of the answer; 0: any
	Request  bool           // for requests instead of answers
	Error    *regexp.Regexp // of the validator's text
	Reason   string         // with the section of FACTS.md
}

// document is one OpenAPI file with the base paths it is served below.
type document struct {
	name   string
	bases  []string
	doc    *openapi3.T
	router routers.Router
}

// Validator checks HTTP exchanges against a vendor's OpenAPI documents and
// collects violations. It is safe for concurrent use:
//
//	v := contract.NewValidator(t, contracttest.Dir(t, "asgardeo"))
//	server := httptest.NewServer(v.Middleware(simulator))
//
// Every request and answer that passes is validated; what does not fit the
// documents fails the test when it ends, except for the exemptions of the
// Spec, which name where FACTS.md says that a document is wrong or silent.
type Validator struct {
	docs []document
	spec Spec

	mu         sync.Mutex
	violations []string
	seen       map[string]bool
	used       map[string]int // exemptions by reason
}

// NewValidator loads the documents in dir. When the test ends, each violation
// is an error of it.
func NewValidator(t testing.TB, dir string, spec Spec) *Validator {
	t.Helper()
	v, err := Load(dir, spec)
	if err != nil {
		t.Fatal(err)
	}
	return v.Fresh(t)
}

// Fresh returns a validator with the same documents and nothing seen yet, which
// reports to t when it ends; nil t: the caller asks for Violations itself.
// Loading takes a tenth of a second, so tests with many servers load once.
func (v *Validator) Fresh(t testing.TB) *Validator {
	fresh := &Validator{docs: v.docs, spec: v.spec, seen: map[string]bool{}, used: map[string]int{}}
	if t != nil {
		t.Cleanup(func() {
			for _, violation := range fresh.Violations() {
				t.Errorf("contract: %s", violation)
			}
		})
	}
	return fresh
}

// Load loads the documents in dir; the caller asks for Violations itself.
func Load(dir string, spec Spec) (*Validator, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("find contract documents: %w", err)
	}
	if len(spec.Files) > 0 {
		files = nil
		for _, name := range spec.Files {
			files = append(files, filepath.Join(dir, name))
		}
	}
	v := &Validator{spec: spec, seen: map[string]bool{}, used: map[string]int{}}
	for _, file := range files {
		d, err := load(file, spec.Origin)
		if err != nil {
			return nil, err
		}
		v.docs = append(v.docs, d)
	}
	if len(v.docs) == 0 {
		return nil, fmt.Errorf("no contract documents in %s", dir)
	}
	return v, nil
}

func load(file, origin string) (document, error) {
	d := document{name: filepath.Base(file)}
	raw, err := os.ReadFile(file)
	if err != nil {
		return d, fmt.Errorf("read contract document: %w", err)
	}
	d.doc, err = openapi3.NewLoader().LoadFromData(raw)
	if err != nil {
		return d, fmt.Errorf("parse %s: %w", d.name, err)
	}
	for _, server := range d.doc.Servers {
		d.bases = append(d.bases, strings.TrimSuffix(strings.TrimPrefix(server.URL, origin), "/"))
	}
	if len(d.bases) == 0 {
		d.bases = []string{""} // a document without servers means the root
	}
	d.doc.Servers = nil
	d.router, err = gorillamux.NewRouter(d.doc)
	if err != nil {
		return d, fmt.Errorf("route %s: %w", d.name, err)
	}
	return d, nil
}

// Violations lists what did not fit, in the order seen.
func (v *Validator) Violations() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.violations)
}

// Seen tells whether an operation was exercised, named as Operations does.
func (v *Validator) Seen(operation string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.seen[operation]
}

// Unused lists the reasons of exemptions that nothing needed so far.
func (v *Validator) Unused() (out []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, e := range v.spec.Known {
		if v.used[e.Reason] == 0 {
			out = append(out, e.Reason)
		}
	}
	return out
}

// Operations lists all operations of the documents as "file METHOD path", sorted.
func (v *Validator) Operations() (out []string) {
	for _, d := range v.docs {
		for path, item := range d.doc.Paths.Map() {
			for method := range item.Operations() {
				out = append(out, d.name+" "+method+" "+path)
			}
		}
	}
	slices.Sort(out)
	return out
}

// Middleware validates what a server receives and answers. Answers made by a
// fault injector are left out.
func (v *Validator) Middleware(next http.Handler) http.Handler {
	return Check(v.request).Middleware(next)
}

// RoundTripper validates what a client sends and is answered, once it has read
// an answer to its end. base may be nil.
func (v *Validator) RoundTripper(base http.RoundTripper) http.RoundTripper {
	return Check(v.request).RoundTripper(base)
}

// request validates a request and returns the check of its answer.
func (v *Validator) request(r *http.Request, body []byte) func(int, http.Header, []byte) {
	rest := r.URL.Path
	if v.spec.Path != nil {
		rest = v.spec.Path(rest)
	}
	d, route, params := v.find(r, rest)
	if route == nil {
		if !slices.ContainsFunc(v.spec.Uncovered, func(re *regexp.Regexp) bool { return re.MatchString(rest) }) {
			v.add("%s %s: no document has it", r.Method, rest)
		}
		return func(int, http.Header, []byte) {}
	}
	operation := d.name + " " + r.Method + " " + route.Path
	v.mu.Lock()
	v.seen[operation] = true
	v.mu.Unlock()
	clone := r.Clone(context.WithoutCancel(r.Context()))
	clone.Body = io.NopCloser(bytes.NewReader(body))
	v.rename(d, clone.Header)
	in := &openapi3filter.RequestValidationInput{Request: clone, PathParams: params, Route: route, Options: &openapi3filter.Options{
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, SkipSettingDefaults: true,
	}}
	if err := openapi3filter.ValidateRequest(clone.Context(), in); err != nil && !v.exempt(d.name, r.Method, route.Path, 0, err) {
		v.add("%s: request: %s", operation, short(err))
	}
	return func(status int, header http.Header, got []byte) {
		if v.spec.Injected != "" && header.Get(v.spec.Injected) != "" {
			return
		}
		header = header.Clone()
		v.rename(d, header)
		if v.spec.Answer != nil {
			v.spec.Answer(d.name, header, got)
		}
		out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: status, Header: header, Options: in.Options}
		out.SetBodyBytes(got)
		err := openapi3filter.ValidateResponse(clone.Context(), out)
		if err != nil && !v.exempt(d.name, r.Method, route.Path, status, err) {
			v.add("%s: answer %d: %s", operation, status, short(err))
		}
	}
}

func (v *Validator) rename(d document, h http.Header) {
	if v.spec.Header != nil {
		v.spec.Header(d.name, h)
	}
}

func (v *Validator) find(r *http.Request, rest string) (document, *routers.Route, map[string]string) {
	for _, d := range v.docs {
		for _, base := range d.bases {
			path, ok := strings.CutPrefix(rest, base)
			if !ok || path != "" && path[0] != '/' {
				continue
			}
			if path == "" {
				path = "/"
			}
			probe := r.Clone(context.WithoutCancel(r.Context()))
			probe.URL.Path, probe.URL.RawPath = path, ""
			if route, params, err := d.router.FindRoute(probe); err == nil {
				return d, route, params
			}
		}
	}
	return document{}, nil, nil
}

func (v *Validator) exempt(doc, method, path string, status int, err error) bool {
	for _, e := range v.spec.Known {
		if e.Request != (status == 0) || e.Status != 0 && e.Status != status || e.Document != "" && e.Document != doc || e.Method != "" && e.Method != method ||
			e.Path != nil && !e.Path.MatchString(path) || !e.Error.MatchString(err.Error()) {
			continue
		}
		v.mu.Lock()
		v.used[e.Reason]++
		v.mu.Unlock()
		return true
	}
	return false
}

func (v *Validator) add(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.violations = append(v.violations, fmt.Sprintf(format, args...))
}

// short cuts the schema and value dumps off a validator's text.
func short(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}
