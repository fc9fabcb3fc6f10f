package invites_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"usher/identity"
	"usher/internal/quota"
	"usher/invites"
	"usher/ledger"
	"usher/providers"
	"usher/providers/clerk"
	simulator "usher/sandbox/clerk"
)

// inProcess calls a vendor without a network, and counts.
type inProcess struct {
	vendor http.Handler

	mu                   sync.Mutex
	calls, bulk, refused int
}

// RoundTrip implements http.RoundTripper.
func (p *inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	p.vendor.ServeHTTP(w, r)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	if strings.HasSuffix(r.URL.Path, "/invitations/bulk") {
		p.bulk++
	}
	if w.Code == http.StatusTooManyRequests {
		p.refused++
	}
	return w.Result(), nil
}

// limited is a service over Clerk's simulator with the vendor's limits on, in a
// time of its own.
type limited struct {
	t        *testing.T
	vendor   *simulator.Simulator
	calls    *inProcess
	service  *invites.Service
	admin    invites.Caller
	one, two *identity.Organization
}

func newLimited(t *testing.T) *limited {
	log := slog.New(slog.DiscardHandler)
	w := &limited{t: t, admin: invites.Caller{
		Actor:  identity.Actor{Issuer: "https://issuer.example", Subject: "admin"},
		Access: identity.Access{Rules: []identity.AccessRule{{Connection: "main", All: true}}},
	}}
	w.vendor = simulator.New(simulator.Options{BaseURL: "https://clerk.example", Production: true, Limits: true})
	w.vendor.SetMemberLimit(0)
	w.calls = &inProcess{vendor: w.vendor}
	url := "sqlite:" + t.TempDir() + "/usher.db"
	if _, err := ledger.Up(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(t.Context(), url, &ledger.Options{Logger: log})
	must(t, err)
	quotas := quota.New(nil)
	config := &clerk.Config{BaseURL: "https://clerk.example", SecretKey: identity.Secret(w.vendor.SecretKey())}
	p, err := config.Open(providers.Deps{
		Connection: "main", Roles: map[string]string{"member": "org:member"}, EmailRule: identity.EmailLowercase,
		Now: time.Now, Transport: w.calls, Quotas: quotas, LimitWait: 10 * time.Second, Logger: log,
	})
	must(t, err)
	client := providers.NewClient("main", p, &providers.ClientOptions{Logger: log})
	w.service, err = invites.New(t.Context(), l, []*invites.Connection{{
		Name: "main", Client: client, Roles: map[string]invites.RoleRule{"member": {}}, EmailRule: identity.EmailLowercase,
	}}, &invites.Options{Logger: log})
	must(t, err)
	w.one, w.two = w.organization("One"), w.organization("Two")
	must(t, w.service.Start(t.Context()))
	t.Cleanup(func() {
		for _, end := range []func() error{func() error { return w.service.Close(context.WithoutCancel(t.Context())) }, client.Close, quotas.Close, l.Close} {
			if err := end(); err != nil {
				t.Error(err)
			}
		}
	})
	return w
}

func (w *limited) organization(name string) *identity.Organization {
	w.t.Helper()
	org, err := w.service.Bind(w.t.Context(), invites.NewOrganization{
		Connection: "main", ProviderID: w.vendor.AddOrganization(simulator.Org{Name: name}), Slug: strings.ToLower(name),
	})
	must(w.t, err)
	return org
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
		w := newLimited(t)
		upload, err := w.service.ReceiveBatch(t.Context(), w.admin, w.one)
		must(t, err)
		for n, address := range people(rows) {
			must(t, upload.Add(t.Context(), n+1, request(address), nil))
		}
		begun := time.Now()
		b, err := upload.Publish(t.Context(), nil)
		must(t, err)
		if b.EstimatedFinishAt == nil {
			t.Fatal("no estimate")
		}
		estimated := b.EstimatedFinishAt.Sub(begun)

		time.Sleep(2*time.Hour + 12*time.Minute)
		asked := time.Now()
		if _, err := w.service.Send(t.Context(), w.admin, w.two, request("single@example.com")); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(asked); took > 2*time.Hour/250 {
			t.Errorf("a single invite of another organization waited for %v", took)
		}

		for b.FinishedAt == nil {
			time.Sleep(time.Minute)
			b, err = w.service.Batch(t.Context(), w.one, b.ID)
			must(t, err)
			if time.Since(begun) > 100*time.Hour {
				t.Fatalf("the batch does not end: %v", b.Counts)
			}
		}
		took := b.FinishedAt.Sub(begun)
		if b.Counts[identity.OutcomeSent] != rows || w.calls.bulk < rows/10 {
			t.Errorf("%v with %d bulk calls", b.Counts, w.calls.bulk)
		}
		hours := took.Hours() + 1 // the last one is begun
		if used := float64(w.calls.bulk) / (50 * hours); used < 0.9 {
			t.Errorf("%d bulk calls in %v: %.0f %% of what the vendor allows", w.calls.bulk, took, 100*used)
		}
		if w.calls.refused*1000 > w.calls.calls {
			t.Errorf("%d of %d calls were refused", w.calls.refused, w.calls.calls)
		}
		if off := took - estimated; off > took/10 || off < -took/10 {
			t.Errorf("estimated %v, took %v", estimated, took)
		}
		if n := len(w.vendor.State().Mails); n != rows+1 {
			t.Errorf("%d mails", n)
		}
		t.Logf("%d rows in %v (estimated %v), %d bulk calls, %d calls, %d refused", rows, took, estimated, w.calls.bulk, w.calls.calls, w.calls.refused)
	})
}
