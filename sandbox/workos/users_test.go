package workos_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"usher/sandbox/workos"
)

func TestUserCreatedAndRead(t *testing.T) { // FACTS.md section 8
	t.Parallel()
	w := newWorld(t)
	a := w.want(w.do("POST", users, object{"email": "A+b@Person.example", "first_name": "Änne", "last_name": nil, "name": "Änne B", "email_verified": true,
		"external_id": "crm 7", "metadata": object{"team": "red"}, "password": "long enough!"}), 201)
	for key, want := range map[string]any{"object": "user", "email": "a+b@person.example", "first_name": "Änne", "last_name": nil, "name": "Änne B",
		"email_verified": true, "external_id": "crm 7", "profile_picture_url": nil, "last_sign_in_at": nil, "locale": nil} {
		if got := a.At(key); got != want {
			t.Errorf("%s is %v, want %v", key, got, want)
		}
	}
	if a.Text("metadata", "team") != "red" || len(w.mails.All()) != 0 || a.Has("password") {
		t.Errorf("user %s, %d mails", a.Raw, len(w.mails.All()))
	}
	for _, path := range []string{"/" + a.Text("id"), "/external_id/crm%207"} {
		if got := w.get(users+path, 200).Text("id"); got != a.Text("id") {
			t.Errorf("%s: %s", path, got)
		}
	}
	for query, want := range map[string][]string{
		"?email=" + url.QueryEscape("a+b@person.example"): {a.Text("id")},
		"?email=a+b@person.example":                       {}, // a plus sign is a blank
		"?email=person.example":                           {},
		"?organization_id=" + w.acme:                      {w.boss},
		"?organization=" + w.acme:                         {w.boss},
	} {
		if got := w.get(users+query, 200).Column("data", "id"); !slices.Equal(got, want) {
			t.Errorf("%s: %v", query, got)
		}
	}
	w.refused(w.do("GET", users+"/user_unknown", nil), 404, "entity_not_found")
	w.refused(w.do("GET", users+"/external_id/none", nil), 404, "entity_not_found")
}

func TestUserCreationRefused(t *testing.T) { // FACTS.md sections 2, 8 and 12
	t.Parallel()
	w := newWorld(t)
	w.user("a@person.example", "external_id", "x1")
	long := strings.Repeat("x", 129)
	tests := []struct {
		name   string
		body   object
		status int
		code   string
		reason string // code of the first of errors
	}{
		{"no address", object{}, 422, "invalid_request_parameters", "required"},
		{"bad address", object{"email": "b"}, 422, "invalid_request_parameters", ""},
		{"name as number", object{"email": "b@person.example", "first_name": 1}, 422, "invalid_request_parameters", ""},
		{"external id too long", object{"email": "b@person.example", "external_id": long}, 422, "invalid_request_parameters", ""},
		{"external id not ASCII", object{"email": "b@person.example", "external_id": "ü"}, 422, "invalid_request_parameters", ""},
		{"hash without type", object{"email": "b@person.example", "password_hash": "x"}, 422, "invalid_request_parameters", ""},
		{"md5", object{"email": "b@person.example", "password_hash": "x", "password_hash_type": "md5"}, 422, "invalid_request_parameters", ""},
		{"taken", object{"email": "A@person.example"}, 400, "user_creation_error", "email_not_available"},
		{"taken external id", object{"email": "b@person.example", "external_id": "x1"}, 400, "user_creation_error", "external_id_already_used"},
		{"short password", object{"email": "b@person.example", "password": "short"}, 400, "password_strength_error", "password_too_short"},
		{"password and hash", object{"email": "b@person.example", "password": "long enough!", "password_hash": "x"}, 400, "password_and_password_hash_provided", ""},
		{"password and type", object{"email": "b@person.example", "password": "long enough!", "password_hash_type": "bcrypt"}, 400, "password_and_password_hash_type_provided", ""},
		{"salt without hash", object{"email": "b@person.example", "password_salt_position": "prefix"}, 400, "password_salt_position_requires_password_hash", ""},
		{"bad hash", object{"email": "b@person.example", "password_hash": "x", "password_hash_type": "bcrypt"}, 400, "invalid_password_hash", ""},
		{"metadata value too long", object{"email": "b@person.example", "metadata": object{"k": strings.Repeat("x", 601)}}, 400, "invalid_metadata", ""},
	}
	for _, test := range tests {
		a := w.do("POST", users, test.body)
		w.refused(a, test.status, test.code)
		if test.reason != "" && a.Text("errors", 0, "code") != test.reason {
			t.Errorf("%s: %s", test.name, a.Raw)
		}
	}
	if n := len(w.sim.State().Users); n != 2 {
		t.Errorf("%d users", n)
	}
	// An invited address is taken too: the record is there before the sign-up.
	w.want(w.send("c@person.example"), 201)
	w.refused(w.do("POST", users, object{"email": "c@person.example"}), 400, "user_creation_error")
}

