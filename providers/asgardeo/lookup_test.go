package asgardeo

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"usher/identity"
	"usher/providers"
	"usher/providers/providertest/scripted"
)

func TestCheckAddress(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, c := range []struct {
		local string
		want  identity.Code
	}{
		{"a", ""}, {"o'brien", ""}, {"plus+tag", ""}, {"a#b&c", ""}, {"ü", ""}, {"and", ""}, {"a%b", ""}, {"a=b", ""},
		{`a"b`, identity.CodeEmailNotDeliverable}, {`a\b`, identity.CodeEmailNotDeliverable}, {"a b", identity.CodeEmailNotDeliverable},
		{"a*", identity.CodeEmailNotDeliverable}, {"a(b", identity.CodeEmailNotDeliverable}, {"a)b", identity.CodeEmailNotDeliverable},
		{"a/b", identity.CodeEmailNotDeliverable}, {"a\tb", identity.CodeEmailNotDeliverable}, {"a\x00b", identity.CodeEmailNotDeliverable},
		{"a\u00a0b", identity.CodeEmailNotDeliverable}, {"a\u200bb", identity.CodeEmailNotDeliverable}, {"a\r\nb", identity.CodeEmailNotDeliverable},
	} {
		err := r.p.CheckAddress(identity.Address{Typed: "x", Local: c.local, Domain: "example.com"})
		if got := identity.CodeOf(err); got != c.want {
			t.Errorf("%q: %v, want %q", c.local, err, c.want)
		}
		if known, ok := err.(*identity.Error); ok && known.Field != "/email" {
			t.Errorf("%q: at %q", c.local, known.Field)
		}
	}
}

// recorder keeps the queries that are sent.
type recorder struct {
	*vendor
	queries []string
}

// RoundTrip implements http.RoundTripper.
func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	r.Lock()
	r.queries = append(r.queries, request.URL.RawQuery)
	r.Unlock()
	return r.vendor.RoundTrip(request)
}

