package asgardeo_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http/httptest"
	"testing"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func decode(t *testing.T, raw string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(raw), v); err != nil {
		t.Fatal(err)
	}
}

// serve puts a world's simulator on a server.
func (w *world) serve() {
	w.srv = httptest.NewServer(w.sim)
	w.t.Cleanup(w.srv.Close)
}
