package oidc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"usher/identity"
)

func TestColdStartFetchesOnce(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newTestIssuer(t, public("k", firstKey()))
	release := make(chan struct{})
	i.play(func(w http.ResponseWriter, r *http.Request) {
		<-release
		if r.URL.Path == "/jwks" {
			writeJSON(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public("k", firstKey())}})
			return
		}
		writeJSON(w, map[string]any{"issuer": i.url, "jwks_uri": i.url + "/jwks"})
	})
	a, err := New([]IssuerConfig{i.config("i")}, &Options{Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	token := mint("k", firstKey(), claims(i.url, clock.Now(), nil))
	var ready, done sync.WaitGroup
	errs := make(chan error, 200)
	for range 200 {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			_, err := a.Authenticate(t.Context(), token)
			errs <- err
		})
	}
	ready.Wait()
	close(release)
	done.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	if d, f := i.discoveries.Load(), i.fetches.Load(); d != 1 || f != 1 {
		t.Errorf("%d discoveries and %d fetches of keys, want one each", d, f)
	}
}

func TestFloodOfUnknownKeys(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newTestIssuer(t, public("k", firstKey()))
	a := open(t, &Options{Now: clock.Now}, i.config("i"))
	for round := range int64(3) {
		clock.Advance(keyCooldown)
		var all sync.WaitGroup
		for n := range 1000 {
			all.Go(func() {
				token := compact(mustJSON(fields{"alg": "RS256", "typ": "at+jwt", "kid": fmt.Sprint("k", round, "-", n)}),
					mustJSON(claims(i.url, clock.Now(), nil)), func([]byte) []byte { return []byte("no signature at all") })
				if _, err := a.Authenticate(t.Context(), token); err == nil {
					t.Error("accepted")
				}
			})
		}
		all.Wait()
		if got, want := i.fetches.Load(), 1+round+1; got != want {
			t.Errorf("round %d: %d fetches of keys in all, want %d", round, got, want)
		}
	}
	if d := i.discoveries.Load(); d != 1 {
		t.Errorf("%d discoveries, want one", d)
	}
}

