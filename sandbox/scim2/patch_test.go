package scim2_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
)

// patchCase is one PATCH of patchee: what one attribute becomes, or the
// scimType it is refused with.
type patchCase struct {
	name    string
	ops     []object
	at      []any
	want    string // JSON of what is at at
	refused string
}

func patchee() object {
	return user("ann@example.com", object{
		"displayName": "Ann", "title": "Guide", "active": true, "name": object{"givenName": "Ann", "familyName": "A"},
		"emails": []object{{"value": "w@example.com", "type": "work", "primary": true}, {"value": "h@example.com", "type": "home"}},
	})
}

func patchCases() []patchCase {
	emails := []any{"emails"}
	name := []any{"name"}
	return []patchCase{
		// add (3.5.2.1)
		{"add simple", []object{op("add", "nickName", "A")}, []any{"nickName"}, `"A"`, ""},
		{"add over another", []object{op("add", "title", "Boss")}, []any{"title"}, `"Boss"`, ""},
		{"add without path", []object{op("add", "", object{"nickName": "A", "title": "B", "schemas": []string{userSchema}})}, []any{"title"}, `"B"`, ""},
		{"add to an object", []object{op("add", "name", object{"middleName": "M"})}, name, `{"familyName":"A","givenName":"Ann","middleName":"M"}`, ""},
		{"add a sub-attribute", []object{op("add", "name.middleName", "M")}, []any{"name", "middleName"}, `"M"`, ""},
		{"add a value", []object{op("add", "emails", []object{{"value": "o@example.com", "type": "other"}})}, []any{"emails", 2}, `{"type":"other","value":"o@example.com"}`, ""},
		{"add one value as object", []object{op("add", "emails", object{"value": "o@example.com"})}, []any{"emails", 2}, `{"value":"o@example.com"}`, ""},
		{"add what is there", []object{op("add", "emails", []object{{"value": "h@example.com", "type": "home"}})}, []any{"emails", 2}, `null`, ""},
		{"add a primary value", []object{op("add", "emails", []object{{"value": "o@example.com", "primary": true}})}, []any{"emails", 0, "primary"}, `false`, ""},
		{"add to selected values", []object{op("add", `emails[type eq "home"]`, object{"display": "H"})}, []any{"emails", 1}, `{"display":"H","type":"home","value":"h@example.com"}`, ""},
		{"add with capitals", []object{op("Add", "NICKNAME", "A")}, []any{"nickName"}, `"A"`, ""},
		{"add in the extension", []object{op("add", enterprise+":department", "T")}, []any{enterprise}, `{"department":"T"}`, ""},
		{"add the extension", []object{op("add", enterprise, object{"department": "T"})}, []any{enterprise}, `{"department":"T"}`, ""},
		{"add the extension without path", []object{op("add", "", object{enterprise: object{"department": "T"}})}, []any{enterprise}, `{"department":"T"}`, ""},
		{"paths as names", []object{op("replace", "", object{"name.givenName": "X", enterprise + ":division": "D"})}, []any{"name", "givenName"}, `"X"`, ""},
		// replace (3.5.2.3)
		{"replace simple", []object{op("replace", "active", false)}, []any{"active"}, `false`, ""},
		{"replace what is not there", []object{op("replace", "nickName", "A")}, []any{"nickName"}, `"A"`, ""},
		{"replace in an object", []object{op("replace", "name", object{"givenName": "B"})}, name, `{"familyName":"A","givenName":"B"}`, ""},
		{"replace a list", []object{op("replace", "emails", []object{{"value": "n@example.com"}})}, emails, `[{"value":"n@example.com"}]`, ""},
		{"replace with nothing", []object{op("replace", "emails", []object{})}, emails, `null`, ""},
		{"replace with null", []object{op("replace", "title", nil)}, []any{"title"}, `null`, ""},
		{"replace a selected value", []object{op("replace", `emails[type eq "work"]`, object{"value": "n@example.com"})}, []any{"emails", 0}, `{"value":"n@example.com"}`, ""},
		{"replace in a selected value", []object{op("replace", `emails[type eq "work" and primary eq true and value pr].value`, "n@example.com")}, []any{"emails", 0, "value"}, `"n@example.com"`, ""},
		{"replace in all values", []object{op("replace", "emails.display", "D")}, []any{"emails", 1, "display"}, `"D"`, ""},
		{"another primary value", []object{op("replace", `emails[type eq "home"].primary`, true)}, emails, `[{"primary":false,"type":"work","value":"w@example.com"},{"primary":true,"type":"home","value":"h@example.com"}]`, ""},
		// remove (3.5.2.2)
		{"remove simple", []object{op("remove", "title")}, []any{"title"}, `null`, ""},
		{"remove a sub-attribute", []object{op("remove", "name.familyName")}, name, `{"givenName":"Ann"}`, ""},
		{"remove the last sub-attribute", []object{op("remove", "name.familyName"), op("remove", "name.givenName")}, name, `null`, ""},
		{"remove a list", []object{op("remove", "emails")}, emails, `null`, ""},
		{"remove a selected value", []object{op("remove", `emails[type eq "work"]`)}, emails, `[{"type":"home","value":"h@example.com"}]`, ""},
		{"remove all values by a filter", []object{op("remove", `emails[value pr]`)}, emails, `null`, ""},
		{"remove in a selected value", []object{op("remove", `emails[type eq "work"].primary`)}, []any{"emails", 0}, `{"type":"work","value":"w@example.com"}`, ""},
		{"remove what is not there", []object{op("remove", "nickName")}, []any{"nickName"}, `null`, ""},
		// in order
		{"one after the other", []object{op("remove", "emails"), op("add", "emails", []object{{"value": "1"}}), op("add", "emails", []object{{"value": "2"}})}, emails, `[{"value":"1"},{"value":"2"}]`, ""},
		// refused
		{"remove without path", []object{op("remove", "")}, nil, "", "noTarget"},
		{"replace where nothing matches", []object{op("replace", `emails[type eq "other"].value`, "x")}, nil, "", "noTarget"},
		{"add where nothing matches", []object{op("add", `emails[type eq "other"].value`, "x")}, nil, "", "noTarget"},
		{"remove where nothing matches", []object{op("remove", `emails[type eq "other"]`)}, nil, "", "noTarget"},
		{"in values that are not there", []object{op("replace", "ims.display", "x")}, nil, "", "noTarget"},
		{"id", []object{op("replace", "id", "mine")}, nil, "", "mutability"},
		{"id without path", []object{op("replace", "", object{"id": "mine"})}, nil, "", "mutability"},
		{"meta", []object{op("replace", "meta.created", "x")}, nil, "", "mutability"},
		{"the mirror", []object{op("add", "groups", []object{{"value": "x"}})}, nil, "", "mutability"},
		{"remove what is required", []object{op("remove", "userName")}, nil, "", "mutability"},
		{"null for what is required", []object{op("replace", "userName", nil)}, nil, "", "mutability"},
		{"nothing for what is required", []object{op("replace", "userName", "")}, nil, "", "invalidValue"},
		{"an unknown path", []object{op("replace", "unheard", "x")}, nil, "", "invalidPath"},
		{"an unknown sub-attribute", []object{op("replace", "name.unheard", "x")}, nil, "", "invalidPath"},
		{"an unreadable path", []object{op("replace", "emails[", "x")}, nil, "", "invalidPath"},
		{"an unreadable filter", []object{op("replace", `emails[type]`, "x")}, nil, "", "invalidPath"},
		{"two filters", []object{op("remove", `emails[type eq "a"][type eq "b"]`)}, nil, "", "invalidPath"},
		{"a filter on a text", []object{op("remove", `title[value eq "a"]`)}, nil, "", "invalidPath"},
		{"a path that is a number", []object{{"op": "remove", "path": 5}}, nil, "", "invalidPath"},
		{"an unknown attribute in a filter", []object{op("remove", `emails[unheard eq "a"]`)}, nil, "", "invalidFilter"},
		{"add without value", []object{op("add", "title")}, nil, "", "invalidValue"},
		{"add without path and object", []object{op("add", "", "x")}, nil, "", "invalidValue"},
		{"a value of another type", []object{op("replace", "active", "yes")}, nil, "", "invalidValue"},
		{"a text for an object", []object{op("replace", "name", "x")}, nil, "", "invalidValue"},
		{"the extension as text", []object{op("replace", enterprise, "x")}, nil, "", "invalidValue"},
		{"two primary values", []object{op("replace", "emails", []object{{"value": "a", "primary": true}, {"value": "b", "primary": true}})}, nil, "", "invalidValue"},
		{"another op", []object{op("test", "title", "x")}, nil, "", "invalidSyntax"},
		{"no op", []object{{"path": "title"}}, nil, "", "invalidSyntax"},
		// all or nothing
		{"one within an object, then a failure", []object{op("replace", "name.givenName", "X"), op("replace", "unheard", "x")}, nil, "", "invalidPath"},
		{"one within a list, then a failure", []object{op("replace", `emails[type eq "work"].value`, "x"), op("replace", "unheard", "x")}, nil, "", "invalidPath"},
		{"the second fails", []object{op("replace", "title", "Boss"), op("replace", "unheard", "x")}, nil, "", "invalidPath"},
	}
}