func TestPasswordHashes(t *testing.T) { // FACTS.md section 12
	t.Parallel()
	w := newWorld(t)
	salt := "c2FsdHNhbHQ"
	for n, test := range []struct {
		scheme, hash string
		fine         bool
	}{
		{"bcrypt", "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy", true},
		{"bcrypt", "$2a$10$short", false},
		{"ssha", "{SSHA}MTIzNDU2Nzg5MDEyMzQ1Njc4OTBzYWx0", true},
		{"ssha", "{SSHA}MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=", false}, // no salt
		{"ssha256", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTBzYWx0", true},
		{"scrypt", "$scrypt$v=1$n=16384,r=8,p=1,kl=64$" + salt + "$" + salt, true},
		{"scrypt", "$scrypt$v=1$n=16384,r=8,p=1,kl=64$" + salt + "=$" + salt, false}, // padded
		{"pbkdf2", "$pbkdf2$i=600000,d=sha256$" + salt + "$" + salt, true},
		{"pbkdf2", "$pbkdf2$i=599999,d=sha256$" + salt + "$" + salt, false},
		{"pbkdf2", "$pbkdf2$i=210000,d=sha512$" + salt + "$" + salt, true},
		{"pbkdf2", "$pbkdf2$i=1000001,d=sha512$" + salt + "$" + salt, false},
		{"argon2", "$argon2id$v=19$m=65536,t=3,p=4$" + salt + "$" + salt, true},
		{"argon2", "$argon2id$v=19$m=65536,t=6,p=4$" + salt + "$" + salt, false},
		{"firebase-scrypt", "$firebase-scrypt$hash=a$salt=b$sk=c$ss=d$r=8$m=14", true},
	} {
		a := w.do("POST", users, object{"email": "u" + string(rune('a'+n)) + "@person.example", "password_hash": test.hash, "password_hash_type": test.scheme})
		if test.fine {
			w.want(a, 201)
		} else {
			w.refused(a, 400, "invalid_password_hash")
		}
	}
	w.refused(w.do("POST", users, object{"email": "z@person.example", "password_hash": "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
		"password_hash_type": "bcrypt", "password_salt_position": "prefix"}), 400, "invalid_password_hash")
}

func TestUserChangedAndDeleted(t *testing.T) { // FACTS.md sections 2 and 8
	t.Parallel()
	w := newWorld(t)
	id := w.user("a@person.example", "first_name", "A")
	path := users + "/" + id
	a := w.want(w.do("PUT", path, object{"email": "b@person.example", "last_name": "B", "locale": "de", "external_id": "x", "metadata": nil}), 200)
	if a.Text("email") != "b@person.example" || a.Text("first_name") != "A" || a.Text("last_name") != "B" || a.Text("locale") != "de" {
		t.Errorf("user %s", a.Raw)
	}
	w.user("taken@person.example", "external_id", "y")
	for _, test := range []struct {
		body   object
		status int
		code   string
	}{
		{object{"email": "taken@person.example"}, 400, "email_not_available"},
		{object{"external_id": "y"}, 400, "external_id_already_used"},
		{object{"locale": "xx"}, 400, "invalid_locale"},
		{object{"first_name": nil}, 422, "invalid_request_parameters"},
		{object{"email": "b"}, 422, "invalid_request_parameters"},
		{object{"external_id": nil}, 200, ""},
	} {
		w.refused(w.do("PUT", path, test.body), test.status, test.code)
	}
	w.refused(w.do("PUT", users+"/user_unknown", object{}), 404, "entity_not_found")
	w.sim.AddMember(w.acme, id, "member")
	from := len(w.sim.State().Events)
	if a := w.want(w.do("DELETE", path, nil), 200); a.Raw != "" {
		t.Errorf("deletion answers %q", a.Raw)
	}
	if got := w.events(from); !slices.Equal(got, []string{"organization_membership.deleted", "user.deleted"}) {
		t.Errorf("events %v", got)
	}
	w.refused(w.do("DELETE", path, nil), 404, "entity_not_found")
	w.sim.SetDirectoryManaged(w.bossIn)
	w.refused(w.do("DELETE", users+"/"+w.boss, nil), 409, "user_deletion_not_allowed")
	w.quirks(func(q *workos.Quirks) { q.StubsHidden = true })
	w.want(w.send("stub@person.example"), 201)
	if got := w.get(users+"?email=stub%40person.example", 200).Column("data", "id"); len(got) != 0 {
		t.Errorf("stub is listed: %v", got)
	}
}
