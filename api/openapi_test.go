package api_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"usher/identity"
)

// operation is one operation of the document.
type operation struct {
	method, path string
	OperationID  string `json:"operationId"`
	Description  string
	Summary      string
	Tags         []string
	Security     []map[string][]string
	Permission   identity.Permission `json:"x-permission"`
	Parameters   []struct {
		Name, In, Description string
		Required              bool
	}
	RequestBody *struct {
		Required bool
		Content  map[string]struct{ Schema map[string]any }
	}
	Responses map[string]struct {
		Description string
		Headers     map[string]any
		Content     map[string]any
	}
}

// free reports an operation that needs no token.
func (op *operation) free() bool {
	return len(op.Security) > 0 && len(op.Security[0]) == 0
}

type document struct {
	OpenAPI    string `json:"openapi"`
	Info       map[string]any
	Servers    []map[string]any
	Tags       []struct{ Name, Description string }
	Paths      map[string]map[string]*operation
	Components struct {
		Schemas         map[string]map[string]any
		Headers         map[string]map[string]any
		SecuritySchemes map[string]map[string]any
	}
}

func (h *house) document() document {
	h.t.Helper()
	raw, err := h.api.OpenAPI()
	if err != nil {
		h.t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(raw, &d); err != nil {
		h.t.Fatal(err)
	}
	for path, item := range d.Paths {
		for method, op := range item {
			op.method, op.path = strings.ToUpper(method), path
		}
	}
	return d
}

// operations returns every operation, in the order of paths and methods.
func (d document) operations() []*operation {
	var list []*operation
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(d.Paths[path])) {
			list = append(list, d.Paths[path][method])
		}
	}
	return list
}

