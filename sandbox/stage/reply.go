package stage

import (
	"html/template"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

const kindHTML = "text/html; charset=utf-8"

// Reply is an answer before it is written.
type Reply struct {
	Status int
	Kind   string // its Content-Type; empty: none
	Header map[string]string
	Body   []byte
}

// With is the reply with a further header; one that it has already stays.
func (p Reply) With(name, value string) Reply {
	h := map[string]string{name: value}
	maps.Copy(h, p.Header)
	p.Header = h
	return p
}

// Write sends the reply, with its length unless it is 204.
func (p Reply) Write(w http.ResponseWriter) {
	for name, value := range p.Header {
		w.Header().Set(name, value)
	}
	if p.Kind != "" {
		w.Header().Set("Content-Type", p.Kind)
	}
	if p.Status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(p.Body)))
	}
	w.WriteHeader(p.Status)
	w.Write(p.Body) //nolint:errcheck // the client is gone
}

// ShowPage sends a person the page that t makes of view. Nobody keeps it or
// learns of its address, which may have a secret in it.
func ShowPage(w http.ResponseWriter, status int, t *template.Template, view any) {
	var out strings.Builder
	if err := t.Execute(&out, view); err != nil {
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		return
	}
	Reply{Status: status, Kind: kindHTML, Body: []byte(out.String())}.
		With("Cache-Control", "no-store").With("Referrer-Policy", "no-referrer").Write(w)
}
