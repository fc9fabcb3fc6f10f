package oidc

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/identity"
)

// Both kinds of session are people's, and go to /me as the cookie of the right
// name and nowhere else.
func TestNileSessions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ origin, cookie, secure string }{
		{"https://app.example.com", "__Secure-nile.session-token", "true"},
		{"http://localhost:3000", "nile.session-token", "false"},
	} {
		clock := newClock()
		n := newAskedNile(t, clock)
		north, south := n.sim.AddTenant("North"), n.sim.AddTenant("South")
		id := n.person("ada@example.com", north, south)
		c := n.config("nile")
		c.Session.Origin, c.Session.URL = tt.origin, n.url+"/"
		a := open(t, &Options{Now: clock.Now, Trust: map[string][]string{"nile": {"one", "two"}}}, c)
		for i, session := range []string{n.sim.MagicSession(id), n.signIn("ada@example.com").session()} {
			got := accepted(t, a, Origin{}, session)
			want := &Principal{
				Issuer: n.url, Subject: id, Token: session, Roles: []string{"member"}, Permissions: granted(identity.InvitesRead),
				Access:  identity.Access{Claimed: append(aliases(north, "one"), append(aliases(south, "one"), append(aliases(north, "two"), aliases(south, "two")...)...)...)},
				Expires: clock.Now().Add(introspectFor),
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("principal is\n%+v\nwant\n%+v", got, want)
			}
			n.wantInquiries(int64(i + 1))
			r := n.asked()
			if r.Method != http.MethodGet || r.URL.RequestURI() != "/v2/databases/01000000-0000-7000-8000-000000000000/me" || r.ContentLength > 0 ||
				!slices.Equal(r.Header.Values("Cookie"), []string{tt.cookie + "=" + session}) ||
				r.Header.Get("nile-origin") != tt.origin || r.Header.Get("nile-secure-cookies") != tt.secure || r.Header.Get("Authorization") != "" {
				t.Errorf("asked with %s %s %v", r.Method, r.URL, r.Header)
			}
		}
		// The session of somebody who is a member of nothing leads nowhere.
		if p := accepted(t, a, Origin{}, n.sim.MagicSession(n.person("eve@example.com"))); p != nil && len(p.Access.Claimed) > 0 {
			t.Errorf("access is %+v", p.Access)
		}
	}
}

// Users of Nile may say of themselves that their address is verified, so it is
// proven only where the operator says that they cannot.
func TestNileEmails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		trust    bool
		verified string
		want     string
	}{
		{true, `"2026-11-21T02:15:25.034Z"`, "ada@example.com"},
		{true, "null", ""},
		{true, `""`, ""},
		{true, `"false"`, ""},
		{true, "false", ""},
		{true, "true", ""}, // not what Nile answers
		{false, `"2026-11-21T02:15:25.034Z"`, ""},
	} {
		n := newAskedNile(t, newClock())
		n.handle(text(`{"id":"u","email":"ada@example.com","emailVerified":` + tt.verified + `,"tenants":[]}`))
		c := n.config("nile")
		c.Session.TrustEmails = tt.trust
		a := open(t, &Options{Trust: map[string][]string{"nile": {"one"}}}, c)
		if p := accepted(t, a, Origin{}, madeUp(1)); p != nil && p.Email != tt.want {
			t.Errorf("trust %v, verified %s: proven is %q", tt.trust, tt.verified, p.Email)
		}
	}
}

