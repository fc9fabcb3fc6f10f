package scim_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"usher/scim"
)

func contractSchema(t *testing.T, dir, name string) *openapi3.Schema {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(dir, "scim2.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return doc.Components.Schemas[name].Value
}

func TestWriteEverything(t *testing.T) {
	t.Parallel()
	u := scim.User{
		ID: "1", ExternalID: "e", UserName: "u", Name: scim.Name{Formatted: "F"}, Active: no(),
		Emails: []scim.Email{{Value: "a@x", Type: "work"}}, Roles: []scim.Reference{{Value: "r", Ref: "https://h/r"}},
		Groups: []scim.Reference{{Value: "g"}}, Meta: scim.Meta{Location: "https://h/1"},
		Extensions: map[string]map[string]any{"urn:b": {"x": 1, "y": nil}, "urn:a": {"z": nil}},
	}
	want := `{"active":false,"emails":[{"primary":false,"type":"work","value":"a@x"}],"externalId":"e","id":"1","name":{"formatted":"F"},` +
		`"roles":[{"value":"r"}],"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:b"],"urn:b":{"x":1},"userName":"u"}`
	if text, err := json.Marshal(u); err != nil || string(text) != want {
		t.Errorf("got %s, %v\nwant %s", text, err, want)
	}
	if _, kept := u.Extensions["urn:b"]["y"]; !kept {
		t.Error("writing changed the user")
	}
	if err := u.Validate(); err != nil {
		t.Error(err)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for name, u := range map[string]scim.User{
		"no user name":     {},
		"empty address":    {UserName: "u", Emails: []scim.Email{{}}},
		"two primaries":    {UserName: "u", Emails: []scim.Email{{Value: "a", Primary: true}, {Value: "b", Primary: true}}},
		"smuggled":         {UserName: "u", Extensions: map[string]map[string]any{"password": {"x": 1}}},
		"core as extended": {UserName: "u", Extensions: map[string]map[string]any{scim.SchemaUser: {"x": 1}}},
	} {
		if err := u.Validate(); err == nil {
			t.Errorf("%s: valid", name)
		}
	}
}

func TestGroup(t *testing.T) {
	t.Parallel()
	want := scim.Group{
		ID: "1", ExternalID: "e", DisplayName: "g", Members: []scim.Reference{{Value: "2", Display: "d", Type: "User"}, {Value: "3"}},
		Extensions: map[string]map[string]any{"urn:x": {"a": "b"}},
	}
	for _, text := range []string{
		`{"id":1,"externalId":"e","displayName":"g","members":[{"value":"2","display":"d","type":"User"},"3",null],"urn:x":{"a":"b"}}`,
		`{"displayName":"g","externalId":"e","id":"1","members":[{"value":"2","display":"d","type":"User"},{"value":"3"}],"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group","urn:x"],"urn:x":{"a":"b"}}`,
	} {
		var got scim.Group
		if err := json.Unmarshal([]byte(text), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
	text, err := json.Marshal(want)
	if err != nil || string(text) != `{"displayName":"g","externalId":"e","id":"1","members":[{"value":"2","display":"d","type":"User"},{"value":"3"}],`+
		`"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group","urn:x"],"urn:x":{"a":"b"}}` {
		t.Errorf("wrote %s, %v", text, err)
	}
}

func TestPatchValidate(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		patch scim.Patch
		ok    bool
	}{
		{"add", scim.NewPatch(scim.Add("members", []scim.Reference{{Value: "1"}})), true},
		{"replace without path", scim.NewPatch(scim.Replace("", map[string]any{"active": false})), true},
		{"false is a value", scim.NewPatch(scim.Replace("active", false)), true},
		{"remove", scim.NewPatch(scim.Remove(`members[value eq "1"]`)), true},
		{"remove in words", scim.NewPatch(scim.Remove(`users[value eq 78b9-1]`)), true},
		{"sub-attribute", scim.NewPatch(scim.Replace(`emails[type eq "work"].value`, "a@x")), true},
		{"extension", scim.NewPatch(scim.Replace("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "d")), true},
		{"nothing", scim.Patch{}, false},
		{"add nothing", scim.NewPatch(scim.Add("members", nil)), false},
		{"remove everything", scim.NewPatch(scim.Remove("")), false},
		{"unknown operation", scim.NewPatch(scim.Operation{Op: "Add", Path: "members", Value: 1}), false},
		{"broken path", scim.NewPatch(scim.Remove(`members[value eq "1"`)), false},
		{"second is broken", scim.NewPatch(scim.Add("members", 1), scim.Remove("")), false},
		{"words, two", scim.NewPatch(scim.Remove(`users[value eq a or value eq b]`)), false},
	}
	for _, tc := range cases {
		if err := tc.patch.Validate(); (err == nil) != tc.ok {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	cases := []struct {
		dialect          scim.Dialect
		attribute, value string
		want             string // empty: refused
	}{
		{scim.RFC, "members", "2819c223", `members[value eq "2819c223"]`},
		{scim.RFC, "members", "a b", `members[value eq "a b"]`},
		{scim.RFC, "members", `a"] or x[value eq "`, ""},
		{scim.RFC, "members", "a]b", ""},
		{scim.RFC, "members", "", ""},
		{scim.RFC, `members[x eq "`, "1", ""},
		{scim.Words, "users", "78b9-1", `users[value eq 78b9-1]`},
		{scim.Words, "users", "a or b", ""},
		{scim.Words, "users", "or", ""},
		{scim.Words, "users", "a]", ""},
		{scim.Words, "users", "a\n", ""},
	}
	for _, tc := range cases {
		got, err := scim.Select(tc.dialect, tc.attribute, tc.value)
		if got != tc.want || (err != nil) != (tc.want == "") {
			t.Errorf("%s of %s: got %q, %v", tc.value, tc.attribute, got, err)
		}
	}
	if _, err := scim.Select(scim.RFC, "members", `"`); !errors.Is(err, scim.ErrValue) {
		t.Errorf("got %v", err)
	}
}