// A refused PATCH leaves the resource as it was, to the last bit: what is half
// done would be believed done, or repeated.
func TestPatch(t *testing.T) { // RFC 7644 3.5.2
	t.Parallel()
	w := newWorld(t)
	for n, test := range patchCases() {
		u := patchee()
		u["userName"] = fmt.Sprintf("user%d@example.com", n)
		before := w.do("POST", "/Users", u).want(201)
		at := "/Users/" + before.text("id")
		a := w.do("PATCH", at, patch(test.ops...))
		after := w.do("GET", at, nil).want(200)
		if test.refused != "" {
			if a.status != 400 || a.get("scimType") != test.refused {
				t.Errorf("%s: %d %s, want %s", test.name, a.status, a.raw, test.refused)
			}
			if !reflect.DeepEqual(after.body, before.body) {
				t.Errorf("%s: left %s", test.name, after.raw)
			}
			continue
		}
		got, err := json.Marshal(after.get(test.at...))
		if err != nil || a.status != 200 || string(got) != test.want {
			t.Errorf("%s: %d, %s, want %s", test.name, a.status, got, test.want)
		}
		if !reflect.DeepEqual(a.body, after.body) {
			t.Errorf("%s: answered %s, is %s", test.name, a.raw, after.raw)
		}
	}
}