// What Nile can say, or somebody in its place, and what becomes of the caller.
func TestNileAnswers(t *testing.T) {
	t.Parallel()
	elsewhere := newAskedNile(t, newClock())
	status := func(code int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body))
		}
	}
	const plain = "text/plain;charset=UTF-8"
	user := func(id, more string) http.HandlerFunc { return status(200, plain, `{"id":`+id+more+`,"tenants":[]}`) }
	for _, tt := range []struct {
		name   string
		handle http.HandlerFunc
		want   reason
		class  string
	}{
		{"a user, as text", user(`"u"`, `,"email":null,"name":null,"emailVerified":null`), "", outcomeAccepted},
		{"a user, as JSON", status(200, "application/json", `{"id":"u","tenants":["t"]}`), "", outcomeAccepted},
		{"no session", status(401, plain, ""), reasonInactive, string(reasonInactive)},
		{"no session, in words", status(401, plain, "Unauthorized."), reasonInactive, string(reasonInactive)},
		{"the user is gone", status(404, plain, ""), reasonInactive, string(reasonInactive)},
		{"the token is refused as such", status(400, plain, ""), reasonInactive, string(reasonInactive)},
		{"the cookie is too long for it", status(431, plain, ""), reasonInactive, string(reasonInactive)},
		{"no id", status(200, plain, `{"tenants":[]}`), reasonClaims, string(reasonClaims)},
		{"blank id", user(`" "`, ""), reasonClaims, string(reasonClaims)},
		{"id is a number", user("7", ""), reasonClaims, string(reasonClaims)},
		{"id without end", user(`"`+strings.Repeat("u", 256)+`"`, ""), reasonClaims, string(reasonClaims)},
		{"id with a line break", user(`"u\nroot"`, ""), reasonClaims, string(reasonClaims)},

		{"the anonymous answer of another route", status(200, "application/json", "{}"), reasonIssuerUnavailable, classMismatch},
		{"tenants is null", status(200, plain, `{"id":"u","tenants":null}`), reasonIssuerUnavailable, classMismatch},
		{"tenants is a text", status(200, plain, `{"id":"u","tenants":"t"}`), reasonIssuerUnavailable, classMismatch},
		{"tenants holds objects", status(200, plain, `{"id":"u","tenants":[{"id":"t"}]}`), reasonIssuerUnavailable, classMismatch},
		{"tenants holds nothing", status(200, plain, `{"id":"u","tenants":["t",""]}`), reasonIssuerUnavailable, classMismatch},
		{"a tenant without end", status(200, plain, `{"id":"u","tenants":["`+strings.Repeat("t", 256)+`"]}`), reasonIssuerUnavailable, classMismatch},
		{"id twice", user(`"u","id":"root"`, ""), reasonIssuerUnavailable, classNotJSON},
		{"HTML", status(200, "text/html", "<html>Please sign in</html>"), reasonIssuerUnavailable, classNotJSON},
		{"empty", status(200, plain, ""), reasonIssuerUnavailable, classNotJSON},
		{"a list", status(200, plain, "[]"), reasonIssuerUnavailable, classNotJSON},
		{"followed by more", status(200, plain, `{"id":"u","tenants":[]}{"id":"root"}`), reasonIssuerUnavailable, classNotJSON},
		{"a page that is not there", status(404, "text/html; charset=utf-8", "<html>"), reasonIssuerUnavailable, classStatus},
		{"a page before it that wants a password", status(401, "text/html", "<html>"), reasonIssuerUnavailable, classStatus},
		{"created", status(201, plain, `{"id":"u","tenants":[]}`), reasonIssuerUnavailable, classStatus},
		{"forbidden", status(403, plain, ""), reasonIssuerUnavailable, classStatus},
		{"too many requests", status(429, plain, ""), reasonIssuerUnavailable, classStatus},
		{"error", status(500, plain, ""), reasonIssuerUnavailable, classStatus},
		{"redirected", http.RedirectHandler(elsewhere.url+"/me", http.StatusTemporaryRedirect).ServeHTTP, reasonIssuerUnavailable, classStatus},
		{"redirected to itself", http.RedirectHandler("me", http.StatusFound).ServeHTTP, reasonIssuerUnavailable, classStatus},
		{"endless", endless, reasonIssuerUnavailable, classTooLong},
		{"too many tenants", status(200, plain, `{"id":"u","tenants":["t"`+strings.Repeat(`,"t"`, 20000)+"]}"), reasonIssuerUnavailable, classTooLong},
		{"no answer", slow, reasonIssuerUnavailable, classTimeout},
		{"stuck half way", half, reasonIssuerUnavailable, classTimeout},
		{"cut", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, reasonIssuerUnavailable, classConnect},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			n := newAskedNile(t, clock)
			n.handle(tt.handle)
			c := n.config("nile")
			if tt.class == classTimeout {
				c.Session.Timeout = time.Second
			}
			var log bytes.Buffer
			a := open(t, &Options{Now: clock.Now, Logger: slog.New(slog.NewTextHandler(&log, nil))}, c)
			session := madeUp(1)
			for range 5 {
				if tt.want == "" {
					accepted(t, a, Origin{}, session)
				} else {
					refusedFor(t, a, Origin{}, session, tt.want)
				}
			}
			n.wantInquiries(1)
			st := a.Issuers()[0]
			if trouble := tt.want == reasonIssuerUnavailable; trouble != strings.Contains(log.String(), "class="+tt.class) || trouble == st.Reachable || trouble != (st.LastError == tt.class) {
				t.Errorf("logged %s, status %+v", log.String(), st)
			}
			if strings.Contains(log.String(), session) {
				t.Errorf("the session is in the log: %s", log.String())
			}
			if tt.want == reasonIssuerUnavailable {
				_, err := a.Authenticate(t.Context(), session)
				if retryAfter(t, err) <= 0 {
					t.Error("no time to try again")
				}
			}
		})
	}
	elsewhere.wantInquiries(0)
}