func TestDocumentListsExactlyWhatIsBuilt(t *testing.T) {
	t.Parallel()
	var got []string
	for _, op := range build(t).document().operations() {
		got = append(got, op.method+" "+op.path+" "+string(op.Permission)+" "+op.OperationID)
	}
	want := []string{
		"GET /v1/connections connections:read listConnections",
		"GET /v1/connections/{connection}/capabilities connections:read getConnectionCapabilities",
		"POST /v1/invites/accept  acceptInvite",
		"GET /v1/invites/callback/{handle}  openInviteLink",
		"GET /v1/organizations  listOrganizations",
		"POST /v1/organizations organizations:write createOrganization",
		"GET /v1/organizations/{org}  getOrganization",
		"PATCH /v1/organizations/{org} organizations:write updateOrganization",
		"GET /v1/organizations/{org}/capabilities invites:read getOrganizationCapabilities",
		"GET /v1/organizations/{org}/invite-batches invites:read listInviteBatches",
		"POST /v1/organizations/{org}/invite-batches invites:write sendInviteBatch",
		"GET /v1/organizations/{org}/invite-batches/{batch} invites:read getInviteBatch",
		"POST /v1/organizations/{org}/invite-batches/{batch}/cancel invites:write cancelInviteBatch",
		"GET /v1/organizations/{org}/invite-batches/{batch}/items invites:read listInviteBatchItems",
		"POST /v1/organizations/{org}/invite-batches/{batch}/retry invites:write retryInviteBatch",
		"GET /v1/organizations/{org}/invites invites:read listInvites",
		"POST /v1/organizations/{org}/invites invites:write sendInvite",
		"GET /v1/organizations/{org}/invites/{invite} invites:read getInvite",
		"POST /v1/organizations/{org}/invites/{invite}/resend invites:write resendInvite",
		"POST /v1/organizations/{org}/invites/{invite}/revoke invites:write revokeInvite",
		"GET /v1/organizations/{org}/members members:read listMembers",
		"GET /v1/organizations/{org}/roles members:read listRoles",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestDocumentDescribesEveryOperation(t *testing.T) {
	t.Parallel()
	d := build(t).document()
	if d.OpenAPI != "3.1.0" || d.Info["version"] != "1.2.3" || len(d.Servers) != 1 || d.Info["license"] == nil || d.Info["contact"] == nil {
		t.Errorf("head of the document: %v %v %v", d.OpenAPI, d.Info, d.Servers)
	}
	tags := map[string]bool{}
	for _, tag := range d.Tags {
		tags[tag.Name] = tag.Description != ""
	}
	for _, op := range d.operations() {
		t.Run(op.OperationID, func(t *testing.T) {
			t.Parallel()
			if op.OperationID == "" || op.Summary == "" || op.Description == "" || len(op.Tags) != 1 || !tags[op.Tags[0]] {
				t.Errorf("words are missing: %+v", op)
			}
			if last := len(op.Security) - 1; last < 0 || op.Security[last]["bearer"] == nil || op.free() != (last == 1) {
				t.Errorf("security: %v", op.Security)
			}
			for status, response := range op.Responses {
				_, problem := response.Content["application/problem+json"]
				if problem != (status >= "400") || response.Description == "" || response.Headers["X-Request-Id"] == nil {
					t.Errorf("response %s: %+v", status, response)
				}
			}
			checkDocumentedStatuses(t, op)
			for _, p := range op.Parameters {
				if p.Description == "" {
					t.Errorf("parameter %s is not described", p.Name)
				}
			}
		})
	}
}

// checkDocumentedStatuses knows the statuses the guard gives to operations.
func checkDocumentedStatuses(t *testing.T, op *operation) {
	t.Helper()
	want := []string{"400", "401", "406", "429", "500"}
	if op.free() && op.method == "GET" {
		want = []string{"401", "429", "500"}
	}
	if strings.Contains(op.path, "{") {
		want = append(want, "404")
	}
	if op.Permission != "" {
		want = append(want, "403")
	}
	if op.method != "GET" {
		want = append(want, "409", "413", "415", "422")
		if !slices.ContainsFunc(op.Parameters, func(p struct {
			Name, In, Description string
			Required              bool
		}) bool {
			return p.Name == "Idempotency-Key" && p.In == "header" && !p.Required
		}) {
			t.Error("does not document Idempotency-Key")
		}
	}
	for _, status := range want {
		if _, ok := op.Responses[status]; !ok {
			t.Errorf("does not document %s", status)
		}
	}
}

func TestDocumentIsStrictAboutRequestsAndOpenAboutAnswers(t *testing.T) {
	t.Parallel()
	d := build(t).document()
	requests := map[string]bool{}
	for _, op := range d.operations() {
		if op.RequestBody != nil {
			if !op.RequestBody.Required {
				t.Errorf("%s: the body is optional", op.OperationID)
			}
			body, ok := op.RequestBody.Content["application/json"]
			if !ok { // a file
				continue
			}
			ref, _ := body.Schema["$ref"].(string)
			requests[strings.TrimPrefix(ref, "#/components/schemas/")] = true
		}
	}
	if want := map[string]bool{"AcceptInvite": true, "SendInvite": true, "CreateOrganization": true, "UpdateOrganization": true}; !maps.Equal(requests, want) {
		t.Errorf("got requests %v, want %v", requests, want)
	}
	for name := range requests {
		for property, schema := range d.Components.Schemas[name]["properties"].(map[string]any) {
			if schema.(map[string]any)["$ref"] != nil { // validation.go names unknown fields at the top only
				t.Errorf("%s.%s is an object of its own", name, property)
			}
		}
	}
	for name, schema := range d.Components.Schemas {
		if open := schema["additionalProperties"]; open != !requests[name] {
			t.Errorf("%s: additionalProperties is %v", name, open)
		}
		if _, ok := schema["properties"].(map[string]any)["$schema"]; ok {
			t.Errorf("%s has a $schema property", name)
		}
	}
	states := d.Components.Schemas["Invite"]["properties"].(map[string]any)["state"].(map[string]any)["enum"].([]any)
	for n, state := range identity.States() {
		if n >= len(states) || states[n] != string(state) {
			t.Errorf("the states of the document are %v", states)
		}
	}
}

func TestDocumentExamplesAreValid(t *testing.T) {
	t.Parallel()
	h := build(t)
	raw, err := h.api.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	c, checked := contractOf(t, raw), 0
	for name, schema := range h.document().Components.Schemas {
		for property, s := range schema["properties"].(map[string]any) {
			examples, _ := s.(map[string]any)["examples"].([]any)
			for _, example := range examples {
				text, err := json.Marshal(example)
				if err != nil {
					t.Fatal(err)
				}
				c.validate(t, "/components/schemas/"+name+"/properties/"+property, text)
				checked++
			}
		}
	}
	for _, op := range h.document().operations() {
		for _, response := range op.Responses {
			media, ok := response.Content["application/problem+json"].(map[string]any)
			if !ok {
				continue
			}
			for _, example := range media["examples"].(map[string]any) {
				text, err := json.Marshal(example.(map[string]any)["value"])
				if err != nil {
					t.Fatal(err)
				}
				c.validate(t, "/components/schemas/Problem", text)
				checked++
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d examples found", checked)
	}
}

func TestDocumentIsServedWithoutToken(t *testing.T) {
	t.Parallel()
	h := build(t)
	raw, err := h.api.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	got := h.do("", "GET", "/openapi.json", "").is(200, "")
	if got.body != string(raw) || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("got %q %.100s", got.header.Get("Content-Type"), got.body)
	}
}
