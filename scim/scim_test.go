package scim_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	filter "github.com/scim2/filter-parser/v2"
	"pgregory.net/rapid"

	"usher/scim"
)

// words is how a WSO2 server reads a filter (FACTS.md of asgardeo, section
// 2.1), written from the facts: cut at blanks; a word that is and, or, not is
// an operator, quoted or not; parentheses are words of their own; outer quotes
// come off each other word; what is between operators is joined again. ok is
// false unless one plain comparison comes out.
func words(text string) (attribute, operator, value string, ok bool) {
	text = strings.NewReplacer("(", " ( ", ")", " ) ").Replace(text)
	var joined []string
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' || unicode.IsSpace(r) }) {
		for _, quote := range []string{`"`, "'"} {
			if len(word) >= 2 && strings.HasPrefix(word, quote) && strings.HasSuffix(word, quote) {
				word = word[1 : len(word)-1]
				break
			}
		}
		switch strings.ToLower(strings.Trim(word, `"'`)) {
		case "and", "or", "not", "(", ")":
			return "", "", "", false
		}
		joined = append(joined, word)
	}
	parts := strings.SplitN(strings.Join(joined, " "), " ", 3)
	if len(parts) != 3 || strings.ContainsAny(parts[2], `"\*`) {
		return "", "", "", false
	}
	return parts[0], parts[1], parts[2], true
}

func TestEq(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, value string
		rfc, words  bool
	}{
		{"address", "a@example.com", true, true},
		{"plus", "a+b@example.com", true, true},
		{"apostrophe", "o'brien@example.com", true, true},
		{"umlaut", "ü@bücher.example", true, true},
		{"begins with a word", "or@example.com", true, true},
		{"is a word", "or", true, false},
		{"is a word, loud", "NOT", true, false},
		{"is a quoted word", "'and'", true, false},
		{"percent", "a%22b@example.com", true, true},
		{"slash", "DEFAULT/a@example.com", true, true},
		{"line separator", "a\u2028b", false, false},
		{"replacement character", "a\ufffdb", false, false},
		{"no-break space", "a\u00a0b", true, false},
		{"blank", "Research and Development", true, false},
		{"wildcard", "*@example.com", true, false},
		{"parenthesis", "a(b)@example.com", true, false},
		{"quote", `a"b@example.com`, false, false},
		{"injection", `x" or userName sw "a`, false, false},
		{"backslash", `a\"b`, false, false},
		{"line break", "a\r\nb", false, false},
		{"NUL", "a\x00b", false, false},
		{"zero width", "a\u200bb", false, false},
		{"empty", "", false, false},
		{"invalid UTF-8", "a\xff", false, false},
	}
	for _, tc := range cases {
		for dialect, want := range map[scim.Dialect]bool{scim.RFC: tc.rfc, scim.Words: tc.words} {
			f, err := scim.Eq(dialect, "userName", tc.value)
			if (err == nil) != want {
				t.Errorf("%s, dialect %d: %q, %v", tc.name, dialect, f, err)
			}
		}
	}
	if _, err := scim.Eq(scim.RFC, `userName eq "x" or id`, "a"); err == nil {
		t.Error("an attribute that is no attribute was taken")
	}
}

