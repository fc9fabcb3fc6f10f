package scim_test

import (
	"encoding/json"
	"reflect"
	"testing"

	filter "github.com/scim2/filter-parser/v2"

	"usher/scim"
)

func TestServiceProviderConfig(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text string
		want scim.ServiceProviderConfig
		bad  bool
	}{
		"everything": {`{"patch":{"supported":true},"filter":{"supported":true,"maxResults":200},"etag":{"supported":true}}`,
			scim.ServiceProviderConfig{Patch: true, Filter: true, ETag: true, MaxResults: 200}, false},
		"nothing":              {`{"patch":{"supported":false},"filter":{"supported":false,"maxResults":0}}`, scim.ServiceProviderConfig{}, false},
		"other case and texts": {`{"Patch":{"Supported":"True"},"filter":{"supported":"false","maxResults":"50"}}`, scim.ServiceProviderConfig{Patch: true, MaxResults: 50}, false},
		"an error":             {`{"detail":"no"}`, scim.ServiceProviderConfig{}, true},
		"not an object":        {`[]`, scim.ServiceProviderConfig{}, true},
		"flat":                 {`{"patch":true}`, scim.ServiceProviderConfig{}, true},
	} {
		var got scim.ServiceProviderConfig
		if err := json.Unmarshal([]byte(tt.text), &got); (err != nil) != tt.bad || got != tt.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// A group that is written as a whole loses nothing that was there, known here
// or not.
func TestWithMember(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ group, want string }{
		"everything stays": {
			`{"schemas":["a","urn:x"],"id":"g","displayName":"Team","members":[{"value":"1","$ref":"../Users/1","odd":9007199254740993}],"urn:x":{"y":[1]},"meta":{"version":"W/\"1\""}}`,
			`{"schemas":["a","urn:x"],"id":"g","displayName":"Team","members":[{"value":"1","$ref":"../Users/1","odd":9007199254740993},{"value":"2"}],"urn:x":{"y":[1]}}`,
		},
		"empty":      {`{"schemas":["a"],"displayName":"T","Meta":{}}`, `{"schemas":["a"],"displayName":"T","members":[{"value":"2"}]}`},
		"no schemas": {`{"displayName":"T","members":null}`, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"T","members":[{"value":"2"}]}`},
		"other case": {`{"schemas":["a"],"Members":[{"value":"1"}]}`, `{"schemas":["a"],"Members":[{"value":"1"},{"value":"2"}]}`},
		"only one":   {`{"schemas":["a"],"members":{"value":"1"}}`, `{"schemas":["a"],"members":[{"value":"1"},{"value":"2"}]}`},
	} {
		got, err := scim.WithMember(json.RawMessage(tt.group), scim.Reference{Value: "2"})
		var a, b any
		if err != nil || json.Unmarshal(got, &a) != nil || json.Unmarshal([]byte(tt.want), &b) != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	for _, bad := range []string{`null`, `[]`, `"x"`, `{`} {
		if got, err := scim.WithMember(json.RawMessage(bad), scim.Reference{Value: "2"}); err == nil {
			t.Errorf("%s: %s", bad, got)
		}
	}
}

// What was joined is read with the meaning it was joined with.
func TestOr(t *testing.T) {
	t.Parallel()
	eq := func(attribute, value string) scim.Filter {
		f, err := scim.Eq(scim.RFC, attribute, value)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	a, b, c := eq("userName", "a"), eq("emails.value", "b"), eq("id", "c")
	for _, tt := range []struct {
		got  scim.Filter
		want string
	}{
		{scim.Or(a), `userName eq "a"`},
		{scim.Or(a, b), `userName eq "a" or emails.value eq "b"`},
		{scim.And(c, scim.Or(a, b)), `id eq "c" and (userName eq "a" or emails.value eq "b")`},
		{scim.And(c, scim.And(scim.Or(a, b))), `id eq "c" and (userName eq "a" or emails.value eq "b")`},
		{scim.And(c, scim.Or(scim.Or(a, b))), `id eq "c" and (userName eq "a" or emails.value eq "b")`},
		{scim.Or(scim.And(a, b), c), `userName eq "a" and emails.value eq "b" or id eq "c"`},
		{scim.Or(a, scim.Filter{}), ""},
		{scim.Or(), ""},
	} {
		if tt.got.String() != tt.want {
			t.Errorf("got %s, want %s", tt.got, tt.want)
		}
		if tt.want == "" {
			continue
		}
		if _, err := filter.ParseFilter([]byte(tt.want)); err != nil {
			t.Errorf("%s: %v", tt.want, err)
		}
	}
}
