package stage

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"usher/sandbox/fault"
)

// Base is the scheme and host that a simulator is reached at: the fixed ones
// or, where those are empty, the request's.
func Base(fixed string, r *http.Request) string {
	switch {
	case fixed != "":
		return fixed
	case r.TLS != nil:
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// Body reads a request to its end; fits tells whether it is no longer than
// limit. A request that breaks off panics with http.ErrAbortHandler, since half
// a request never acts.
func Body(w http.ResponseWriter, r *http.Request, limit int64) (body []byte, fits bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return nil, false
	case err != nil:
		panic(http.ErrAbortHandler)
	}
	return body, true
}

// Sleep waits for some time or until ctx ends. A nil one is a real timer.
type Sleep func(ctx context.Context, d time.Duration) error

// Pause waits for some milliseconds; none are over at once, whatever ctx is.
func (s Sleep) Pause(ctx context.Context, ms int) error {
	switch d := time.Duration(ms) * time.Millisecond; {
	case d <= 0:
		return nil
	case s == nil:
		return fault.Sleep(ctx, d)
	default:
		return s(ctx, d)
	}
}

// BeforeWrite pauses before a request that is neither GET nor HEAD. It panics
// with http.ErrAbortHandler, so that the request never acts, where the caller
// goes away meanwhile.
func (s Sleep) BeforeWrite(r *http.Request, ms int) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead && s.Pause(r.Context(), ms) != nil {
		panic(http.ErrAbortHandler)
	}
}

// Match holds the parts of a path against a pattern such as /users/{id}, and
// returns what stands at its {…}, which is never nothing.
func Match(pattern string, parts []string) (params map[string]string, ok bool) {
	want := strings.Split(pattern, "/")
	if len(want) != len(parts) {
		return nil, false
	}
	params = map[string]string{}
	for i, w := range want {
		name, isParam := strings.CutPrefix(w, "{")
		switch {
		case !isParam && w != parts[i], isParam && parts[i] == "":
			return nil, false
		case isParam:
			params[strings.TrimSuffix(name, "}")] = parts[i]
		}
	}
	return params, true
}
