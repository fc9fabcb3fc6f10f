package scim2_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"usher/sandbox/sandboxtest"
	"usher/sandbox/scim2"
)

func (w *world) token(form url.Values, change ...func(*http.Request)) *answer {
	w.t.Helper()
	r := sandboxtest.NewRequest(w.t, http.MethodPost, w.srv.URL+"/token", form)
	for _, f := range change {
		f(r)
	}
	return send(w.t, r)
}

func TestClientCredentials(t *testing.T) { // RFC 6749 4.4 and 5
	t.Parallel()
	w := newWorld(t)
	w.token(url.Values{}).want(http.StatusNotFound) // nobody may ask
	client := w.sim.AddClient(scim2.Client{})
	grant := url.Values{"grant_type": {"client_credentials"}}
	own := url.Values{"grant_type": {"client_credentials"}, "client_id": {client.ID}, "client_secret": {client.Secret}}
	basic := func(secret string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(client.ID, secret) }
	}
	a := w.token(grant, basic(client.Secret)).want(200)
	if a.get("token_type") != "Bearer" || a.get("expires_in") != 3600.0 || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("answered %s, %v", a.raw, a.header)
	}
	bearer := "Bearer " + a.text("access_token")
	w.do("GET", "/Users", nil, "Authorization", bearer).want(200)
	w.token(own).want(200)
	if n := w.sim.State().Tokens; n != 2 {
		t.Errorf("%d tokens", n)
	}
	w.advance(time.Hour)
	w.do("GET", "/Users", nil, "Authorization", bearer).want(401)
	w.do("GET", "/Users", nil).want(200) // the lasting token lasts
	for name, refused := range map[string]struct {
		a    *answer
		code int
		want string
	}{
		"wrong secret":      {w.token(grant, basic("x")), 401, "invalid_client"},
		"nobody":            {w.token(grant), 401, "invalid_client"},
		"two ways":          {w.token(own, basic(client.Secret)), 400, "invalid_request"},
		"no grant":          {w.token(url.Values{}, basic(client.Secret)), 400, "invalid_request"},
		"another grant":     {w.token(url.Values{"grant_type": {"password"}}, basic(client.Secret)), 400, "unsupported_grant_type"},
		"no form":           {w.token(own, func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }), 400, "invalid_request"},
		"GET":               {w.token(own, func(r *http.Request) { r.Method = http.MethodGet }), 405, "invalid_request"},
		"an escaped secret": {w.token(grant, basic("%41")), 401, "invalid_client"},
	} {
		if refused.a.status != refused.code || refused.a.get("error") != refused.want {
			t.Errorf("%s: %d %s", name, refused.a.status, refused.a.raw)
		}
	}
	if schemes, _ := w.do("GET", "/ServiceProviderConfig", nil).get("authenticationSchemes").([]any); len(schemes) != 2 {
		t.Errorf("schemes %v", schemes)
	}
}

func TestStateHasNoSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.sim.AddClient(scim2.Client{})
	issued := w.token(url.Values{"grant_type": {"client_credentials"}, "client_id": {client.ID}, "client_secret": {client.Secret}}).want(200).text("access_token")
	w.do("POST", "/Users", babs()).want(201)
	dump, err := json.Marshal(w.sim.State())
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{client.Secret, issued, w.sim.Token(), "t1meMa"} {
		if strings.Contains(string(dump), secret) {
			t.Errorf("the dump holds %s", secret)
		}
	}
	if !strings.Contains(string(dump), "bjensen@example.com") {
		t.Errorf("the dump lacks the user: %s", dump)
	}
}

func TestChallenges(t *testing.T) { // RFC 6750 3
	t.Parallel()
	w := newWorld(t)
	for header, want := range map[string]string{
		"":            `Bearer realm="scim"`,
		"Bearer x":    `Bearer realm="scim", error="invalid_token"`,
		"Basic dTpw":  `Bearer realm="scim", error="invalid_token"`,
		"Bearer":      `Bearer realm="scim", error="invalid_token"`,
		w.sim.Token(): `Bearer realm="scim", error="invalid_token"`,
	} {
		if a := w.do("GET", "/Users", nil, "Authorization", header).want(401); a.header.Get("WWW-Authenticate") != want {
			t.Errorf("%q: %s", header, a.header.Get("WWW-Authenticate"))
		}
	}
	w.do("GET", "/Users", nil, "Authorization", "bearer "+w.sim.Token()).want(200)
}

// Deny by default: no path, known or not, says anything without a token, but
// for the one that RFC 7643 section 5 wants public.
func TestNoTokenNoAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.sim.AddUser(scim2.Person{Email: "ann@example.com"})
	for _, path := range []string{"", "/", "/Users", "/Users/" + id, "/Users/.search", "/Groups", "/Groups/x", "/Groups/.search", "/.search", "/Bulk", "/Me",
		"/ResourceTypes", "/ResourceTypes/User", "/Schemas", "/Schemas/" + userSchema, "/unknown", "/Users/x/y"} {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			for _, header := range []string{"", "Bearer wrong"} {
				w.do(method, path, object{}, "Authorization", header).want(401)
			}
		}
	}
	w.do("GET", "/ServiceProviderConfig", nil, "Authorization", "").want(200)
	w.do("POST", "/ServiceProviderConfig", object{}, "Authorization", "").want(401)
	if state := w.sim.State(); len(state.Users) != 1 || state.Users[0].Version != 1 {
		t.Errorf("state %+v", state)
	}
}
