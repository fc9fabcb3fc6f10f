package nile

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	kindText = "text/plain;charset=UTF-8"
	kindJSON = "application/json"
	kindHTML = "text/html; charset=utf-8"
)

// reply is an answer before it is written.
type reply struct {
	status   int
	kind     string
	location string
	cookie   string
	body     []byte
}

func (p reply) write(w http.ResponseWriter, cookies []string) {
	h := w.Header()
	if p.kind != "" {
		h.Set("Content-Type", p.kind)
	}
	if p.location != "" {
		h.Set("Location", p.location)
	}
	for _, c := range cookies {
		h.Add("Set-Cookie", c)
	}
	if p.cookie != "" {
		h.Add("Set-Cookie", p.cookie)
	}
	if p.status != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(p.body)))
	}
	w.WriteHeader(p.status)
	w.Write(p.body) //nolint:errcheck // the client is gone
}

func empty(status int) reply { return reply{status: status} }

func text(status int, message string) reply {
	return reply{status: status, kind: kindText, body: []byte(message)}
}

// rows is JSON as everything outside /auth/ sends it: named plain text.
func rows(status int, v any) reply {
	return reply{status: status, kind: kindText, body: encode(v)}
}

// answer is JSON as the sign-in library sends it.
func answer(status int, v any) reply {
	return reply{status: status, kind: kindJSON, body: encode(v)}
}

// encode writes JSON as JavaScript does. It cannot fail for the plain structs
// and maps it is given.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return []byte(`{}`)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func notFoundPage() reply {
	return reply{status: http.StatusNotFound, kind: kindHTML,
		body: []byte("<!DOCTYPE html><html><head><title>404: This page could not be found.</title></head><body><h1>404</h1></body></html>")}
}

// stamp writes a time as the vendor's JSON has it.
type stamp time.Time

// MarshalJSON implements json.Marshaler.
func (t stamp) MarshalJSON() ([]byte, error) {
	return []byte(`"` + time.Time(t).UTC().Format("2006-01-02T15:04:05.000Z") + `"`), nil
}

func stampOf(t *time.Time) *stamp {
	if t == nil {
		return nil
	}
	return (*stamp)(t)
}

// readJSON decodes a body as the vendor's routes do, whatever its content type
// says; what fails is answered 500 with the decoder's words.
func (c *call) readJSON(v any) (reply, bool) {
	if len(bytes.TrimSpace(c.body)) == 0 {
		return text(http.StatusInternalServerError, "Unexpected end of JSON input"), false
	}
	if err := json.Unmarshal(c.body, v); err != nil {
		return text(http.StatusInternalServerError, "Unexpected token in JSON: "+strings.TrimPrefix(err.Error(), "json: ")), false
	}
	return reply{}, true
}
