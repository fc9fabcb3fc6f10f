package fault

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// maxMatched bounds how much of a request body is read to match it.
const maxMatched = 1 << 20

// Match says which requests a fault is for. Empty fields match everything.
type Match struct {
	Method string `json:"method,omitempty"`
	// Path is a regular expression over the URL path.
	Path string `json:"path,omitempty"`
	// Form names form values that must all be present, as in "grant_type=organization_switch".
	Form string `json:"form,omitempty"`
	// Body is a text the request body must contain.
	Body string `json:"body,omitempty"`
}

// Action says what happens to a matched request. Without After the handler
// behind is not reached, except by a plain delay.
type Action struct {
	// Status answers with this status.
	Status int `json:"status,omitempty"`
	// Headers go out with Status, HTML, Endless and HalfBody.
	Headers map[string]string `json:"headers,omitempty"`
	// Body is the text of the answer.
	Body string `json:"body,omitempty"`
	// DelayMS waits first. Alone it only slows the call down.
	DelayMS int `json:"delay_ms,omitempty"`
	// Hang holds the request until the client goes away or the faults are deleted.
	Hang bool `json:"hang,omitempty"`
	// Cut drops the connection without an answer: "before" or "after" the handler acted.
	Cut string `json:"cut,omitempty"`
	// HTML answers a page instead of what the client expects; 200 unless Status is set.
	HTML bool `json:"html,omitempty"`
	// Endless answers a body that ends only when the client goes away.
	Endless bool `json:"endless,omitempty"`
	// HalfBody announces more bytes than it sends and drops the connection.
	HalfBody bool `json:"half_body,omitempty"`
	// After lets the handler act before the fault replaces its answer.
	After bool `json:"after,omitempty"`
}

// Fault is one rule. Times is how often it strikes: 0 means once, negative
// means until it is deleted. Skip lets that many matching requests pass first.
type Fault struct {
	Match Match  `json:"match"`
	Times int    `json:"times,omitempty"`
	Skip  int    `json:"skip,omitempty"`
	Do    Action `json:"do"`
}

// Rule is a fault that was added, with its id and what became of it.
type Rule struct {
	ID string `json:"id"`
	Fault
	Seen int `json:"seen"` // requests that matched, the skipped ones too
	Hits int `json:"hits"` // times it struck

	path *regexp.Regexp
	form url.Values
}

func newRule(id string, f Fault) (*Rule, error) {
	path, err := regexp.Compile(f.Match.Path)
	if err != nil {
		return nil, fmt.Errorf("match.path: %w", err)
	}
	form, err := url.ParseQuery(f.Match.Form)
	if err != nil {
		return nil, fmt.Errorf("match.form: %w", err)
	}
	if err := f.Do.check(); err != nil {
		return nil, err
	}
	if f.Times == 0 {
		f.Times = 1
	}
	return &Rule{ID: id, Fault: f, path: path, form: form}, nil
}

func (a Action) check() error {
	switch a.Cut {
	case "", "before", "after":
	default:
		return fmt.Errorf("do.cut: %q is neither before nor after", a.Cut)
	}
	if a.Status != 0 && (a.Status < 200 || a.Status > 599) {
		return fmt.Errorf("do.status: %d is not a final status", a.Status)
	}
	if a.DelayMS < 0 {
		return errors.New("do.delay_ms: negative")
	}
	kinds := a.kinds()
	if kinds > 1 {
		return errors.New("do: one of status, html, hang, cut, endless, half_body at a time")
	}
	if kinds == 0 && a.DelayMS == 0 {
		return errors.New("do: nothing to do")
	}
	if kinds == 0 && a.After {
		return errors.New("do.after: a delay alone comes before")
	}
	return nil
}

// kinds counts the ways an action replaces the answer; a status belongs to
// those that send one.
func (a Action) kinds() (n int) {
	plain := a.HTML || a.Status != 0 && !a.Endless && !a.HalfBody
	for _, on := range []bool{a.Hang, a.Cut != "", a.Endless, a.HalfBody, plain} {
		if on {
			n++
		}
	}
	return n
}

func (a Action) replaces() bool {
	return a.Status != 0 || a.HTML || a.Hang || a.Cut != "" || a.Endless || a.HalfBody
}

func (a Action) acts() bool { return a.After || a.Cut == "after" }

func (r *Rule) matches(req *http.Request, body func() []byte) bool {
	if m := r.Match.Method; m != "" && !strings.EqualFold(m, req.Method) {
		return false
	}
	if !r.path.MatchString(req.URL.Path) {
		return false
	}
	if r.Match.Body != "" && !bytes.Contains(body(), []byte(r.Match.Body)) {
		return false
	}
	if len(r.form) == 0 {
		return true
	}
	got, err := url.ParseQuery(string(body()))
	if err != nil {
		return false
	}
	for name, values := range r.form {
		for _, v := range values {
			if !slices.Contains(got[name], v) {
				return false
			}
		}
	}
	return true
}

// peek reads the body once, when a rule asks for it, and gives the request an
// equal one.
func peek(r *http.Request) func() []byte {
	var body []byte
	read := false
	return func() []byte {
		if read || r.Body == nil {
			return body
		}
		read = true
		rest := r.Body
		body, _ = io.ReadAll(io.LimitReader(rest, maxMatched)) //nolint:errcheck // the handler meets the same error when it reads on
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(body), rest), rest}
		return body
	}
}
