package scim2_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"usher/sandbox/sandboxtest"
	"usher/sandbox/scim2"
)

func bulkOf(operations ...object) object {
	return object{"schemas": []string{messages + "BulkRequest"}, "Operations": operations}
}

func bulkOp(method, path, id string, data any) object {
	o := object{"method": method, "path": path}
	if id != "" {
		o["bulkId"] = id
	}
	if data != nil {
		o["data"] = data
	}
	return o
}

// statuses are the statuses of a bulk answer, in its order.
func (a *answer) statuses() string {
	var all []string
	list, _ := a.get("Operations").([]any)
	for _, o := range list {
		all = append(all, fmt.Sprint(sandboxtest.At(o, "status")))
	}
	return strings.Join(all, " ")
}

func TestBulk(t *testing.T) { // RFC 7644 3.7
	t.Parallel()
	w := newWorld(t)
	old := w.do("POST", "/Users", user("old")).want(201).text("id")
	a := w.do("POST", "/Bulk", bulkOf(
		bulkOp("POST", "/Groups", "g", group("Team", "bulkId:u1", "bulkId:u10")), // waits for both
		bulkOp("post", "/Users", "u1", user("one")),
		bulkOp("POST", "/Users", "u10", user("ten")),
		bulkOp("PATCH", "/Groups/bulkId:g", "", patch(op("remove", `members[value eq "bulkId:u1"]`))),
		bulkOp("PUT", "/Users/"+old, "", user("older")),
		bulkOp("DELETE", "/Users/never", "", nil),
		bulkOp("POST", "/Users", "twin", user("one")),
	)).want(200)
	if got := a.statuses(); got != "201 201 201 200 200 404 409" {
		t.Fatalf("statuses %s: %s", got, a.raw)
	}
	state := w.sim.State()
	if len(state.Groups) != 1 || len(state.Groups[0].Members) != 1 || state.Users[2].UserName != "ten" || state.Groups[0].Members[0] != state.Users[2].ID || state.Users[0].UserName != "older" {
		t.Errorf("state %+v", state)
	}
	if a.get("Operations", 1, "location") != w.srv.URL+"/scim/v2/Users/"+state.Users[1].ID || a.get("Operations", 1, "bulkId") != "u1" || a.get("Operations", 1, "version") != `W/"1"` {
		t.Errorf("row %v", a.get("Operations", 1))
	}
	if a.get("Operations", 6, "response", "scimType") != "uniqueness" || a.get("Operations", 6, "location") != nil {
		t.Errorf("refused row %v", a.get("Operations", 6))
	}
	versioned := bulkOp("DELETE", "/Users/"+old, "", nil)
	versioned["version"] = `W/"1"`
	if got := w.do("POST", "/Bulk", bulkOf(versioned)).want(200).statuses(); got != "412" {
		t.Errorf("version: %s", got)
	}
}

// An error limit stops the rest: what was not reached has no row and is not done.
func TestBulkStopsAtErrors(t *testing.T) { // RFC 7644 3.7.3
	t.Parallel()
	w := newWorld(t)
	request := bulkOf(
		bulkOp("POST", "/Users", "a", user("a")), bulkOp("DELETE", "/Users/never", "", nil),
		bulkOp("POST", "/Users", "b", user("b")), bulkOp("DELETE", "/Groups/never", "", nil), bulkOp("POST", "/Users", "c", user("c")),
	)
	request["failOnErrors"] = 2
	if got := w.do("POST", "/Bulk", request).want(200).statuses(); got != "201 404 201 404" {
		t.Errorf("statuses %s", got)
	}
	if n := len(w.sim.State().Users); n != 2 {
		t.Errorf("%d users", n)
	}
}

func TestBulkRefusals(t *testing.T) { // RFC 7644 3.7.1 and 3.7.4
	t.Parallel()
	w := newWorld(t)
	tests := []struct {
		name string
		ops  []object
		want string
	}{
		{"each other", []object{bulkOp("POST", "/Groups", "a", group("A", "bulkId:b")), bulkOp("POST", "/Groups", "b", group("B", "bulkId:a"))}, "409 409"},
		{"unknown bulkId", []object{bulkOp("POST", "/Groups", "a", group("A", "bulkId:none"))}, "400"},
		{"a failed one", []object{bulkOp("POST", "/Users", "u", user("")), bulkOp("POST", "/Groups", "a", group("A", "bulkId:u"))}, "400 400"},
		{"reading", []object{bulkOp("GET", "/Users", "", nil)}, "400"},
		{"searching", []object{bulkOp("POST", "/Users/.search", "s", object{})}, "400"},
		{"bulk in bulk", []object{bulkOp("POST", "/Bulk", "b", bulkOf())}, "400"},
		{"POST without bulkId", []object{bulkOp("POST", "/Users", "", user("x"))}, "400"},
		{"an unreadable path", []object{bulkOp("DELETE", "/Users/%zz", "", nil)}, "400"},
		{"another method", []object{bulkOp("PUT", "/Users", "", user("x"))}, "405"},
	}
	for _, test := range tests {
		if got := w.do("POST", "/Bulk", bulkOf(test.ops...)).want(200).statuses(); got != test.want {
			t.Errorf("%s: %s", test.name, got)
		}
	}
	if state := w.sim.State(); len(state.Users)+len(state.Groups) != 0 {
		t.Errorf("made %+v", state)
	}
	w.do("POST", "/Bulk", bulkOf()).want(400, "invalidSyntax")
	w.do("POST", "/Bulk", object{"Operations": []object{}}).want(400, "invalidSyntax")
	w.do("POST", "/Bulk", object{"schemas": []string{messages + "BulkRequest"}, "Operations": []string{"x"}}).want(400, "invalidSyntax")
	w.do("POST", "/Bulk", bulkOf(bulkOp("POST", "/Users", "a", user("a")), bulkOp("POST", "/Users", "a", user("b")))).want(400, "invalidValue")
	w.quirks(func(q *scim2.Quirks) { q.MaxOperations = 1 })
	w.do("POST", "/Bulk", bulkOf(bulkOp("DELETE", "/Users/a", "", nil), bulkOp("DELETE", "/Users/b", "", nil))).want(http.StatusRequestEntityTooLarge)
	w.quirks(func(q *scim2.Quirks) { q.MaxPayload = 10 })
	w.do("POST", "/Bulk", bulkOf(bulkOp("DELETE", "/Users/a", "", nil))).want(http.StatusRequestEntityTooLarge)
	w.quirks(func(q *scim2.Quirks) { q.NoBulk = true })
	w.do("POST", "/Bulk", bulkOf()).want(http.StatusNotImplemented)
}
