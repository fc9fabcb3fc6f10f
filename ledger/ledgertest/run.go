package ledgertest

import (
	"context"
	"errors"
	"os"
	"reflect"
	"strconv"
	"sync"
	"testing"
	"time"

	"usher/identity"
	"usher/ledger"
)

// Fresh makes an empty database that nobody else uses and returns its URL. It
// is kept until the test is over.
type Fresh func(t testing.TB) string

// Harness is a database under test.
type Harness struct {
	Fresh Fresh
	// Shared: several processes may have a ledger open at once. Otherwise a
	// second one is refused.
	Shared bool
}

// Run runs the suite. It must be called by a top-level test: the parts about
// crashes run that test of the same binary again, in a process to be killed.
func Run(t *testing.T, h Harness) {
	if url := os.Getenv(victimEnv); url != "" {
		victim(t, url)
		return
	}
	s := &suite{fresh: h.Fresh, shared: h.Shared}
	for _, part := range []struct {
		name string
		run  func(*suite, *testing.T)
	}{
		{"schema", (*suite).schema},
		{"lifecycle", (*suite).lifecycle},
		{"transactions", (*suite).transactions},
		{"organizations", (*suite).organizations},
		{"organization lists", (*suite).organizationLists},
		{"invites", (*suite).invites},
		{"invite values", (*suite).inviteValues},
		{"one live invite", (*suite).oneLive},
		{"expiry", (*suite).expiry},
		{"history", (*suite).history},
		{"invite lists", (*suite).inviteLists},
		{"leases", (*suite).leases},
		{"steps", (*suite).steps},
		{"members", (*suite).members},
		{"idempotency", (*suite).idempotency},
		{"links", (*suite).links},
		{"directory", (*suite).directory},
		{"batches", (*suite).batches},
		{"cadence", (*suite).cadence},
		{"budgets", (*suite).budgets},
		{"clock", (*suite).clockBackwards},
		{"crash", (*suite).crash},
		{"instances", (*suite).instances},
	} {
		t.Run(part.name, func(t *testing.T) {
			t.Parallel()
			part.run(s, t)
		})
	}
}

type suite struct {
	fresh  Fresh
	shared bool
}

// clock is a clock that stands still until it is told otherwise.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2031, 5, 6, 7, 8, 9, 123456789, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is an open ledger with one organization.
type world struct {
	*ledger.Ledger
	t     testing.TB
	url   string
	clock *clock
	org   *identity.Organization
	ttl   time.Duration // of the instance; zero: the default
}

func (s *suite) world(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, url: s.fresh(t), clock: newClock()}
	if _, err := ledger.Up(t.Context(), w.url); err != nil {
		t.Fatal(err)
	}
	w.open("first")
	w.org = w.organization("acme")
	return w
}

// open opens the ledger as an instance.
func (w *world) open(instance string) {
	w.t.Helper()
	l, err := ledger.Open(w.t.Context(), w.url, &ledger.Options{Now: w.clock.Now, Instance: instance, InstanceTTL: w.ttl})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := l.Close(); err != nil {
			w.t.Error(err)
		}
	})
	w.Ledger = l
}

// reopen is what is left after the instance has died and its leases are over,
// on whatever database: another instance, a day later.
func (w *world) reopen(instance string) {
	w.t.Helper()
	if err := w.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.clock.Advance(24 * time.Hour)
	w.open(instance)
}

// must runs a transaction that has to work.
func (w *world) must(fn func(*ledger.Tx) error) {
	w.t.Helper()
	if err := w.Write(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) organization(name string) *identity.Organization {
	w.t.Helper()
	o := &identity.Organization{Slug: name, Name: name, Connection: "one", ProviderID: "p-" + name}
	w.must(func(t *ledger.Tx) error { return t.InsertOrganization(o) })
	return o
}

// draft is an invite of an address, not recorded yet.
func (w *world) draft(email string, state identity.State) *identity.Invite {
	return &identity.Invite{
		OrganizationID: w.org.ID, Connection: w.org.Connection, Email: email, EmailKey: email,
		Roles: []string{"member"}, State: state, Notify: true, Attempt: 1,
	}
}

func (w *world) insert(email string, state identity.State) *identity.Invite {
	w.t.Helper()
	i := w.draft(email, state)
	w.must(func(t *ledger.Tx) error { return t.InsertInvite(i) })
	return i
}

func (w *world) read(id string) *identity.Invite {
	w.t.Helper()
	i, err := w.Invite(w.t.Context(), w.org.ID, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return i
}

// inTx returns what one call in a transaction of its own returns.
func inTx[T any](w *world, call func(*ledger.Tx) (T, error)) (got T, err error) {
	err = w.Write(w.t.Context(), func(t *ledger.Tx) (err error) {
		got, err = call(t)
		return err
	})
	return got, err
}

func equal(t testing.TB, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// wantCode checks an error's code, and that it is of the one type that leaves
// the ledger.
func wantCode(t testing.TB, what string, err error, want identity.Code) *identity.Error {
	t.Helper()
	got := &identity.Error{}
	if got := identity.CodeOf(err); got != want {
		t.Errorf("%s: code %q, want %q: %v", what, got, want, err)
	}
	if err != nil && !errors.As(err, &got) {
		t.Errorf("%s: error is a %T, want *identity.Error", what, err)
	}
	return got
}

func ids(all []identity.Invite) []string {
	got := make([]string, len(all))
	for n, i := range all {
		got[n] = i.ID
	}
	return got
}

func ptr[T any](v T) *T { return &v }

func number(n int) string { return strconv.Itoa(n) }

// together runs fn n times at once and returns the errors.
func together(ctx context.Context, n int, fn func(ctx context.Context, n int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = fn(ctx, i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}
