package api

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed docs.html
var docsPage string

//go:embed docs.css
var docsStyle string

// docsData is the reference as its page shows it.
type docsData struct {
	Info    *huma.Info
	Style   template.CSS
	OpenAPI string
	Tags    []docsTag
	Schemas []docsSchema
	Codes   []docsCode
}

type docsTag struct {
	Name, Description string
	Operations        []docsOperation
}

type docsOperation struct {
	ID, Method, Path, Summary string
	Description               []string // paragraphs
	Parameters                []docsField
	Request                   string   // name of the schema; empty: no body
	Files                     []string // media types of a body that is a file
	Answers                   []docsAnswer
}

type docsAnswer struct{ Status, Description, Schema string }

type docsSchema struct {
	Name   string
	Fields []docsField
}

type docsField struct {
	Name, Kind, Link, Description string
	Required                      bool
}

type docsCode struct {
	Code, Title, Detail string
	Status              int
}

// renderDocs renders the reference once: a page without scripts, whose one
// style is allowed by its hash, and which refers to nothing outside itself. It
// returns the page and its content security policy.
func renderDocs(doc *huma.OpenAPI) (page []byte, policy string, err error) {
	t, err := template.New("docs").Funcs(template.FuncMap{"prose": prose}).Parse(docsPage)
	if err != nil {
		return nil, "", fmt.Errorf("api: parse the reference page: %w", err)
	}
	data := docsData{
		Info: doc.Info, Style: template.CSS(docsStyle), OpenAPI: pathOpenAPI, //nolint:gosec // our own file
		Tags: docsTags(doc), Schemas: docsSchemas(doc.Components.Schemas), Codes: docsCodes(),
	}
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		return nil, "", fmt.Errorf("api: render the reference page: %w", err)
	}
	sum := sha256.Sum256([]byte(docsStyle))
	policy = "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return out.Bytes(), policy, nil
}

func docsTags(doc *huma.OpenAPI) []docsTag {
	var tags []docsTag
	for _, tag := range doc.Tags {
		shown := docsTag{Name: tag.Name, Description: tag.Description}
		for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
			item := doc.Paths[path]
			for _, op := range []*huma.Operation{item.Get, item.Post, item.Patch, item.Delete} {
				if op != nil && slices.Contains(op.Tags, tag.Name) {
					shown.Operations = append(shown.Operations, docsOperationOf(op))
				}
			}
		}
		tags = append(tags, shown)
	}
	return tags
}

func docsOperationOf(op *huma.Operation) docsOperation {
	shown := docsOperation{
		ID: op.OperationID, Method: op.Method, Path: op.Path, Summary: op.Summary,
		Description: strings.Split(op.Description, "\n\n"),
	}
	for _, p := range op.Parameters {
		field := docsFieldOf(p.Name, p.Schema, p.Required)
		field.Kind += " in " + p.In
		field.Description = p.Description
		shown.Parameters = append(shown.Parameters, field)
	}
	if op.RequestBody != nil {
		if body := op.RequestBody.Content[mediaJSON]; body != nil {
			shown.Request = schemaName(body.Schema)
		} else {
			shown.Files = slices.Sorted(maps.Keys(op.RequestBody.Content))
		}
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		response := op.Responses[status]
		answer := docsAnswer{Status: status, Description: response.Description}
		for _, media := range response.Content {
			answer.Schema = schemaName(media.Schema)
		}
		shown.Answers = append(shown.Answers, answer)
	}
	return shown
}

func docsSchemas(registry huma.Registry) []docsSchema {
	schemas := registry.Map()
	var list []docsSchema
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		s := schemas[name]
		shown := docsSchema{Name: name}
		for _, property := range slices.Sorted(maps.Keys(s.Properties)) {
			shown.Fields = append(shown.Fields, docsFieldOf(property, s.Properties[property], slices.Contains(s.Required, property)))
		}
		list = append(list, shown)
	}
	return list
}

func docsFieldOf(name string, s *huma.Schema, required bool) docsField {
	kind, link := docsKind(s)
	return docsField{Name: name, Kind: kind, Link: link, Description: s.Description, Required: required}
}

// docsKind says what a schema holds, and which schema to read on in.
func docsKind(s *huma.Schema) (kind, link string) {
	switch {
	case s.Ref != "":
		return schemaName(s), schemaName(s)
	case len(s.AnyOf) > 0:
		kind, link = docsKind(s.AnyOf[0])
		return kind + " or null", link
	case s.Type == huma.TypeArray:
		kind, link = docsKind(s.Items)
		return "list of " + kind, link
	}
	kind = cmp.Or(s.Type, "anything")
	if s.Format == "date-time" {
		kind = "time"
	}
	if len(s.Enum) > 0 {
		kind = "one of " + strings.Trim(strings.ReplaceAll(fmt.Sprint(s.Enum), " ", ", "), "[]")
	}
	if s.Nullable {
		kind += " or null"
	}
	return kind, ""
}

func schemaName(s *huma.Schema) string { return s.Ref[strings.LastIndexByte(s.Ref, '/')+1:] }

func docsCodes() []docsCode {
	var codes []docsCode
	for code, k := range kinds() {
		codes = append(codes, docsCode{Code: string(code), Title: k.title, Detail: k.detail, Status: k.status})
	}
	slices.SortFunc(codes, func(a, b docsCode) int {
		return cmp.Or(cmp.Compare(a.Status, b.Status), cmp.Compare(a.Code, b.Code))
	})
	return codes
}

// StatusText names a status for the page.
func (c docsCode) StatusText() string { return http.StatusText(c.Status) }

// prose escapes a text and shows what stands between backticks as code.
func prose(text string) template.HTML {
	var b strings.Builder
	for n, part := range strings.Split(text, "`") {
		if part = template.HTMLEscapeString(part); n%2 == 1 {
			part = "<code>" + part + "</code>"
		}
		b.WriteString(part)
	}
	return template.HTML(b.String()) //nolint:gosec // every part is escaped
}