// Whatever the value: it is refused, or both readers find exactly one
// comparison with exactly this value.
func TestFilterCannotBeInjected(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		value := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z"' \\()*@.]{0,12}( and | or | eq )?[a-z"]{0,5}`)).Draw(r, "value")
		checkFilter(r, value)
		checkSelect(r, value)
	})
}

func FuzzEq(f *testing.F) {
	for _, seed := range []string{"a@example.com", `x" or "`, "a and b", "or", "*", `\`, "é\u0301"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		checkFilter(t, value)
		checkSelect(t, value)
	})
}

type failer interface{ Fatalf(string, ...any) }

func checkFilter(t failer, value string) {
	if f, err := scim.Eq(scim.RFC, "emails.value", value); err == nil {
		parsed, err := filter.ParseFilter([]byte(f.String()))
		if err != nil {
			t.Fatalf("%s does not parse: %v", f, err)
		}
		if e, ok := parsed.(*filter.AttributeExpression); !ok || e.CompareValue != value || e.Operator != filter.EQ || e.AttributePath.String() != "emails.value" {
			t.Fatalf("%s reads as %v, want %q", f, parsed, value)
		}
	}
	if f, err := scim.Eq(scim.Words, "emails", value); err == nil {
		if a, op, v, ok := words(f.String()); !ok || a != "emails" || op != "eq" || v != value {
			t.Fatalf("%s reads as %s %s %q (%v), want %q", f, a, op, v, ok, value)
		}
	}
}

func checkSelect(t failer, value string) {
	path, err := scim.Select(scim.RFC, "members", value)
	if err != nil {
		return
	}
	parsed, err := filter.ParsePath([]byte(path))
	if err != nil {
		t.Fatalf("%s does not parse: %v", path, err)
	}
	if e, ok := parsed.ValueExpression.(*filter.AttributeExpression); !ok || e.CompareValue != value || parsed.AttributePath.String() != "members" {
		t.Fatalf("%s reads as %v, want %q", path, parsed, value)
	}
}

func TestAnd(t *testing.T) {
	t.Parallel()
	a, _ := scim.Eq(scim.RFC, "userName", "a")
	b, _ := scim.Eq(scim.RFC, "id", "b")
	if got := scim.And(a, scim.Filter{}, b).String(); got != `userName eq "a" and id eq "b"` {
		t.Errorf("got %s", got)
	}
	if got := scim.And().String(); got != "" {
		t.Errorf("got %s", got)
	}
}

func TestReadUser(t *testing.T) {
	t.Parallel()
	created := time.Date(2026, 1, 2, 10, 34, 29, 902e6, time.UTC)
	yes := true
	cases := []struct {
		name, text string
		want       scim.User
	}{
		{"WSO2", `{"id":"1","userName":"DEFAULT/a@example.com","emails":["a@example.com",{"type":"work","value":"b@example.com"}],
			"meta":{"created":"2026-01-02T10:34:29.902Z"},"roles":[{"display":"everyone"}],
			"urn:scim:wso2:schema":{"accountState":"PENDING_AP","accountLocked":"true"}}`,
			scim.User{
				ID: "1", UserName: "DEFAULT/a@example.com",
				Emails: []scim.Email{{Value: "a@example.com", Primary: true}, {Value: "b@example.com", Type: "work"}},
				Meta:   scim.Meta{Created: &created}, Roles: []scim.Reference{{Display: "everyone"}},
				Extensions: map[string]map[string]any{"urn:scim:wso2:schema": {"accountState": "PENDING_AP", "accountLocked": "true"}},
			}},
		{"RFC", `{"id":"2","userName":"u","active":"True","name":{"givenName":"G"},"emails":[{"value":"a@example.com","primary":true}]}`,
			scim.User{ID: "2", UserName: "u", Active: &yes, Name: scim.Name{GivenName: "G"}, Emails: []scim.Email{{Value: "a@example.com", Primary: true}}}},
		{"nulls", `{"id":"3","userName":"u","name":null,"emails":null,"meta":null,"roles":null}`, scim.User{ID: "3", UserName: "u"}},
		{"odd time", `{"id":"4","meta":{"created":"yesterday"}}`, scim.User{ID: "4"}},
	}
	for _, tc := range cases {
		var got scim.User
		if err := json.Unmarshal([]byte(tc.text), &got); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		if !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: got %+v, want %+v", tc.name, got, tc.want)
		}
	}
	if got := cases[0].want.Attribute("accountState", scim.SchemaEnterprise, "urn:scim:wso2:schema"); got != "PENDING_AP" {
		t.Errorf("attribute %q", got)
	}
	if got := cases[0].want.Addresses(); !reflect.DeepEqual(got, []string{"a@example.com", "b@example.com"}) {
		t.Errorf("addresses %v", got)
	}
}

func TestWriteUser(t *testing.T) {
	t.Parallel()
	u := scim.User{
		UserName: "DEFAULT/a@example.com", Emails: []scim.Email{{Value: "a@example.com", Primary: true}}, Name: scim.Name{GivenName: "A"},
		Extensions: map[string]map[string]any{"urn:scim:wso2:schema": {"askPassword": "true"}},
	}
	if err := u.Validate(); err != nil {
		t.Error(err)
	}
	text, err := json.Marshal(u)
	want := `{"emails":[{"primary":true,"value":"a@example.com"}],"name":{"givenName":"A"},` +
		`"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:scim:wso2:schema"],` +
		`"urn:scim:wso2:schema":{"askPassword":"true"},"userName":"DEFAULT/a@example.com"}`
	if err != nil || string(text) != want {
		t.Errorf("got %s, %v\nwant %s", text, err, want)
	}
	if err := (scim.User{}).Validate(); err == nil {
		t.Error("a user without a user name is valid")
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"scimType":"invalidValue","detail":"d","status":"400"}`,
		`{"schemas":"urn:ietf:params:scim:api:messages:2.0:Error","scimType":"invalidValue","detail":"d","status":400}`,
	} {
		var e scim.Error
		if err := json.Unmarshal([]byte(text), &e); err != nil || e != (scim.Error{Status: 400, ScimType: "invalidValue", Detail: "d"}) {
			t.Errorf("read %+v, %v", e, err)
		}
	}
	text, err := json.Marshal(scim.Error{Status: 404, Detail: "gone"})
	if err != nil || string(text) != `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"404","detail":"gone"}` {
		t.Errorf("wrote %s, %v", text, err)
	}
	var list scim.ListResponse[scim.User]
	if err := json.Unmarshal([]byte(`{"totalResults":"0","startIndex":1}`), &list); err != nil || len(list.Resources) != 0 || list.StartIndex != 1 {
		t.Errorf("read %+v, %v", list, err)
	}
	text, err = json.Marshal(scim.Patch{Operations: []scim.Operation{{Op: "remove", Path: "users[value eq x]"}}})
	if err != nil || string(text) != `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"users[value eq x]"}]}` {
		t.Errorf("wrote %s, %v", text, err)
	}
	for _, text := range []string{`{"audience":{"value":"1","display":"App","type":"application"}}`, `{"audience":[{"value":"1","display":"App","type":"application"}]}`} {
		var r scim.Role
		if err := json.Unmarshal([]byte(text), &r); err != nil || r.Audience != (scim.Audience{Value: "1", Display: "App", Type: "application"}) {
			t.Errorf("read %+v, %v", r, err)
		}
	}
}
