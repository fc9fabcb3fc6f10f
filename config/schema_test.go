package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"usher/config"
)

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := config.Schema(table())
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("usher.schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("usher.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// document reads YAML as a schema's tool does, references unresolved.
func document(t *testing.T, text string) any {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// The example loads, fits the schema, and shows every option of the top
// levels.
func TestExample(t *testing.T) {
	t.Parallel()
	c := mustParse(t, config.Example(), "ASGARDEO_CLIENT_ID", "id", "ASGARDEO_CLIENT_SECRET", "secret")
	if err := compile(t).Validate(document(t, config.Example())); err != nil {
		t.Errorf("the example does not fit the schema: %v", err)
	}
	for _, key := range []string{
		"listen", "public_url", "allow_demo_issuer", "ledger", "url", "auto_up", "log", "level", "format", "limits", "body_bytes", "requests_per_minute", "request_burst", "audit", "enabled", "file", "tracing", "endpoint", "sample_ratio", "headers", "trust_callers", "mails", "mail_window", "failed_tokens", "failed_tokens_window", "trusted_proxies",
		"shutdown_grace", "issuers", "connections", "act_as", "register", "emails", "timeout", "redirect_urls", "roles", "settings", "organizations",
	} {
		if !strings.Contains(config.Example(), key+":") {
			t.Errorf("the example does not show %s", key)
		}
	}
	if c.Organizations[0].Slug != "acme" {
		t.Errorf("got %+v", c.Organizations)
	}
}

// What Redacted prints is a configuration of the same shape.
func TestRedactedFitsTheSchema(t *testing.T) {
	t.Parallel()
	c := mustParse(t, config.Example(), "ASGARDEO_CLIENT_ID", "id", "ASGARDEO_CLIENT_SECRET", "secret")
	text, err := c.Redacted()
	if err != nil {
		t.Fatal(err)
	}
	if err := compile(t).Validate(document(t, string(text))); err != nil {
		t.Errorf("%v in\n%s", err, text)
	}
	again := mustParse(t, string(text))
	second, err := again.Redacted()
	if err != nil || string(second) != string(text) {
		t.Errorf("printed, read and printed again (%v):\n%s\nbefore:\n%s", err, second, text)
	}
}

// The schema and Load refuse the same shapes.
func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	schema := compile(t)
	if err := schema.Validate(document(t, least)); err != nil {
		t.Fatalf("refuses a good configuration: %v", err)
	}
	for _, tc := range []struct{ name, text string }{
		{"unknown key", least + "colour: red\n"},
		{"unknown setting", with(t, "      application: App", "      application: App\n      colour: red")},
		{"unknown provider", with(t, "    provider: asgardeo", "    provider: nobody")},
		{"no issuers", strings.Replace(least, "issuers:\n", "x:\n", 1)},
		{"empty issuers", with(t, "    issuers: [main]", "    issuers: []")},
		{"empty name", with(t, "  - name: one", "  - name: ''")},
		{"word outside the list", least + "log: {level: loud}\n"},
		{"number for text", least + "listen: 8080\n"},
		{"text for a number", least + "limits: {body_bytes: many}\n"},
		{"text for true", least + "allow_demo_issuer: 'yes'\n"},
		{"number for a duration", least + "shutdown_grace: 30\n"},
		{"text for a share", least + "tracing: {sample_ratio: half}\n"},
		{"no duration", least + "shutdown_grace: long\n"},
		{"unknown permission", with(t, "    audiences: [usher]", "    audiences: [usher]\n    permissions: [{scope: a, grant: [all]}]")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if err := schema.Validate(document(t, tc.text)); err == nil {
				t.Error("the schema takes it")
			}
			if _, err := parse(tc.text); err == nil {
				t.Error("Load takes it")
			}
		})
	}
}

// A reference may stand wherever text does, words of a list and durations
// included.
func TestSchemaTakesReferences(t *testing.T) {
	t.Parallel()
	text := least + "log: {level: '${LEVEL}'}\nshutdown_grace: ${GRACE}\nlisten: 127.0.0.1:${PORT}\n"
	if err := compile(t).Validate(document(t, text)); err != nil {
		t.Error(err)
	}
	c := mustParse(t, text, "LEVEL", "warn", "GRACE", "5s", "PORT", "1")
	if c.Log.Level != "warn" || c.ShutdownGrace.String() != "5s" || c.Listen != "127.0.0.1:1" {
		t.Errorf("got %+v", c)
	}
}

// The example's hint for editors is the command that makes the schema.
func TestExampleNamesItsSchema(t *testing.T) {
	t.Parallel()
	if !strings.Contains(config.Example(), "usher config schema > usher.schema.json") {
		t.Error("the example does not say how to make its schema")
	}
	if _, err := os.Stat(filepath.Join("..", "usher.schema.json")); err == nil {
		t.Error("a generated schema lies in the tree: it is made on demand")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(least))
	f.Add([]byte(demo))
	f.Add([]byte(config.Example()))
	f.Add([]byte("a: [1\nb: 2"))
	f.Add([]byte("issuers: [{}]\nconnections: [{settings: {}}]\n"))
	f.Add([]byte("? a\n: b\n<<: *x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.Parse(data, config.Options{Providers: table()})
		if (c == nil) == (err == nil) {
			t.Fatalf("got %v and %v", c, err)
		}
		if err != nil && err.Error() == "" {
			t.Fatal("an error without a word")
		}
	})
}
