package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"usher/identity"
	"usher/invites/roster"
)

const bearerScheme = "bearer"

// humaConfig is the part of the document that is not about one operation.
// Nothing of Huma's own routes, links and hooks is used.
func humaConfig(version, publicURL string) huma.Config {
	if version == "" {
		version = "dev"
	}
	if publicURL = strings.TrimRight(publicURL, "/"); publicURL == "" {
		publicURL = "/"
	}
	format := huma.Format{Marshal: encodeJSON, Unmarshal: json.Unmarshal}
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "usher", Version: version,
				Description: "One invite API in front of any identity provider: send, list, resend and revoke invitations to organizations, " +
					"and read their members and roles, whatever provider an organization lives in.\n\n" +
					"Requests are strict: unknown fields and query parameters are refused. Answers may grow. " +
					"Errors are RFC 9457 problem documents with a stable `code`.",
				Contact: &huma.Contact{Name: "The operator of this gateway"},
				License: &huma.License{Name: "Proprietary", Identifier: "LicenseRef-usher"},
			},
			Servers: []*huma.Server{{URL: publicURL, Description: "This gateway"}},
			Tags: []*huma.Tag{
				{Name: tagInvites, Description: "Invitations of one address to one organization."},
				{Name: tagBatches, Description: "Files of invitations to one organization, sent in the background."},
				{Name: tagOrganizations, Description: "The customers of the application; each lives in one connection at a time."},
				{Name: tagTeam, Description: "Members and roles, as the identity provider has them."},
				{Name: tagConnections, Description: "Configured instances of identity providers."},
			},
			Components: &huma.Components{
				Headers: sharedHeaders(),
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{bearerScheme: {
					Type: "http", Scheme: "bearer", BearerFormat: "JWT",
					Description: "An access token of an issuer that the gateway is configured to trust.",
				}},
			},
		},
		Formats:       map[string]huma.Format{mediaJSON: format, "json": format},
		DefaultFormat: mediaJSON,
	}
}

// operation is what Huma is told about a route; the types tell it the rest.
func operation(r route, doc operationDocument, schemas huma.Registry) huma.Operation {
	op := huma.Operation{
		Method: r.method, Path: r.path, OperationID: r.id,
		Tags: []string{doc.tag}, Summary: doc.summary, Description: doc.description,
		Security:     []map[string][]string{{bearerScheme: {}}},
		MaxBodyBytes: -1, // the guard has the limit
		Responses:    map[string]*huma.Response{},
	}
	switch r.permission {
	case anyone:
	case holder:
		op.Security = []map[string][]string{{}, {bearerScheme: {}}}
	default:
		op.Description += "\n\nNeeds the permission `" + string(r.permission) + "`."
		op.Extensions = map[string]any{"x-permission": string(r.permission)}
	}
	success := http.StatusOK
	switch {
	case doc.created:
		success = http.StatusCreated
	case doc.accepted:
		success = http.StatusAccepted
	case r.follows():
		success = http.StatusSeeOther
	}
	op.DefaultStatus = success
	op.Responses[strconv.Itoa(success)] = &huma.Response{Headers: commonHeaders()}
	if r.follows() {
		op.Responses[strconv.Itoa(success)].Description = "The page that goes on is in Location."
	}
	if writes(r.method) {
		op.Parameters = append(op.Parameters, keyParameter())
		op.Responses[strconv.Itoa(success)].Headers["Idempotency-Replayed"] = &huma.Header{
			Description: "true where this is the answer that was given before.",
			Schema:      &huma.Schema{Type: huma.TypeString, Enum: []any{"true"}},
		}
	}
	if r.streams() {
		op.RequestBody = fileBody()
	}
	addProblems(&op, answerable(r, doc), schemas)
	return op
}

// fileBody is a body that Huma does not read.
func fileBody() *huma.RequestBody {
	text := &huma.Schema{Type: huma.TypeString}
	return &huma.RequestBody{
		Required:    true,
		Description: "Up to 100,000 rows of 64 KiB each, in UTF-8.",
		Content: map[string]*huma.MediaType{
			roster.NDJSON.MediaType(): {Schema: text, Example: `{"email":"jane@example.com","roles":["member"],"given_name":"Jane"}` + "\n"},
			roster.CSV.MediaType():    {Schema: text, Example: "email,roles,given_name\njane@example.com,member,Jane\n"},
		},
	}
}

