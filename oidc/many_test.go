package oidc

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// crowd is many issuers on one server, below /0, /1 and so on.
type crowd struct {
	url         string
	discoveries []atomic.Int64
	fetches     []atomic.Int64
	slow        func(n int) bool
	release     chan struct{} // closed: the slow ones answer
}

func newCrowd(t *testing.T, size int, slow func(n int) bool) *crowd {
	t.Helper()
	c := &crowd{discoveries: make([]atomic.Int64, size), fetches: make([]atomic.Int64, size), slow: slow, release: make(chan struct{})}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

func (c *crowd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var n int
	if _, err := fmt.Sscanf(r.URL.Path, "/%d/", &n); err != nil {
		http.NotFound(w, r)
		return
	}
	if c.slow(n) {
		select {
		case <-c.release:
		case <-r.Context().Done():
			return
		}
	}
	if strings.HasSuffix(r.URL.Path, "/jwks") {
		c.fetches[n].Add(1)
		writeJSON(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public("ec", curveKey())}})
		return
	}
	c.discoveries[n].Add(1)
	issuer := fmt.Sprint(c.url, "/", n)
	writeJSON(w, fields{"issuer": issuer, "jwks_uri": issuer + "/jwks"})
}

func (c *crowd) configs() []IssuerConfig {
	var all []IssuerConfig
	for n := range c.discoveries {
		all = append(all, IssuerConfig{
			Name: fmt.Sprint("i", n), Issuer: fmt.Sprint(c.url, "/", n), Audiences: []string{ourAudience}, Algorithms: []string{"ES256"},
		})
	}
	return all
}

func (c *crowd) token(n int, now time.Time) string {
	payload := mustJSON(claims(fmt.Sprint(c.url, "/", n), now, nil))
	return compact([]byte(`{"alg":"ES256","kid":"ec","typ":"at+jwt"}`), payload, es256(curveKey()))
}

// Thousands of issuers start cold under load: each is asked once, and those
// that do not answer, more of them than are warmed up at a time, hold up
// nobody else.
func TestThousandsOfIssuers(t *testing.T) {
	t.Parallel()
	const size, callers = 2000, 3
	slow := func(n int) bool { return n%50 == 7 } // 40
	c := newCrowd(t, size, slow)
	clock := newClock()
	transport := &http.Transport{MaxIdleConnsPerHost: 256, IdleConnTimeout: time.Second}
	t.Cleanup(transport.CloseIdleConnections)
	a, err := New(c.configs(), &Options{Now: clock.Now, Timeout: 10 * time.Minute, HTTP: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	present := func(n int) {
		if p, err := a.Authenticate(t.Context(), c.token(n, clock.Now())); err != nil {
			t.Errorf("issuer %d: %v", n, err)
		} else if want := fmt.Sprint(c.url, "/", n); p.Issuer != want {
			t.Errorf("issuer %d: a principal of %s", n, p.Issuer)
		}
	}
	var quick, late sync.WaitGroup
	work := make(chan int)
	for range 64 {
		quick.Go(func() {
			for n := range work {
				present(n)
			}
		})
	}
	for n := range size {
		for range callers {
			if slow(n) {
				late.Go(func() { present(n) })
			} else {
				work <- n
			}
		}
	}
	close(work)
	quick.Wait() // while the slow ones have not answered
	close(c.release)
	late.Wait()
	a.warming.Wait()
	var discoveries, fetches, most int64
	for n := range size {
		d, f := c.discoveries[n].Load(), c.fetches[n].Load()
		discoveries, fetches, most = discoveries+d, fetches+f, max(most, d, f)
	}
	if discoveries > size*105/100 || fetches > size*105/100 || most > 2 {
		t.Errorf("%d issuers: %d discoveries, %d fetches of keys, up to %d of one", size, discoveries, fetches, most)
	}
}
