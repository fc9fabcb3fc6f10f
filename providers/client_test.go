package providers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"usher/identity"
	"usher/providers"
)

// bare is the smallest adapter; its answers are set by each case.
type bare struct {
	invite func(context.Context) (*providers.Sent, error)
	fields providers.Fields
}

func (b *bare) Describe() providers.Description {
	return providers.Description{Provider: "bare", Fields: b.fields}
}
func (b *bare) Invite(ctx context.Context, _ providers.InviteRequest) (*providers.Sent, error) {
	return b.invite(ctx)
}
func (b *bare) ListMembers(context.Context, identity.OrgRef, identity.PageRequest) (*identity.Page[identity.Member], error) {
	return &identity.Page[identity.Member]{}, nil
}
func (b *bare) Close() error { return nil }

// vendorError is an error as adapters return them.
type vendorError struct {
	code  identity.Code
	acted bool
	after time.Duration
}

func (e vendorError) Error() string               { return "vendor says " + string(e.code) }
func (e vendorError) IdentityCode() identity.Code { return e.code }
func (e vendorError) MayHaveActed() bool          { return e.acted }
func (e vendorError) RetryAfter() time.Duration   { return e.after }

func TestClientWrapsErrorsOnce(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		err     error
		code    identity.Code
		unknown bool
		after   time.Duration
	}{
		{"refusal", vendorError{code: identity.CodeAlreadyMember}, identity.CodeAlreadyMember, false, 0},
		{"limit", fmt.Errorf("bare: invite: %w", vendorError{code: identity.CodeProviderRateLimited, after: time.Minute}), identity.CodeProviderRateLimited, false, time.Minute},
		{"lost answer", vendorError{code: identity.CodeProviderError, acted: true}, identity.CodeProviderError, true, 0},
		{"a vendor's 401 is not the caller's", vendorError{code: identity.CodeUnauthenticated}, identity.CodeProviderCredentials, false, 0},
		{"a vendor's limit is not ours", vendorError{code: identity.CodeRateLimited}, identity.CodeProviderRateLimited, false, 0},
		{"no code", errors.New("odd"), identity.CodeProviderError, true, 0},
		{"deadline", context.DeadlineExceeded, identity.CodeProviderTimeout, true, 0},
		{"field", identity.FieldError(identity.CodeUnknownRole, "/roles/0", "No such role."), identity.CodeUnknownRole, false, 0},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := providers.NewClient("main", &bare{invite: func(context.Context) (*providers.Sent, error) { return nil, tc.err }}, quiet(t))
			_, err := c.Invite(t.Context(), providers.InviteRequest{})
			known, ok := err.(*identity.Error)
			if !ok || known.Code != tc.code || known.Unknown != tc.unknown || known.RetryAfter != tc.after ||
				known.Connection != "main" || known.Op != "invite" || !errors.Is(err, tc.err) {
				t.Errorf("got %#v", err)
			}
			if tc.name == "field" && (known.Field != "/roles/0" || known.Detail != "No such role.") {
				t.Errorf("field and detail are lost: %+v", known)
			}
		})
	}
}

// TestTheLogKeepsNoSecrets: an adapter's error may quote a vendor, and a vendor
// what it was asked.
func TestTheLogKeepsNoSecrets(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"jane@example.com", "jane%40example.com", "eyJhbGciOiJSUzI1NiJ9.payload.signature", "sk_live_s3cr3tvalue"} {
		var log bytes.Buffer
		options := &providers.ClientOptions{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
		c := providers.NewClient("main", &bare{invite: func(context.Context) (*providers.Sent, error) {
			return nil, fmt.Errorf("bare: invite: no room for %s: %w", secret, vendorError{code: identity.CodeProviderError})
		}}, options)
		_, err := c.Invite(t.Context(), providers.InviteRequest{})
		if !strings.Contains(fmt.Sprint(err), secret) {
			t.Errorf("the error does not quote %s: %v", secret, err)
		}
		if line := log.String(); strings.Contains(line, secret) || !strings.Contains(line, "bare: invite: no room for [redacted]") {
			t.Errorf("%s: logged as %s", secret, line)
		}
	}
}

