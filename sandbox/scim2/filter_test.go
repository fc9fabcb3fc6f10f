package scim2_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// people are three users: ann with everything, Bob with little, zoë between.
func people(w *world) (ids map[string]string) {
	w.t.Helper()
	ids = map[string]string{}
	for _, u := range []object{
		user("ann@example.com", object{
			"schemas": []string{userSchema, enterprise}, "externalId": "E1", "displayName": "Ann", "title": "Guide", "active": true, "userType": "Employee",
			"name":   object{"familyName": "O'Malley", "givenName": `A "the" \ B`},
			"emails": []object{{"value": "ann@example.com", "type": "work", "primary": true}, {"value": "ann@home.example", "type": "home"}},
			"ims":    []object{{"value": "ann@foo.com", "type": "xmpp"}}, "x509Certificates": []object{{"value": "QUJD"}},
			enterprise: object{"department": "Tours"},
		}),
		user("Bob@example.com", object{"active": false, "userType": "Intern", "emails": []object{{"value": "bob@example.org", "type": "home"}}}),
		user("zoë@example.com", object{"displayName": "Zoë", "userType": "Intern", "emails": []object{{"value": "zoe@example.com", "type": "home", "primary": true}, {"value": "z@work.example", "type": "work"}}}),
	} {
		a := w.do("POST", "/Users", u).want(http.StatusCreated)
		ids[strings.SplitN(a.text("userName"), "@", 2)[0]] = a.text("id")
		w.advance(time.Hour)
	}
	return ids
}

func TestFilters(t *testing.T) { // RFC 7644 3.4.2.2
	t.Parallel()
	w := newWorld(t)
	ids := people(w)
	const all = "ann Bob zoë"
	tests := []struct{ filter, want string }{
		// Operators.
		{`userName eq "ann@example.com"`, "ann"},
		{`userName ne "ann@example.com"`, "Bob zoë"},
		{`userName co "o"`, all},
		{`userName sw "B"`, "Bob"},
		{`userName ew "example.com"`, all},
		{`title pr`, "ann"},
		{`not (title pr)`, "Bob zoë"},
		{`userName gt "bob@example.com"`, "zoë"},
		{`userName ge "bob@example.com"`, "Bob zoë"},
		{`userName lt "bob@example.com"`, "ann"},
		{`userName le "bob@example.com"`, "ann Bob"},
		// Types.
		{`active eq true`, "ann"},
		{`active eq False`, "Bob"},
		{`active ne true`, "Bob zoë"},
		{`meta.created gt "2031-03-04T05:06:07Z"`, "Bob zoë"},
		{`meta.created ge "2031-03-04T06:06:07+01:00"`, all},
		{`meta.lastModified eq "2031-03-04T05:06:07Z"`, "ann"},
		{`meta.resourceType eq "User"`, all},
		{`x509Certificates.value eq "QUJD"`, "ann"},
		// Case: of names never, of values as the schema says.
		{`USERNAME EQ "ANN@EXAMPLE.COM"`, "ann"},
		{`externalId eq "e1"`, ""},
		{`externalId eq "E1"`, "ann"},
		{`x509Certificates.value eq "qujd"`, ""},
		// Lists and objects.
		{`emails co "example.org"`, "Bob"},
		{`emails.value eq "ann@home.example"`, "ann"},
		{`emails.type eq "work"`, "ann zoë"},
		{`emails ne "bob@example.org"`, "ann zoë"},
		{`name.familyName co "o'mal"`, "ann"},
		{`name pr`, "ann"},
		{`schemas eq "` + enterprise + `"`, "ann"},
		{`groups pr`, ""},
		// Logic: and binds more than or, not more than and.
		{`userType eq "Intern" and active eq false`, "Bob"},
		{`title pr or userType eq "Intern" and active eq false`, "ann Bob"},
		{`(title pr or userType eq "Intern") and active eq false`, "Bob"},
		{`userType eq "Intern" and not (active eq false)`, "zoë"},
		{`userName pr and userType pr and displayName pr and title pr`, "ann"},
		// Value paths: one value has to match the whole.
		{`emails.type eq "work" and emails.primary eq true`, "ann zoë"},
		{`emails[type eq "work" and primary eq true]`, "ann"},
		{`emails[type eq "home" and value co "example" and primary eq true]`, "zoë"},
		{`emails[type eq "work" and (value co "work." or value co "nothing")]`, "zoë"},
		{`emails[not (type eq "home") and value pr]`, "ann zoë"},
		{`emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]`, "ann"},
		{`userType eq "Intern" and emails[type eq "work" or type eq "other"]`, "zoë"},
		// Names in full.
		{userSchema + `:userName sw "a"`, "ann"},
		{userSchema + `:name.familyName pr`, "ann"},
		{enterprise + `:department eq "tours"`, "ann"},
		{enterprise + ` pr`, "ann"},
		// Strings: quotes, escapes, brackets and words are data in them.
		{`name.givenName eq "A \"the\" \\ B"`, "ann"},
		{`userName eq "zo\u00eb@example.com"`, "zoë"},
		{`userName eq "zoë@example.com"`, "zoë"},
		{`userName eq "ann@example.com\" or userName pr or userName eq \""`, ""},
		{`userName eq "a[b]" or displayName eq "x and y"`, ""},
		{`emails[value eq "]" or value eq "bob@example.org"]`, "Bob"},
		{`userName eq "*"`, ""},
		// Null is unassigned; an attribute nobody has heard of has no value.
		{`title eq null`, "Bob zoë"},
		{`title ne null`, "ann"},
		{`unheard eq "x"`, ""},
		{`unheard pr or userName sw "a"`, "ann"},
		{`unheard ne "x"`, all},
		{`unheard[type eq "x"]`, ""},
		{`  userName   eq   "ann@example.com"  `, "ann"},
		{`id eq "` + ids["Bob"] + `"`, "Bob"},
		{`id eq "` + strings.ToUpper(ids["Bob"]) + `"`, ""},
	}
	for _, test := range tests {
		names := strings.ReplaceAll(strings.ReplaceAll(w.do("GET", filtered("/Users", test.filter), nil).want(200).each("userName"), "@example.com", ""), "@", "")
		if names != test.want {
			t.Errorf("%s: found %q, want %q", test.filter, names, test.want)
		}
		search := object{"schemas": []string{messages + "SearchRequest"}, "filter": test.filter}
		if got := w.do("POST", "/Users/.search", search).want(200).get("totalResults"); int(got.(float64)) != len(strings.Fields(test.want)) {
			t.Errorf("search %s: %v", test.filter, got)
		}
	}
}

