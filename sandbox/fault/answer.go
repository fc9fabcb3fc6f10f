package fault

import (
	"net/http"
	"strconv"
	"strings"
)

const page = "<!DOCTYPE html>\n<html><head><title>Error</title></head><body><h1>Service temporarily unavailable</h1></body></html>\n"

// answer carries the fault out. It does not return when it drops the connection.
func (a Action) answer(w http.ResponseWriter, r *http.Request, id string, release <-chan struct{}) {
	switch {
	case a.Hang:
		select {
		case <-r.Context().Done():
		case <-release:
		}
		drop(w)
	case a.Cut != "":
		drop(w)
	case a.Endless:
		a.endless(w, r, id)
	case a.HalfBody:
		body := a.text()
		if body == "" {
			body = `{"half":`
		}
		a.head(w, id, len(body)+1024)
		w.Write([]byte(body))                 //nolint:errcheck // the connection is dropped next
		http.NewResponseController(w).Flush() //nolint:errcheck // as above
		drop(w)
	default:
		body := a.text()
		a.head(w, id, len(body))
		if a.status() != http.StatusNoContent && a.status() != http.StatusNotModified {
			w.Write([]byte(body)) //nolint:errcheck // the client is gone
		}
	}
}

func (a Action) status() int {
	if a.Status == 0 {
		return http.StatusOK
	}
	return a.Status
}

func (a Action) text() string {
	if a.HTML && a.Body == "" {
		return page
	}
	return a.Body
}

func (a Action) head(w http.ResponseWriter, id string, length int) {
	h := w.Header()
	kind := "application/json"
	if a.HTML {
		kind = "text/html; charset=utf-8"
	}
	h.Set("Content-Type", kind)
	h.Set(Header, id)
	if length >= 0 && a.status() != http.StatusNoContent && a.status() != http.StatusNotModified {
		h.Set("Content-Length", strconv.Itoa(length))
	}
	for name, value := range a.Headers {
		h.Set(name, value)
	}
	w.WriteHeader(a.status())
}

func (a Action) endless(w http.ResponseWriter, r *http.Request, id string) {
	a.head(w, id, -1)
	control := http.NewResponseController(w)
	chunk := []byte(`{"endless":"` + strings.Repeat("x", 32<<10))
	for r.Context().Err() == nil {
		if _, err := w.Write(chunk); err != nil {
			return
		}
		if err := control.Flush(); err != nil {
			return
		}
		chunk[0] = 'x'
	}
}

// drop ends the connection. http.ErrAbortHandler is the server's own way to do
// so for every protocol version.
func drop(w http.ResponseWriter) {
	if watch, ok := w.(*watcher); ok && !watch.wrote {
		watch.status = 0
	}
	panic(http.ErrAbortHandler)
}

// watcher notes the status that went out.
type watcher struct {
	http.ResponseWriter
	status int
	wrote  bool
}

func (w *watcher) WriteHeader(status int) {
	if !w.wrote {
		w.status, w.wrote = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *watcher) Write(b []byte) (int, error) {
	if !w.wrote {
		w.status, w.wrote = http.StatusOK, true
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the real writer.
func (w *watcher) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// recorder takes an answer nobody will see.
type recorder struct{ header http.Header }

func newRecorder() *recorder                    { return &recorder{header: http.Header{}} }
func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(int)             {}
func (r *recorder) Write(b []byte) (int, error) { return len(b), nil }
