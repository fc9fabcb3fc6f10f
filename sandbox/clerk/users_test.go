package clerk_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/sandbox/clerk"
)

const digest = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"

func newUser(address string, more ...any) m {
	out := m{"email_address": []string{address}, "skip_password_requirement": true}
	for i := 0; i+1 < len(more); i += 2 {
		out[more[i].(string)] = more[i+1]
	}
	return out
}

func TestCreateUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.post("/v1/users", newUser("First@Example.com", "email_address", []string{"First@Example.com", "second@example.com"},
		"email_address_identification_status", []string{"verified", "reserved"}, "external_id", "x-1", "first_name", "Ä", "username", "Name",
		"created_at", "2020-01-02T03:04:05Z", "public_metadata", m{"n": 12345678901234567}, "banned", true, "locked", true, "create_organizations_limit", 0))
	for name, want := range map[string]any{
		"object": "user", "external_id": "x-1", "first_name": "Ä", "last_name": nil, "username": "name", "password_enabled": false, "banned": true, "locked": true,
		"lockout_expires_in_seconds": 3600, "created_at": 1577934245000, "updated_at": start.UnixMilli(), "create_organizations_limit": 0, "last_sign_in_at": nil,
		"primary_email_address_id": a.At("email_addresses", 0, "id"), "private_metadata": m{},
	} {
		same(t, name, a.At(name), want)
	}
	same(t, "addresses", column(a.List("email_addresses"), "email_address"), []string{"first@example.com", "second@example.com"})
	same(t, "reserved", []any{a.At("email_addresses", 0, "reserved"), a.At("email_addresses", 1, "reserved"), a.At("email_addresses", 1, "verification")}, []any{false, true, nil})
	if !strings.Contains(a.Raw, "12345678901234567") {
		t.Error("a long number in metadata is rounded")
	}
	if len(w.mails.All()) != 0 {
		t.Error("creating a user sent a mail")
	}
}

func TestCreateUserRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.post("/v1/users", newUser("taken@example.com", "external_id", "x-1", "username", "taken"))
	tests := []struct {
		name  string
		body  m
		code  string
		param string
	}{
		{"unknown parameter", newUser("a@example.com", "role", "x"), "form_param_unknown", "role"},
		{"phone numbers are off", newUser("a@example.com", "phone_number", []string{"+15550100000"}), "form_param_unknown", "phone_number"},
		{"one address", m{"email_address": "a@example.com"}, "form_param_type_invalid", "email_address"},
		{"no address", m{"skip_password_requirement": true}, "form_data_missing", ""},
		{"no password", m{"email_address": []string{"a@example.com"}}, "form_data_missing", ""},
		{"address", newUser("none"), "form_param_format_invalid", "email_address"},
		{"taken address", newUser("Taken@example.com"), "form_identifier_exists", "email_address"},
		{"address twice", newUser("", "email_address", []string{"a@example.com", "A@example.com"}), "form_identifier_exists", "email_address"},
		{"taken external id", newUser("a@example.com", "external_id", "x-1"), "form_identifier_exists", "external_id"},
		{"taken username", newUser("a@example.com", "username", "TAKEN"), "form_identifier_exists", "username"},
		{"statuses", newUser("a@example.com", "email_address_identification_status", []string{"verified", "verified"}), "form_param_value_invalid", "email_address_identification_status"},
		{"status", newUser("a@example.com", "email_address_identification_status", []string{"unverified"}), "form_param_value_invalid", "email_address_identification_status"},
		{"time", newUser("a@example.com", "created_at", "yesterday"), "form_param_format_invalid", "created_at"},
		{"time as number", newUser("a@example.com", "created_at", 1577934245000), "form_param_type_invalid", "created_at"},
		{"short password", newUser("a@example.com", "password", "short"), "form_password_length_too_short", "password"},
		{"pwned password", newUser("a@example.com", "password", "Password123"), "form_password_pwned", "password"},
		{"digest without hasher", newUser("a@example.com", "password_digest", digest), "form_param_missing", "password_hasher"},
		{"unknown hasher", newUser("a@example.com", "password_digest", digest, "password_hasher", "rot13"), "form_param_value_invalid", "password_hasher"},
		{"digest of another hasher", newUser("a@example.com", "password_digest", digest, "password_hasher", "argon2id"), "form_password_digest_invalid_code", "password_digest"},
		{"both", newUser("a@example.com", "password", "long-enough-1", "password_digest", digest, "password_hasher", "bcrypt"), "form_param_value_invalid", "password_digest"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w.t = t
			a := w.refused(w.do("POST", "/v1/users", test.body), 422, test.code)
			same(t, "param", a.Text("errors", 0, "meta", "param_name"), test.param)
		})
	}
	w.t = t
	same(t, "users", w.get("/v1/users/count").Number("total_count"), 4)
	w.post("/v1/users", m{"skip_user_requirement": true, "skip_password_requirement": true})
	w.post("/v1/users", newUser("short@example.com", "password", "short", "skip_password_checks", true))
	w.post("/v1/users", m{"email_address": []string{"digest@example.com"}, "password_digest": digest, "password_hasher": "bcrypt"})
	w.quirks(func(q *clerk.Quirks) { q.PasswordRequired = false })
	w.post("/v1/users", m{"email_address": []string{"free@example.com"}})
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	id := w.post("/v1/users", newUser("a@example.com")).Text("id")
	verify := "/v1/users/" + id + "/verify_password"
	w.refused(w.do("POST", verify, m{"password": "x"}), 400, "password_not_set")
	same(t, "enabled", w.want(w.do("PATCH", "/v1/users/"+id, m{"password": "long-enough-1"}), 200).At("password_enabled"), true)
	w.refused(w.do("POST", verify, m{"password": "x"}), 422, "incorrect_password")
	w.refused(w.do("POST", verify, nil), 422, "form_param_missing")
	w.post(verify, m{"password": "long-enough-1"})
	w.want(w.do("PATCH", "/v1/users/"+id, m{"password_digest": digest, "password_hasher": "bcrypt"}), 200)
	w.refused(w.do("POST", verify, m{"password": digest}), 422, "incorrect_password")
	w.refused(w.do("POST", "/v1/users/none/verify_password", m{"password": "x"}), 404, "resource_not_found")
}

func TestUpdateUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	id := w.post("/v1/users", newUser("a@example.com", "external_id", "x-1", "username", "name", "public_metadata", m{"keep": m{"a": 1, "b": 2}, "drop": 1})).Text("id")
	path := "/v1/users/" + id
	a := w.want(w.do("PATCH", path, m{"first_name": "New", "username": nil, "external_id": "x-1", "delete_self_enabled": false}), 200)
	same(t, "changed", []any{a.At("first_name"), a.At("username"), a.At("external_id"), a.At("delete_self_enabled")}, []any{"New", nil, "x-1", false})
	w.refused(w.do("PATCH", path, m{"username": "memb"}), 422, "form_identifier_exists")
	w.refused(w.do("PATCH", path, m{"email_address": []string{"b@example.com"}}), 422, "form_param_unknown")
	w.refused(w.do("PATCH", path, m{"primary_email_address_id": "idn_none"}), 404, "resource_not_found")
	merged := w.want(w.do("PATCH", path+"/metadata", m{"public_metadata": m{"keep": m{"b": nil, "c": m{"d": nil, "e": 1}}, "drop": nil}}), 200)
	same(t, "merged", merged.At("public_metadata"), m{"keep": m{"a": 1, "c": m{"e": 1}}})
	replaced := w.want(w.do("PUT", path+"/metadata", m{"public_metadata": m{"x": nil}, "unsafe_metadata": nil}), 200)
	same(t, "replaced", []any{replaced.At("public_metadata"), replaced.At("unsafe_metadata"), replaced.At("private_metadata")}, []any{m{"x": nil}, nil, m{}})
	w.refused(w.do("PATCH", path+"/metadata", m{"public_metadata": nil}), 422, "form_param_nil")
	w.refused(w.do("PATCH", path+"/metadata", m{"public_metadata": 1}), 422, "form_param_type_invalid")
	for _, method := range []string{"GET", "PATCH", "DELETE"} {
		w.refused(w.do(method, "/v1/users/user_none", nil), 404, "resource_not_found")
	}
	for _, deed := range []string{"ban", "unban", "lock", "unlock"} {
		w.refused(w.do("POST", "/v1/users/user_none/"+deed, nil), 404, "resource_not_found")
	}
	w.refused(w.do("PUT", "/v1/users/user_none/metadata", m{}), 404, "resource_not_found")
	same(t, "locked", w.post(path+"/lock", nil).At("locked"), true)
	w.advance(time.Hour)
	same(t, "lock has run out", w.get(path).At("locked"), false)
	same(t, "banned", column(w.post("/v1/users/ban", m{"user_ids": []string{id, w.outside}}).List(), "id"), []string{id, w.outside})
	same(t, "banned by filter", w.get("/v1/users/count?banned=true").Number("total_count"), 2)
	w.refused(w.do("POST", "/v1/users/ban", m{"user_ids": []string{id, "user_none"}}), 404, "resource_not_found")
	w.refused(w.do("POST", "/v1/users/ban", m{"user_ids": []string{}}), 422, "form_param_value_invalid")
	w.refused(w.do("POST", "/v1/users/unban", m{}), 422, "form_param_missing")
}

func TestDeleteUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	id := w.post("/v1/users", newUser("a@example.com", "external_id", "x-1")).Text("id")
	other := w.sim.AddOrganization(clerk.Org{Name: "Other"})
	invited := w.post("/v1/organizations/"+other+"/invitations", invitation("a@example.com")).Text("id")
	w.post(w.org("/memberships"), m{"user_id": id, "role": "org:member"})
	same(t, "deleted", w.want(w.do("DELETE", "/v1/users/"+id, nil), 200).JSON, m{"object": "user", "id": id, "deleted": true, "external_id": "x-1"})
	w.refused(w.do("GET", "/v1/users/"+id, nil), 404, "resource_not_found")
	same(t, "members", w.get(w.org("/memberships")).Number("total_count"), 2)
	status := func() string { return w.get("/v1/organizations/" + other + "/invitations/" + invited).Text("status") }
	same(t, "invitation", status(), "pending")
	again := w.post("/v1/users", newUser("a@example.com")).Text("id")
	if again == id {
		t.Error("the id came back")
	}
	w.quirks(func(q *clerk.Quirks) { q.UserDeletionRevokes = true })
	w.want(w.do("DELETE", "/v1/users/"+again, nil), 200)
	same(t, "invitation", status(), "revoked")
}

func TestEmailAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	add := func(body m) answer { return w.do("POST", "/v1/email_addresses", body) }
	loose := w.want(add(m{"user_id": w.outside, "email_address": "Loose@example.com"}), 200)
	same(t, "unverified", []any{loose.At("verification"), loose.At("email_address")}, []any{nil, "loose@example.com"})
	w.want(add(m{"user_id": w.member, "email_address": "loose@example.com", "verified": true}), 200)
	w.refused(w.do("PATCH", "/v1/email_addresses/"+loose.Text("id"), m{"verified": true}), 409, "conflict")
	w.refused(add(m{"user_id": w.outside, "email_address": "boss@example.com"}), 422, "form_identifier_exists")
	w.refused(add(m{"user_id": "none", "email_address": "x@example.com"}), 404, "resource_not_found")
	w.refused(add(m{"user_id": w.outside, "email_address": "none"}), 422, "form_param_format_invalid")
	w.refused(add(m{"email_address": "x@example.com"}), 422, "form_param_missing")
	second := w.want(add(m{"user_id": w.outside, "email_address": "second@example.com", "verified": true, "primary": true}), 200).Text("id")
	same(t, "primary", w.get("/v1/users/"+w.outside).Text("primary_email_address_id"), second)
	w.refused(w.do("PATCH", "/v1/users/"+w.outside, m{"primary_email_address_id": loose.Text("id")}), 404, "resource_not_found")
	w.want(w.do("DELETE", "/v1/email_addresses/"+second, nil), 200)
	w.refused(w.do("GET", "/v1/email_addresses/"+second, nil), 404, "resource_not_found")
	user := w.get("/v1/users/" + w.outside)
	same(t, "next primary", user.Text("primary_email_address_id"), user.Text("email_addresses", 0, "id"))
	replace := "/v1/users/" + w.outside + "/email_address"
	w.refused(w.do("PUT", replace, m{"email_address": "boss@example.com"}), 422, "form_identifier_exists")
	same(t, "kept", len(w.get("/v1/users/"+w.outside).List("email_addresses")), 2)
	w.want(w.do("PUT", replace, m{"email_address": "outside@example.com", "identification_status": "reserved"}), 200)
	same(t, "replaced", column(w.get("/v1/users/"+w.outside).List("email_addresses"), "email_address"), []string{"outside@example.com"})
	w.refused(w.do("PUT", replace, m{"email_address": "x@example.com", "identification_status": "x"}), 422, "form_param_value_invalid")
}

func TestListUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for i := range 12 {
		w.advance(time.Second)
		w.post("/v1/users", newUser(fmt.Sprintf("u%02d@example.com", i), "external_id", fmt.Sprintf("x%d", i), "first_name", "Anna", "last_name", fmt.Sprintf("L%d", 20-i)))
	}
	u := w.get("/v1/users?email_address=u03%40example.com").Text(0, "id")
	w.want(w.do("POST", "/v1/email_addresses", m{"user_id": u, "email_address": "other@example.com", "verified": true}), 200)
	milli := func(n int) string { return fmt.Sprint(start.Add(time.Duration(n) * time.Second).UnixMilli()) }
	tests := []struct {
		query string
		want  int
	}{
		{"", 15},
		{"email_address=u03%40example.com&email_address=U04%40example.com&email_address=none%40example.com", 2},
		{"email_address=other%40example.com", 1},
		{"email_address=none%40example.com", 0},
		{"email_address=a+b%40example.com", 0},
		{"external_id=x1&external_id=x2", 2},
		{"external_id=-x1&external_id=-x2", 13},
		{"user_id=%2B" + u, 1},
		{"user_id=+" + u, 0},
		{"user_id=-" + u, 14},
		{"organization_id=" + w.acme, 2},
		{"organization_id=-" + w.acme, 13},
		{"username=memb", 1},
		{"phone_number=%2B15550100000", 0},
		{"email_address_query=U1", 2},
		{"username_query=EM", 1},
		{"name_query=anna+l9", 1},
		{"query=ANNA+L", 12}, // with a blank, which no id has: query matches parts of ids as well
		{"query=" + u, 1},
		{"banned=false", 15},
		{"created_at_after=" + milli(10), 2},
		{"created_at_before=" + milli(1), 3},
		{"last_sign_in_at_after=0", 0},
	}
	for _, test := range tests {
		list, count := w.get("/v1/users?limit=500&"+test.query), w.get("/v1/users/count?"+test.query)
		if len(list.List()) != test.want || count.Number("total_count") != int64(test.want) {
			t.Errorf("%q: %d listed, %d counted, want %d", test.query, len(list.List()), count.Number("total_count"), test.want)
		}
	}
	same(t, "default page", len(w.get("/v1/users").List()), 10)
	same(t, "newest first", w.get("/v1/users?limit=1").Text(0, "external_id"), "x11")
	same(t, "by name", w.get("/v1/users?order_by=-last_name&limit=1&name_query=anna").Text(0, "external_id"), "x11")
	same(t, "by name, up", w.get("/v1/users?order_by=last_name&limit=1&email_address_query=u0").Text(0, "external_id"), "x9")
	var walked []string
	for after := ""; ; {
		page := column(w.get("/v1/users?limit=4&starting_after="+after).List(), "id")
		walked = append(walked, page...)
		if len(page) < 4 {
			break
		}
		after = page[3]
	}
	same(t, "walked", walked, column(w.get("/v1/users?limit=500").List(), "id"))
	many := url.Values{}
	for i := range 101 {
		many.Add("email_address", fmt.Sprint(i))
	}
	for _, bad := range []string{"starting_after=" + u + "&order_by=username", "starting_after=" + u + "&offset=1", "starting_after=none", "order_by=age", "limit=501",
		"banned=yes", "created_at_after=x", many.Encode()} {
		w.want(w.do("GET", "/v1/users?"+bad, nil), 422)
	}
	w.get("/v1/users?starting_after=" + u + "&order_by=%2Bcreated_at&offset=0")
	w.quirks(func(q *clerk.Quirks) { q.ExactAddressFilter = true })
	if slices.Contains(column(w.get("/v1/users?email_address=U03%40example.com").List(), "id"), u) {
		t.Error("the case of the filter is not minded")
	}
}