// A filter that is not understood must never find everybody.
func TestFiltersThatAreRefused(t *testing.T) { // RFC 7644 3.12, invalidFilter
	t.Parallel()
	w := newWorld(t)
	people(w)
	for _, f := range []string{
		`userName`, `userName eq`, `userName eq ann`, `userName is "x"`, `userName eq "x`, `eq "x"`, `userName eq "x" and`, `userName eq "x" "y"`,
		`(userName pr`, `userName pr)`, `not userName pr`, `userName pr userName pr`, `emails[type eq "work"`, `emails[]`, `emails[type eq "work"].value eq "x"`,
		`emails[ims[type eq "x"]]`, `userName[value eq "x"]`, `emails.value[type eq "x"]`,
		`userName eq 5`, `userName eq true`, `active eq "true"`, `active gt true`, `active co true`, `x509Certificates.value gt "QUJD"`,
		`meta.created gt "yesterday"`, `meta.created co "2031-03-04T05:06:07Z"`, `name eq "x"`, `title gt null`, `password eq "x"`, enterprise + ` eq "x"`,
		`userName eq "\x"`, `userName eq "` + strings.Repeat("x", 9000) + `"`,
	} {
		w.do("GET", filtered("/Users", f), nil).want(400, "invalidFilter")
	}
}

