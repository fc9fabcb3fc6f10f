package stage_test

import (
	"html/template"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"usher/sandbox/stage"
)

func TestReply(t *testing.T) {
	t.Parallel()
	plain := stage.Reply{Status: http.StatusTeapot, Kind: "text/plain", Body: []byte("short")}
	for _, tt := range []struct {
		name   string
		reply  stage.Reply
		header map[string]string
		body   string
	}{
		{"with a body", plain, map[string]string{"Content-Type": "text/plain", "Content-Length": "5"}, "short"},
		{"of a status alone", stage.Reply{Status: http.StatusOK}, map[string]string{"Content-Length": "0"}, ""},
		{"without content", stage.Reply{Status: http.StatusNoContent}, map[string]string{}, ""},
		{"with headers", stage.Reply{Status: http.StatusNoContent}.With("A", "1").With("B", "2").With("A", "3"), map[string]string{"A": "1", "B": "2"}, ""},
	} {
		w := httptest.NewRecorder()
		tt.reply.Write(w)
		got := map[string]string{}
		for name := range w.Header() {
			got[name] = w.Header().Get(name)
		}
		if w.Code != tt.reply.Status || w.Body.String() != tt.body || !maps.Equal(got, tt.header) {
			t.Errorf("%s: got %d %v %q, want %v %q", tt.name, w.Code, got, w.Body, tt.header, tt.body)
		}
	}
	if plain.With("A", "1"); plain.Header != nil {
		t.Error("a reply was changed")
	}
}

func TestShowPage(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	stage.ShowPage(w, http.StatusBadRequest, template.Must(template.New("").Parse("<p>{{.}}</p>")), "a & b")
	h := w.Header()
	if w.Code != http.StatusBadRequest || w.Body.String() != "<p>a &amp; b</p>" || h.Get("Content-Type") != "text/html; charset=utf-8" ||
		h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("got %d %v %s", w.Code, h, w.Body)
	}
	w = httptest.NewRecorder()
	stage.ShowPage(w, http.StatusOK, template.Must(template.New("").Parse("secret {{.None}}")), "a")
	if w.Code != http.StatusInternalServerError || w.Body.String() != "Internal Server Error\n" {
		t.Errorf("a template that fails: got %d %s", w.Code, w.Body)
	}
}
