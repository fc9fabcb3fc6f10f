package roq

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"usher/identity"
	"usher/providers/providertest/scripted"
)

func members(r *rig) error {
	_, err := r.p.ListMembers(r.t.Context(), org(orgOne), identity.PageRequest{})
	return err
}

// How long a token is used.
func TestTokenLife(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		life   time.Duration
		opaque bool
		used   time.Duration // 0: once
	}{
		{"half an hour", 30 * time.Minute, false, 29 * time.Minute},
		{"a day", 24 * time.Hour, false, 59 * time.Minute},
		{"a minute", time.Minute, false, 45 * time.Second},
		{"over already", -time.Hour, false, 0},
		{"not said", time.Hour, true, 5 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.vendor.life, r.opaque = c.life, c.opaque
			for range 2 {
				if err := members(r); err != nil {
					t.Fatal(err)
				}
			}
			if c.used == 0 {
				if n := r.Count("token"); n != 2 {
					t.Errorf("%d tokens, want one for each call", n)
				}
				return
			}
			r.Clock.Advance(c.used - time.Millisecond)
			_ = members(r)
			if n := r.Count("token"); n != 1 {
				t.Errorf("%d tokens before the end of its life", n)
			}
			r.Clock.Advance(time.Millisecond)
			_ = members(r)
			if n := r.Count("token"); n != 2 {
				t.Errorf("%d tokens after the end of its life", n)
			}
		})
	}
}

// A token that is not taken any more is replaced once, for writes too: nothing
// was done.
func TestRefusedToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	if err := members(r); err != nil {
		t.Fatal(err)
	}
	r.With(func() { clear(r.tokens) })
	if err := members(r); err != nil || r.Count("token") != 2 {
		t.Errorf("%v, %d tokens", err, r.Count("token"))
	}
	r.Inject(scripted.Mishap{Op: "sendUserInvites", Status: 200, Body: graphQLError("UNAUTHENTICATED", "INVALID_TOKEN", 401, `{}`)})
	if _, err := r.p.Invite(t.Context(), r.request("a@example.com")); err != nil || r.mailed("a@example.com") != 1 || r.Count("token") != 3 {
		t.Errorf("%v, %d mails, %d tokens", err, r.mailed("a@example.com"), r.Count("token"))
	}
	r.Inject(scripted.Mishap{Op: "usherMembers", Times: -1, Status: 401, Body: `{"statusCode":401}`})
	wantCode(t, members(r), identity.CodeProviderCredentials)
	if r.Count("token") != 4 {
		t.Errorf("%d tokens, want one more", r.Count("token"))
	}
}

// Whatever the token endpoint answers, no call is made with what is no token.
func TestTokenRefusals(t *testing.T) {
	t.Parallel()
	foreign, _ := json.Marshal(row{"roqEnvironmentId": orgOne, "exp": 4102444800})
	for _, c := range []struct {
		name, body string
		status     int
		want       identity.Code
	}{
		{"401", `{"statusCode":401,"message":"Credentials are wrong","error":"Unauthorized"}`, 401, identity.CodeProviderCredentials},
		{"400", `{"statusCode":400,"message":["apiKey must be a string"]}`, 400, identity.CodeProviderCredentials},
		{"403", ``, 403, identity.CodeProviderCredentials},
		{"404", `{"statusCode":404}`, 404, identity.CodeProviderError},
		{"500", `{"statusCode":500}`, 500, identity.CodeProviderError},
		{"503", ``, 503, identity.CodeProviderUnavailable},
		{"no token", `{}`, 200, identity.CodeProviderError},
		{"null", `{"accessToken":null}`, 201, identity.CodeProviderError},
		{"HTML", `<html>`, 200, identity.CodeProviderError},
		{"of another environment", `{"accessToken":"e30.` + base64.RawURLEncoding.EncodeToString(foreign) + `.c2ln"}`, 201, identity.CodeProviderError},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.Inject(scripted.Mishap{Op: "token", Times: -1, Status: c.status, Body: c.body})
			request := r.request("a@example.com")
			_, err := r.p.Invite(t.Context(), request)
			wantCode(t, err, c.want)
			wantActed(t, err, false)
			if r.Total() != r.Count("token") {
				t.Errorf("calls %v", r.Calls)
			}
		})
	}
}

// Many callers at once fetch one token, and one who gives up does not take it
// from the others.
func TestTokenIsShared(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if err := members(r); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := r.Count("token"); n != 1 {
		t.Errorf("%d tokens", n)
	}

	r = newRig(t, nil)
	<-r.p.tokens.turn // somebody is fetching
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.p.ListMembers(ctx, org(orgOne), identity.PageRequest{})
	wantCode(t, err, identity.CodeProviderTimeout)
	wantActed(t, err, false)
	r.p.tokens.turn <- struct{}{}
	if err := members(r); err != nil {
		t.Error(err)
	}
}
