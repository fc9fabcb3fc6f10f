package scim2_test

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"usher/internal/nodetest"
	"usher/sandbox/sandboxtest"
)

// step is one request of the tour. {name} in path and body stands for the id
// that an earlier step saved.
type step struct {
	name, method, path string
	body               any
	save               string
}

// tour is what a client does in a life, well and badly, at both services.
func tour() []step {
	ext := object{"employeeNumber": "1", "department": "Tours"}
	ann := user("ann@example.com", object{
		"schemas": []string{userSchema, enterprise}, "externalId": "E1", "displayName": "Ann", "active": true, "password": "secret",
		"name": object{"givenName": "Ann", "familyName": "A"}, "emails": []object{{"value": "ann@example.com", "type": "work", "primary": true}, {"value": "ann@home.example", "type": "home"}}, enterprise: ext,
	})
	search := func(m object) object { m["schemas"] = []string{messages + "SearchRequest"}; return m }
	at := func(path, filter string) string { return filtered(path, filter) }
	return []step{
		{"config", "GET", "/ServiceProviderConfig", nil, ""},
		{"types", "GET", "/ResourceTypes", nil, ""},
		{"type", "GET", "/ResourceTypes/User", nil, ""},
		{"schema", "GET", "/Schemas/" + groupSchema, nil, ""},
		{"schemas filtered", "GET", at("/Schemas", `id eq "x"`), nil, ""},
		{"unknown type", "GET", "/ResourceTypes/Device", nil, ""},
		{"nobody yet", "GET", "/Users", nil, ""},
		{"create ann", "POST", "/Users", ann, "ann"},
		{"create bob", "POST", "/Users", user("bob@example.com", object{"displayName": "Bob", "emails": []object{{"value": "bob@example.com", "type": "home"}}}), "bob"},
		{"twin", "POST", "/Users", user("ANN@example.com"), ""},
		{"no userName", "POST", "/Users", object{"schemas": []string{userSchema}}, ""},
		{"no schemas", "POST", "/Users", object{"displayName": "x"}, ""},
		{"active as text", "POST", "/Users", user("x", object{"active": "yes"}), ""},
		{"emails as text", "POST", "/Users", user("x", object{"emails": []string{"x"}}), ""},
		{"no JSON object", "POST", "/Users", []string{}, ""},
		{"read ann", "GET", "/Users/{ann}", nil, ""},
		{"read nobody", "GET", "/Users/none", nil, ""},
		{"read attributes", "GET", "/Users/{ann}?attributes=userName,name.givenName", nil, ""},
		{"read without", "GET", "/Users/{ann}?excludedAttributes=emails,name", nil, ""},
		{"list", "GET", "/Users", nil, ""},
		{"page", "GET", "/Users?startIndex=2&count=1", nil, ""},
		{"no rows", "GET", "/Users?count=0", nil, ""},
		{"sorted", "GET", "/Users?sortBy=userName&sortOrder=descending&attributes=userName", nil, ""},
		{"eq", "GET", at("/Users", `userName eq "bob@example.com"`), nil, ""},
		{"sw and pr", "GET", at("/Users", `userName sw "a" and title pr`), nil, ""},
		{"or", "GET", at("/Users", `userName sw "a" or displayName co "Bo"`), nil, ""},
		{"not", "GET", at("/Users", `not (userName sw "a")`), nil, ""},
		{"value path", "GET", at("/Users", `emails[type eq "work" and value co "ann@"]`), nil, ""},
		{"extension", "GET", at("/Users", enterprise+`:department eq "Tours"`), nil, ""},
		{"by case", "GET", at("/Users", `userName eq "BOB@example.com"`), nil, ""},
		{"bad filter", "GET", at("/Users", `userName`), nil, ""},
		{"unclosed filter", "GET", at("/Users", `(userName pr`), nil, ""},
		{"create group", "POST", "/Groups", group("Team", "{ann}"), "team"},
		{"nested group", "POST", "/Groups", group("Outer", "{team}"), "outer"},
		{"unknown member", "POST", "/Groups", group("X", "none"), ""},
		{"no displayName", "POST", "/Groups", object{"schemas": []string{groupSchema}}, ""},
		{"mirror", "GET", "/Users/{ann}?attributes=groups", nil, ""},
		{"group by member", "GET", at("/Groups", `members.value eq "{ann}"`), nil, ""},
		{"search users", "POST", "/Users/.search", search(object{"filter": `displayName pr`, "count": 1}), ""},
		{"search all", "POST", "/.search", search(object{"filter": `displayName pr`, "attributes": []string{"displayName"}}), ""},
		{"search badly", "POST", "/.search", object{"filter": "x"}, ""},
		{"add member", "PATCH", "/Groups/{team}", patch(op("add", "members", []object{{"value": "{bob}"}})), ""},
		{"remove member", "PATCH", "/Groups/{team}", patch(op("remove", `members[value eq "{ann}"]`)), ""},
		{"remove no member", "PATCH", "/Groups/{team}", patch(op("remove", `members[value eq "{ann}"]`)), ""},
		{"replace title", "PATCH", "/Users/{bob}", patch(op("replace", "title", "Boss")), ""},
		{"the same title", "PATCH", "/Users/{bob}", patch(op("replace", "title", "Boss")), ""},
		{"without path", "PATCH", "/Users/{bob}", patch(op("add", "", object{"nickName": "B", "name": object{"givenName": "Bob"}})), ""},
		{"in a value", "PATCH", "/Users/{bob}", patch(op("replace", `emails[type eq "home"].value`, "b@example.com")), ""},
		{"in no value", "PATCH", "/Users/{bob}", patch(op("replace", `emails[type eq "work"].value`, "b@example.com")), ""},
		{"remove title", "PATCH", "/Users/{bob}", patch(op("remove", "title")), ""},
		{"remove nothing", "PATCH", "/Users/{bob}", patch(op("remove", "")), ""},
		{"remove required", "PATCH", "/Users/{bob}", patch(op("remove", "userName")), ""},
		{"bad path", "PATCH", "/Users/{bob}", patch(op("replace", "none", "x")), ""},
		{"bad op", "PATCH", "/Users/{bob}", patch(op("test", "title", "x")), ""},
		{"bad value", "PATCH", "/Users/{bob}", patch(op("replace", "active", "yes")), ""},
		{"no operations", "PATCH", "/Users/{bob}", patch(), ""},
		{"patch nobody", "PATCH", "/Users/none", patch(op("replace", "title", "x")), ""},
		{"put", "PUT", "/Users/{bob}", user("bob@example.com", object{"displayName": "Robert"}), ""},
		{"put a taken name", "PUT", "/Users/{bob}", user("ann@example.com"), ""},
		{"put nobody", "PUT", "/Users/none", user("none"), ""},
		{"bulk", "POST", "/Bulk", bulkOf(
			bulkOp("POST", "/Users", "u", user("carl@example.com")), bulkOp("POST", "/Groups", "g", group("Bulk", "bulkId:u")), bulkOp("DELETE", "/Users/none", "", nil)), ""},
		{"bulk of nothing", "POST", "/Bulk", bulkOf(), ""},
		{"me", "GET", "/Me", nil, ""},
		{"nowhere", "GET", "/Nowhere", nil, ""},
		{"delete a member", "DELETE", "/Users/{bob}", nil, ""},
		{"left group", "GET", "/Groups/{team}", nil, ""},
		{"delete again", "DELETE", "/Users/{bob}", nil, ""},
		{"delete group", "DELETE", "/Groups/{team}", nil, ""},
		{"left user", "GET", "/Users/{ann}", nil, ""},
	}
}

