// Package golden replays recorded HTTP exchanges in tests. A recording is a
// txtar file with numbered parts, read by people in reviews:
//
//	-- 01.request --
//	POST /t/acme/scim2/Users?filter=emails%20eq%20%22a@example.com%22
//	Content-Type: application/scim+json
//
//	{"userName": "DEFAULT/a@example.com"}
//	-- 01.response --
//	201
//	Content-Type: application/scim+json
//
//	{"id": "0d1e"}
//
// The calls must come in the order of the numbers. Compared are method, path,
// query, the headers that the recording names and the body: JSON and forms by
// meaning, anything else by text. A call that does not fit, and a part that was
// never called, fail the test. Secrets have no place in a recording.
package golden

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// Replayer answers calls from a recording. It may be used concurrently, but
// the order of concurrent calls is not theirs to choose.
type Replayer struct {
	mu        sync.Mutex
	exchanges []exchange
	next      int
	problems  []string
}

type exchange struct {
	number       string
	method       string
	url          *url.URL
	header       http.Header
	body         string
	status       int
	answerHeader http.Header
	answer       string
}

// Replay reads a recording. When the test ends, it fails for every call that
// did not fit and for every part that was not called.
func Replay(t testing.TB, file string) *Replayer {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := parse(archive)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	t.Cleanup(func() {
		for _, problem := range r.finish() {
			t.Errorf("%s: %s", file, problem)
		}
	})
	return r
}

func parse(archive *txtar.Archive) (*Replayer, error) {
	r := &Replayer{}
	if len(archive.Files)%2 != 0 || len(archive.Files) == 0 {
		return nil, errors.New("requests and responses come in pairs")
	}
	for n := 0; n < len(archive.Files); n += 2 {
		number := fmt.Sprintf("%02d", n/2+1)
		request, response := archive.Files[n], archive.Files[n+1]
		if request.Name != number+".request" || response.Name != number+".response" {
			return nil, fmt.Errorf("found %s and %s where %s.request and its response should be", request.Name, response.Name, number)
		}
		e, err := parseExchange(number, request.Data, response.Data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", number, err)
		}
		r.exchanges = append(r.exchanges, e)
	}
	return r, nil
}

func parseExchange(number string, request, response []byte) (exchange, error) {
	e := exchange{number: number}
	first, header, body, err := split(request)
	if err != nil {
		return e, err
	}
	method, target, ok := strings.Cut(first, " ")
	if !ok {
		return e, fmt.Errorf("%q is not a method and a path", first)
	}
	if e.url, err = url.Parse(target); err != nil {
		return e, err
	}
	e.method, e.header, e.body = method, header, body
	first, e.answerHeader, e.answer, err = split(response)
	if err != nil {
		return e, err
	}
	if e.status, err = strconv.Atoi(first); err != nil {
		return e, fmt.Errorf("%q is not a status", first)
	}
	return e, nil
}

// split cuts a part into its first line, its headers and its body.
func split(part []byte) (first string, header http.Header, body string, err error) {
	head, body, _ := strings.Cut(string(part), "\n\n")
	first, rest, _ := strings.Cut(head, "\n")
	header = http.Header{}
	for line := range strings.Lines(rest) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return "", nil, "", fmt.Errorf("%q is not a header", line)
		}
		header.Add(textproto.CanonicalMIMEHeaderKey(name), strings.TrimSpace(value))
	}
	return strings.TrimSpace(first), header, strings.TrimSuffix(body, "\n"), nil
}

// RoundTrip implements http.RoundTripper.
func (r *Replayer) RoundTrip(request *http.Request) (*http.Response, error) {
	connect(request)
	var body []byte
	if request.Body != nil {
		var err error
		if body, err = io.ReadAll(request.Body); err != nil {
			return nil, err
		}
		if err := request.Body.Close(); err != nil {
			return nil, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next >= len(r.exchanges) {
		return nil, r.unmatched("%s %s is not in the recording", request.Method, request.URL.RequestURI())
	}
	e := r.exchanges[r.next]
	if why := e.differs(request, body); why != "" {
		return nil, r.unmatched("%s: %s", e.number, why)
	}
	r.next++
	return &http.Response{
		Status: strconv.Itoa(e.status), StatusCode: e.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: e.answerHeader.Clone(), Body: io.NopCloser(strings.NewReader(e.answer)),
		ContentLength: int64(len(e.answer)), Request: request,
	}, nil
}

// connect reports a connection as a real transport does: a call that found
// none would count as never sent.
func connect(request *http.Request) {
	trace := httptrace.ContextClientTrace(request.Context())
	if trace != nil && trace.GetConn != nil {
		trace.GetConn(request.URL.Host)
	}
	if trace != nil && trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{})
	}
}

func (r *Replayer) unmatched(format string, args ...any) error {
	problem := fmt.Sprintf(format, args...)
	r.problems = append(r.problems, problem)
	return errors.New("golden: " + problem)
}

// finish returns everything that is wrong at the end.
func (r *Replayer) finish() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	problems := r.problems
	for _, e := range r.exchanges[r.next:] {
		problems = append(problems, fmt.Sprintf("%s: %s %s was never called", e.number, e.method, e.url))
	}
	return problems
}

// differs says how a call differs from the recorded one, or "".
func (e *exchange) differs(request *http.Request, body []byte) string {
	if request.Method != e.method || request.URL.Path != e.url.Path {
		return fmt.Sprintf("called %s %s, recorded %s %s", request.Method, request.URL.Path, e.method, e.url.Path)
	}
	if got, want := request.URL.Query(), e.url.Query(); !reflect.DeepEqual(got, want) {
		return fmt.Sprintf("query %v, recorded %v", got, want)
	}
	for name, want := range e.header {
		if got := request.Header[name]; !reflect.DeepEqual(got, want) {
			return fmt.Sprintf("header %s is %q, recorded %q", name, got, want)
		}
	}
	got, want := meaning(request.Header.Get("Content-Type"), body), meaning(request.Header.Get("Content-Type"), []byte(e.body))
	if !reflect.DeepEqual(got, want) {
		return fmt.Sprintf("body %v, recorded %v", got, want)
	}
	return ""
}

// meaning decodes a body so that two ways of writing it are equal.
func meaning(contentType string, body []byte) any {
	body = bytes.TrimSpace(body)
	var decoded any
	switch {
	case strings.Contains(contentType, "json") && json.Unmarshal(body, &decoded) == nil:
		return decoded
	case strings.Contains(contentType, "x-www-form-urlencoded"):
		if form, err := url.ParseQuery(string(body)); err == nil {
			return form
		}
	}
	return string(body)
}
