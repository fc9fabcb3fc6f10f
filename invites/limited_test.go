package invites_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/quota"
	"usher/invites"
	"usher/ledger"
	"usher/providers"
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

// backend is a simulated vendor and the settings of a connection to it.
type backend struct {
	vendor       http.Handler
	config       providers.Config
	role         string // the vendor's name of the role member
	emails       identity.EmailRule
	limits       map[string]quota.Limit // as an operator sets them; nil: the vendor's own
	mailer       providers.Mailer       // nil: the vendor mails
	organization func(name string) (providerID string)
	mails        func() int
}

// limited is a service over a simulated vendor with its limits on, in a time of
// its own.
type limited struct {
	t        *testing.T
	backend  *backend
	calls    *inProcess
	service  *invites.Service
	admin    invites.Caller
	one, two *identity.Organization
}

func newLimited(t *testing.T, b *backend) *limited {
	log := slog.New(slog.DiscardHandler)
	w := &limited{t: t, backend: b, calls: &inProcess{vendor: b.vendor}, admin: invites.Caller{
		Actor:  identity.Actor{Issuer: "https://issuer.example", Subject: "admin"},
		Access: identity.Access{Rules: []identity.AccessRule{{Connection: "main", All: true}}},
	}}
	url := "sqlite:" + t.TempDir() + "/usher.db"
	if _, err := ledger.Up(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(t.Context(), url, &ledger.Options{Logger: log})
	must(t, err)
	quotas := quota.New(nil)
	p, err := b.config.Open(providers.Deps{
		Connection: "main", Roles: map[string]string{"member": b.role}, EmailRule: b.emails, Mailer: b.mailer,
		Now: time.Now, Transport: w.calls, Quotas: quotas, Limits: b.limits, LimitWait: 10 * time.Second, Logger: log,
	})
	must(t, err)
	client := providers.NewClient("main", p, &providers.ClientOptions{Logger: log})
	w.service, err = invites.New(t.Context(), l, []*invites.Connection{{
		Name: "main", Client: client, Roles: map[string]invites.RoleRule{"member": {}}, EmailRule: b.emails,
	}}, &invites.Options{Logger: log, Links: "https://usher.example/accept/"})
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
		Connection: "main", ProviderID: w.backend.organization(name), Slug: strings.ToLower(name),
	})
	must(w.t, err)
	return org
}

// publish begins a batch and returns how long it is said to take.
func (w *limited) publish(rows int) (b *identity.Batch, begun time.Time, estimated time.Duration) {
	w.t.Helper()
	upload, err := w.service.ReceiveBatch(w.t.Context(), w.admin, w.one)
	must(w.t, err)
	for n, address := range people(rows) {
		must(w.t, upload.Add(w.t.Context(), n+1, request(address), nil))
	}
	begun = time.Now()
	b, err = upload.Publish(w.t.Context(), nil)
	must(w.t, err)
	if b.EstimatedFinishAt == nil {
		w.t.Fatal("no estimate")
	}
	return b, begun, b.EstimatedFinishAt.Sub(begun)
}

// finish waits for the end of a batch, looking again and again, and returns how
// long it took. It sent every row, the vendor hardly ever had to refuse a call,
// and what was estimated came true.
func (w *limited) finish(b *identity.Batch, rows int, begun time.Time, estimated, look time.Duration) time.Duration {
	w.t.Helper()
	for b.FinishedAt == nil {
		time.Sleep(look)
		var err error
		b, err = w.service.Batch(w.t.Context(), w.one, b.ID)
		must(w.t, err)
		if time.Since(begun) > 100*time.Hour {
			w.t.Fatalf("the batch does not end: %v", b.Counts)
		}
	}
	took := b.FinishedAt.Sub(begun)
	if b.Counts[identity.OutcomeSent] != rows {
		w.t.Errorf("%v", b.Counts)
	}
	if w.calls.refused*1000 > w.calls.calls {
		w.t.Errorf("%d of %d calls were refused", w.calls.refused, w.calls.calls)
	}
	if off := took - estimated; off > took/10 || off < -took/10 {
		w.t.Errorf("estimated %v, took %v", estimated, took)
	}
	w.t.Logf("%d rows in %v (estimated %v), %d bulk calls, %d calls, %d refused",
		rows, took, estimated, w.calls.bulk, w.calls.calls, w.calls.refused)
	return took
}
