package sandboxtest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Answer is a response read to its end.
type Answer struct {
	Status int
	Header http.Header
	Raw    string
	JSON   any // nil where Raw is none
}

// Send sends a request and reads the answer.
func Send(t *testing.T, client *http.Client, r *http.Request) Answer {
	t.Helper()
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := Answer{Status: res.StatusCode, Header: res.Header, Raw: string(raw)}
	if json.Unmarshal(raw, &a.JSON) != nil {
		a.JSON = nil
	}
	return a
}

// NewRequest is a request with a body and its Content-Type: a string is JSON as
// it stands, url.Values are a form, nil is nothing, all else is encoded as JSON.
func NewRequest(t *testing.T, method, address string, body any) *http.Request {
	t.Helper()
	var in io.Reader
	kind := "application/json"
	switch b := body.(type) {
	case nil:
		kind = ""
	case string:
		in = strings.NewReader(b)
	case url.Values:
		in, kind = strings.NewReader(b.Encode()), "application/x-www-form-urlencoded"
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		in = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, address, in)
	if err != nil {
		t.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	return r
}

// At walks into JSON by keys and indexes; nil where nothing is.
func At(v any, path ...any) any {
	for _, p := range path {
		switch key := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[key]
		case int:
			list, _ := v.([]any)
			if key >= len(list) {
				return nil
			}
			v = list[key]
		}
	}
	return v
}

// At walks into the JSON by keys and indexes; nil where nothing is.
func (a Answer) At(path ...any) any { return At(a.JSON, path...) }

// Text is the text at a path, empty where none is.
func (a Answer) Text(path ...any) string {
	s, _ := a.At(path...).(string)
	return s
}

// Number is the whole number at a path, zero where none is.
func (a Answer) Number(path ...any) int64 {
	n, _ := a.At(path...).(float64)
	return int64(n)
}

// List is the list at a path, nil where none is.
func (a Answer) List(path ...any) []any {
	list, _ := a.At(path...).([]any)
	return list
}

// Len is the length of the list at a path.
func (a Answer) Len(path ...any) int { return len(a.List(path...)) }

// Has reports whether the JSON is an object with a key, null or not.
func (a Answer) Has(key string) bool {
	m, _ := a.JSON.(map[string]any)
	_, found := m[key]
	return found
}

// Column lists the text at a path within each row of the list at a key.
func (a Answer) Column(list string, path ...any) []string {
	out := []string{}
	for _, row := range a.List(list) {
		out = append(out, Answer{JSON: row}.Text(path...))
	}
	return out
}

// Cookie is the value of a cookie that the answer sets.
func (a Answer) Cookie(name string) string {
	for _, c := range a.Header["Set-Cookie"] {
		if value, ok := strings.CutPrefix(c, name+"="); ok {
			value, _, _ = strings.Cut(value, ";")
			return value
		}
	}
	return ""
}
