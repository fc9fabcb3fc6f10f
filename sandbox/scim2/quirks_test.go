package scim2_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"usher/sandbox/scim2"
)

type quirkTest struct {
	change func(*scim2.Quirks)
	try    func(t *testing.T, w *world)
}

// crew are two users and a group of both.
func crew(w *world) (ann, bob, team string) {
	ann = w.sim.AddUser(scim2.Person{Email: "Ann@example.com", GivenName: "Ann"})
	bob = w.sim.AddUser(scim2.Person{Email: "bob@example.com", Inactive: true})
	return ann, bob, w.sim.AddGroup("Team", ann, bob)
}

// quirkTests has a test for every switch, by its name in JSON: what is switched
// shows, or the switch is a lie.
func quirkTests() map[string]quirkTest {
	all := featureQuirks()
	for _, more := range []map[string]quirkTest{searchQuirks(), memberQuirks(), writeQuirks(), lagQuirks(), limitQuirks()} {
		for name, test := range more {
			all[name] = test
		}
	}
	return all
}

func featureQuirks() map[string]quirkTest {
	title := patch(op("replace", "title", "X"))
	return map[string]quirkTest{
		"no_patch": {func(q *scim2.Quirks) { q.NoPatch = true }, func(t *testing.T, w *world) {
			ann, _, _ := crew(w)
			w.do("PATCH", "/Users/"+ann, title).want(http.StatusNotImplemented)
			if w.do("GET", "/ServiceProviderConfig", nil).get("patch", "supported") != false {
				t.Error("the configuration says otherwise")
			}
		}},
		"patch_refusal": {func(q *scim2.Quirks) { q.NoPatch, q.PatchRefusal = true, 403 }, func(_ *testing.T, w *world) {
			w.do("PATCH", "/Users/x", title).want(http.StatusForbidden)
		}},
		"no_bulk": {func(q *scim2.Quirks) { q.NoBulk = true }, func(t *testing.T, w *world) {
			w.do("POST", "/Bulk", bulkOf()).want(501)
			if w.do("GET", "/ServiceProviderConfig", nil).get("bulk", "supported") != false {
				t.Error("the configuration says otherwise")
			}
		}},
		"max_operations": {func(q *scim2.Quirks) { q.MaxOperations = 1 }, func(_ *testing.T, w *world) {
			w.do("POST", "/Bulk", bulkOf(bulkOp("DELETE", "/Users/a", "", nil), bulkOp("DELETE", "/Users/b", "", nil))).want(413)
		}},
		"max_payload": {func(q *scim2.Quirks) { q.MaxPayload = 20 }, func(_ *testing.T, w *world) {
			w.do("POST", "/Bulk", bulkOf(bulkOp("DELETE", "/Users/a", "", nil))).want(413)
		}},
		"no_sort": {func(q *scim2.Quirks) { q.NoSort = true }, func(t *testing.T, w *world) {
			crew(w)
			if got := w.do("GET", "/Users?sortBy=userName&sortOrder=descending", nil).want(200).each("userName"); !strings.HasPrefix(got, "Ann") {
				t.Error(got)
			}
		}},
		"no_etag": {func(q *scim2.Quirks) { q.NoETag = true }, func(t *testing.T, w *world) {
			ann, _, _ := crew(w)
			a := w.do("GET", "/Users/"+ann, nil, "If-None-Match", "*").want(200)
			if a.header.Get("ETag") != "" || a.get("meta", "version") != nil {
				t.Errorf("%v %v", a.header, a.get("meta"))
			}
			w.do("PATCH", "/Users/"+ann, title, "If-Match", `W/"9"`).want(200)
		}},
		"no_discovery": {func(q *scim2.Quirks) { q.NoDiscovery = true }, func(_ *testing.T, w *world) {
			for _, path := range []string{"/ServiceProviderConfig", "/ResourceTypes", "/ResourceTypes/User", "/Schemas", "/Schemas/" + userSchema} {
				w.do("GET", path, nil).want(404)
			}
		}},
		"discovery_needs_token": {func(q *scim2.Quirks) { q.DiscoveryNeedsToken = true }, func(_ *testing.T, w *world) {
			w.do("GET", "/ServiceProviderConfig", nil, "Authorization", "").want(401)
			w.do("GET", "/ServiceProviderConfig", nil).want(200)
		}},
		"as_json": {func(q *scim2.Quirks) { q.AsJSON = true }, func(t *testing.T, w *world) {
			if got := w.do("GET", "/Users", nil).want(200).header.Get("Content-Type"); got != "application/json" {
				t.Error(got)
			}
		}},
		"numeric_status": {func(q *scim2.Quirks) { q.NumericStatus = true }, func(t *testing.T, w *world) {
			if got := w.do("GET", "/Users/x", nil).want(404).get("status"); got != 404.0 {
				t.Errorf("status %v", got)
			}
			if got := w.do("POST", "/Bulk", bulkOf(bulkOp("DELETE", "/Users/a", "", nil))).want(200).get("Operations", 0, "status"); got != 404.0 {
				t.Errorf("bulk status %v", got)
			}
		}},
	}
}