func TestSearchOverAll(t *testing.T) { // RFC 7644 3.4.2.1 and 3.4.3
	t.Parallel()
	w := newWorld(t)
	ids := people(w)
	w.do("POST", "/Groups", group("Annex", ids["ann"])).want(201)
	request := func(more object) object {
		more["schemas"] = []string{messages + "SearchRequest"}
		return more
	}
	find := func(f string) string {
		return w.do("POST", "/.search", request(object{"filter": f})).want(200).each("meta", "resourceType")
	}
	for f, want := range map[string]string{
		`displayName sw "ann"`: "User Group",
		`userName pr`:          "User User User",
		`members pr`:           "Group",
		`members.value eq "` + ids["ann"] + `" or title pr`: "User Group",
		`meta.resourceType eq "Group" or userName sw "bob"`: "User Group",
		`not (userName pr)`:                                     "Group",
		`emails[type eq "work"] and displayName co "n"`:         "User",
		groupSchema + `:displayName pr or name.familyName pr`:   "User Group",
		userSchema + `:displayName pr and externalId eq "none"`: "",
	} {
		if got := find(f); got != want {
			t.Errorf("%s: %q, want %q", f, got, want)
		}
	}
	if got := w.do("GET", "?"+url.Values{"filter": {`displayName pr`}, "attributes": {"displayName"}}.Encode(), nil).want(200).each("displayName"); got != "Ann Zoë Annex" {
		t.Errorf("GET of the root: %q", got)
	}
	page := w.do("POST", "/.search", request(object{"sortBy": "displayName", "sortOrder": "descending", "startIndex": 2, "count": 2, "excludedAttributes": []string{"meta"}})).want(200)
	if got := page.each("displayName"); got != "Zoë Annex" || page.get("totalResults") != 4.0 || page.get("Resources", 0, "meta") != nil {
		t.Errorf("page %q %v", got, page.raw)
	}
	for name, bad := range map[string]object{
		"no schemas": {}, "filter": request(object{"filter": 5}), "attributes": request(object{"attributes": "userName"}),
		"mixed": request(object{"attributes": []any{1}}), "count": request(object{"count": "2"}), "half": request(object{"startIndex": 1.5}),
	} {
		if a := w.do("POST", "/Users/.search", bad); a.status != 400 || a.get("scimType") != "invalidSyntax" {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	w.do("POST", "/.search", request(object{"sortOrder": "up"})).want(400, "invalidValue")
}

func TestSortAndPages(t *testing.T) { // RFC 7644 3.4.2.3 and 3.4.2.4
	t.Parallel()
	w := newWorld(t)
	people(w)
	tests := []struct{ query, want, numbers string }{
		{"", "ann Bob zoë", "3 1 3"},
		{"sortBy=userName", "ann Bob zoë", "3 1 3"},
		{"sortBy=userName&sortOrder=descending", "zoë Bob ann", "3 1 3"},
		{"sortBy=displayName", "ann zoë Bob", "3 1 3"}, // who has none comes last
		{"sortBy=displayName&sortOrder=descending", "Bob zoë ann", "3 1 3"},
		{"sortBy=emails", "ann Bob zoë", "3 1 3"}, // by the primary address
		{"sortBy=emails.value&sortOrder=descending", "zoë Bob ann", "3 1 3"},
		{"sortBy=emails.type", "Bob zoë ann", "3 1 3"},
		{"sortBy=active", "Bob ann zoë", "3 1 3"},
		{"sortBy=name.familyName", "ann Bob zoë", "3 1 3"},
		{"sortBy=meta.created&sortOrder=descending", "zoë Bob ann", "3 1 3"},
		{"sortBy=" + enterprise + ":department", "ann Bob zoë", "3 1 3"},
		{"startIndex=2", "Bob zoë", "3 2 2"},
		{"startIndex=2&count=1", "Bob", "3 2 1"},
		{"startIndex=0&count=1", "ann", "3 1 1"},
		{"startIndex=-5&count=1", "ann", "3 1 1"},
		{"startIndex=9", "", "3 9 0"},
		{"count=0", "", "3 1 0"},
		{"count=-1", "", "3 1 0"},
		{"count=100000", "ann Bob zoë", "3 1 3"},
		{"filter=emails.type%20eq%20%22work%22&count=1", "ann", "2 1 1"},
	}
	for _, test := range tests {
		a := w.do("GET", "/Users?"+test.query, nil).want(200)
		names := strings.ReplaceAll(a.each("userName"), "@example.com", "")
		if numbers := a.text("totalResults") + " " + a.text("startIndex") + " " + a.text("itemsPerPage"); names != test.want || numbers != test.numbers {
			t.Errorf("%s: %q %s, want %q %s", test.query, names, numbers, test.want, test.numbers)
		}
	}
	for _, query := range []string{"count=x", "startIndex=1.5", "startIndex=", "sortOrder=up"} {
		w.do("GET", "/Users?"+query, nil).want(400, "invalidValue")
	}
	for _, query := range []string{"sortBy=unheard", "sortBy=name", "sortBy=" + enterprise, "sortBy=a%20b"} {
		w.do("GET", "/Users?"+query, nil).want(400, "invalidPath")
	}
}