func keyParameter() *huma.Param {
	shortest, longest := 1, maxKey
	return &huma.Param{
		Name: headerKey, In: "header",
		Description: "Makes the request safe to repeat: the same key and body answer what was answered before, for at least 24 hours.",
		Schema:      &huma.Schema{Type: huma.TypeString, MinLength: &shortest, MaxLength: &longest, Pattern: "^[!-~]+$"},
	}
}

// answerable returns every code that a route can answer: what its handler can,
// and what the guard can before it.
func answerable(r route, doc operationDocument) []identity.Code {
	codes := slices.Concat(doc.codes, []identity.Code{
		identity.CodeInvalidRequest, identity.CodeUnauthenticated, identity.CodeNotAcceptable, identity.CodeRateLimited, identity.CodeInternal,
	})
	if r.follows() {
		codes = append(doc.codes, identity.CodeUnauthenticated, identity.CodeRateLimited, identity.CodeInternal)
	}
	if strings.Contains(r.path, "{org}") {
		codes = append(codes, identity.CodeNotFound)
	}
	if r.permission != anyone && r.permission != holder {
		codes = append(codes, identity.CodePermissionDenied)
	}
	if writes(r.method) {
		codes = append(codes, identity.CodePayloadTooLarge, identity.CodeUnsupportedMediaType,
			identity.CodeIdempotencyInProgress, identity.CodeIdempotencyKeyReused)
	}
	return codes
}

// addProblems documents codes as answers: one response for each status, with
// the codes it can carry.
func addProblems(op *huma.Operation, codes []identity.Code, schemas huma.Registry) {
	schema := schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	byStatus := map[int][]identity.Code{}
	for _, code := range codes {
		_, k := kindOf(code)
		if !slices.Contains(byStatus[k.status], code) {
			byStatus[k.status] = append(byStatus[k.status], code)
		}
	}
	for _, status := range slices.Sorted(maps.Keys(byStatus)) {
		list := byStatus[status]
		slices.Sort(list)
		examples := map[string]*huma.Example{}
		names := make([]string, len(list))
		for n, code := range list {
			names[n] = "`" + string(code) + "`"
			p := newProblem(code, "")
			p.RequestID = "req_0dhvc8ktvk6qe0u1tqfkpd6hgg"
			examples[string(code)] = &huma.Example{Summary: p.Title, Value: p}
		}
		op.Responses[strconv.Itoa(status)] = &huma.Response{
			Description: http.StatusText(status) + ": " + strings.Join(names, ", ") + ".",
			Headers:     problemHeaders(status),
			Content:     map[string]*huma.MediaType{mediaProblem: {Schema: schema, Examples: examples}},
		}
	}
}

// sharedHeaders are those of nearly every answer. The document defines them
// once, since there are hundreds of answers in it.
func sharedHeaders() map[string]*huma.Header {
	return map[string]*huma.Header{
		headerRequestID: {
			Description: "Names the request in the server's log; taken over from the request where it is sane.",
			Schema:      &huma.Schema{Type: huma.TypeString},
		},
		headerPolicy: {
			Description: "Where requests are limited: q requests at once, and as many again after w seconds (draft-ietf-httpapi-ratelimit-headers).",
			Schema:      &huma.Schema{Type: huma.TypeString, Examples: []any{`"default";q=500;w=5`}},
		},
		headerLimit: {
			Description: "Where requests are limited: r requests are left, and there is one more after t seconds (draft-ietf-httpapi-ratelimit-headers).",
			Schema:      &huma.Schema{Type: huma.TypeString, Examples: []any{`"default";r=499;t=1`}},
		},
	}
}

func commonHeaders() map[string]*huma.Header {
	headers := map[string]*huma.Header{}
	for name := range sharedHeaders() {
		headers[name] = &huma.Header{Ref: "#/components/headers/" + name}
	}
	return headers
}

func problemHeaders(status int) map[string]*huma.Header {
	headers := commonHeaders()
	switch status {
	case http.StatusUnauthorized:
		delete(headers, headerPolicy) // nobody is known whose rate it would be
		delete(headers, headerLimit)
		headers["WWW-Authenticate"] = &huma.Header{Description: "The challenge of RFC 6750.", Schema: &huma.Schema{Type: huma.TypeString}}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		headers["Retry-After"] = &huma.Header{Description: "Seconds to wait, where they are known.", Schema: &huma.Schema{Type: huma.TypeInteger}}
	}
	return headers
}
