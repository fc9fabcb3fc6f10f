package archtest

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pkg is what go list tells of a package.
type pkg struct {
	ImportPath, Dir                    string
	GoFiles                            []string
	Imports, TestImports, XTestImports []string
}

// rule forbids imports to the packages below from, whatever is not in except.
type rule struct {
	from   string
	forbid []string
	except []string
	why    string
}

func rules() []rule {
	house := []string{"usher/api", "usher/cmd", "usher/config", "usher/invites", "usher/ledger", "usher/mail", "usher/migrate", "usher/oidc", "usher/providers", "usher/sandbox", "usher/scim", "usher/webhooks"}
	return []rule{
		{"usher/identity", append(slices.Clone(house), "usher/internal"), nil, "identity is the vocabulary that everybody shares; it knows nobody"},
		{"usher/ledger", append(slices.Clone(house), "usher/internal"), []string{"usher/ledger"}, "the ledger knows only the vocabulary"},
		{"usher/oidc", append(slices.Clone(house), "usher/internal"), []string{"usher/oidc"}, "oidc turns tokens into principals; what they may reach is decided elsewhere"},
		{"usher/internal/httpx", house, nil, "httpx carries calls for any vendor"},
		{"usher/scim", house, []string{"usher/scim"}, "SCIM words and client serve adapters and the SCIM face alike"},
		{"usher/providers", []string{"usher/api", "usher/cmd", "usher/config", "usher/invites", "usher/ledger", "usher/migrate", "usher/oidc", "usher/sandbox", "usher/webhooks"}, nil, "an adapter gets what it needs from the house in its Deps"},
		{"usher/invites", []string{"usher/api", "usher/cmd", "usher/config", "usher/migrate", "usher/oidc", "usher/sandbox", "usher/scim"}, nil, "the heart knows the ledger and providers.Client; no HTTP, no configuration"},
		{"usher/api", []string{"usher/cmd", "usher/config", "usher/migrate", "usher/sandbox"}, nil, "the HTTP face is wired by cmd"},
		{"usher/config", []string{"usher/api", "usher/cmd", "usher/invites", "usher/ledger", "usher/migrate", "usher/sandbox"}, nil, "configuration is read before anything is built"},
		{"usher/mail", house, nil, "mail is handed what to send; who sends it, and why, is decided elsewhere"},
		{"usher/sandbox", []string{"usher/api", "usher/cmd", "usher/config", "usher/invites", "usher/ledger", "usher/oidc", "usher/providers", "usher/scim"}, nil, "a simulator that shares code with its adapter proves nothing"},
		{"usher", []string{"net/http/httptest", "testing"}, []string{"usher/internal/contracttest", "usher/internal/nodetest", "usher/internal/golden", "usher/internal/processtest", "usher/internal/simtest", "usher/providers/providertest", "usher/ledger/ledgertest", "usher/sandbox/asgardeo/contract", "usher/sandbox/clerk/contract", "usher/sandbox/nile/contract", "usher/sandbox/roq/contract", "usher/sandbox/sandboxtest", "usher/sandbox/workos/contract"}, "test code stays out of the binary"},
	}
}

