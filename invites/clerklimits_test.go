package invites_test

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"usher/identity"
	"usher/providers/clerk"
	simulator "usher/sandbox/clerk"
)

func limitedClerk() *backend {
	vendor := simulator.New(simulator.Options{BaseURL: "https://clerk.example", Production: true, Limits: true})
	vendor.SetMemberLimit(0)
	return &backend{
		vendor: vendor, role: "org:member", emails: identity.EmailLowercase,
		config:       &clerk.Config{BaseURL: "https://clerk.example", SecretKey: identity.Secret(vendor.SecretKey())},
		organization: func(name string) string { return vendor.AddOrganization(simulator.Org{Name: name}) },
		mails:        func() int { return len(vendor.State().Mails) },
	}
}

// Many rows over a vendor that takes 50 calls of ten rows an hour: the hours are
// used, the vendor hardly ever has to refuse, what was estimated at the start
// comes true, and somebody else's single invite goes out in between. USHER_SOAK
// makes them ten thousand.
func TestBatchUnderTheVendorsLimits(t *testing.T) {
	if testing.Short() {
		t.Skip("a volume suite")
	}
	rows := 2_350
	if os.Getenv("USHER_SOAK") != "" {
		rows = 10_000
	}
	synctest.Test(t, func(t *testing.T) {
		w := newLimited(t, limitedClerk())
		b, begun, estimated := w.publish(rows)

		time.Sleep(2*time.Hour + 12*time.Minute)
		asked := time.Now()
		if _, err := w.service.Send(t.Context(), w.admin, w.two, request("single@example.com")); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(asked); took > 2*time.Hour/250 {
			t.Errorf("a single invite of another organization waited for %v", took)
		}

		took := w.finish(b, rows, begun, estimated, time.Minute)
		if w.calls.bulk < rows/10 {
			t.Errorf("%d bulk calls", w.calls.bulk)
		}
		hours := took.Hours() + 1 // the last one is begun
		if used := float64(w.calls.bulk) / (50 * hours); used < 0.9 {
			t.Errorf("%d bulk calls in %v: %.0f %% of what the vendor allows", w.calls.bulk, took, 100*used)
		}
		if n := w.backend.mails(); n != rows+1 {
			t.Errorf("%d mails", n)
		}
	})
}
