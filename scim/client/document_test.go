package client_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"usher/identity"
	"usher/scim"
	"usher/scim/client"
)

// What is read with its version is written under it, and not otherwise.
func TestReadAndReplace(t *testing.T) {
	t.Parallel()
	version, got := `W/"1"`, ""
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = fmt.Sprintf("%s %s %s %s", r.Method, r.RequestURI, r.Header.Get("If-Match"), body)
		if match := r.Header.Get("If-Match"); match != "" && match != version {
			w.WriteHeader(http.StatusPreconditionFailed)
			return
		}
		if r.URL.Query().Get("attributes") == "" {
			w.Header().Set("ETag", version)
		}
		_, _ = io.WriteString(w, `{"id":"g/1","odd":1,"meta":{"version":"W/\"meta\""}}`)
	})
	d, err := c.Read(t.Context(), "/Groups", "g/1")
	if err != nil || d.Version != version || got != "GET /scim2/Groups/g%2F1  " {
		t.Errorf("read %+v, %v with %s", d, err, got)
	}
	if d, err := c.Read(t.Context(), "/Groups", "g/1", "members", "displayName"); err != nil || d.Version != `W/"meta"` ||
		got != "GET /scim2/Groups/g%2F1?attributes=members%2CdisplayName  " {
		t.Errorf("read %+v, %v with %s", d, err, got)
	}
	if err := c.Replace(t.Context(), "/Groups", "g/1", json.RawMessage(`{"odd":2}`), version); err != nil || got != `PUT /scim2/Groups/g%2F1 W/"1" {"odd":2}` {
		t.Errorf("%v with %s", err, got)
	}
	if err := c.Replace(t.Context(), "/Groups", "g/1", json.RawMessage(`{}`), ""); err != nil {
		t.Error(err)
	}
	version = `W/"2"`
	err = c.Replace(t.Context(), "/Groups", "g/1", json.RawMessage(`{}`), d.Version)
	if identity.CodeOf(err) != identity.CodePreconditionFailed {
		t.Errorf("a version that is over: %v", err)
	}
}

func TestWhatAServiceSaysOfItself(t *testing.T) {
	t.Parallel()
	status, body := 200, `{"patch":{"supported":true},"filter":{"supported":true,"maxResults":9}}`
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.RequestURI != "/scim2/ServiceProviderConfig" {
			t.Errorf("asked for %s", r.RequestURI)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
	config, err := c.ServiceProviderConfig(t.Context())
	if err != nil || *config != (scim.ServiceProviderConfig{Patch: true, Filter: true, MaxResults: 9}) {
		t.Errorf("%+v, %v", config, err)
	}
	for _, tt := range []struct {
		status int
		body   string
		want   identity.Code
	}{
		{404, `{"status":"404"}`, identity.CodeNotFound}, {404, `<html>`, identity.CodeProviderError},
		{200, `<html>`, identity.CodeProviderError}, {200, `{}`, identity.CodeProviderError}, {401, ``, identity.CodeProviderCredentials},
	} {
		status, body = tt.status, tt.body
		if _, err := c.ServiceProviderConfig(t.Context()); identity.CodeOf(err) != tt.want {
			t.Errorf("%d %s: %v", tt.status, tt.body, err)
		}
	}
}

// Only what is about the question is taken for an offence at it.
func TestRefusesQuery(t *testing.T) {
	t.Parallel()
	status := 0
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	for _, tt := range []struct {
		status int
		want   bool
	}{{400, true}, {414, true}, {431, true}, {501, true}, {401, false}, {403, false}, {404, false}, {500, false}} {
		status = tt.status
		_, err := client.List[scim.User](t.Context(), c, "/Users", client.Query{Count: 1})
		if err == nil || client.RefusesQuery(err) != tt.want {
			t.Errorf("%d: %v", tt.status, err)
		}
	}
	if client.RefusesQuery(nil) {
		t.Error("no error is no refusal")
	}
}
