package golden

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

const recording = `
-- 01.request --
POST /users?filter=a%20b&n=1
X-Kind: first

{"name": "A", "tags": [1, 2]}
-- 01.response --
201
Content-Type: application/json
Location: /users/1

{"id": 1}
-- 02.request --
GET /users/1
-- 02.response --
204
`

func open(t *testing.T, text string) *Replayer {
	t.Helper()
	r, err := parse(txtar.Parse([]byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func call(t *testing.T, r *Replayer, method, target, kind, body string) (*http.Response, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "https://vendor.example"+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Kind", kind)
	return r.RoundTrip(request)
}

func TestReplay(t *testing.T) {
	t.Parallel()
	r := open(t, recording)
	answer, err := call(t, r, "POST", "/users?n=1&filter=a+b", "first", `{"tags":[1,2],"name":"A"}`)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != 201 || answer.Header.Get("Location") != "/users/1" || string(body) != `{"id": 1}` {
		t.Errorf("answered %d %v %q", answer.StatusCode, answer.Header, body)
	}
	if got := r.finish(); len(got) != 1 || !strings.Contains(got[0], "02: GET /users/1 was never called") {
		t.Errorf("problems %q, want the second exchange as never called", got)
	}
	if _, err := call(t, r, "GET", "/users/1", "", ""); err != nil {
		t.Error(err)
	}
	if got := r.finish(); len(got) != 0 {
		t.Errorf("problems %q after all was called", got)
	}
	if _, err := call(t, r, "GET", "/users/1", "", ""); err == nil || len(r.finish()) != 1 {
		t.Errorf("a call beyond the recording: error %v, problems %q", err, r.finish())
	}
}

func TestUnmatched(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, method, target, kind, body string }{
		{"method", "PUT", "/users?filter=a%20b&n=1", "first", `{"name":"A","tags":[1,2]}`},
		{"path", "POST", "/groups?filter=a%20b&n=1", "first", `{"name":"A","tags":[1,2]}`},
		{"query", "POST", "/users?filter=a%20c&n=1", "first", `{"name":"A","tags":[1,2]}`},
		{"more query", "POST", "/users?filter=a%20b&n=1&x=1", "first", `{"name":"A","tags":[1,2]}`},
		{"header", "POST", "/users?filter=a%20b&n=1", "second", `{"name":"A","tags":[1,2]}`},
		{"body", "POST", "/users?filter=a%20b&n=1", "first", `{"name":"A","tags":[2,1]}`},
		{"no body", "POST", "/users?filter=a%20b&n=1", "first", ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := open(t, recording)
			if _, err := call(t, r, c.method, c.target, c.kind, c.body); err == nil {
				t.Error("the call was answered")
			}
			if got := r.finish(); len(got) != 3 {
				t.Errorf("problems %q, want the call and two parts never called", got)
			}
		})
	}
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty":       "",
		"no response": "-- 01.request --\nGET /\n",
		"order":       "-- 02.request --\nGET /\n-- 02.response --\n200\n",
		"swapped":     "-- 01.response --\n200\n-- 01.request --\nGET /\n",
		"no path":     "-- 01.request --\nGET\n-- 01.response --\n200\n",
		"no status":   "-- 01.request --\nGET /\n-- 01.response --\nOK\n",
		"no header":   "-- 01.request --\nGET /\nnonsense\n-- 01.response --\n200\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := parse(txtar.Parse([]byte(text))); err == nil {
				t.Error("parsed")
			}
		})
	}
}