// owners lists what only the folders named may import.
func owners() map[string][]string {
	return map[string][]string{
		"github.com/gin-gonic/gin":        {"usher/api", "usher/cmd"},
		"github.com/danielgtaylor/huma":   {"usher/api", "usher/cmd"},
		"modernc.org/sqlite":              {"usher/ledger"},
		"github.com/jackc/pgx":            {"usher/ledger"},
		"github.com/riverqueue/river":     {"usher/ledger"},
		"github.com/pressly/goose":        {"usher/ledger"},
		"database/sql":                    {"usher/ledger"},
		"github.com/coreos/go-oidc":       {"usher/oidc"},
		"usher/sandbox":                   {"usher/cmd", "usher/internal/simtest", "usher/sandbox"},
		"usher/mail":                      {"usher/cmd", "usher/config"},
		"github.com/alecthomas/kong":      {"usher/cmd"},
		"github.com/zitadel/oidc":         {},
		"github.com/getkin/kin-openapi":   {"usher/internal/contracttest"},
		"github.com/graph-gophers":        {"usher/sandbox/roq"},
		"github.com/vektah/gqlparser":     {"usher/sandbox/roq/contract"},
		"github.com/rogpeppe/go-internal": {"usher/internal/golden"},
		"usher/providers/providertest":    {"usher/internal/simtest"},
		"usher/internal/simtest":          {},
		"usher/internal/processtest":      {},
		"usher/internal/contracttest":     {"usher/sandbox/asgardeo/contract", "usher/sandbox/clerk/contract", "usher/sandbox/nile/contract", "usher/sandbox/roq/contract", "usher/sandbox/sandboxtest", "usher/sandbox/workos/contract"},
		"usher/internal/nodetest":         {},
		"usher/sandbox/sandboxtest":       {"usher/internal/simtest"},
		"usher/internal/audit":            {"usher/api", "usher/cmd"},
		"usher/internal/telemetry":        {"usher/cmd"},
		"go.opentelemetry.io/otel/sdk":    {"usher/internal/telemetry"},
		"go.opentelemetry.io/proto":       {"usher/internal/telemetry"},
		"google.golang.org/grpc":          {},
	}
}

func list(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Dir,GoFiles,Imports,TestImports,XTestImports", "usher/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := decoder.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// below reports whether a package is path or lies in its folder.
func below(path string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return path == f || strings.HasPrefix(path, f+"/") })
}

func TestImportDirection(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		for _, r := range rules() {
			if !below(p.ImportPath, []string{r.from}) {
				continue
			}
			for _, imported := range p.Imports {
				exempt := r.from == "usher" && below(p.ImportPath, r.except) // test code may import test code
				if below(imported, r.forbid) && !below(imported, r.except) && !exempt {
					t.Errorf("%s imports %s: %s", p.ImportPath, imported, r.why)
				}
			}
		}
		for imported, allowed := range owners() {
			for _, i := range p.Imports {
				if below(i, []string{imported}) && !below(p.ImportPath, allowed) {
					t.Errorf("%s imports %s, which is for %v alone", p.ImportPath, i, allowed)
				}
			}
		}
	}
}

// Adapters never see each other, and what is not an adapter sees only the
// contract; cmd alone sees the table.
func TestAdaptersAreApart(t *testing.T) {
	t.Parallel()
	shared := []string{"usher/providers", "usher/providers/all", "usher/providers/providertest"}
	adapter := func(path string) string {
		rest, ok := strings.CutPrefix(path, "usher/providers/")
		if !ok || slices.Contains(shared, path) {
			return ""
		}
		name, _, _ := strings.Cut(rest, "/")
		return name
	}
	for _, p := range list(t) {
		for _, imported := range p.Imports {
			other := adapter(imported)
			if other == "" || other == adapter(p.ImportPath) || p.ImportPath == "usher/providers/all" {
				continue
			}
			t.Errorf("%s imports the adapter %s: the contract in package providers is the only way to it", p.ImportPath, other)
		}
		if slices.Contains(p.Imports, "usher/providers/all") && !below(p.ImportPath, []string{"usher/cmd", "usher/config"}) {
			t.Errorf("%s imports the table of adapters, which is for cmd and config", p.ImportPath)
		}
	}
}

// Nothing happens before main: no init functions, and a package comment
// everywhere.
func TestNoInitAndEveryPackageIsDocumented(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		documented := len(p.GoFiles) == 0
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			documented = documented || file.Doc != nil
			for _, declaration := range file.Decls {
				if f, ok := declaration.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
					t.Errorf("%s/%s has an init function", p.ImportPath, name)
				}
			}
		}
		if !documented {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}
