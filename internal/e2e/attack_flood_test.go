package e2e

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// floodSize is how many tokens of each kind come.
const floodSize = 10000

// wave is a flood of tokens that are all different and all bad.
type wave struct {
	name  string
	token func(b *besieged) func() string
	// How often an issuer may be asked because of it: from one source, and from
	// ten thousand.
	one, many allowance
}

// allowance is what the limits leave: so many at once, and more a minute as
// they refill.
type allowance struct{ atOnce, aMinute float64 }

const underWay = 16 // as a limit was reached

func ofOneSource() allowance  { return allowance{60 + underWay, 60} }
func ofAllSources() allowance { return allowance{300 + underWay, 300} }
func ofKeys() allowance       { return allowance{1, 2} }             // one fetch each 30 s
func ofTrouble() allowance    { return allowance{3 + underWay, 10} } // until the first pause, then one a pause

func waves() []wave {
	// Noise in place of a signature is as good as a bad signature, and quick.
	jwt := func(f func(b *besieged) *forger, header, with func() claimSet) func(b *besieged) func() string {
		return func(b *besieged) func() string {
			return func() string { return f(b).unproven(header(), with()) }
		}
	}
	fixed := func(c claimSet) func() claimSet { return func() claimSet { return c } }
	main, down := func(b *besieged) *forger { return b.main }, func(b *besieged) *forger { return b.down }
	opaque := func(prefix string) func(b *besieged) func() string {
		return func(*besieged) func() string { return func() string { return prefix + rand.Text() } }
	}
	return []wave{
		{"bad signature", jwt(main, fixed(nil), fixed(nil)), allowance{}, allowance{}},
		{"unknown kid", jwt(main, func() claimSet { return claimSet{"kid": rand.Text()} }, fixed(nil)), ofKeys(), ofKeys()},
		{"unknown issuer", jwt(main, fixed(nil), func() claimSet { return claimSet{"iss": "https://" + rand.Text() + ".example"} }), allowance{}, allowance{}},
		{"opaque and unknown", opaque(""), ofOneSource(), ofAllSources()},
		{"opaque and of another audience", opaque("other-"), ofOneSource(), ofAllSources()},
		{"issuer answers HTML, JWT with unknown kid", jwt(down, func() claimSet { return claimSet{"kid": rand.Text()} }, fixed(nil)), ofTrouble(), ofTrouble()},
		{"issuer answers HTML, opaque", opaque("down_"), ofTrouble(), ofTrouble()},
	}
}

// Ten thousand bad tokens of each kind, from one source and from as many: all
// answer 401, none 429, and the issuers hardly notice. Who has a good token
// goes on, from the flood's own source too.
func TestFloods(t *testing.T) {
	t.Parallel()
	for _, w := range waves() {
		for _, spread := range []bool{false, true} {
			if spread && w.many == (allowance{}) {
				continue // nobody is ever asked
			}
			t.Run(w.name+map[bool]string{false: ", one source", true: ", many sources"}[spread], func(t *testing.T) {
				b := besiege(t, map[string]any{})
				b.main.change(func() { b.main.opaque["known"] = b.main.active(nil) })
				b.present(t, "known", "198.51.100.1").is(t, http.StatusOK)
				b.main.change(func() { b.main.any = map[string]any{"other-": b.main.active(claimSet{"aud": "another"})} })
				b.down.change(func() { b.down.html = true })
				before := b.main.asked() + b.down.asked()
				began := time.Now()
				b.flood(t, w.token(b), spread)
				limit := w.one
				if spread {
					limit = w.many
				}
				allowed := int64(limit.atOnce + limit.aMinute*time.Since(began).Minutes())
				asked := b.main.asked() + b.down.asked() - before
				t.Logf("%d tokens in %s: asked %d times", floodSize, time.Since(began), asked)
				if asked > allowed {
					t.Errorf("the issuers were asked %d times, want %d at most", asked, allowed)
				}
				b.present(t, "known", "198.51.100.1").is(t, http.StatusOK)
				b.present(t, b.main.good(), "198.51.100.1").is(t, http.StatusOK)
			})
		}
	}
}

// flood sends floodSize tokens over a few connections.
func (b *besieged) flood(t *testing.T, token func() string, spread bool) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	var next atomic.Int64
	var group sync.WaitGroup
	var others sync.Map
	for range 4 * runtime.NumCPU() {
		group.Go(func() {
			for n := next.Add(1); n <= floodSize; n = next.Add(1) {
				from := "198.51.100.1"
				if spread {
					from = fmt.Sprintf("10.%d.%d.%d", n>>16, n>>8&255, n&255)
				}
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+org, nil)
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("Authorization", "Bearer "+token())
				r.Header.Set("X-Forwarded-For", from)
				got, err := client.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, got.Body)
				_ = got.Body.Close()
				if got.StatusCode != http.StatusUnauthorized {
					others.Store(strconv.Itoa(got.StatusCode), n)
				}
			}
		})
	}
	group.Wait()
	others.Range(func(status, n any) bool {
		t.Errorf("token %v answered %v", n, status)
		return true
	})
}
