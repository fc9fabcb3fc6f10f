package oidc

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/identity"
)

func TestIntrospectionAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		with fields
		want reason
	}{
		{"good", nil, ""},
		{"the least", fields{"iss": nil, "token_type": nil, "iat": nil, "nbf": nil, "exp": nil, "client_id": nil}, ""},
		{"token type in another case", fields{"token_type": "bearer"}, ""},
		{"Keycloak's typ", fields{"typ": "Bearer"}, ""},
		{"not active", fields{"active": false}, reasonInactive},
		{"another issuer", fields{"iss": "https://evil.example"}, reasonClaims},
		{"the issuer with a slash", fields{"iss": "/"}, reasonClaims},
		{"issuer is no string", fields{"iss": []string{"x"}}, reasonClaims},
		{"another audience", fields{"aud": []string{"another"}}, reasonAudience},
		{"no audience", fields{"aud": nil}, reasonAudience},
		{"azp contradicts client_id", fields{"azp": "another"}, reasonClaims},
		{"no sub", fields{"sub": nil}, reasonClaims},
		{"blank sub", fields{"sub": " "}, reasonClaims},
		{"expired within the leeway", fields{"exp": int64(-29)}, ""},
		{"expired", fields{"exp": int64(-30)}, reasonExpired},
		{"exp a string", fields{"exp": "4102444800"}, reasonClaims},
		{"not yet", fields{"nbf": int64(31)}, reasonNotYetValid},
		{"a refresh token", fields{"token_type": "refresh_token"}, reasonType},
		{"a refresh token by use", fields{"token_use": "refresh_token"}, reasonType},
		{"bound to a key", fields{"token_type": "DPoP"}, reasonType},
		{"token type is no string", fields{"token_type": 1}, reasonType},
		{"an ID token", fields{"nonce": "n"}, reasonType},
		{"Keycloak's refresh token", fields{"typ": "Refresh"}, reasonType},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			i := newAskedIssuer(t)
			a := open(t, &Options{Now: clock.Now}, i.config("i"))
			with := changed(tt.with, fields{})
			for name, v := range tt.with {
				with[name] = v
				if seconds, ok := v.(int64); ok {
					with[name] = clock.Now().Unix() + seconds
				}
			}
			i.say("tok", i.active(clock.Now(), with))
			if tt.want == "" {
				accepted(t, a, Origin{}, "tok")
			} else {
				refusedFor(t, a, Origin{}, "tok", tt.want)
				refusedFor(t, a, Origin{}, "tok", tt.want)
			}
			i.wantInquiries(t, 1)
		})
	}
}

// The request is RFC 7662's, and the principal is made as from a JWT.
func TestIntrospectionRequestAndPrincipal(t *testing.T) {
	t.Parallel()
	for _, auth := range []ClientAuth{"", ClientSecretBasic, ClientSecretPost} {
		clock := newClock()
		i := newAskedIssuer(t)
		c := i.config("i")
		c.Introspection.ClientID, c.Introspection.ClientSecret, c.Introspection.ClientAuth = "us:er", "p%+ä", auth
		c.Claims.Organization = "o.id"
		c.Roles = map[string]string{"Boss": "admin"}
		c.Permissions = []PermissionRule{{Scope: "read", Grant: []identity.Permission{identity.InvitesRead}}}
		i.handle(func(w http.ResponseWriter, r *http.Request) {
			user, password, basic := r.BasicAuth()
			ok := r.Method == http.MethodPost && r.PostFormValue("token") == "t+/=" && r.PostFormValue("token_type_hint") == "access_token" &&
				r.Header.Get("Content-Type") == "application/x-www-form-urlencoded" && r.Header.Get("Accept") == "application/json"
			if auth == ClientSecretPost {
				ok = ok && !basic && r.PostFormValue("client_id") == "us:er" && r.PostFormValue("client_secret") == "p%+ä"
			} else {
				ok = ok && user == "us%3Aer" && password == "p%25%2B%C3%A4" && !r.PostForm.Has("client_secret")
			}
			if !ok {
				t.Errorf("%q: asked with %v %v %v", auth, r.Method, r.Header, r.PostForm)
			}
			writeJSON(w, i.active(clock.Now(), fields{"o": fields{"id": "one"}, "roles": []string{"Boss"}, "scope": "write read"}))
		})
		a := open(t, &Options{Now: clock.Now, Trust: map[string][]string{"i": {"c"}}}, c)
		want := &Principal{
			Issuer: i.url, Subject: "alice", ClientID: "app", Token: "t+/=", Roles: []string{"admin"},
			Access: identity.Access{Claimed: aliases("one", "c")}, Permissions: granted(identity.InvitesRead),
			Expires: time.Unix(clock.Now().Add(time.Hour).Unix(), 0),
		}
		if got := accepted(t, a, Origin{}, "t+/="); !reflect.DeepEqual(got, want) {
			t.Errorf("principal is\n%+v\nwant\n%+v", got, want)
		}
	}
}