func searchQuirks() map[string]quirkTest {
	return map[string]quirkTest{
		"filters": {func(q *scim2.Quirks) { q.Filters = "eq" }, func(t *testing.T, w *world) {
			crew(w)
			if got := w.do("GET", filtered("/Users", `userName eq "bob@example.com"`), nil).want(200).each("userName"); got != "bob@example.com" {
				t.Error(got)
			}
			for _, f := range []string{`userName sw "b"`, `userName pr`, `userName eq "a" or userName eq "b"`, `emails[type eq "work"]`, `not (userName eq "a")`} {
				w.do("GET", filtered("/Users", f), nil).want(400, "invalidFilter")
			}
			w.quirks(func(q *scim2.Quirks) { q.Filters = "none" })
			w.do("GET", filtered("/Users", `userName eq "bob@example.com"`), nil).want(400, "invalidFilter")
			if w.do("GET", "/ServiceProviderConfig", nil).get("filter", "supported") != false {
				t.Error("the configuration says otherwise")
			}
			w.quirks(func(q *scim2.Quirks) { q.Filters = "ignored" })
			if got := w.do("GET", filtered("/Users", `userName eq "nobody"`), nil).want(200).get("totalResults"); got != 2.0 {
				t.Errorf("found %v", got)
			}
		}},
		"unknown_attributes_invalid": {func(q *scim2.Quirks) { q.UnknownAttributesInvalid = true }, func(_ *testing.T, w *world) {
			w.do("GET", filtered("/Users", `unheard eq "x"`), nil).want(400, "invalidFilter")
			w.do("GET", filtered("/Users", `emails[unheard eq "x"]`), nil).want(400, "invalidFilter")
		}},
		"case_exact_user_names": {func(q *scim2.Quirks) { q.CaseExactUserNames = true }, func(t *testing.T, w *world) {
			crew(w)
			if got := w.do("GET", filtered("/Users", `userName eq "ann@example.com"`), nil).want(200).get("totalResults"); got != 0.0 {
				t.Errorf("found %v", got)
			}
			w.do("POST", "/Users", user("ann@example.com")).want(201)
			w.do("POST", "/Users", user("ann@example.com")).want(409)
		}},
		"default_count": {func(q *scim2.Quirks) { q.DefaultCount = 1 }, func(t *testing.T, w *world) {
			crew(w)
			if a := w.do("GET", "/Users", nil).want(200); a.get("itemsPerPage") != 1.0 || a.get("totalResults") != 2.0 {
				t.Error(a.raw)
			}
			w.quirks(func(q *scim2.Quirks) { q.DefaultCount = 0 })
			if a := w.do("GET", "/Users", nil).want(200); a.get("itemsPerPage") != 2.0 {
				t.Error(a.raw)
			}
		}},
		"max_count": {func(q *scim2.Quirks) { q.MaxCount = 1 }, func(t *testing.T, w *world) {
			crew(w)
			if a := w.do("GET", "/Users?count=50", nil).want(200); a.get("itemsPerPage") != 1.0 {
				t.Error(a.raw)
			}
			if got := w.do("GET", "/ServiceProviderConfig", nil).get("filter", "maxResults"); got != 1.0 {
				t.Error(got)
			}
		}},
		"ignore_start_index": {func(q *scim2.Quirks) { q.IgnoreStartIndex = true }, func(t *testing.T, w *world) {
			crew(w)
			if got := w.do("GET", "/Users?startIndex=2&count=1", nil).want(200).each("userName"); got != "Ann@example.com" {
				t.Error(got)
			}
		}},
		"total_results": {func(q *scim2.Quirks) { q.TotalResults = "page" }, func(t *testing.T, w *world) {
			crew(w)
			if got := w.do("GET", "/Users?count=1", nil).want(200).get("totalResults"); got != 1.0 {
				t.Error(got)
			}
		}},
		"omit_empty_resources": {func(q *scim2.Quirks) { q.OmitEmptyResources = true }, func(t *testing.T, w *world) {
			if a := w.do("GET", "/Users", nil).want(200); strings.Contains(a.raw, "Resources") {
				t.Error(a.raw)
			}
		}},
	}
}

