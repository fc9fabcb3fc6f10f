package scim2_test

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
)

func babs() object {
	return user("bjensen@example.com", object{
		"externalId": "701984", "displayName": "Babs Jensen", "active": true, "password": "t1meMa$heen",
		"name":   object{"givenName": "Barbara", "familyName": "Jensen"},
		"emails": []object{{"value": "bjensen@example.com", "type": "work", "primary": true}, {"value": "babs@jensen.org", "type": "home"}},
	})
}

func TestCreateReadReplaceDelete(t *testing.T) { // RFC 7644 3.3, 3.4.1, 3.5.1, 3.6
	t.Parallel()
	w := newWorld(t)
	made := w.do("POST", "/Users", babs()).want(http.StatusCreated)
	id := made.text("id")
	at := w.srv.URL + "/scim/v2/Users/" + id
	if made.get("meta", "location") != at || made.header.Get("Location") != at || made.get("meta", "created") != "2031-03-04T05:06:07.000Z" ||
		made.get("meta", "resourceType") != "User" || made.get("meta", "version") != `W/"1"` {
		t.Errorf("meta %v, Location %s", made.get("meta"), made.header.Get("Location"))
	}
	if read := w.do("GET", "/Users/"+id, nil).want(200); !reflect.DeepEqual(read.body, made.body) {
		t.Errorf("read %s, made %s", read.raw, made.raw)
	}
	if strings.Contains(made.raw, "t1me") {
		t.Error("the password came back")
	}
	// A replacement leaves nothing of what it does not name; id and meta are the server's.
	next := w.do("PUT", "/Users/"+id, user("babs@example.com", object{"id": "mine", "meta": object{"created": "x"}, "nickName": "Babs"})).want(200)
	if next.get("id") != id || next.get("externalId") != nil || next.get("emails") != nil || next.get("nickName") != "Babs" || next.get("meta", "version") != `W/"2"` {
		t.Errorf("replaced: %s", next.raw)
	}
	w.do("DELETE", "/Users/"+id, nil).want(http.StatusNoContent)
	for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
		w.do(method, "/Users/"+id, patch(op("replace", "active", true))).want(http.StatusNotFound)
	}
	w.do("PUT", "/Users/never", user("x")).want(http.StatusNotFound) // a PUT makes nothing
	w.do("GET", "/Groups/"+id, nil).want(http.StatusNotFound)
}

// A body is what the schema says it is, or it is refused: a lenient simulator
// would let an adapter's mistakes through.
func TestBodiesAreChecked(t *testing.T) { // RFC 7643 2, 3 and 4
	t.Parallel()
	w := newWorld(t)
	tests := []struct {
		name     string
		body     any
		status   int
		scimType string
	}{
		{"no JSON", "{", 400, "invalidSyntax"},
		{"a list", "[]", 400, "invalidSyntax"},
		{"two values", "{}{}", 400, "invalidSyntax"},
		{"no schemas", object{"userName": "a"}, 400, "invalidSyntax"},
		{"schemas as text", object{"schemas": userSchema, "userName": "a"}, 400, "invalidSyntax"},
		{"another schema", object{"schemas": []string{groupSchema}, "userName": "a"}, 400, "invalidSyntax"},
		{"an unknown schema too", object{"schemas": []string{userSchema, "urn:x"}, "userName": "a"}, 400, "invalidValue"},
		{"no userName", user("", object{"userName": nil}), 400, "invalidValue"},
		{"an empty userName", user(""), 400, "invalidValue"},
		{"userName as number", user("", object{"userName": 5}), 400, "invalidValue"},
		{"active as text", user("a", object{"active": "true"}), 400, "invalidValue"},
		{"emails as object", user("a", object{"emails": object{"value": "a@example.com"}}), 400, "invalidValue"},
		{"emails of texts", user("a", object{"emails": []string{"a@example.com"}}), 400, "invalidValue"},
		{"two primary", user("a", object{"emails": []object{{"value": "a", "primary": true}, {"value": "b", "primary": true}}}), 400, "invalidValue"},
		{"name as text", user("a", object{"name": "A"}), 400, "invalidValue"},
		{"a name twice", `{"schemas":["` + userSchema + `"],"userName":"a","USERNAME":"b"}`, 400, "invalidSyntax"},
		{"no base64", user("a", object{"x509Certificates": []object{{"value": "%"}}}), 400, "invalidValue"},
		{"extension as text", user("a", object{enterprise: "x"}), 400, "invalidSyntax"},
	}
	for _, test := range tests {
		if a := w.do("POST", "/Users", test.body); a.status != test.status || a.get("scimType") != test.scimType {
			t.Errorf("%s: %d %s", test.name, a.status, a.raw)
		}
	}
	if n := len(w.sim.State().Users); n != 0 {
		t.Fatalf("%d users were made", n)
	}
	w.do("POST", "/Groups", object{"schemas": []string{groupSchema}}).want(400, "invalidValue")
	w.do("POST", "/Groups", object{"schemas": []string{groupSchema}, "displayName": "G", "members": []object{{"display": "x"}}}).want(400, "invalidValue")
	w.do("POST", "/Groups", group("G", "nobody")).want(400, "invalidValue")
	w.do("POST", "/Users", user("a"), "Content-Type", "text/plain").want(http.StatusUnsupportedMediaType)
	w.do("POST", "/Users", user("a"), "Content-Type", "").want(http.StatusUnsupportedMediaType)
	w.do("POST", "/Users", user("json"), "Content-Type", "application/json; charset=utf-8").want(201)
	w.do("POST", "/Users", user(strings.Repeat("x", 1<<20))).want(http.StatusRequestEntityTooLarge)
}