func TestIntrospectionRemembers(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newAskedIssuer(t)
	a := open(t, &Options{Now: clock.Now}, i.config("i"))
	step := func(after time.Duration, asked int64, want reason, token string) {
		t.Helper()
		clock.Advance(after)
		if want == "" {
			accepted(t, a, Origin{}, token)
		} else {
			refusedFor(t, a, Origin{}, token, want)
		}
		i.wantInquiries(t, asked)
	}
	i.say("good", i.active(clock.Now(), nil))
	step(0, 1, "", "good")
	step(30*time.Second-1, 1, "", "good")
	i.say("good", nil) // revoked
	step(1, 2, reasonInactive, "good")
	step(10*time.Second-1, 2, reasonInactive, "good")
	i.say("good", i.active(clock.Now(), nil))
	step(1, 3, "", "good")

	i.say("short", i.active(clock.Now(), fields{"exp": clock.Now().Unix() + 5}))
	step(0, 4, "", "short")
	step(4*time.Second, 4, "", "short")
	step(time.Second, 5, "", "short") // past exp, within the leeway: asked each time
	step(0, 6, "", "short")
	for _, r := range a.memory.tokens.Values() {
		if r.principal.Token != "" {
			t.Error("a token lies in memory")
		}
	}
}

// Answers that say nothing about the token: 401 as where keys cannot be had,
// with a time to try again, logged and counted, and asked once.
func TestIntrospectionTrouble(t *testing.T) {
	t.Parallel()
	elsewhere := newAskedIssuer(t)
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	for _, tt := range []struct {
		name   string
		handle http.HandlerFunc
		want   reason
		class  string
	}{
		{"HTML", text("<html>Please sign in</html>"), reasonIssuerUnavailable, classNotJSON},
		{"empty", text(""), reasonIssuerUnavailable, classNotJSON},
		{"a list", text("[]"), reasonIssuerUnavailable, classNotJSON},
		{"nothing about active", text(`{"sub":"alice"}`), reasonIssuerUnavailable, classNotJSON},
		{"active as a string", text(`{"active":"true","sub":"alice"}`), reasonIssuerUnavailable, classNotJSON},
		{"active twice", text(`{"active":false,"sub":"alice","active":true}`), reasonIssuerUnavailable, classNotJSON},
		{"endless", endless, reasonIssuerUnavailable, classTooLong},
		{"no answer", slow, reasonIssuerUnavailable, classTimeout},
		{"stuck half way", half, reasonIssuerUnavailable, classTimeout},
		{"cut", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, reasonIssuerUnavailable, classConnect},
		{"our client is refused", status(401), reasonIssuerUnavailable, classStatus},
		{"forbidden", status(403), reasonIssuerUnavailable, classStatus},
		{"not found", status(404), reasonIssuerUnavailable, classStatus},
		{"too many requests", status(429), reasonIssuerUnavailable, classStatus},
		{"error", status(500), reasonIssuerUnavailable, classStatus},
		{"another success", status(204), reasonIssuerUnavailable, classStatus},
		{"redirected", http.RedirectHandler(elsewhere.endpoint.URL, http.StatusTemporaryRedirect).ServeHTTP, reasonIssuerUnavailable, classStatus},
		{"the token is refused as such", status(400), reasonInactive, string(reasonInactive)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			i := newAskedIssuer(t)
			i.handle(tt.handle)
			c := i.config("i")
			if tt.class == classTimeout {
				c.Introspection.Timeout = time.Second
			}
			var log bytes.Buffer
			a := open(t, &Options{Now: clock.Now, Logger: slog.New(slog.NewTextHandler(&log, nil))}, c)
			for range 5 {
				refusedFor(t, a, Origin{}, "tok", tt.want)
			}
			i.wantInquiries(t, 1)
			_, err := a.Authenticate(t.Context(), "tok")
			if retry := retryAfter(t, err); (retry > 0) != (tt.want == reasonIssuerUnavailable) {
				t.Errorf("retry after %s", retry)
			}
			if !strings.Contains(log.String(), "issuer=i") || strings.Contains(log.String(), "s3cret") || strings.Contains(log.String(), "tok\"") {
				t.Errorf("logged %s", log.String())
			}
			i.handle(nil)
			i.say("tok", i.active(clock.Now(), nil))
			clock.Advance(refuseFor)
			accepted(t, a, Origin{}, "tok")
		})
	}
	elsewhere.wantInquiries(t, 0)
}