// A session that has ended, or whose user is gone or has left a tenant, works
// for 30 seconds more and no longer. Sign-out does not end an encrypted one.
func TestNileSessionsEnd(t *testing.T) {
	t.Parallel()
	clock := newClock()
	n := newAskedNile(t, clock)
	north := n.sim.AddTenant("North")
	id := n.person("ada@example.com", north)
	a := open(t, &Options{Now: clock.Now, Trust: map[string][]string{"nile": {"one"}}}, n.config("nile"))
	app := n.signIn("ada@example.com")
	sealed, opaque := app.session(), n.sim.MagicSession(id)
	gone := func(session string) {
		t.Helper()
		clock.Advance(introspectFor - 1)
		accepted(t, a, Origin{}, session)
		clock.Advance(1)
		refusedFor(t, a, Origin{}, session, reasonInactive)
	}

	accepted(t, a, Origin{}, opaque)
	(&browser{n, map[string]string{nileCookieSecure: opaque}}).signOut()
	gone(opaque)

	accepted(t, a, Origin{}, sealed)
	app.signOut()
	clock.Advance(introspectFor)
	app.cookies[nileCookieSecure] = sealed
	if p := accepted(t, a, Origin{}, sealed); p != nil && len(p.Access.Claimed) != 1 {
		t.Errorf("access is %+v", p.Access)
	}
	app.do(http.MethodDelete, "/tenants/"+north+"/users/"+id+"/link", nil)
	clock.Advance(introspectFor)
	if p := accepted(t, a, Origin{}, sealed); p != nil && len(p.Access.Claimed) != 0 {
		t.Errorf("access to what was left: %+v", p.Access)
	}
	app.do(http.MethodDelete, "/me", nil)
	gone(sealed)

	for _, r := range a.memory.tokens.Values() {
		if r.principal.Token != "" {
			t.Error("a session lies in memory")
		}
	}
}

// Made-up sessions are counted as bad tokens are: of one source, and of all;
// who was in stays in.
func TestFloodOfSessions(t *testing.T) {
	t.Parallel()
	clock := newClock()
	n := newAskedNile(t, clock)
	c := n.config("nile")
	c.Session.Failures = 30
	a := open(t, &Options{Now: clock.Now, SourceFailures: 20}, c)
	good := n.sim.MagicSession(n.person("ada@example.com"))
	here := from(oneAddress, "")
	accepted(t, a, here, good)
	clock.Advance(introspectFor)
	for i := range 20 {
		refusedFor(t, a, here, madeUp(i), reasonInactive)
	}
	for i := range 500 {
		refusedFor(t, a, here, madeUp(1000+i), reasonTooManyFailures)
		refusedFor(t, a, here, sealedWith(nileHeader, "")+encode([]byte(fmt.Sprint(i))), reasonTooManyFailures)
	}
	n.wantInquiries(21)
	for i := range 500 { // and from as many sources
		_, _ = a.Authenticate(WithOrigin(t.Context(), from(fmt.Sprintf("10.0.%d.%d", i>>8, i&255), "")), madeUp(5000+i))
	}
	n.wantInquiries(31)
	accepted(t, a, here, good)
	n.wantInquiries(32)
	refusedFor(t, a, here, madeUp(1), reasonInactive) // remembered
	n.wantInquiries(32)
}

// A person of a session issuer may be a rule's subject.
func TestServiceByItsSession(t *testing.T) {
	t.Parallel()
	clock := newClock()
	n := newAskedNile(t, clock)
	id := n.person("robot@example.com", n.sim.AddTenant("North"))
	c := n.config("nile")
	c.Services = []ServiceRule{{Subject: id, Role: "admin", Grant: []identity.Permission{identity.InvitesWrite}, Organizations: []OrganizationRule{{Connection: "one", All: true}}}}
	a := open(t, &Options{Now: clock.Now, Trust: map[string][]string{"nile": {"one"}}}, c)
	p := accepted(t, a, Origin{}, n.sim.MagicSession(id))
	if p != nil && (!slices.Equal(p.Roles, []string{"admin"}) || !p.Can(identity.InvitesWrite) || p.Can(identity.InvitesRead) || len(p.Access.Claimed) > 0 || len(p.Access.Rules) != 1) {
		t.Errorf("principal is %+v", p)
	}
}

// No role, no permission.
func TestSessionsWithoutARole(t *testing.T) {
	t.Parallel()
	clock := newClock()
	n := newAskedNile(t, clock)
	c := n.config("nile")
	c.Session.Role, c.Permissions = "", nil
	a := open(t, &Options{Now: clock.Now}, c)
	if p := accepted(t, a, Origin{}, n.sim.MagicSession(n.person("ada@example.com"))); p != nil && (len(p.Roles) > 0 || len(p.Permissions) > 0) {
		t.Errorf("principal is %+v", p)
	}
}
