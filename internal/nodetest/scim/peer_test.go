package scim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"usher/internal/nodetest"
)

const token = "a-token-of-the-test"

// call speaks to the peer and returns its status and body.
func call(t *testing.T, method, address, body, bearer string) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+bearer)
	r.Header.Set("Content-Type", "application/scim+json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatalf("%s %s: %v in %s", method, address, err, raw)
		}
	}
	return res.StatusCode, m
}

// The peer keeps what its head promises: an adapter's test that runs against it
// must be able to rely on it.
func TestPeer(t *testing.T) {
	base := nodetest.Serve(t, "peer.mjs", map[string]string{
		"TOKEN": token,
		"USERS": `[{"id":"ann","userName":"Ann@example.com"}]`, "GROUPS": `[{"id":"team","displayName":"Team","members":[{"value":"ann"}]}]`,
	})
	want := func(method, path, body string, status int, scimType any) map[string]any {
		t.Helper()
		got, m := call(t, method, base+path, body, token)
		if got != status || m["scimType"] != scimType {
			t.Fatalf("%s %s: %d %v, want %d %v", method, path, got, m, status, scimType)
		}
		return m
	}
	if !strings.HasSuffix(base, "/scim/v2") {
		t.Fatalf("serves at %s", base)
	}
	if status, _ := call(t, "GET", base+"/Users", "", "wrong"); status != http.StatusUnauthorized {
		t.Errorf("a wrong token: %d", status)
	}
	ann := want("GET", "/Users/ann", "", 200, nil)
	if groups, _ := ann["groups"].([]any); len(groups) != 1 {
		t.Errorf("groups of the seeded user: %v", ann)
	}
	const user = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":`
	bob := want("POST", "/Users", user+`"bob@example.com","password":"x"}`, 201, nil)
	if bob["password"] != nil || bob["meta"].(map[string]any)["location"] != base+"/Users/"+bob["id"].(string) {
		t.Errorf("made %v", bob)
	}
	want("POST", "/Users", user+`"BOB@example.com"}`, 409, "uniqueness")
	const patch = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`
	id := bob["id"].(string)
	team := want("PATCH", "/Groups/team", patch+`{"op":"add","path":"members","value":[{"value":"`+id+`"}]}]}`, 200, nil)
	if members, _ := team["members"].([]any); len(members) != 2 {
		t.Errorf("members %v", team)
	}
	want("PATCH", "/Groups/team", patch+`{"op":"add","path":"members","value":[{"value":"nobody"}]}]}`, 400, "invalidValue")
	want("PATCH", "/Groups/team", patch+`{"op":"remove","path":"members[value eq \"ann\"]"}]}`, 200, nil)
	page := want("GET", "/Users?startIndex=2&count=1&filter="+url.QueryEscape(`userName co "example"`), "", 200, nil)
	if rows, _ := page["Resources"].([]any); page["totalResults"] != 2.0 || len(rows) != 1 {
		t.Errorf("page %v", page)
	}
	want("DELETE", "/Users/"+id, "", 204, nil)
	want("GET", "/Users/"+id, "", 404, nil)
	if team := want("GET", "/Groups/team", "", 200, nil); strings.Contains(strings.Join(keys(team), " "), id) {
		t.Errorf("who was deleted is still a member: %v", team)
	}
	http.DefaultClient.CloseIdleConnections()
}

func keys(group map[string]any) (ids []string) {
	members, _ := group["members"].([]any)
	for _, m := range members {
		id, _ := m.(map[string]any)["value"].(string)
		ids = append(ids, id)
	}
	return ids
}
