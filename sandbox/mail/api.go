package mail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// maxWait bounds ?wait= of the JSON list.
const maxWait = time.Minute

func (c *Catcher) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/messages", c.apiList)
	mux.HandleFunc("DELETE /api/messages", c.apiClear)
	mux.HandleFunc("GET /{$}", c.pageList)
	mux.HandleFunc("GET /messages/{id}", c.pageMessage)
	mux.HandleFunc("GET /messages/{id}/html", c.pageBody)
	mux.HandleFunc("GET /style.css", pageStyle)
	return mux
}

// ServeHTTP implements http.Handler.
func (c *Catcher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", pagePolicy)
	c.handler.ServeHTTP(w, r)
}

// apiList answers GET /api/messages. With ?wait=10s it answers as soon as a
// message is selected, and an empty list when none comes in time.
func (c *Catcher) apiList(w http.ResponseWriter, r *http.Request) {
	f, query, err := filterOf(r, "wait")
	if err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	if s := query.Get("wait"); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil || d < 0 || d > maxWait {
			writeJSON(w, http.StatusBadRequest, map[string]string{"error": "wait must be a duration of up to 1m, such as 10s"})
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), d)
		defer cancel()
		_, err = c.Wait(ctx, f.Match)
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			writeJSON(w, http.StatusServiceUnavailable, map[string]string{"error": "the mail catcher is closing"})
			return
		}
	}
	writeJSON(w, http.StatusOK, c.Messages(f))
}

func (c *Catcher) apiClear(w http.ResponseWriter, r *http.Request) {
	if r.URL.RawQuery != "" {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "there are no query parameters: all messages are deleted"})
		return
	}
	c.Clear()
	w.WriteHeader(http.StatusNoContent)
}

// filterOf reads ?to= and ?kind=. Other parameters than those allowed are
// refused: a misspelt filter must not look like all messages.
func filterOf(r *http.Request, allowed ...string) (Filter, url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return Filter{}, nil, errors.New("the query cannot be read")
	}
	known := append([]string{"to", "kind"}, allowed...)
	for name, values := range query {
		if !slices.Contains(known, name) {
			return Filter{}, nil, fmt.Errorf("unknown query parameter %q", name)
		}
		if len(values) > 1 {
			return Filter{}, nil, fmt.Errorf("query parameter %q is there twice", name)
		}
	}
	return Filter{To: query.Get("to"), Kind: query.Get("kind")}, query, nil
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
}