func memberQuirks() map[string]quirkTest {
	return map[string]quirkTest{
		"members": {func(q *scim2.Quirks) { q.Members = "get" }, func(t *testing.T, w *world) {
			_, _, team := crew(w)
			shown := func(mode, path string) bool {
				w.quirks(func(q *scim2.Quirks) { q.Members = mode })
				a := w.do("GET", path, nil).want(200)
				return strings.Contains(a.raw, `"members"`)
			}
			one, list := "/Groups/"+team, "/Groups"
			got := fmt.Sprint(shown("get", one), shown("get", list), shown("request", one), shown("request", one+"?attributes=members"),
				shown("request", list+"?attributes=members.value"), shown("never", one+"?attributes=members"), shown("default", list))
			if got != "true false false true true false true" {
				t.Error(got)
			}
		}},
		"no_user_groups": {func(q *scim2.Quirks) { q.NoUserGroups = true }, func(t *testing.T, w *world) {
			ann, _, _ := crew(w)
			if a := w.do("GET", "/Users/"+ann, nil).want(200); a.get("groups") != nil {
				t.Error(a.raw)
			}
		}},
		"unknown_members": {func(q *scim2.Quirks) { q.UnknownMembers = "ignore" }, func(t *testing.T, w *world) {
			if a := w.do("POST", "/Groups", group("G", "nobody")).want(201); a.get("members") != nil {
				t.Error(a.raw)
			}
		}},
		"remove_with_value": {func(q *scim2.Quirks) { q.RemoveWithValue = "listed" }, func(t *testing.T, w *world) {
			ann, bob, team := crew(w)
			one := patch(op("remove", "members", []object{{"value": ann}}))
			a := w.do("PATCH", "/Groups/"+team, one).want(200)
			if len(a.get("members").([]any)) != 1 || a.get("members", 0, "value") != bob {
				t.Error(a.raw)
			}
			w.do("PATCH", "/Groups/"+team, one).want(400, "noTarget")
			w.quirks(func(q *scim2.Quirks) { q.RemoveWithValue = "refuse" })
			w.do("PATCH", "/Groups/"+team, one).want(400, "invalidValue")
			w.do("PATCH", "/Groups/"+team, patch(op("remove", "members"))).want(200)
		}},
		"remove_missing": {func(q *scim2.Quirks) { q.RemoveMissing = true }, func(_ *testing.T, w *world) {
			_, _, team := crew(w)
			w.do("PATCH", "/Groups/"+team, patch(op("remove", `members[value eq "x"]`))).want(200)
			w.do("PATCH", "/Groups/"+team, patch(op("replace", `members[value eq "x"].type`, "User"))).want(400, "noTarget")
		}},
		"unique_group_names": {func(q *scim2.Quirks) { q.UniqueGroupNames = true }, func(_ *testing.T, w *world) {
			crew(w)
			w.do("POST", "/Groups", group("TEAM")).want(409, "uniqueness")
		}},
	}
}

