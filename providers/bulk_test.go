package providers_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/quota"
	"usher/internal/testclock"
	"usher/providers"
)

// crowd is an adapter that takes several at once; its answer is set by each case.
type crowd struct {
	bare
	many    func(context.Context, providers.BulkRequest) ([]providers.BulkOutcome, error)
	limiter *quota.Limiter
}

func (c *crowd) InviteMany(ctx context.Context, r providers.BulkRequest) ([]providers.BulkOutcome, error) {
	return c.many(ctx, r)
}

func (c *crowd) Pace(bulk bool) quota.Pace { return c.limiter.Pace("POST", fmt.Sprintf("/%v", bulk)) }

func pair() providers.BulkRequest {
	return providers.BulkRequest{Invites: []providers.InviteRequest{{EmailKey: "a@example.com"}, {EmailKey: "b@example.com"}}}
}

// Where the vendor may have acted no row counts as untried.
func TestClientWrapsOutcomes(t *testing.T) {
	t.Parallel()
	sent := &providers.Sent{ProviderID: "one"}
	lost := vendorError{code: identity.CodeProviderTimeout, acted: true}
	limit := vendorError{code: identity.CodeProviderRateLimited, after: time.Minute}
	type row struct {
		sent    bool
		code    identity.Code
		unknown bool
	}
	cases := []struct {
		name     string
		outcomes []providers.BulkOutcome
		err      error
		want     [2]row
		code     identity.Code
		singly   bool
	}{
		{"sent and refused", []providers.BulkOutcome{{Sent: sent}, {Err: vendorError{code: identity.CodeAlreadyMember}}}, nil,
			[2]row{{sent: true}, {code: identity.CodeAlreadyMember}}, "", false},
		{"a vendor's 401 in a row", []providers.BulkOutcome{{Sent: sent}, {Err: vendorError{code: identity.CodeUnauthenticated}}}, nil,
			[2]row{{sent: true}, {code: identity.CodeProviderCredentials}}, "", false},
		{"sent in spite of an error", []providers.BulkOutcome{{Sent: sent, Err: lost}, {Sent: sent}}, nil,
			[2]row{{code: identity.CodeProviderTimeout, unknown: true}, {sent: true}}, "", false},
		{"no room", nil, limit, [2]row{}, identity.CodeProviderRateLimited, false},
		{"no room for the others", []providers.BulkOutcome{{Err: vendorError{code: identity.CodeUnknownRole}}, {}}, limit,
			[2]row{{code: identity.CodeUnknownRole}, {}}, identity.CodeProviderRateLimited, false},
		{"one that is not named", nil, vendorError{code: identity.CodeAlreadyMember}, [2]row{}, identity.CodeAlreadyMember, true},
		{"seats", nil, vendorError{code: identity.CodeQuotaExceeded}, [2]row{}, identity.CodeQuotaExceeded, true},
		{"lost", nil, lost, [2]row{{code: identity.CodeProviderTimeout, unknown: true}, {code: identity.CodeProviderTimeout, unknown: true}}, identity.CodeProviderTimeout, false},
		{"lost for the others", []providers.BulkOutcome{{Sent: sent}, {}}, lost,
			[2]row{{sent: true}, {code: identity.CodeProviderTimeout, unknown: true}}, identity.CodeProviderTimeout, false},
		{"no code", nil, errors.New("odd"), [2]row{{code: identity.CodeProviderError, unknown: true}, {code: identity.CodeProviderError, unknown: true}}, identity.CodeProviderError, true},
		{"a row too few", []providers.BulkOutcome{{Sent: sent}}, nil,
			[2]row{{code: identity.CodeProviderError, unknown: true}, {code: identity.CodeProviderError, unknown: true}}, identity.CodeProviderError, true},
		{"nothing at all", nil, nil,
			[2]row{{code: identity.CodeProviderError, unknown: true}, {code: identity.CodeProviderError, unknown: true}}, identity.CodeProviderError, true},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := providers.NewClient("main", &crowd{bare: bare{fields: providers.Fields{Bulk: 2}}, many: func(context.Context, providers.BulkRequest) ([]providers.BulkOutcome, error) {
				return tc.outcomes, tc.err
			}}, quiet(t))
			outcomes, err := c.InviteMany(t.Context(), pair())
			if got := identity.CodeOf(err); got != tc.code || providers.Singly(err) != tc.singly || len(outcomes) != 2 {
				t.Fatalf("%d outcomes, %v (singly %v), want %s", len(outcomes), err, providers.Singly(err), tc.code)
			}
			for n, want := range tc.want {
				got := row{sent: outcomes[n].Sent != nil, code: identity.CodeOf(outcomes[n].Err)}
				if outcomes[n].Err != nil {
					known, ok := outcomes[n].Err.(*identity.Error)
					if !ok || known.Connection != "main" || known.Op != "invite many" {
						t.Errorf("row %d: %#v", n, outcomes[n].Err)
					}
					got.unknown = ok && known.Unknown
				}
				if got != want {
					t.Errorf("row %d: %+v, want %+v", n, got, want)
				}
			}
		})
	}
}

