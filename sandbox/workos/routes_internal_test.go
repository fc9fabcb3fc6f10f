package workos

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestDenyByDefault walks the whole table: without a key, with a strange one
// and with one for something else, nothing answers but what is public.
func TestDenyByDefault(t *testing.T) { // FACTS.md section 2
	t.Parallel()
	s := New(Options{BaseURL: "http://vendor"})
	s.AddKey("sk_other", "something else")
	before := s.State()
	public := 0
	for _, rt := range s.routes {
		path := strings.NewReplacer("{id}", "x", "{token}", "x", "{external}", "x", "{organization}", "x", "{slug}", "x", "{permission}", "x",
			"{client}", s.ClientID()).Replace(rt.pattern)
		for key, want := range map[string]int{"": 401, "Bearer nonsense": 401, "Bearer sk_other": 403} {
			r := httptest.NewRequest(rt.method, path, strings.NewReader("{}"))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", key)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if rt.group == "" {
				public++
				continue
			}
			if w.Code != want {
				t.Errorf("%s %s with %q: %d", rt.method, path, key, w.Code)
			}
		}
	}
	if public != 2*3 {
		t.Errorf("%d public routes", public/3)
	}
	if after := s.State(); len(after.Events) != len(before.Events) {
		t.Errorf("something happened: %+v", after.Events)
	}
}

func TestBodiesAreLimited(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("POST", "/user_management/users", strings.NewReader(strings.Repeat("x", maxBody+1))))
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("%d", w.Code)
	}
}