func writeQuirks() map[string]quirkTest {
	return map[string]quirkTest{
		"patch_no_content": {func(q *scim2.Quirks) { q.PatchNoContent = true }, func(t *testing.T, w *world) {
			ann, _, _ := crew(w)
			a := w.do("PATCH", "/Users/"+ann, patch(op("replace", "title", "X"))).want(http.StatusNoContent)
			if a.header.Get("ETag") != `W/"2"` {
				t.Errorf("ETag %s", a.header.Get("ETag"))
			}
			w.do("PATCH", "/Users/"+ann+"?attributes=title", patch(op("replace", "title", "Y"))).want(200)
		}},
		"duplicate_status": {func(q *scim2.Quirks) { q.DuplicateStatus = 400 }, func(_ *testing.T, w *world) {
			crew(w)
			w.do("POST", "/Users", user("bob@example.com")).want(400, "uniqueness")
		}},
		"unique_emails": {func(q *scim2.Quirks) { q.UniqueEmails = true }, func(_ *testing.T, w *world) {
			crew(w)
			w.do("POST", "/Users", user("other", object{"emails": []object{{"value": "BOB@example.com"}}})).want(409, "uniqueness")
			w.do("POST", "/Users", user("another", object{"emails": []object{{"value": "another@example.com"}}})).want(201)
		}},
		"unknown_attributes": {func(q *scim2.Quirks) { q.UnknownAttributes = "refuse" }, func(_ *testing.T, w *world) {
			ann, _, _ := crew(w)
			w.do("POST", "/Users", user("x", object{"unheard": 1})).want(400, "invalidSyntax")
			w.do("PATCH", "/Users/"+ann, patch(op("replace", "", object{"unheard": 1}))).want(400, "invalidPath")
			w.quirks(func(q *scim2.Quirks) { q.UnknownAttributes = "ignore" })
			w.do("PATCH", "/Users/"+ann, patch(op("replace", "", object{"unheard": 1}))).want(200)
		}},
		"lenient_schemas": {func(q *scim2.Quirks) { q.LenientSchemas = true }, func(_ *testing.T, w *world) {
			w.do("POST", "/Users", object{"userName": "x"}).want(201)
			w.do("POST", "/.search", object{}).want(200)
		}},
		"lenient_booleans": {func(q *scim2.Quirks) { q.LenientBooleans = true }, func(t *testing.T, w *world) {
			if a := w.do("POST", "/Users", user("x", object{"active": "False"})).want(201); a.get("active") != false {
				t.Error(a.raw)
			}
			w.do("POST", "/Users", user("y", object{"active": "no"})).want(400, "invalidValue")
		}},
		"string_booleans": {func(q *scim2.Quirks) { q.StringBooleans = true }, func(t *testing.T, w *world) {
			_, bob, _ := crew(w)
			if a := w.do("GET", "/Users/"+bob, nil).want(200); a.get("active") != "false" || a.get("emails", 0, "primary") != "true" {
				t.Error(a.raw)
			}
		}},
		"deactivate_on_delete": {func(q *scim2.Quirks) { q.DeactivateOnDelete = true }, func(t *testing.T, w *world) {
			ann, _, team := crew(w)
			w.do("DELETE", "/Users/"+ann, nil).want(204)
			if a := w.do("GET", "/Users/"+ann, nil).want(200); a.get("active") != false || a.get("userName") != "Ann@example.com" {
				t.Error(a.raw)
			}
			w.do("DELETE", "/Groups/"+team, nil).want(204)
			w.do("GET", "/Groups/"+team, nil).want(404)
		}},
	}
}

// A client that believes what it read just after writing is wrong at such a
// service: it would invite twice, or report a member as missing.
func lagQuirks() map[string]quirkTest {
	total := func(w *world) any {
		return w.do("GET", filtered("/Users", `userName eq "new"`), nil).want(200).get("totalResults")
	}
	return map[string]quirkTest{
		"list_lag_ms": {func(q *scim2.Quirks) { q.ListLagMS = 2000 }, func(t *testing.T, w *world) {
			id := w.do("POST", "/Users", user("new")).want(201).text("id")
			w.do("GET", "/Users/"+id, nil).want(200)
			w.advance(1999 * time.Millisecond)
			if got := total(w); got != 0.0 {
				t.Errorf("seen too early: %v", got)
			}
			w.do("POST", "/Users", user("NEW")).want(409, "uniqueness") // it is there all the same
			w.advance(time.Millisecond)
			if got := total(w); got != 1.0 {
				t.Errorf("never seen: %v", got)
			}
		}},
		"lookup_lag_ms": {func(q *scim2.Quirks) { q.LookupLagMS = 2000 }, func(t *testing.T, w *world) {
			id := w.do("POST", "/Users", user("new")).want(201).text("id")
			if got := total(w); got != 1.0 {
				t.Errorf("listed: %v", got)
			}
			w.do("GET", "/Users/"+id, nil).want(404)
			w.do("PATCH", "/Users/"+id, patch(op("replace", "title", "X"))).want(404)
			w.do("POST", "/Groups", group("G", id)).want(400, "invalidValue")
			w.advance(2 * time.Second)
			w.do("GET", "/Users/"+id, nil).want(200)
			w.do("POST", "/Groups", group("G", id)).want(201)
		}},
		"update_lag_ms": {func(q *scim2.Quirks) { q.UpdateLagMS = 2000 }, func(t *testing.T, w *world) {
			ann, bob, team := crew(w)
			without := func(id string) object { return patch(op("remove", `members[value eq "`+id+`"]`)) }
			seen := func() string {
				m, _ := w.do("GET", "/Groups/"+team, nil).want(200).get("members").([]any)
				g, _ := w.do("GET", "/Users/"+ann, nil).want(200).get("groups").([]any)
				return strconv.Itoa(len(m)) + strconv.Itoa(len(g))
			}
			if a := w.do("PATCH", "/Groups/"+team, without(ann)).want(200); len(a.get("members").([]any)) != 1 {
				t.Errorf("the writer does not see it: %s", a.raw)
			}
			w.advance(time.Second)
			w.do("PATCH", "/Groups/"+team, without(bob)).want(200) // works on the truth
			if got := seen(); got != "21" {
				t.Errorf("at once: %s", got)
			}
			w.advance(time.Second)
			if got := seen(); got != "10" {
				t.Errorf("after the first lag: %s", got)
			}
			w.advance(time.Second)
			if got := seen(); got != "00" {
				t.Errorf("in the end: %s", got)
			}
		}},
	}
}

