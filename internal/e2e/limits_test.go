package e2e

import (
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
)

// withVendorLimits leaves the vendor's limits as the provider declares them.
func withVendorLimits(config string) string {
	return regexp.MustCompile(`(?m)^    limits:\n      all:\n        calls: 0\n`).ReplaceAllString(config, "")
}

// Far more is asked for than the vendor allows in a minute: the vendor never has
// to refuse a call, and who is not served is told when to come back.
func TestVendorLimitsAreKept(t *testing.T) {
	t.Parallel()
	w := open(t, withVendorLimits)
	w.admin("PATCH", w.vendor+"/_sandbox/quirks", map[string]any{"rate_limits": true}, nil)
	var served, refused atomic.Int32
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for range 25 {
				a, err := w.try("GET", org+"/members", nil)
				switch {
				case err != nil:
					t.Error(err)
				case a.status == 200:
					served.Add(1)
				case a.status == 429 && a.str("code") == "provider_rate_limited" && a.header.Get("Retry-After") != "":
					refused.Add(1)
				default:
					t.Errorf("got %s", a)
				}
			}
		})
	}
	group.Wait()
	if served.Load() == 0 || refused.Load() == 0 {
		t.Errorf("%d served, %d refused", served.Load(), refused.Load())
	}
	var calls []struct {
		Path   string `json:"path"`
		Status int    `json:"status"`
	}
	w.admin("GET", w.vendor+"/_sandbox/calls", nil, &calls)
	for _, call := range calls {
		if call.Status == 429 {
			t.Fatalf("the vendor refused %s among %d calls", call.Path, len(calls))
		}
	}
	if len(calls) < 100 {
		t.Errorf("only %d calls: the limit is 200", len(calls))
	}
	w.want(w.ask("GET", "/readyz", nil), 200, "")
}