// TestInjection sends addresses built past every check of the house: whatever
// is in them, no filter ever holds more than one comparison with the whole of
// it, and mostly nothing is sent at all.
func TestInjection(t *testing.T) {
	t.Parallel()
	for _, local := range []string{
		`x" and userName sw "a`, `" or `, `a"b`, `*`, `a*`, `x or y`, `x and userName eq a`, `a\"`, `a/b`, `(a)`, "a\nb", `a'b`, `a&filter=x`, `a#`, `a+b`, `%22`,
	} {
		t.Run(local, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.addMember(orgOne, "victim@example.com")
			request := r.request("a@example.com")
			request.Address = identity.Address{Typed: local + "@example.com", Local: local, Domain: "example.com"}
			_, inviteErr := r.p.Invite(t.Context(), request)
			_, findErr := r.p.FindMember(t.Context(), providers.InviteRef{Org: request.Org, Address: request.Address})
			for _, err := range []error{inviteErr, findErr} {
				if code := identity.CodeOf(err); code != "" && code != identity.CodeEmailNotDeliverable && code != identity.CodeNotFound {
					t.Errorf("error %v", err)
				}
			}
			if r.mailed("guest_invitation", "victim@example.com") != 0 {
				t.Error("somebody else was invited")
			}
			for _, bad := range []string{`"`, `\`, "*", " ", "(", "/", "\n"} {
				if strings.Contains(local, bad) && (inviteErr == nil || r.Count("create") > 0 || r.Count("find") > 0) {
					t.Errorf("went to the vendor: %v", r.Calls)
				}
			}
		})
	}
}

// TestFilterText looks at the query itself.
func TestFilterText(t *testing.T) {
	t.Parallel()
	seen := &recorder{}
	r := newRig(t, func(_ *Config, d *providers.Deps) {
		seen.vendor = d.Transport.(*vendor)
		d.Transport = seen
	})
	if _, err := r.p.Invite(t.Context(), r.request("A+b&c#d@Example.com")); err != nil {
		t.Fatal(err)
	}
	want := "filter=emails%20eq%20%22a%2Bb%26c%23d%40example.com%22"
	if got := strings.Join(seen.queries, "\n"); !strings.Contains(got, want) || strings.Contains(got, "+") {
		t.Errorf("queries\n%s\nwant among them %s and no plus", got, want)
	}
}

// TestHostileAnswers: what the vendor, or somebody with an account there,
// makes the look-up answer.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	user := func(userName, email, extra string) string {
		return fmt.Sprintf(`{"id":"u-%s","userName":%q,"emails":[%s]%s}`, strings.ToLower(strings.ReplaceAll(userName, "/", "-")), userName, email, extra)
	}
	const a = `"a@example.com"`
	verified := `,"urn:scim:wso2:schema":{"emailVerified":"true"}`
	older := `,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"emailVerified":true}`
	many := `,"urn:scim:wso2:schema":{"verifiedEmailAddresses":["x@example.com","A@example.com"]}`
	for _, c := range []struct {
		name    string
		byEmail []string
		byName  []string
		total   int
		want    string // id; empty: nobody
		code    identity.Code
	}{
		{"nobody", nil, nil, 0, "", ""},
		{"a total without resources", nil, nil, 1, "", ""},
		{"resources with a total of none", []string{user("DEFAULT/a@example.com", a, "")}, nil, 0, "u-default-a@example.com", ""},
		{"no prefix", []string{user("a@example.com", a, "")}, nil, 1, "u-a@example.com", ""},
		{"another case", []string{user("DEFAULT/A@Example.COM", `"A@EXAMPLE.com"`, "")}, nil, 1, "u-default-a@example.com", ""},
		{"an address as an object", []string{user("DEFAULT/a@example.com", `{"value":"a@example.com","primary":true}`, "")}, nil, 1, "u-default-a@example.com", ""},
		{"somebody else", []string{user("DEFAULT/b@example.com", `"b@example.com"`, verified)}, nil, 1, "", ""},
		{"a wider answer", []string{user("DEFAULT/b@example.com", `"b@example.com"`, ""), user("DEFAULT/a@example.com", a, "")}, nil, 2, "u-default-a@example.com", ""},
		{"a name that only begins so", []string{user("DEFAULT/a@example.com.evil.example", a, "")}, nil, 1, "", ""},
		{"a store in the middle", []string{user("DEFAULT/x/a@example.com", a, "")}, nil, 1, "", ""},
		{"merely carries the address", []string{user("DEFAULT/mallory", a, "")}, nil, 1, "", ""},
		{"unverified", []string{user("DEFAULT/mallory", a, `,"urn:scim:wso2:schema":{"emailVerified":"false"}`)}, nil, 1, "", ""},
		{"verified", []string{user("DEFAULT/ann", a, verified)}, nil, 1, "u-default-ann", ""},
		{"verified, older schema", []string{user("DEFAULT/ann", a, older)}, nil, 1, "u-default-ann", ""},
		{"verified among several", []string{user("DEFAULT/ann", `"x@example.com"`, many)}, nil, 1, "u-default-ann", ""},
		{"verified, but another address", []string{user("DEFAULT/ann", `"x@example.com",{"value":"a@example.com","type":"work"}`, verified)}, nil, 1, "", ""},
		{"two verified", []string{user("DEFAULT/ann", a, verified), user("DEFAULT/bob", a, verified)}, nil, 2, "", identity.CodeConflict},
		{"verified and by name", []string{user("DEFAULT/mallory", a, verified)}, []string{user("DEFAULT/a@example.com", `"new@example.com"`, "")}, 1, "u-default-a@example.com", ""},
		{"verified, and somebody else by name", []string{user("DEFAULT/ann", a, verified)}, []string{user("DEFAULT/aa@example.com", a, "")}, 1, "u-default-ann", ""},
		{"two stores, one ours", []string{user("LDAP/a@example.com", a, ""), user("DEFAULT/a@example.com", a, "")}, nil, 2, "u-default-a@example.com", ""},
		{"two stores, none ours", []string{user("LDAP/a@example.com", a, ""), user("AD/a@example.com", a, "")}, nil, 2, "", identity.CodeConflict},
		{"another store", []string{user("ldap/a@example.com", a, "")}, nil, 1, "u-ldap-a@example.com", ""},
		{"no user name", []string{`{"id":"x","emails":["a@example.com"]}`}, nil, 1, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			page := func(users []string) string {
				if users == nil {
					return fmt.Sprintf(`{"totalResults":%d,"itemsPerPage":0}`, c.total)
				}
				return fmt.Sprintf(`{"totalResults":%d,"Resources":[%s]}`, c.total, strings.Join(users, ","))
			}
			r.Inject(scripted.Mishap{Op: "find", Status: 200, Body: page(c.byEmail)})
			r.Inject(scripted.Mishap{Op: "find", Status: 200, Body: page(c.byName)})
			found, err := r.p.lookUp(t.Context(), "a@example.com", false)
			wantCode(t, err, c.code)
			got := ""
			if found != nil {
				got = found.id
			}
			if got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
			if found != nil && c.name == "another store" && found.domain != "LDAP" {
				t.Errorf("in the store %q", found.domain)
			}
		})
	}
}