func limitQuirks() map[string]quirkTest {
	return map[string]quirkTest{
		"rate_limits": {func(q *scim2.Quirks) { q.RateLimits, q.RatePerMinute = true, 2 }, func(t *testing.T, w *world) {
			for range 2 {
				w.do("GET", "/Users", nil).want(200)
			}
			a := w.do("GET", "/Users", nil).want(http.StatusTooManyRequests)
			if a.header.Get("Retry-After") != "54" || a.get("status") != "429" {
				t.Errorf("Retry-After %s, %s", a.header.Get("Retry-After"), a.raw)
			}
			w.do("GET", "/Users", nil, "Authorization", "Bearer another").want(401) // its own count
			w.advance(54 * time.Second)
			w.do("GET", "/Users", nil).want(200)
		}},
		"rate_per_minute": {func(q *scim2.Quirks) { q.RateLimits, q.RatePerMinute = true, 1 }, func(_ *testing.T, w *world) {
			w.do("GET", "/Users", nil).want(200)
			w.do("GET", "/Users", nil).want(429)
		}},
		"no_retry_after": {func(q *scim2.Quirks) { q.RateLimits, q.RatePerMinute, q.NoRetryAfter = true, 1, true }, func(t *testing.T, w *world) {
			w.do("GET", "/Users", nil).want(200)
			if a := w.do("GET", "/Users", nil).want(429); a.header.Get("Retry-After") != "" {
				t.Error(a.header)
			}
		}},
	}
}

func TestEveryQuirk(t *testing.T) {
	t.Parallel()
	tests := quirkTests()
	fields := reflect.TypeFor[scim2.Quirks]()
	for i := range fields.NumField() {
		name := fields.Field(i).Tag.Get("json")
		test, ok := tests[name]
		if !ok {
			t.Errorf("%s has no test", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, test.change)
			test.try(t, w)
		})
	}
}

func TestQuirksAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.sim.Quirks()
	for _, patch := range []string{
		`{"filters":"some"}`, `{"members":"x"}`, `{"total_results":"x"}`, `{"unknown_attributes":"x"}`, `{"unknown_members":"x"}`, `{"remove_with_value":"x"}`,
		`{"patch_refusal":500}`, `{"duplicate_status":500}`, `{"max_count":0}`, `{"max_operations":0}`, `{"max_payload":0}`, `{"rate_per_minute":0}`,
		`{"default_count":-1}`, `{"list_lag_ms":-1}`, `{"unheard":true}`, `{`,
	} {
		if err := w.sim.PatchQuirks([]byte(patch)); err == nil {
			t.Errorf("%s was taken", patch)
		}
	}
	if w.sim.Quirks() != before {
		t.Errorf("changed to %+v", w.sim.Quirks())
	}
	if !scim2.New(scim2.Options{Limits: true}).Quirks().RateLimits {
		t.Error("Options.Limits does not switch the limits on")
	}
}

// The admin surface: faults, calls, clock, quirks and state.
func TestAdminSurface(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann, _, _ := crew(w)
	admin := func(method, path, body string) *answer {
		r, err := http.NewRequestWithContext(t.Context(), method, w.srv.URL+"/_sandbox/"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		return send(t, r)
	}
	admin("POST", "faults", `{"match":{"method":"GET","path":"/Users/"},"do":{"status":503}}`).want(201)
	w.do("GET", "/Users/"+ann, nil).want(503)
	w.do("GET", "/Users/"+ann, nil).want(200)
	admin("PATCH", "quirks", `{"numeric_status":true}`).want(200)
	admin("POST", "clock", `{"advance":"1h"}`).want(200)
	if got := w.sim.Now(); !got.Equal(fixedNow().Add(time.Hour)) {
		t.Errorf("now %s", got)
	}
	a := admin("GET", "state", "").want(200)
	var state scim2.State
	if err := json.Unmarshal([]byte(a.raw), &state); err != nil || !reflect.DeepEqual(state, w.sim.State()) {
		t.Errorf("%v: %s", err, a.raw)
	}
	if calls, _ := admin("GET", "calls", "").body.([]any); len(calls) != 2 {
		t.Errorf("calls %v", calls)
	}
}
