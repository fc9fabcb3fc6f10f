package contract

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"usher/internal/contracttest"
	"usher/sandbox/fault"
)

// Validator checks exchanges and collects violations. It is safe for
// concurrent use:
//
//	v := contract.NewValidator(t)
//	server := httptest.NewServer(v.Middleware(simulator))
//
// A request has to fit the vendor's schema, and so has its answer: data has the
// fields that were asked for and no others, errors the vendor's envelope.
type Validator struct {
	schema *ast.Schema

	mu         sync.Mutex
	lenient    bool
	violations []string
	seen       map[string]bool
}

// NewValidator loads the vendor's schema, which the test needs, and reports
// violations when it ends.
func NewValidator(t testing.TB) *Validator {
	t.Helper()
	v, err := Load(contracttest.Dir(t, "roq"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, violation := range v.Violations() {
			t.Errorf("contract: %s", violation)
		}
	})
	return v
}

// Load loads schema.graphql in dir; the caller asks for Violations itself.
func Load(dir string) (*Validator, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "schema.graphql"))
	if err != nil {
		return nil, fmt.Errorf("read contract: %w", err)
	}
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphql", Input: string(raw)})
	if err != nil {
		return nil, fmt.Errorf("parse contract: %w", err)
	}
	return &Validator{schema: schema, seen: map[string]bool{}}, nil
}

// AllowRefused lets requests be wrong if they are refused: for tests of the
// refusals.
func (v *Validator) AllowRefused() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.lenient = true
}

// Violations lists what did not fit, in the order seen.
func (v *Validator) Violations() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.violations)
}

// Operations lists every root field, as "query users", and the token calls by
// their paths, sorted.
func (v *Validator) Operations() []string {
	out := []string{pathServiceAccount, pathUser}
	for kind, root := range map[string]*ast.Definition{"query": v.schema.Query, "mutation": v.schema.Mutation} {
		for _, f := range root.Fields {
			if !strings.HasPrefix(f.Name, "__") {
				out = append(out, kind+" "+f.Name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// Seen tells whether an operation was carried out: answered without an error.
func (v *Validator) Seen(operation string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.seen[operation]
}

// Middleware validates what a server receives and answers.
func (v *Validator) Middleware(next http.Handler) http.Handler {
	return contracttest.Check(v.check).Middleware(next)
}

// RoundTripper validates what a client sends and is answered, once it has read
// an answer to its end. base may be nil.
func (v *Validator) RoundTripper(base http.RoundTripper) http.RoundTripper {
	return contracttest.Check(v.check).RoundTripper(base)
}

// exchange is one call under examination.
type exchange struct {
	v        *Validator
	name     string
	problems []string // of the request
	asked    *asked   // of a GraphQL request that fits
}

func (x *exchange) wrong(format string, args ...any) {
	x.problems = append(x.problems, fmt.Sprintf(format, args...))
}

// check examines a request, and returns what examines its answer. Answers that
// a fault injector made are left out.
func (v *Validator) check(r *http.Request, body []byte) func(int, http.Header, []byte) {
	if people(r.URL.Path) {
		return func(int, http.Header, []byte) {}
	}
	x := &exchange{v: v, name: r.Method + " " + r.URL.Path}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		x.wrong("the request is not JSON by its Content-Type")
	}
	if r.Method != http.MethodPost {
		x.wrong("the request is no POST")
	}
	answer := x.request(r, body)
	return func(status int, header http.Header, got []byte) {
		if header.Get(fault.Header) != "" {
			return
		}
		wrong, refused := answer(status, header, got)
		v.mu.Lock()
		defer v.mu.Unlock()
		if !v.lenient || !refused {
			for _, p := range x.problems {
				v.violations = append(v.violations, x.name+": request: "+p)
			}
		}
		for _, p := range wrong {
			v.violations = append(v.violations, fmt.Sprintf("%s: answer %d: %s", x.name, status, p))
		}
	}
}

// people tells the pages that mails lead to, which no contract describes.
func people(path string) bool {
	return slices.Contains([]string{"/accept-invite", "/reset-password", "/confirm-email"}, path)
}

// verdict is what is wrong with an answer, and whether it refuses the request.
type verdict func(status int, header http.Header, got []byte) (wrong []string, refused bool)

func (x *exchange) request(r *http.Request, body []byte) verdict {
	switch r.URL.Path {
	case pathServer:
		if r.Header.Get("roq-platform-server-authorization") == "" {
			x.wrong("no header roq-platform-server-authorization")
		}
		fallthrough
	case pathClient:
		if !strings.HasPrefix(r.Header.Get("roq-platform-authorization"), "Bearer ") {
			x.wrong("no bearer in roq-platform-authorization")
		}
		x.readQuery(body)
		return x.graphQL
	case pathServiceAccount:
		x.readToken(body, "email", "environmentId", "apiKey")
		return x.token
	case pathUser:
		if !strings.HasPrefix(r.Header.Get("roq-platform-authorization"), "Bearer ") {
			x.wrong("no bearer in roq-platform-authorization")
		}
		x.readToken(body, "environmentId", "apiKey", "userId")
		return x.token
	}
	x.wrong("no document has it")
	return func(status int, _ http.Header, got []byte) ([]string, bool) {
		return nestError(status, got), status >= 400
	}
}

// nestError is what is wrong with a refusal outside of GraphQL: FACTS.md
// section 3 promises a message, and infers the rest.
func nestError(status int, got []byte) (wrong []string) {
	var in map[string]any
	if err := json.Unmarshal(got, &in); err != nil {
		return []string{"not a JSON object"}
	}
	if _, ok := in["message"].(string); !ok {
		wrong = append(wrong, "no message")
	}
	if code, ok := in["statusCode"]; ok && code != float64(status) {
		wrong = append(wrong, "another statusCode than the answer's")
	}
	return wrong
}
