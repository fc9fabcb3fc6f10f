package scim_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"usher/internal/contracttest"
	"usher/scim"
)

func yes() *bool { b := true; return &b }
func no() *bool  { b := false; return &b }

// Every shape a service is known to send in place of the RFC's.
func TestReadOddUsers(t *testing.T) {
	t.Parallel()
	address := func(value, kind string, primary bool) scim.Email {
		return scim.Email{Value: value, Type: kind, Primary: primary}
	}
	cases := []struct {
		name, text string
		want       scim.User
	}{
		{"one bare address", `{"emails":"a@x"}`, scim.User{Emails: []scim.Email{address("a@x", "", true)}}},
		{"one address object", `{"emails":{"value":"a@x","primary":"true"}}`, scim.User{Emails: []scim.Email{address("a@x", "", true)}}},
		{"two bare addresses", `{"emails":["a@x","b@x"]}`, scim.User{Emails: []scim.Email{address("a@x", "", true), address("b@x", "", false)}}},
		{"two primaries", `{"emails":[{"value":"a@x","primary":true},{"value":"b@x","primary":true}]}`,
			scim.User{Emails: []scim.Email{address("a@x", "", true), address("b@x", "", false)}}},
		{"bare beside primary", `{"emails":["a@x",{"value":"b@x","primary":true}]}`,
			scim.User{Emails: []scim.Email{address("a@x", "", false), address("b@x", "", true)}}},
		{"no primary", `{"emails":[{"value":"a@x","type":"work"}]}`, scim.User{Emails: []scim.Email{address("a@x", "work", false)}}},
		{"empty addresses", `{"emails":[null,"",{},{"value":null},"a@x"]}`, scim.User{Emails: []scim.Email{address("a@x", "", true)}}},
		{"schemas as string", `{"schemas":"urn:ietf:params:scim:schemas:core:2.0:User","id":"1"}`, scim.User{ID: "1"}},
		{"id as number", `{"id":17}`, scim.User{ID: "17"}},
		{"upper case", `{"ID":"1","USERNAME":"u"}`, scim.User{ID: "1", UserName: "u"}},
		{"active, text", `{"active":"FALSE"}`, scim.User{Active: no()}},
		{"active", `{"active":true}`, scim.User{Active: yes()}},
		{"active, null", `{"active":null}`, scim.User{}},
		{"name as text", `{"name":"A B"}`, scim.User{Name: scim.Name{Formatted: "A B"}}},
		{"name with nulls", `{"name":{"givenName":null,"familyName":"B"}}`, scim.User{Name: scim.Name{FamilyName: "B"}}},
		{"one role", `{"roles":{"value":"1","display":"admin"}}`, scim.User{Roles: []scim.Reference{{Value: "1", Display: "admin"}}}},
		{"role as text", `{"roles":"admin"}`, scim.User{Roles: []scim.Reference{{Value: "admin"}}}},
		{"roles of all kinds", `{"roles":["a",{"display":"b"},{"$ref":"https://h/1","value":2},null,{}]}`,
			scim.User{Roles: []scim.Reference{{Value: "a"}, {Display: "b"}, {Ref: "https://h/1", Value: "2"}}}},
		{"extensions", `{"urn:a":{"x":true,"y":"1"},"URN:b":{},"urn:c":null,"urn:d":"text","other":{"x":1}}`,
			scim.User{Extensions: map[string]map[string]any{"urn:a": {"x": true, "y": "1"}, "URN:b": {}}}},
	}
	for _, tc := range cases {
		var got scim.User
		if err := json.Unmarshal([]byte(tc.text), &got); err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: got %+v, %v\nwant %+v", tc.name, got, err, tc.want)
		}
	}
	for _, text := range []string{`[]`, `"u"`, `7`, `{"id":{}}`, `{"userName":["u"]}`, `{"emails":[["a@x"]]}`, `{`} {
		var got scim.User
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s reads as %+v", text, got)
		}
	}
}