func TestClientBoundsSeveral(t *testing.T) {
	t.Parallel()
	options := quiet(t)
	options.Timeout = time.Millisecond
	c := providers.NewClient("main", &crowd{bare: bare{fields: providers.Fields{Bulk: 2}}, many: func(ctx context.Context, _ providers.BulkRequest) ([]providers.BulkOutcome, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}, options)
	outcomes, _ := c.InviteMany(t.Context(), pair())
	for n, o := range outcomes {
		if known, ok := o.Err.(*identity.Error); !ok || known.Code != identity.CodeProviderTimeout || !known.Unknown {
			t.Errorf("row %d: %+v", n, o)
		}
	}
}

// A connection takes several at once if its adapter does, its settings say how
// many, and they do not withhold it.
func TestClientTakesSeveral(t *testing.T) {
	t.Parallel()
	never := func(context.Context, providers.BulkRequest) ([]providers.BulkOutcome, error) {
		t.Error("the adapter was asked")
		return nil, nil
	}
	for name, p := range map[string]providers.Provider{
		"an adapter that does not": &bare{fields: providers.Fields{Bulk: 2}},
		"none":                     &crowd{many: never},
	} {
		c := providers.NewClient("main", p, quiet(t))
		outcomes, err := c.InviteMany(t.Context(), pair())
		if c.Has(providers.CapInviteMany) || identity.CodeOf(err) != identity.CodeUnsupported || len(outcomes) != 2 || !providers.Singly(err) {
			t.Errorf("%s: %v, %v", name, outcomes, err)
		}
	}
}

func TestClientTellsThePace(t *testing.T) {
	t.Parallel()
	clock := testclock.At(time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC))
	registry := quota.New(&quota.Options{Now: clock.Now})
	t.Cleanup(func() { _ = registry.Close() })
	limiter, err := registry.Open("main", quota.Declaration{Quotas: []quota.Quota{
		{Class: "calls", Limit: quota.Limit{Calls: 100, Window: time.Minute}},
		{Class: "bulk", Limit: quota.Limit{Calls: 2, Window: time.Hour}, Counts: func(_, path string) bool { return path == "/true" }},
	}}, nil, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	c := providers.NewClient("main", &crowd{bare: bare{fields: providers.Fields{Bulk: 2}}, limiter: limiter}, quiet(t))
	wait := func(bulk bool) time.Duration {
		t.Helper()
		d, err := c.Wait(t.Context(), bulk)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for bulk, want := range map[bool]quota.Limit{false: {Calls: 95, Window: time.Minute}, true: {Calls: 2, Window: time.Hour}} {
		if calls, window := c.Pace(bulk); calls != want.Calls || window != want.Window {
			t.Errorf("bulk %v: %d calls in %v", bulk, calls, window)
		}
	}
	for range 2 {
		for range 3 {
			if d := wait(true); d != 0 {
				t.Fatalf("there is room, and the wait is %v", d)
			}
		}
		permit, err := limiter.Acquire(t.Context(), "POST", "/true")
		if err != nil {
			t.Fatal(err)
		}
		permit.Release(true)
		clock.Advance(time.Minute)
	}
	if single, bulk := wait(false), wait(true); single != 0 || bulk < 58*time.Minute || bulk > 59*time.Minute {
		t.Errorf("waits %v and %v after both bulk calls", single, bulk)
	}
	clock.Advance(wait(true))
	if d := wait(true); d != 0 {
		t.Errorf("%v to wait after the wait", d)
	}
	if calls, _ := providers.NewClient("main", &bare{}, quiet(t)).Pace(false); calls != 0 {
		t.Errorf("%d calls where nothing is limited", calls)
	}
}
