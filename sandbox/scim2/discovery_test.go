package scim2_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"testing"

	"usher/sandbox/scim2"
)

func TestDiscovery(t *testing.T) { // RFC 7644 4, RFC 7643 5 to 7
	t.Parallel()
	w := newWorld(t)
	config := w.do("GET", "/ServiceProviderConfig", nil).want(200)
	for path, want := range map[string]any{
		"patch": object{"supported": true}, "sort": object{"supported": true}, "etag": object{"supported": true}, "changePassword": object{"supported": true},
		"bulk":   object{"supported": true, "maxOperations": 1000.0, "maxPayloadSize": 1048576.0},
		"filter": object{"supported": true, "maxResults": 200.0},
	} {
		if got := config.get(path); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v", path, got)
		}
	}
	types := w.do("GET", "/ResourceTypes?startIndex=5&count=0&attributes=x&sortBy=y", nil).want(200) // all ignored
	if types.each("endpoint") != "/Users /Groups" || types.get("Resources", 0, "schemaExtensions", 0, "schema") != enterprise {
		t.Errorf("types %s", types.raw)
	}
	if one := w.do("GET", "/ResourceTypes/Group", nil).want(200); one.get("schema") != groupSchema || one.get("schemaExtensions") != nil {
		t.Errorf("type %s", one.raw)
	}
	schemas := w.do("GET", "/Schemas", nil).want(200)
	if got := schemas.each("id"); got != userSchema+" "+groupSchema+" "+enterprise {
		t.Errorf("schemas %s", got)
	}
	one := w.do("GET", "/Schemas/"+url.PathEscape(enterprise), nil).want(200)
	if !reflect.DeepEqual(one.body, schemas.get("Resources", 2)) || one.get("meta", "location") != w.srv.URL+"/scim/v2/Schemas/"+enterprise {
		t.Errorf("schema %s", one.raw)
	}
	for _, path := range []string{"/ServiceProviderConfig", "/ResourceTypes", "/Schemas"} {
		w.do("GET", filtered(path, `id eq "x"`), nil).want(http.StatusForbidden)
		w.do("POST", path, object{}).want(http.StatusMethodNotAllowed)
	}
	w.do("GET", "/Schemas/urn:x", nil).want(404)
	w.do("GET", "/ResourceTypes/Device", nil).want(404)
}

func TestOtherPaths(t *testing.T) { // RFC 7644 3.11 and 3.12
	t.Parallel()
	w := newWorld(t)
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		w.do(method, "/Me", object{}).want(http.StatusNotImplemented)
		w.do(method, "/unknown", object{}).want(404)
	}
	if a := w.do("DELETE", "/Users", nil).want(http.StatusMethodNotAllowed); a.header.Get("Allow") != "GET, POST" {
		t.Errorf("Allow %s", a.header.Get("Allow"))
	}
	w.do("GET", "/Users/.search", nil).want(http.StatusMethodNotAllowed)
	w.do("GET", "/Users/", nil).want(200)
	w.do("GET", "/Users/a/b", nil).want(404)
	w.do("GET", "x", nil).want(404)
}

func TestBasePaths(t *testing.T) { // RFC 7644 1.3
	t.Parallel()
	for path, want := range map[string]string{"": "/scim/v2", "/": "", "tenant/scim/": "/tenant/scim"} {
		sim := scim2.New(scim2.Options{Path: path, BaseURL: "https://vendor.example/"})
		id := sim.AddUser(scim2.Person{Email: "ann@example.com"})
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, want+"/Users/"+id, nil)
		r.Header.Set("Authorization", "Bearer "+sim.Token())
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, r)
		if got := w.Header().Get("Location"); sim.Path() != want || got != "https://vendor.example"+want+"/Users/"+id {
			t.Errorf("%q: %s, %d %s", path, sim.Path(), w.Code, got)
		}
	}
}