func TestPatchMessages(t *testing.T) { // RFC 7644 3.5.2
	t.Parallel()
	w := newWorld(t)
	at := "/Users/" + w.do("POST", "/Users", patchee()).want(201).text("id")
	for name, body := range map[string]any{
		"no schemas":           object{"Operations": []object{op("remove", "title")}},
		"another message":      object{"schemas": []string{messages + "SearchRequest"}, "Operations": []object{op("remove", "title")}},
		"no operations":        patch(),
		"operations as object": object{"schemas": []string{messages + "PatchOp"}, "Operations": op("remove", "title")},
		"operation as text":    object{"schemas": []string{messages + "PatchOp"}, "Operations": []string{"remove"}},
		"no JSON":              "remove",
	} {
		if a := w.do("PATCH", at, body); a.status != 400 || a.get("scimType") != "invalidSyntax" {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	same := w.do("PATCH", at, patch(op("replace", "title", "Guide"), op("add", "emails", []object{{"value": "w@example.com"}}))).want(200)
	if same.get("meta", "version") != `W/"1"` {
		t.Errorf("changing nothing made version %v", same.get("meta", "version"))
	}
	if changed := w.do("PATCH", at, patch(op("replace", "password", "x"))).want(200); changed.get("meta", "version") != `W/"2"` {
		t.Errorf("a new password made version %v", changed.get("meta", "version"))
	}
}

func TestPatchOfMembers(t *testing.T) { // RFC 7644 3.5.2.1 and 3.5.2.2
	t.Parallel()
	w := newWorld(t)
	var ids []string
	for _, name := range []string{"a", "b", "c"} {
		ids = append(ids, w.do("POST", "/Users", user(name, object{"displayName": "User " + name})).want(201).text("id"))
	}
	at := "/Groups/" + w.do("POST", "/Groups", group("G", ids[0])).want(201).text("id")
	expect := func(want ...string) {
		t.Helper()
		if got := w.sim.State().Groups[0].Members; !reflect.DeepEqual(got, want) {
			t.Fatalf("members %v, want %v", got, want)
		}
	}
	add := func(id string) object { return op("add", "members", []object{{"value": id}}) }
	w.do("PATCH", at, patch(add(ids[1]), add(ids[1]), add(ids[0]))).want(200)
	expect(ids[0], ids[1])
	w.do("PATCH", at, patch(op("add", "", object{"members": []object{{"value": ids[2], "type": "Group"}}}))).want(200)
	expect(ids...)
	if got := w.do("GET", at, nil).text("members", 2, "type"); got != "User" {
		t.Errorf("the type is what the client said: %s", got)
	}
	w.do("PATCH", at, patch(add("nobody"))).want(400, "invalidValue")
	w.do("PATCH", at, patch(op("remove", `members[value eq "`+ids[1]+`"]`))).want(200)
	expect(ids[0], ids[2])
	w.do("PATCH", at, patch(op("remove", `members[value eq "`+ids[1]+`"]`))).want(400, "noTarget")
	w.do("PATCH", at, patch(op("remove", `members[display eq "user c"]`))).want(200)
	expect(ids[0])
	w.do("PATCH", at, patch(op("replace", `members[value eq "`+ids[0]+`"].value`, ids[1]))).want(400, "mutability")
	w.do("PATCH", at, patch(op("replace", "members", []object{{"value": ids[1]}, {"value": ids[2]}}))).want(200)
	expect(ids[1], ids[2])
	// RFC 7644 3.5.2.2: without a filter the whole list goes, whatever value says.
	w.do("PATCH", at, patch(op("remove", "members", []object{{"value": ids[1]}}))).want(200)
	expect()
}