// difference is one way in which the peer may answer otherwise. Its text is
// what differences makes of a step.
type difference struct {
	text   string // regular expression
	reason string // with the section that allows both, or decides
}

func allowedDifferences() []difference {
	return []difference{
		{`: only here: (Resources\[\]\.)?meta\.version$`, "RFC 7644 3.14: entity tags are optional; the peer has none"},
		{`^bulk: only here: Operations\[\]\.version$`, "RFC 7644 3.14"},
		{`: only here: (Resources\[\]\.)?groups\[\]\.\$ref$`, "RFC 7643 4.1.2: optional"},
		{`: only here: (Resources\[\]\.)?members\[\]\.\$ref$`, "RFC 7643 4.2: optional"},
		{`^config: only (here: authenticationSchemes\[\]\.primary|there: authenticationSchemes\[\]\.documentationUri)$`, "RFC 7643 5: both optional"},
		{`: value itemsPerPage: \d+ here, 20 there$`, "RFC 7644 3.4.2: the number of resources in the page; the peer names the largest page"},
		{`^(read attributes|mirror|sorted|search all): (only here: (Resources\[\]\.)?schemas\[\]|value schemas: .* <nil> there)$`, "RFC 7643 3: every representation has schemas; the peer leaves them out beside attributes"},
		{`^by case: (value totalResults: 1 here, 0 there|only here: Resources\[\]\.)`, "RFC 7643 8.7.1: userName is not case exact; the peer's filters are"},
		{`^extension: (value totalResults: 1 here, 0 there|only here: Resources\[\]\.)`, "RFC 7644 3.10: an attribute is found by its URN; the peer's filters do not know it"},
		{`^bad filter: status 400 here, 500 there$`, "RFC 7644 3.12: invalidFilter"},
		{`^no schemas: value scimType: invalidSyntax here, invalidValue there$`, "RFC 7643 3: schemas are required; the peer takes bodies without, and misses userName"},
		{`^(no operations|bulk of nothing): value scimType: invalidSyntax here, invalidValue there$`, "RFC 7644 3.12: both fit"},
		{`^remove required: value scimType: mutability here, invalidValue there$`, "RFC 7644 3.5.2.2"},
		{`^remove no member: status 400 here, 204 there$`, "RFC 7644 3.12, noTarget; Quirks.RemoveMissing"},
		{`^the same title: status 200 here, 204 there$`, "RFC 7644 3.5.2: either; Quirks.PatchNoContent"},
	}
}