// After some failures in a row nobody unknown is asked about for a growing
// pause; who was good before is asked about, once in each.
func TestIntrospectionPause(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newAskedIssuer(t)
	a := open(t, &Options{Now: clock.Now, SourceFailures: -1}, i.config("i"))
	i.say("good", i.active(clock.Now(), nil))
	accepted(t, a, Origin{}, "good")
	clock.Advance(introspectFor)
	i.handle(text("<html>"))
	for n := range 50 {
		refusedFor(t, a, Origin{}, fmt.Sprint("bad", n), reasonIssuerUnavailable)
	}
	i.wantInquiries(t, 1+troublesBeforePausing)
	refusedFor(t, a, Origin{}, "good", reasonIssuerUnavailable)
	refusedFor(t, a, Origin{}, "good", reasonIssuerUnavailable)
	i.wantInquiries(t, 2+troublesBeforePausing)
	for n := range 60 { // one a pause, pauses of 1, 2, 4 … 30 s
		clock.Advance(time.Second)
		refusedFor(t, a, Origin{}, fmt.Sprint("worse", n), reasonIssuerUnavailable)
	}
	if asked := i.inquiries.Load(); asked > 12 {
		t.Errorf("asked %d times within a minute", asked)
	}
	i.handle(nil)
	clock.Advance(backoffLast)
	accepted(t, a, Origin{}, "good")
	i.say("new", i.active(clock.Now(), nil))
	accepted(t, a, Origin{}, "new")
}

// After a pause one question at a time finds out whether the issuer is back,
// however many come at once.
func TestIntrospectionAfterAPause(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newAskedIssuer(t)
	a := open(t, &Options{Now: clock.Now, SourceFailures: -1}, i.config("i"))
	i.handle(text("<html>"))
	for n := range troublesBeforePausing {
		refusedFor(t, a, Origin{}, fmt.Sprint("bad", n), reasonIssuerUnavailable)
	}
	entered, release := make(chan struct{}), make(chan struct{})
	i.handle(func(w http.ResponseWriter, r *http.Request) {
		close(entered) // a second request would panic
		<-release
		text("<html>")(w, r)
	})
	clock.Advance(backoffFirst)
	var first sync.WaitGroup
	first.Go(func() { refusedFor(t, a, Origin{}, "first", reasonIssuerUnavailable) })
	<-entered
	for n := range 20 {
		refusedFor(t, a, Origin{}, fmt.Sprint("others", n), reasonIssuerUnavailable)
	}
	i.wantInquiries(t, troublesBeforePausing+1)
	close(release)
	first.Wait()
	i.handle(nil)
	clock.Advance(backoffLast)
	i.say("new", i.active(clock.Now(), nil))
	accepted(t, a, Origin{}, "new")
}

// A flood of one token asks once, and many tokens at once are asked about a few
// at a time.
func TestIntrospectionFlights(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newAskedIssuer(t)
	release := make(chan struct{})
	i.handle(func(w http.ResponseWriter, r *http.Request) {
		<-release
		writeJSON(w, i.active(clock.Now(), fields{"sub": "of " + r.FormValue("token")}))
	})
	c := i.config("i")
	c.Introspection.Concurrency = 8
	c.Introspection.Timeout = 30 * time.Second
	a := open(t, &Options{Now: clock.Now}, c)
	var ready, done sync.WaitGroup
	for n := range 400 {
		ready.Add(1)
		done.Go(func() {
			token := fmt.Sprint("tok", n%40)
			ready.Done()
			if p := accepted(t, a, Origin{}, token); p != nil && p.Subject != "of "+token {
				t.Errorf("%s is %s's", token, p.Subject)
			}
		})
	}
	ready.Wait()
	close(release)
	done.Wait()
	i.wantInquiries(t, 40)
	if n := i.busiest.Load(); n > 6 { // 8 less the two kept for tokens known to be good
		t.Errorf("%d requests at once", n)
	}
}

func TestIntrospectionEndpointFromDiscovery(t *testing.T) {
	t.Parallel()
	clock := newClock()
	for _, tt := range []struct {
		name     string
		endpoint func(i *askedIssuer) any
		want     reason
	}{
		{"there", func(i *askedIssuer) any { return i.endpoint.URL }, ""},
		{"absent", func(*askedIssuer) any { return nil }, reasonIssuerUnavailable},
		{"over http", func(*askedIssuer) any { return "http://issuer.example/introspect" }, reasonIssuerUnavailable},
		{"with credentials", func(*askedIssuer) any { return "https://a:b@issuer.example/introspect" }, reasonIssuerUnavailable},
	} {
		i := newAskedIssuer(t)
		i.play(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/jwks" {
				writeJSON(w, fields{"keys": []any{}})
				return
			}
			writeJSON(w, changed(fields{"issuer": i.url, "jwks_uri": i.url + "/jwks"}, fields{"introspection_endpoint": tt.endpoint(i)}))
		})
		c := i.config("i")
		c.Introspection.Endpoint = ""
		a := open(t, &Options{Now: clock.Now}, c)
		i.say("tok", i.active(clock.Now(), nil))
		if tt.want == "" {
			accepted(t, a, Origin{}, "tok")
		} else {
			refusedFor(t, a, Origin{}, "tok", tt.want)
		}
		if n := i.discoveries.Load(); n != 1 {
			t.Errorf("%s: %d discoveries", tt.name, n)
		}
	}
}

// retryAfter returns when a refused token may be tried again.
func retryAfter(t *testing.T, err error) time.Duration {
	t.Helper()
	e, ok := err.(*identity.Error)
	if !ok {
		t.Fatalf("error is %v", err)
	}
	return e.RetryAfter
}