func TestNamesAreTheSchemasAndTheUnassignedIsGone(t *testing.T) { // RFC 7643 2.1 and 2.5
	t.Parallel()
	w := newWorld(t)
	a := w.do("POST", "/Users", object{
		"SCHEMAS": []string{strings.ToUpper(userSchema)}, "USERNAME": "a", "Name": object{"GivenName": "A", "familyName": nil}, "emails": []any{},
		"title": nil, "phoneNumbers": []object{{}}, "groups": []object{{"value": "mine"}}, "unheard": 1,
	}).want(201)
	for _, key := range []string{"emails", "title", "phoneNumbers", "groups", "unheard"} {
		if a.get(key) != nil {
			t.Errorf("%s: %v", key, a.get(key))
		}
	}
	if !reflect.DeepEqual(a.get("name"), object{"givenName": "A"}) {
		t.Errorf("name %v", a.get("name"))
	}
}

func TestEnterpriseExtension(t *testing.T) { // RFC 7643 4.3
	t.Parallel()
	w := newWorld(t)
	boss := w.do("POST", "/Users", user("boss", object{"displayName": "The Boss"})).want(201)
	a := w.do("POST", "/Users", user("a", object{
		"schemas":  []string{userSchema, enterprise},
		enterprise: object{"employeeNumber": "701984", "department": "Tours", "manager": object{"value": boss.text("id"), "displayName": "Nobody", "$ref": "x"}},
	})).want(201)
	want := object{"value": boss.text("id"), "$ref": boss.text("meta", "location"), "displayName": "The Boss"}
	if !reflect.DeepEqual(a.get(enterprise, "manager"), want) {
		t.Errorf("manager %v", a.get(enterprise, "manager"))
	}
	if !reflect.DeepEqual(a.get("schemas"), []any{userSchema, enterprise}) {
		t.Errorf("schemas %v", a.get("schemas"))
	}
	// Changing nothing changes nothing, though the answer holds derived values.
	same := w.do("PATCH", "/Users/"+a.text("id"), patch(op("replace", enterprise+":department", "Tours"))).want(200)
	if same.get("meta", "version") != `W/"1"` {
		t.Errorf("version %v", same.get("meta", "version"))
	}
	gone := w.do("PATCH", "/Users/"+a.text("id"), patch(op("remove", enterprise))).want(200)
	if gone.get(enterprise) != nil || !reflect.DeepEqual(gone.get("schemas"), []any{userSchema}) {
		t.Errorf("without the extension: %s", gone.raw)
	}
}

func TestUniqueness(t *testing.T) { // RFC 7643 4.1.1, RFC 7644 3.3
	t.Parallel()
	w := newWorld(t)
	a := w.do("POST", "/Users", user("a@example.com")).want(201).text("id")
	b := w.do("POST", "/Users", user("b@example.com")).want(201).text("id")
	w.do("POST", "/Users", user("A@EXAMPLE.COM")).want(409, "uniqueness")
	w.do("PUT", "/Users/"+b, user("a@example.com")).want(409, "uniqueness")
	w.do("PATCH", "/Users/"+b, patch(op("replace", "userName", "a@example.com"))).want(409, "uniqueness")
	w.do("PUT", "/Users/"+a, user("A@example.com")).want(200) // its own name, spelt anew
	for range 2 {
		w.do("POST", "/Groups", group("same")).want(201) // RFC 7643 8.7.1: uniqueness none
	}
}

