package oidc

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// counted returns the registry's counters as "name{label values} value".
func counted(t *testing.T, r *prometheus.Registry) []string {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			all = append(all, fmt.Sprintf("%s{%s} %v", f.GetName(), strings.Join(labels, ","), m.GetCounter().GetValue()))
		}
	}
	slices.Sort(all)
	return all
}

func TestRememberedTokens(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newTestIssuer(t, public("k", firstKey()))
	metrics := prometheus.NewRegistry()
	a := open(t, &Options{Now: clock.Now, Metrics: metrics}, i.config("main"))
	token := mint("k", firstKey(), claims(i.url, clock.Now(), nil))
	want := func(accepted, hits int) {
		t.Helper()
		got := counted(t, metrics)
		for _, line := range []string{
			fmt.Sprintf("usher_token_cache_hits_total{main} %d", hits),
			fmt.Sprintf("usher_token_verifications_total{main,accepted} %d", accepted),
		} {
			if !slices.Contains(got, line) {
				t.Errorf("no %q in %q", line, got)
			}
		}
	}
	var last *Principal
	verify := func() {
		t.Helper()
		p, err := a.Authenticate(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		if p == last {
			t.Error("two requests share one principal")
		}
		if p.Token != token {
			t.Errorf("token is %q", p.Token)
		}
		last = p
	}
	verify()
	want(1, 0)
	verify()
	want(1, 1)
	clock.Advance(rememberFor - 1)
	verify()
	want(1, 2)
	clock.Advance(1)
	verify() // a minute is over
	want(2, 2)

	for _, r := range a.memory.tokens.Values() {
		if r.principal.Token != "" {
			t.Error("a token lies in memory")
		}
	}
}

func TestRememberedNeverPastExpiry(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newTestIssuer(t, public("k", firstKey()))
	metrics := prometheus.NewRegistry()
	a := open(t, &Options{Now: clock.Now, Metrics: metrics}, i.config("main"))
	exp := clock.Now().Add(10 * time.Second)
	token := mint("k", firstKey(), claims(i.url, clock.Now(), fields{"exp": exp.Unix()}))
	for _, tt := range []struct {
		at       time.Duration
		accepted bool
		hits     int
	}{{0, true, 0}, {9 * time.Second, true, 1}, {10 * time.Second, true, 1}, {39 * time.Second, true, 1}, {40 * time.Second, false, 1}} {
		clock.nanos.Store(exp.Add(tt.at - 10*time.Second).UnixNano())
		p, err := a.Authenticate(t.Context(), token)
		if (err == nil) != tt.accepted {
			t.Errorf("after %s: %v", tt.at, err)
		}
		if err != nil && why(t, p, err) != reasonExpired {
			t.Errorf("after %s: %v", tt.at, err)
		}
		if line := fmt.Sprintf("usher_token_cache_hits_total{main} %d", tt.hits); !slices.Contains(counted(t, metrics), line) {
			t.Errorf("after %s: no %q", tt.at, line)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newTestIssuer(t, public("k", firstKey()))
	a := open(t, &Options{Now: clock.Now, CacheSize: 3}, i.config("main"))
	for n := range 10 {
		if _, err := a.Authenticate(t.Context(), mint("k", firstKey(), claims(i.url, clock.Now(), fields{"jti": fmt.Sprint(n)}))); err != nil {
			t.Fatal(err)
		}
	}
	if n := a.memory.tokens.Len(); n != 3 {
		t.Errorf("%d tokens are remembered, want 3", n)
	}
}

func TestRefusedTokensAreNotRemembered(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newTestIssuer(t, public("k", firstKey()))
	a := open(t, &Options{Now: clock.Now}, i.config("main"))
	early := mint("k", firstKey(), claims(i.url, clock.Now(), fields{"nbf": clock.Now().Add(time.Minute).Unix()}))
	p, err := a.Authenticate(t.Context(), early)
	if got := why(t, p, err); got != reasonNotYetValid {
		t.Error(got)
	}
	clock.Advance(30 * time.Second)
	if _, err := a.Authenticate(t.Context(), early); err != nil {
		t.Errorf("at nbf less the leeway: %v", err)
	}
}

func TestMetricLabelsComeFromConfigurationAlone(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newTestIssuer(t, public("k", firstKey()))
	metrics := prometheus.NewRegistry()
	a := open(t, &Options{Now: clock.Now, Metrics: metrics}, i.config("main"))
	for _, token := range []string{
		"", "x", strings.Repeat("x", maxToken+1),
		mint("k", firstKey(), claims("https://evil.example", clock.Now(), nil)),
		mint("nobody", firstKey(), claims(i.url, clock.Now(), nil)),
		mint("k", secondKey(), claims(i.url, clock.Now(), nil)),
		mint("k", firstKey(), claims(i.url, clock.Now(), nil)),
	} {
		_, _ = a.Authenticate(t.Context(), token)
	}
	want := []string{
		"usher_issuer_key_refreshes_total{main,ok} 1",
		"usher_token_cache_hits_total{main} 0",
		"usher_token_verifications_total{,malformed} 1",
		"usher_token_verifications_total{,missing} 1",
		"usher_token_verifications_total{,too_long} 1",
		"usher_token_verifications_total{,unknown_issuer} 1",
		"usher_token_verifications_total{main,accepted} 1",
		"usher_token_verifications_total{main,signature} 1",
		"usher_token_verifications_total{main,unknown_key} 1",
	}
	if got := counted(t, metrics); !slices.Equal(got, want) {
		t.Errorf("counters are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if _, err := New([]IssuerConfig{i.config("main")}, &Options{Metrics: metrics}); err == nil {
		t.Error("registered twice without an error")
	}
}