func TestReadListResponse(t *testing.T) {
	t.Parallel()
	one := []scim.User{{ID: "1"}}
	cases := []struct {
		name, text string
		want       scim.ListResponse[scim.User]
	}{
		{"RFC", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":1,"startIndex":1,"itemsPerPage":1,"Resources":[{"id":"1"}]}`,
			scim.ListResponse[scim.User]{TotalResults: 1, StartIndex: 1, ItemsPerPage: 1, Resources: one}},
		{"no Resources", `{"totalResults":0}`, scim.ListResponse[scim.User]{}},
		{"null Resources", `{"totalResults":0,"Resources":null}`, scim.ListResponse[scim.User]{}},
		{"only Resources", `{"Resources":[{"id":"1"}]}`, scim.ListResponse[scim.User]{Resources: one}},
		{"only schemas, as text", `{"schemas":"urn:ietf:params:scim:api:messages:2.0:ListResponse"}`, scim.ListResponse[scim.User]{}},
		{"single resource", `{"totalResults":1,"Resources":{"id":"1"}}`, scim.ListResponse[scim.User]{TotalResults: 1, Resources: one}},
		{"text totals", `{"totalResults":"12","startIndex":"1.0","itemsPerPage":2.0}`, scim.ListResponse[scim.User]{TotalResults: 12, StartIndex: 1, ItemsPerPage: 2}},
		{"garbage totals", `{"totalResults":"many","startIndex":{},"itemsPerPage":1e99,"Resources":[{"id":"1"}]}`, scim.ListResponse[scim.User]{Resources: one}},
	}
	for _, tc := range cases {
		var got scim.ListResponse[scim.User]
		if err := json.Unmarshal([]byte(tc.text), &got); err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: got %+v, %v\nwant %+v", tc.name, got, err, tc.want)
		}
	}
	// None of these says that nobody was found.
	for _, text := range []string{
		`{}`, `null`, `[]`, `{"code":"OUI-60001","message":"no"}`, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"403"}`,
		`{"id":"1","userName":"u"}`, `{"totalResults":1,"Resources":["1"]}`,
	} {
		var got scim.ListResponse[scim.User]
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s reads as a listing: %+v", text, got)
		}
	}
}

func TestWriteListResponse(t *testing.T) {
	t.Parallel()
	for want, l := range map[string]any{
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"startIndex":1,"itemsPerPage":0,"Resources":[]}`: scim.ListResponse[scim.User]{StartIndex: 1},
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":1,"startIndex":1,"itemsPerPage":1,"Resources":[{"displayName":"g","id":"1","members":[{"value":"2"}],"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"]}]}`: &scim.ListResponse[scim.Group]{
			TotalResults: 1, StartIndex: 1, ItemsPerPage: 1, Resources: []scim.Group{{ID: "1", DisplayName: "g", Members: []scim.Reference{{Value: "2"}}}},
		},
	} {
		if text, err := json.Marshal(l); err != nil || string(text) != want {
			t.Errorf("got %s, %v\nwant %s", text, err, want)
		}
	}
}

func TestReadErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]scim.Error{
		`{"status":"404","detail":"d"}`:                  {Status: 404, Detail: "d"},
		`{"status":404,"scimType":"x","detail":null}`:    {Status: 404, ScimType: "x"},
		`{"status":"Bad Request","detail":"d"}`:          {Detail: "d"},
		`{"schemas":"urn:x","detail":400,"status":null}`: {Detail: "400"},
	} {
		var got scim.Error
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
}

// What is written is read back, has no null and names its schemas.
func FuzzUser(f *testing.F) {
	for _, text := range []string{
		`{"id":"1","userName":"u","emails":["a@x",{"value":"b@x","primary":"true"}],"roles":{"value":"1"},"active":"true","name":"N"}`,
		`{"urn:a":{"x":null,"y":[null]},"meta":{"created":"2026-01-02T10:34:29Z"},"groups":["g"]}`, `{"emails":null,"name":null}`, `[]`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var u scim.User
		if json.Unmarshal(raw, &u) != nil {
			return
		}
		written, err := json.Marshal(u)
		if err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		var again scim.User
		if err := json.Unmarshal(written, &again); err != nil {
			t.Fatalf("%s was written as %s: %v", raw, written, err)
		}
		rewritten, err := json.Marshal(again)
		if err != nil || string(rewritten) != string(written) {
			t.Fatalf("%s, %v, then %s", written, err, rewritten)
		}
		if !strings.Contains(string(written), `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"`) {
			t.Fatalf("%s does not name its schema", written)
		}
		var all map[string]any
		if err := json.Unmarshal(written, &all); err != nil {
			t.Fatal(err)
		}
		for key, value := range all {
			if value == nil {
				t.Fatalf("%s is written as null", key)
			}
		}
	})
}

// What is sent is what the vendor's own document asks for in a new user.
func TestUserAgainstContract(t *testing.T) {
	t.Parallel()
	doc := contractSchema(t, contracttest.Dir(t, "asgardeo"), "UserObject")
	u := scim.User{
		UserName: "DEFAULT/a@example.com", Emails: []scim.Email{{Value: "a@example.com", Primary: true}}, Name: scim.Name{GivenName: "A", FamilyName: "B"},
		Extensions: map[string]map[string]any{"urn:scim:wso2:schema": {"askPassword": "true", "none": nil}},
	}
	text, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	if err := doc.VisitJSON(value); err != nil {
		t.Errorf("%s: %v", text, err)
	}
	if err := doc.VisitJSON(map[string]any{"emails": "a@example.com"}); err == nil {
		t.Error("the document takes anything")
	}
}

// What is not one JSON value is refused, whichever type reads it.
func TestReadGarbage(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", " ", "<html>", `{"id":"1"`, `{"id":"1"} {}`, `{"id":"1"}x`, `[]`, `"text"`, `7`} {
		for name, v := range map[string]json.Unmarshaler{
			"user": &scim.User{}, "group": &scim.Group{}, "users": &scim.ListResponse[scim.User]{},
			"groups": &scim.ListResponse[scim.Group]{}, "roles": &scim.ListResponse[scim.Role]{},
		} {
			if err := v.UnmarshalJSON([]byte(text)); err == nil {
				t.Errorf("%s is read from %q as %+v", name, text, v)
			}
		}
	}
}