// One tour at the simulator and at a service that others wrote from the same
// RFCs: whatever differs is either in the table, with the section, or a mistake.
func TestSameTourAtAnothersService(t *testing.T) {
	t.Parallel()
	base := nodetest.Serve(t, "../../internal/nodetest/scim/peer.mjs", map[string]string{"TOKEN": "peer"})
	w := newWorld(t)
	client := func(base, token string) func(step, map[string]string) *answer {
		return func(s step, ids map[string]string) *answer {
			fill := func(text string) string {
				for name, id := range ids {
					text = strings.NewReplacer("{"+name+"}", id, "%7B"+name+"%7D", id).Replace(text)
				}
				return text
			}
			var body any
			if s.body != nil {
				body = fill(encoded(t, s.body))
			}
			r := sandboxtest.NewRequest(t, s.method, base+fill(s.path), body)
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("Content-Type", "application/scim+json")
			a := send(t, r)
			if s.save != "" {
				ids[s.save] = a.text("id")
			}
			return a
		}
	}
	ours, theirs := client(w.srv.URL+w.sim.Path(), w.sim.Token()), client(base, "peer")
	ourIDs, theirIDs := map[string]string{}, map[string]string{}
	used := map[string]bool{}
	for _, s := range tour() {
		for _, text := range differences(ours(s, ourIDs), theirs(s, theirIDs)) {
			text = s.name + ": " + text
			at := slices.IndexFunc(allowedDifferences(), func(d difference) bool { return regexp.MustCompile(d.text).MatchString(text) })
			if at < 0 {
				t.Error(text)
				continue
			}
			used[allowedDifferences()[at].text] = true
		}
	}
	for _, d := range allowedDifferences() {
		if !used[d.text] {
			t.Errorf("the table allows what does not happen: %s", d.text)
		}
	}
}

// A wrong token is refused alike.
func TestSameRefusalAtAnothersService(t *testing.T) {
	t.Parallel()
	base := nodetest.Serve(t, "../../internal/nodetest/scim/peer.mjs", map[string]string{"TOKEN": "peer"})
	sim := newWorld(t)
	for _, at := range []string{base, sim.srv.URL + sim.sim.Path()} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at+"/Users", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer wrong")
		if a := send(t, r).want(http.StatusUnauthorized); a.get("status") != "401" || a.get("schemas", 0) != messages+"Error" {
			t.Errorf("%s: %s", at, a.raw)
		}
	}
}

// differences compares two answers: status, kind, shape, and the values that
// say what happened.
func differences(here, there *answer) (out []string) {
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if here.status != there.status {
		say("status %d here, %d there", here.status, there.status)
		return out
	}
	kind := func(a *answer) string { return strings.SplitN(a.header.Get("Content-Type"), ";", 2)[0] }
	if kind(here) != kind(there) {
		say("kind %s here, %s there", kind(here), kind(there))
	}
	a, b := shape(here.body), shape(there.body)
	for _, path := range slices.Sorted(maps.Keys(a)) {
		if _, ok := b[path]; !ok {
			say("only here: %s", path)
		} else if a[path] != b[path] {
			say("type of %s: %s here, %s there", path, a[path], b[path])
		}
	}
	for _, path := range slices.Sorted(maps.Keys(b)) {
		if _, ok := a[path]; !ok {
			say("only there: %s", path)
		}
	}
	for _, name := range []string{"scimType", "status", "totalResults", "startIndex", "itemsPerPage", "userName", "displayName", "title", "nickName", "schemas"} {
		if x, y := here.text(name), there.text(name); x != y {
			say("value %s: %s here, %s there", name, x, y)
		}
	}
	return out
}

// shape names what an answer holds, with types.
func shape(v any) map[string]string {
	out := map[string]string{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case object:
			for name, inner := range v {
				walk(strings.TrimPrefix(path+"."+name, "."), inner)
			}
		case []any:
			for _, inner := range v {
				walk(path+"[]", inner)
			}
		default:
			out[path] = fmt.Sprintf("%T", v)
		}
	}
	walk("", v)
	return out
}

// The comparison sees what it is there to see.
func TestDifferencesAreSeen(t *testing.T) {
	t.Parallel()
	answered := func(status int, body any) *answer {
		return &answer{t: t, status: status, header: http.Header{"Content-Type": {"application/scim+json"}}, body: body}
	}
	full := object{"status": "400", "scimType": "noTarget", "list": []any{object{"a": "x"}}}
	for want, other := range map[string]*answer{
		"":                                       answered(400, full),
		"status 400 here, 404 there":             answered(404, full),
		"only here: list[].a":                    answered(400, object{"status": "400", "scimType": "noTarget"}),
		"type of list[].a: string here, float64": answered(400, object{"status": "400", "scimType": "noTarget", "list": []any{object{"a": 1.0}}}),
		"value scimType: noTarget here, x there": answered(400, object{"status": "400", "scimType": "x", "list": []any{object{"a": "x"}}}),
	} {
		if got := strings.Join(differences(answered(400, full), other), "; "); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
