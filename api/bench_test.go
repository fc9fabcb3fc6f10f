package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// BenchmarkGetInvite is the whole way of a read, but for the network.
func BenchmarkGetInvite(b *testing.B) {
	h := build(b)
	id := h.send("ada@example.com")
	r := newRequest("GET", invitesPath+"/"+id)
	r.Header.Set("Authorization", "Bearer "+admin)
	w := &discarded{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		h.api.ServeHTTP(w, r)
		if w.status != http.StatusOK {
			b.Fatal(w.status)
		}
	}
}

// discarded is an answer that nobody reads.
type discarded struct {
	header http.Header
	status int
}

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) WriteHeader(status int)      { d.status = status }
func (d *discarded) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkSendInvite is the whole way of a sending to a vendor that answers at
// once: what it costs is the ledger's commits.
func BenchmarkSendInvite(b *testing.B) {
	b.Run("plain", func(b *testing.B) { benchmarkSend(b, false) })
	b.Run("keyed", func(b *testing.B) { benchmarkSend(b, true) })
}

func benchmarkSend(b *testing.B, keyed bool) {
	h := build(b)
	b.ReportAllocs()
	w := &discarded{header: http.Header{}}
	for n := 0; b.Loop(); n++ {
		r := httptest.NewRequest("POST", invitesPath, strings.NewReader(fmt.Sprintf(`{"email":"a%d@example.com","roles":["member"]}`, n)))
		r.Header.Set("Authorization", "Bearer "+admin)
		r.Header.Set("Content-Type", "application/json")
		if keyed {
			r.Header.Set("Idempotency-Key", fmt.Sprintf("key-%d", n))
		}
		clear(w.header)
		h.api.ServeHTTP(w, r)
		if w.status != http.StatusCreated {
			b.Fatal(w.status)
		}
	}
}