func quiet(t *testing.T) *providers.ClientOptions {
	return &providers.ClientOptions{Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

func TestClientBoundsEachOperation(t *testing.T) {
	t.Parallel()
	options := quiet(t)
	options.Timeout = time.Millisecond
	c := providers.NewClient("main", &bare{invite: func(ctx context.Context) (*providers.Sent, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}, options)
	_, err := c.Invite(t.Context(), providers.InviteRequest{})
	if known, ok := err.(*identity.Error); !ok || known.Code != identity.CodeProviderTimeout || !known.Unknown {
		t.Errorf("got %v", err)
	}
}

func TestCheckRefusesWhatIsNotCarried(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	at := func(d time.Duration) *time.Time { v := now.Add(d); return &v }
	everything := providers.Fields{Message: true, RedirectURL: true, NotifyFalse: true, ExpiresAt: true, MaxLife: time.Hour, MaxRoles: 2}
	cases := []struct {
		name   string
		fields providers.Fields
		r      providers.InviteRequest
		field  string
	}{
		{"nothing special", providers.Fields{}, providers.InviteRequest{Notify: true}, ""},
		{"message", providers.Fields{}, providers.InviteRequest{Notify: true, Message: "x"}, "/message"},
		{"page", providers.Fields{}, providers.InviteRequest{Notify: true, RedirectURL: "x"}, "/redirect_url"},
		{"no mail", providers.Fields{}, providers.InviteRequest{}, "/notify"},
		{"expiry", providers.Fields{}, providers.InviteRequest{Notify: true, ExpiresAt: at(time.Minute)}, "/expires_at"},
		{"all carried", everything, providers.InviteRequest{Message: "x", RedirectURL: "x", ExpiresAt: at(time.Hour), Roles: []string{"a", "b"}}, ""},
		{"expiry too late", everything, providers.InviteRequest{ExpiresAt: at(time.Hour + time.Second)}, "/expires_at"},
		{"too many roles", everything, providers.InviteRequest{Roles: []string{"a", "b", "c"}}, "/roles"},
	}
	for _, tc := range cases {
		c := providers.NewClient("main", &bare{fields: tc.fields}, &providers.ClientOptions{Now: func() time.Time { return now }})
		err := c.Check(tc.r)
		if tc.field == "" {
			if err != nil {
				t.Errorf("%s: %v", tc.name, err)
			}
			continue
		}
		if known, ok := err.(*identity.Error); !ok || known.Code != identity.CodeNotCarried || known.Field != tc.field || known.Detail == "" {
			t.Errorf("%s: got %v, want not_carried at %s", tc.name, err, tc.field)
		}
	}
}

// An adapter with nothing but the core declares and does nothing else.
func TestBareAdapter(t *testing.T) {
	t.Parallel()
	c := providers.NewClient("main", &bare{}, nil)
	for _, status := range c.Capabilities() {
		want := providers.Unsupported
		if status.Capability == providers.CapInvite || status.Capability == providers.CapMembersList {
			want = providers.Native
		}
		if status.Support != want {
			t.Errorf("%s is %s, want %s", status.Capability, status.Support, want)
		}
	}
	_, resend := c.Resend(t.Context(), providers.ResendRequest{})
	_, list := c.ListInvites(t.Context(), identity.OrgRef{}, identity.PageRequest{})
	_, roles := c.ListRoles(t.Context(), identity.OrgRef{})
	_, member := c.FindMember(t.Context(), providers.InviteRef{})
	for _, err := range []error{resend, list, roles, member, c.Revoke(t.Context(), providers.InviteRef{})} {
		if identity.CodeOf(err) != identity.CodeUnsupported {
			t.Errorf("got %v, want unsupported_by_provider", err)
		}
	}
	if settled, err := c.Settle(t.Context(), providers.InviteRequest{}); err != nil || settled.Verdict != providers.VerdictUnknown {
		t.Errorf("settle: %+v, %v", settled, err)
	}
}

func TestMetricsCountByCode(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	metrics, err := providers.NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	options := quiet(t)
	options.Metrics = metrics
	c := providers.NewClient("main", &bare{invite: func(context.Context) (*providers.Sent, error) {
		return nil, vendorError{code: identity.CodeAlreadyMember}
	}}, options)
	_, _ = c.Invite(t.Context(), providers.InviteRequest{})
	_, _ = c.ListMembers(t.Context(), identity.OrgRef{}, identity.PageRequest{})
	families, err := registry.Gather()
	if err != nil || len(families) != 1 {
		t.Fatalf("%v, %v", families, err)
	}
	text := families[0].String()
	for _, want := range []string{`"already_member"`, `"ok"`, `"list members"`, `"main"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no label %s in %s", want, text)
		}
	}
}

func TestCallerIsAbsentInBackgroundWork(t *testing.T) {
	t.Parallel()
	if _, ok := providers.CallerFrom(t.Context()); ok {
		t.Error("a caller out of nowhere")
	}
	if _, ok := providers.CallerFrom(providers.WithCaller(t.Context(), providers.Caller{Issuer: "x"})); ok {
		t.Error("a caller without a token")
	}
	if c, ok := providers.CallerFrom(providers.WithCaller(t.Context(), providers.Caller{Token: "x"})); !ok || c.Token != "x" {
		t.Error("the caller is lost")
	}
}