func TestGroupsAndTheirMirror(t *testing.T) { // RFC 7643 4.1.2 and 4.2
	t.Parallel()
	w := newWorld(t)
	ann := w.do("POST", "/Users", user("ann", object{"displayName": "Ann"})).want(201)
	bob := w.do("POST", "/Users", user("bob")).want(201)
	id, other := ann.text("id"), bob.text("id")
	inner := w.do("POST", "/Groups", group("Inner", id, id, other)).want(201)
	if !reflect.DeepEqual(inner.get("members"), []any{
		object{"value": id, "$ref": ann.text("meta", "location"), "display": "Ann", "type": "User"},
		object{"value": other, "$ref": bob.text("meta", "location"), "display": "bob", "type": "User"},
	}) {
		t.Errorf("members %v", inner.get("members"))
	}
	outer := w.do("POST", "/Groups", group("Outer", inner.text("id"))).want(201)
	if outer.get("members", 0, "type") != "Group" || outer.get("members", 0, "display") != "Inner" {
		t.Errorf("nested %v", outer.get("members"))
	}
	// A circle ends.
	w.do("PATCH", "/Groups/"+inner.text("id"), patch(op("add", "members", []object{{"value": outer.text("id")}}))).want(200)
	want := []any{
		object{"value": inner.text("id"), "$ref": inner.text("meta", "location"), "display": "Inner", "type": "direct"},
		object{"value": outer.text("id"), "$ref": outer.text("meta", "location"), "display": "Outer", "type": "indirect"},
	}
	if got := w.do("GET", "/Users/"+id, nil).want(200).get("groups"); !reflect.DeepEqual(got, want) {
		t.Errorf("groups %v", got)
	}
	// The mirror is read-only, and searchable.
	w.do("PATCH", "/Users/"+id, patch(op("remove", "groups"))).want(400, "mutability")
	w.do("PATCH", "/Users/"+id, patch(op("add", "", object{"groups": []object{{"value": "x"}}}))).want(400, "mutability")
	if got := w.do("GET", filtered("/Users", `groups.display eq "outer"`), nil).want(200).each("userName"); got != "ann bob" {
		t.Errorf("found %q", got)
	}
	// Who goes leaves his groups; the group's version shows it.
	w.do("DELETE", "/Users/"+other, nil).want(204)
	left := w.do("GET", "/Groups/"+inner.text("id"), nil).want(200)
	if strings.Contains(left.raw, other) || left.get("meta", "version") != `W/"3"` {
		t.Errorf("left %s", left.raw)
	}
	w.do("DELETE", "/Groups/"+inner.text("id"), nil).want(204)
	if got := w.do("GET", "/Users/"+id, nil).want(200); got.get("groups") != nil {
		t.Errorf("groups %v", got.get("groups"))
	}
	if got := w.do("GET", "/Groups/"+outer.text("id"), nil).want(200); got.get("members") != nil {
		t.Errorf("members %v", got.get("members"))
	}
}

func TestAttributesOfAnswers(t *testing.T) { // RFC 7644 3.9
	t.Parallel()
	w := newWorld(t)
	id := w.do("POST", "/Users?attributes=userName", user("ann", object{
		"schemas": []string{userSchema, enterprise}, "emails": []object{{"value": "ann@example.com", "type": "work"}},
		"name": object{"givenName": "Ann", "familyName": "A"}, enterprise: object{"department": "Tours", "division": "D"},
	})).want(201).text("id")
	tests := []struct{ query, want string }{
		{"attributes=userName", "id schemas userName"},
		{"attributes=USERNAME,%20name.givenName", "id name(givenName) schemas userName"},
		{"attributes=" + userSchema + ":emails.value", "emails(value) id schemas"},
		{"attributes=emails.display", "id schemas"},
		{"attributes=" + enterprise + ":department", "id schemas " + enterprise + "(department)"},
		{"attributes=" + enterprise, "id schemas " + enterprise + "(department division)"},
		{"attributes=password,unheard", "id schemas"},
		{"excludedAttributes=id,schemas,emails,meta,name.familyName," + enterprise + ":division", "id name(givenName) schemas " + enterprise + "(department) userName"},
	}
	for _, test := range tests {
		if got := outline(w.do("GET", "/Users/"+id+"?"+test.query, nil).want(200).body); got != test.want {
			t.Errorf("%s: %s", test.query, got)
		}
		if got := outline(w.do("GET", "/Users?"+test.query, nil).want(200).get("Resources", 0)); got != test.want {
			t.Errorf("list, %s: %s", test.query, got)
		}
	}
	body := patch(op("replace", "nickName", "A"))
	if got := outline(w.do("PATCH", "/Users/"+id+"?attributes=nickName", body).want(200).body); got != "id nickName schemas" {
		t.Errorf("PATCH: %s", got)
	}
}

func TestEntityTags(t *testing.T) { // RFC 7644 3.14
	t.Parallel()
	w := newWorld(t)
	a := w.do("POST", "/Users", user("ann")).want(201)
	at := "/Users/" + a.text("id")
	if a.header.Get("ETag") != `W/"1"` {
		t.Fatalf("ETag %s", a.header.Get("ETag"))
	}
	w.do("GET", at, nil, "If-None-Match", `W/"1"`).want(http.StatusNotModified)
	w.do("GET", at, nil, "If-None-Match", `W/"7", "1"`).want(http.StatusNotModified)
	w.do("GET", at, nil, "If-None-Match", `W/"2"`).want(200)
	w.do("PATCH", at, patch(op("replace", "title", "X")), "If-Match", `W/"9"`).want(http.StatusPreconditionFailed)
	w.do("PATCH", at, patch(op("replace", "title", "X")), "If-Match", `W/"1"`).want(200)
	w.do("PUT", at, user("ann"), "If-Match", `W/"1"`).want(http.StatusPreconditionFailed)
	w.do("PUT", at, user("ann"), "If-Match", `*`).want(200)
	w.do("DELETE", at, nil, "If-Match", `W/"1"`).want(http.StatusPreconditionFailed)
	w.do("DELETE", at, nil, "If-Match", `W/"3"`).want(204)
}
