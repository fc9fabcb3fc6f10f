package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"usher/identity"
)

// Whatever an error holds, it becomes a whole document with a row of the table,
// which its cause has no part in.
func FuzzProblem(f *testing.F) {
	f.Add("unknown_role", "The organization has no such role.", "/roles/0", "inv_1", int64(0), "vendor said token=abc")
	for _, code := range identity.Codes() {
		f.Add(string(code), "", "", "", int64(1200*time.Millisecond), "jane@example.com")
	}
	f.Fuzz(func(t *testing.T, code, detail, field, invite string, retry int64, cause string) {
		known := identity.Error{Code: identity.Code(code), Detail: detail, Field: field, InviteID: invite, RetryAfter: time.Duration(retry)}
		caused := known
		caused.Op, caused.Connection, caused.Err = cause, cause, errors.New(cause)
		for name, write := range map[string]func(huma.Context, error){
			"refused": func(hc huma.Context, err error) { writeProblem(hc, problemOf(err)) },
			"returned": func(hc huma.Context, err error) {
				p, ok := humaProblem(hc, 500, "unexpected error occurred", err).(*Problem)
				if !ok {
					t.Fatal("no problem document")
				}
				writeProblem(hc, p)
			},
		} {
			bare := rendered(t, func(hc huma.Context) { write(hc, &known) })
			w := rendered(t, func(hc huma.Context) { write(hc, fmt.Errorf("%s: %w", cause, &caused)) })
			if w.Body.String() != bare.Body.String() || fmt.Sprint(w.Header()) != fmt.Sprint(bare.Header()) {
				t.Errorf("%s: with its cause %q the document is\n%s %v\nwithout\n%s %v", name, cause, w.Body, w.Header(), bare.Body, bare.Header())
			}
			checkDocument(t, &known, w)
		}
	})
}

var wholeSeconds = regexp.MustCompile(`^[1-9][0-9]*$`)

// checkDocument checks what a caller is given for an error.
func checkDocument(t *testing.T, err *identity.Error, w *httptest.ResponseRecorder) {
	t.Helper()
	body := w.Body.String()
	var p Problem
	strict := json.NewDecoder(strings.NewReader(body))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&p); err != nil || !utf8.ValidString(body) {
		t.Fatalf("%q is no document: %v", body, err)
	}
	row, ok := kinds()[identity.Code(p.Code)]
	if !ok || p.Status != row.status || p.Title != row.title || p.Type != "urn:usher:problem:"+p.Code || w.Code != p.Status || p.Status < 400 || p.Status > 599 {
		t.Errorf("status %d: %s", w.Code, body)
	}
	_, listed := kinds()[err.Code]
	switch {
	case p.Code == string(err.Code):
	case !listed && p.Code == string(identity.CodeInternal):
	case err.Code == identity.CodeUnauthenticated && p.Code == string(identity.CodeProviderCredentials): // behind the guard
	default:
		t.Errorf("the code %q became %q", err.Code, p.Code)
	}
	if p.Detail == "" || p.RequestID != "req-1" || p.Errors == nil {
		t.Errorf("half a document: %s", body)
	}
	for _, e := range p.Errors {
		if !onePlace(e) || e.Detail != p.Detail {
			t.Errorf("the field %q became %s", err.Field, body)
		}
	}
	checkHeaders(t, w)
}

// checkHeaders checks that there are two headers at most, in the form they are to have.
func checkHeaders(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	for name, values := range w.Header() {
		if len(values) != 1 || name != "Content-Type" && name != "Retry-After" {
			t.Errorf("the header %s is %q", name, values)
		}
	}
	if got := w.Header().Get("Content-Type"); got != mediaProblem {
		t.Errorf("the type is %q", got)
	}
	if got := w.Header().Get("Retry-After"); got != "" && !wholeSeconds.MatchString(got) {
		t.Errorf("to be tried again after %q", got)
	}
}

// onePlace reports whether exactly one place is named, a pointer by RFC 6901.
func onePlace(e ProblemError) bool {
	if e.Pointer == nil {
		return (e.Parameter == "") != (e.Header == "")
	}
	plain := strings.NewReplacer("~0", "", "~1", "").Replace(*e.Pointer)
	return e.Parameter == "" && e.Header == "" && (*e.Pointer == "" || (*e.Pointer)[0] == '/') && !strings.Contains(plain, "~")
}