func TestFloodOfBadSignatures(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newTestIssuer(t, public("k", firstKey()))
	a := open(t, &Options{Now: clock.Now}, i.config("i"))
	clock.Advance(keyCooldown)
	before := i.requests()
	for n := range 200 {
		token := compact(mustJSON(fields{"alg": "RS256", "typ": "at+jwt", "kid": "k"}),
			mustJSON(claims(i.url, clock.Now(), fields{"jti": fmt.Sprint(n)})), func([]byte) []byte { return make([]byte, 256) })
		p, err := a.Authenticate(t.Context(), token)
		if got := why(t, p, err); got != reasonSignature {
			t.Fatal(got)
		}
	}
	if got := i.requests(); got != before {
		t.Errorf("bad signatures made %d requests", got-before)
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newTestIssuer(t, public("old", firstKey()))
	a := open(t, &Options{Now: clock.Now}, i.config("i"))
	long := fields{"exp": clock.Now().Add(48 * time.Hour).Unix()}
	older := mint("old", firstKey(), claims(i.url, clock.Now(), long))
	newer := mint("new", secondKey(), claims(i.url, clock.Now(), long))
	verify := func(what, token string, want reason) {
		t.Helper()
		p, err := a.Authenticate(t.Context(), token)
		if want == "" && err == nil {
			return
		}
		if got := why(t, p, err); got != want {
			t.Errorf("%s: %q, want %q (%v)", what, got, want, err)
		}
	}
	verify("before", older, "")
	verify("a key to come", newer, reasonUnknownKey)

	i.publish(public("old", firstKey()), public("new", secondKey()))
	clock.Advance(time.Second)
	verify("a key that was just added", newer, "")
	verify("the one before it, still published", older, "")

	// The old key goes. Its token is remembered, until somebody finds out that
	// the keys have changed: an unknown kid, here.
	i.publish(public("new", secondKey()))
	clock.Advance(keyCooldown)
	verify("remembered", older, "")
	verify("an unknown kid", mint("x", secondKey(), claims(i.url, clock.Now(), nil)), reasonUnknownKey)
	verify("a key that was taken out", older, reasonUnknownKey)
	verify("the key that is left", newer, "")
	if n := len(a.memory.tokens.Keys()); n != 1 {
		t.Errorf("%d tokens are remembered, want the newer one alone", n)
	}

	// The same kid with another key: again by a look at the issuer alone.
	i.publish(public("new", firstKey()))
	clock.Advance(keyCooldown)
	verify("an unknown kid", mint("y", secondKey(), claims(i.url, clock.Now(), nil)), reasonUnknownKey)
	verify("a key that was replaced under its kid", newer, reasonSignature)
}

// wait lets the fetch that is under way end.
func wait(a *Authenticator) {
	for _, i := range a.issuers {
		i.keys.flights.Wait()
	}
}

func TestOldKeysAreRefreshedInTheBackground(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newTestIssuer(t, public("k", firstKey()))
	a := open(t, &Options{Now: clock.Now}, i.config("i"))
	verify := func() error {
		_, err := a.Authenticate(t.Context(), mint("k", firstKey(), claims(i.url, clock.Now(), nil)))
		wait(a)
		return err
	}
	clock.Advance(keysStale - time.Second)
	if err := verify(); err != nil || i.fetches.Load() != 1 {
		t.Fatalf("young keys: %v, %d fetches", err, i.fetches.Load())
	}

	// The issuer hangs; nobody waits for it while there are keys.
	hang := make(chan struct{})
	i.play(func(w http.ResponseWriter, _ *http.Request) { <-hang; w.WriteHeader(http.StatusBadGateway) })
	clock.Advance(time.Second)
	for range 3 {
		token := mint("k", firstKey(), claims(i.url, clock.Now(), nil))
		if _, err := a.Authenticate(t.Context(), token); err != nil {
			t.Fatalf("old keys, issuer hangs: %v", err)
		}
		a.memory.tokens.Purge()
	}
	close(hang)
	wait(a)
	if n := i.fetches.Load(); n != 2 {
		t.Errorf("%d fetches, want two", n)
	}

	// Down for hours: the keys serve, with few fetches.
	for range 1000 {
		clock.Advance(time.Minute)
		if err := verify(); err != nil {
			t.Fatalf("issuer down: %v", err)
		}
	}
	if n := i.requests(); n > 1100 {
		t.Errorf("%d requests while the issuer was down, for 1000 minutes", n)
	}
	// Down for longer than keys last: they count no more.
	clock.Advance(keysExpire)
	p, err := a.Authenticate(t.Context(), mint("k", firstKey(), claims(i.url, clock.Now(), nil)))
	if got := why(t, p, err); got != reasonKeysUnavailable {
		t.Errorf("keys nobody could renew for a day: %q", got)
	}
	i.play(nil)
	clock.Advance(backoffLast)
	if err := verify(); err != nil {
		t.Errorf("the issuer is back: %v", err)
	}
}

func TestIssuerDownAtStartAndBack(t *testing.T) {
	t.Parallel()
	clock := newClock()
	down, up := newTestIssuer(t, public("k", firstKey())), newTestIssuer(t, public("k", firstKey()))
	down.play(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	var log bytes.Buffer
	a := open(t, &Options{Now: clock.Now, Logger: slog.New(slog.NewTextHandler(&log, nil))}, down.config("down"), up.config("up"))
	if got := log.String(); strings.Count(got, "level=WARN") != 1 || !strings.Contains(got, "issuer=down class=status") {
		t.Errorf("the log says %q, want one warning about the issuer that is down", got)
	}
	token := func(i *testIssuer) string { return mint("k", firstKey(), claims(i.url, clock.Now(), nil)) }

	if _, err := a.Authenticate(t.Context(), token(up)); err != nil {
		t.Errorf("the other issuer's token: %v", err)
	}
	asked := down.requests()
	var e *identity.Error
	for range 100 {
		p, err := a.Authenticate(t.Context(), token(down))
		if got := why(t, p, err); got != reasonKeysUnavailable || !errors.As(err, &e) || e.RetryAfter != backoffFirst {
			t.Fatalf("%q, %v", got, err)
		}
	}
	if n := down.requests(); n != asked {
		t.Errorf("%d requests within the pause", n-asked)
	}
	want := []IssuerStatus{
		{Name: "down", Issuer: down.url, LastError: classStatus},
		{Name: "up", Issuer: up.url, Reachable: true, KeysAt: clock.Now()},
	}
	if got := a.Issuers(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("status %+v, want %+v", got, want)
	}
	// The pause grows, to an end.
	for _, pause := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		clock.Advance(pause*time.Second - 1)
		asked := down.requests()
		_, _ = a.Authenticate(t.Context(), token(down))
		if n := down.requests(); n != asked {
			t.Errorf("asked again before %d s", pause)
		}
		clock.Advance(1)
		_, _ = a.Authenticate(t.Context(), token(down))
		if n := down.requests(); n != asked+1 {
			t.Errorf("%d requests after %d s, want one", n-asked, pause)
		}
	}
	down.play(nil)
	clock.Advance(backoffLast)
	if _, err := a.Authenticate(t.Context(), token(down)); err != nil {
		t.Errorf("back: %v", err)
	}
	want[0] = IssuerStatus{Name: "down", Issuer: down.url, Reachable: true, KeysAt: clock.Now()}
	if got := a.Issuers()[0]; got != want[0] {
		t.Errorf("status %+v, want %+v", got, want[0])
	}
}

// A caller who gives up does not take the fetch away from the others.
func TestCallerGivesUp(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newTestIssuer(t)
	release := make(chan struct{})
	i.play(func(w http.ResponseWriter, r *http.Request) {
		<-release
		writeJSON(w, fields{"issuer": i.url, "jwks_uri": i.url + "/jwks", "keys": []any{public("k", firstKey())}})
	})
	a, err := New([]IssuerConfig{i.config("i")}, &Options{Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	token := mint("k", firstKey(), claims(i.url, clock.Now(), nil))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p, err := a.Authenticate(ctx, token)
	if got := why(t, p, err); got != reasonKeysUnavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("%q: %v", got, err)
	}
	close(release)
	if _, err := a.Authenticate(t.Context(), token); err != nil {
		t.Error(err)
	}
	if d, f := i.discoveries.Load(), i.fetches.Load(); d != 1 || f != 1 {
		t.Errorf("%d discoveries, %d fetches", d, f)
	}
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newTestIssuer(t)
	asked := make(chan struct{}, 1)
	i.play(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	})
	a, err := New([]IssuerConfig{i.config("i")}, &Options{Now: clock.Now, Timeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	<-asked
	waiting := make(chan error)
	go func() {
		_, err := a.Authenticate(t.Context(), mint("k", firstKey(), claims(i.url, clock.Now(), nil)))
		waiting <- err
	}()
	for range 2 {
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-waiting; err == nil {
		t.Error("accepted without keys")
	}
	p, err := a.Authenticate(t.Context(), mint("k", firstKey(), claims(i.url, clock.Now(), nil)))
	if got := why(t, p, err); got != reasonKeysUnavailable || !errors.Is(err, errClosed) {
		t.Errorf("%q: %v", got, err)
	}
}

// Many issuers that hang hold up nobody but their own.
func TestHangingIssuersHoldUpNobody(t *testing.T) {
	t.Parallel()
	clock := newClock()
	hang := make(chan struct{})
	slow := newTestIssuer(t)
	slow.play(func(http.ResponseWriter, *http.Request) { <-hang })
	good := newTestIssuer(t, public("k", firstKey()))
	var configs []IssuerConfig
	for n := range 200 {
		c := slow.config(fmt.Sprint("slow", n))
		c.Issuer = fmt.Sprint(slow.url, "/", n)
		configs = append(configs, c)
	}
	a, err := New(append(configs, good.config("good")), &Options{Now: clock.Now, Timeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	defer close(hang)
	if _, err := a.Authenticate(t.Context(), mint("k", firstKey(), claims(good.url, clock.Now(), nil))); err != nil {
		t.Error(err)
	}
}
