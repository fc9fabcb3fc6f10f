package identity_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"usher/identity"
)

func TestCodeOf(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		err  error
		want identity.Code
	}{
		{"nil", nil, ""},
		{"own", identity.Errorf(identity.CodeNotFound, "x"), identity.CodeNotFound},
		{"wrapped", fmt.Errorf("a: %w", identity.Errorf(identity.CodeConflict, "x")), identity.CodeConflict},
		{"deadline", fmt.Errorf("a: %w", context.DeadlineExceeded), identity.CodeProviderTimeout},
		{"anything else", errors.New("x"), identity.CodeInternal},
	}
	for _, tc := range cases {
		if got := identity.CodeOf(tc.err); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestCodesAreListedOnce(t *testing.T) {
	t.Parallel()
	codes := identity.Codes()
	sorted := slices.Sorted(slices.Values(codes))
	if len(slices.Compact(sorted)) != len(codes) {
		t.Error("a code is listed twice")
	}
}

func TestErrorKeepsCauseOutOfDetail(t *testing.T) {
	t.Parallel()
	err := &identity.Error{
		Code: identity.CodeProviderError, Op: "invite", Connection: "main", Field: "/email",
		Detail: "Said to the caller.", Err: errors.New("said to the log"),
	}
	want := "main: invite: provider_error at /email: Said to the caller.: said to the log"
	if err.Error() != want {
		t.Errorf("got %q, want %q", err.Error(), want)
	}
	if strings.Contains(err.Detail, "log") {
		t.Error("the cause is in the detail")
	}
}

func TestSecretNeverPrints(t *testing.T) {
	t.Parallel()
	const text = "hunter2"
	secret := identity.Secret(text)
	asJSON, err := json.Marshal(struct{ S identity.Secret }{secret})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", secret, "wrapped", struct{ S identity.Secret }{secret})
	for _, out := range []string{
		fmt.Sprint(secret), fmt.Sprintf("%v %+v %#v %s %q", secret, secret, secret, secret, secret),
		fmt.Sprintf("%+v", struct{ S identity.Secret }{secret}), string(asJSON), log.String(),
	} {
		if strings.Contains(out, text) {
			t.Errorf("the secret is in %q", out)
		}
	}
	if secret.Reveal() != text || identity.Secret("").String() != "" {
		t.Error("Reveal or the empty secret is wrong")
	}
}

func TestAccess(t *testing.T) {
	t.Parallel()
	org := &identity.Organization{ID: "org_1", Slug: "acme", Connection: "main", ProviderID: "p1"}
	cases := []struct {
		name   string
		access identity.Access
		want   bool
	}{
		{"nothing", identity.Access{}, false},
		{"claimed", identity.Access{Claimed: []identity.Alias{{Connection: "main", ProviderID: "p1"}}}, true},
		{"equal id in another connection", identity.Access{Claimed: []identity.Alias{{Connection: "other", ProviderID: "p1"}}}, false},
		{"another organization", identity.Access{Claimed: []identity.Alias{{Connection: "main", ProviderID: "p2"}}}, false},
		{"our id claimed as the vendor's", identity.Access{Claimed: []identity.Alias{{Connection: "main", ProviderID: "org_1"}}}, false},
		{"all", identity.Access{Rules: []identity.AccessRule{{Connection: "main", All: true}}}, true},
		{"all of another connection", identity.Access{Rules: []identity.AccessRule{{Connection: "other", All: true}}}, false},
		{"by id", identity.Access{Rules: []identity.AccessRule{{Connection: "main", Organizations: []string{"org_1"}}}}, true},
		{"by slug", identity.Access{Rules: []identity.AccessRule{{Connection: "main", Organizations: []string{"acme"}}}}, true},
		{"empty text is no slug", identity.Access{Rules: []identity.AccessRule{{Connection: "main", Organizations: []string{""}}}}, false},
	}
	for _, tc := range cases {
		if got := tc.access.Allows(org); got != tc.want {
			t.Errorf("%s: got %v, want %v", tc.name, got, tc.want)
		}
	}
	slugless := &identity.Organization{ID: "org_2", Connection: "main"}
	if (identity.Access{Rules: []identity.AccessRule{{Connection: "main", Organizations: []string{""}}}}).Allows(slugless) {
		t.Error("an empty entry gives access to an organization without a slug")
	}
}

func TestNewIDIsUniqueAndOrdered(t *testing.T) {
	t.Parallel()
	var ids []string
	for range 10_000 {
		ids = append(ids, identity.NewID(identity.PrefixInvite))
	}
	if !slices.IsSorted(ids) {
		t.Error("ids are not in the order they were made in")
	}
	if len(slices.Compact(slices.Clone(ids))) != len(ids) {
		t.Error("an id came twice")
	}
	if !strings.HasPrefix(ids[0], "inv_") || len(ids[0]) != len("inv_")+26 {
		t.Errorf("id %q", ids[0])
	}
}

func TestStatesThatLive(t *testing.T) {
	t.Parallel()
	var live []identity.State
	for _, s := range identity.States() {
		if s.Live() {
			live = append(live, s)
		}
	}
	want := []identity.State{identity.StateQueued, identity.StateSending, identity.StatePending, identity.StateUncertain}
	if !slices.Equal(live, want) {
		t.Errorf("got %v, want %v", live, want)
	}
}
