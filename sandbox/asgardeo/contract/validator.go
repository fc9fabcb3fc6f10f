package contract

import (
	"bytes"
	"context"
	"errors"
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

	"usher/sandbox/fault"
)

const (
	origin  = "https://api.asgardeo.io/t/rootorg"
	maxKept = 4 << 20 // of a body
)

// document is one OpenAPI file with the base paths it is served below.
type document struct {
	name   string
	bases  []string
	doc    *openapi3.T
	router routers.Router
}

// Validator collects violations. It is safe for concurrent use.
type Validator struct {
	docs  []document
	known []Exemption

	mu         sync.Mutex
	violations []string
	seen       map[string]bool
	used       map[string]int // exemptions by reason
}

// NewValidator loads the documents in dir. When the test ends, each violation
// is an error of it.
func NewValidator(t testing.TB, dir string) *Validator {
	t.Helper()
	v, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return v.Fresh(t)
}

// Fresh returns a validator with the same documents and nothing seen yet, which
// reports to t when it ends; nil t: the caller asks for Violations itself.
// Loading takes a tenth of a second, so tests with many servers load once.
func (v *Validator) Fresh(t testing.TB) *Validator {
	fresh := &Validator{docs: v.docs, known: v.known, seen: map[string]bool{}, used: map[string]int{}}
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
func Load(dir string) (*Validator, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("find contract documents: %w", err)
	}
	v := &Validator{known: Known(), seen: map[string]bool{}, used: map[string]int{}}
	for _, file := range files {
		d, err := load(file)
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

func load(file string) (document, error) {
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
		d.bases = append(d.bases, strings.TrimPrefix(server.URL, origin))
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
	for _, e := range v.known {
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
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/_sandbox/") {
			next.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler) // the client is gone
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		check := v.request(r, body)
		tee := &teeWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(tee, r)
		check(tee.status, w.Header(), tee.body.Bytes())
	})
}

// RoundTripper validates what a client sends and is answered, once it has read
// an answer to its end. base may be nil.
func (v *Validator) RoundTripper(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		var body []byte
		if r.Body != nil {
			var err error
			if body, err = io.ReadAll(r.Body); err != nil {
				return nil, fmt.Errorf("read request: %w", err)
			}
			r = r.Clone(r.Context())
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		check := v.request(r, body)
		answer, err := base.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		answer.Body = &teeBody{ReadCloser: answer.Body, done: func(got []byte) { check(answer.StatusCode, answer.Header, got) }}
		return answer, nil
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// request validates a request and returns the check of its answer.
func (v *Validator) request(r *http.Request, body []byte) func(int, http.Header, []byte) {
	rest := below(r.URL.Path)
	d, route, params := v.find(r, rest)
	if route == nil {
		if !slices.ContainsFunc(uncovered(), func(re *regexp.Regexp) bool { return re.MatchString(rest) }) {
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
	asSCIM(d, clone.Header)
	in := &openapi3filter.RequestValidationInput{Request: clone, PathParams: params, Route: route, Options: &openapi3filter.Options{
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, SkipSettingDefaults: true,
	}}
	if err := openapi3filter.ValidateRequest(clone.Context(), in); err != nil && !v.exempt(d.name, r.Method, route.Path, 0, err) {
		v.add("%s: request: %s", operation, short(err))
	}
	return func(status int, header http.Header, got []byte) {
		if header.Get(fault.Header) != "" {
			return
		}
		header = header.Clone()
		asSCIM(d, header)
		out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: status, Header: header, Options: in.Options}
		out.SetBodyBytes(got)
		err := openapi3filter.ValidateResponse(clone.Context(), out)
		if err != nil && !v.exempt(d.name, r.Method, route.Path, status, err) {
			v.add("%s: answer %d: %s", operation, status, short(err))
		}
	}
}

// asSCIM names SCIM's JSON as the document does; sections 2 and 3 of FACTS.md
// have both names sent and taken.
func asSCIM(d document, h http.Header) {
	if d.name == "scim2.yaml" && strings.HasPrefix(h.Get("Content-Type"), "application/json") {
		h.Set("Content-Type", "application/scim+json")
	}
}

// below cuts /t/{root} and an organization id after /o/ off a path.
func below(path string) string {
	if rest, ok := strings.CutPrefix(path, "/t/"); ok {
		_, rest, _ = strings.Cut(rest, "/")
		path = "/" + rest
	}
	if rest, ok := strings.CutPrefix(path, "/o/"); ok {
		first, after, found := strings.Cut(rest, "/")
		if found && first != "api" && first != "scim2" && first != "oauth2" && first != "accountrecoveryendpoint" {
			path = "/o/" + after
		}
	}
	return path
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
	for _, e := range v.known {
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

// teeWriter keeps what goes out.
type teeWriter struct {
	http.ResponseWriter
	status int
	wrote  bool
	body   bytes.Buffer
}

func (w *teeWriter) WriteHeader(status int) {
	if !w.wrote {
		w.status, w.wrote = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *teeWriter) Write(b []byte) (int, error) {
	w.wrote = true
	if w.body.Len() < maxKept {
		w.body.Write(b)
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the real writer.
func (w *teeWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// teeBody keeps what is read and hands it over at the end.
type teeBody struct {
	io.ReadCloser
	got  bytes.Buffer
	done func([]byte)
}

func (b *teeBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.got.Len() < maxKept {
		b.got.Write(p[:n])
	}
	if errors.Is(err, io.EOF) && b.done != nil {
		b.done(b.got.Bytes())
		b.done = nil
	}
	return n, err
}
