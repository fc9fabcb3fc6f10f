package clerk

import (
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"usher/identity"
	"usher/providers"
	"usher/providers/providertest"
	"usher/providers/providertest/scripted"
)

// The vendor counts whole days from when it creates an invitation. Whatever is
// asked for: the invitation never lives longer than that, usher reports the
// vendor's own expiry, and says that it is not the one asked for. A life below
// a day is refused and not stretched.
func TestLife(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		ask  time.Duration // 0: nothing is asked for
		days int           // 0: refused
	}{
		{"default", 0, 30},
		{"a day and a minute", day + margin, 1},
		{"a day", day, 0},
		{"an hour", time.Hour, 0},
		{"two days less a moment", 2*day + margin - 1, 1},
		{"a week as a slow client asks for it", 7*day - time.Second, 6},
		{"a week and an hour", 7*day + time.Hour, 7},
		{"a year", 365 * day, 364},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			request := r.request("a@example.com")
			var asked *time.Time
			if c.ask > 0 {
				at := r.Clock.Now().Add(c.ask)
				asked, request.ExpiresAt = &at, &at
			}
			sent, err := r.client().Invite(t.Context(), request)
			if c.days == 0 {
				wantCode(t, err, identity.CodeNotCarried)
				known, _ := err.(*identity.Error)
				if known.Field != "/expires_at" || known.Unknown || r.Count("create") != 0 {
					t.Errorf("refused with %+v after %d creations", known, r.Count("create"))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			row := r.rows(orgOne, "a@example.com", "pending")[0]
			if got := row.expires.Sub(row.created); got != time.Duration(c.days)*day || !sent.ExpiresAt.Equal(row.expires) {
				t.Errorf("lives %v and is said to expire %v, want %d days and %v", got, sent.ExpiresAt, c.days, row.expires)
			}
			if asked != nil && sent.ExpiresAt.After(*asked) {
				t.Errorf("expires %v, asked for %v", sent.ExpiresAt, asked)
			}
			if said := slices.Contains(sent.NotCarried, "expires_at"); said != (asked != nil && !asked.Equal(*sent.ExpiresAt)) {
				t.Errorf("not carried: %v", sent.NotCarried)
			}
		})
	}
}

// A life longer than the vendor's longest is refused by the house, from what the
// adapter declares.
func TestLongestLife(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c := r.client()
	request := r.request("a@example.com")
	at := r.Clock.Now().Add(365*day + time.Second)
	request.ExpiresAt = &at
	wantCode(t, c.Check(request), identity.CodeNotCarried)
	request = r.request("a@example.com", "admin", "member")
	wantCode(t, c.Check(request), identity.CodeNotCarried)
	_, err := c.Invite(t.Context(), request)
	wantCode(t, err, identity.CodeNotCarried)
	request = r.request("a@example.com")
	request.Message = "hello"
	wantCode(t, c.Check(request), identity.CodeNotCarried)
	if r.Total() != 0 {
		t.Errorf("%d calls", r.Total())
	}
}

// The application's metadata reaches the vendor where the invitee's browser does
// not see it, beside our reference; what cannot be there is reported.
func TestMetadata(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	request := r.request("a@example.com")
	request.Metadata = map[string]any{"plan": "gold", "seats": json.Number("12345678901234567890"), metaInvite: "inv_other"}
	request.GivenName, request.FamilyName, request.Locale = "A", "B", "de"
	sent, err := r.p.Invite(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	row := r.rows(orgOne, "a@example.com", "pending")[0]
	if row.private["plan"] != "gold" || row.private[metaInvite] != "inv_1" || len(row.public) != 0 {
		t.Errorf("private %v, public %v", row.private, row.public)
	}
	if want := []string{"given_name", "family_name", "locale", "metadata"}; !slices.Equal(sent.NotCarried, want) {
		t.Errorf("not carried %v, want %v", sent.NotCarried, want)
	}
}

// Whatever becomes of the answer to a creation that was carried out, it is not
// known to the caller; the vendor is asked, and nothing is sent twice.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]scripted.Mishap{
		"cut":             {Op: "create", Acts: true, Cut: true},
		"half a body":     {Op: "create", Acts: true, Half: true},
		"gateway's page":  {Op: "create", Acts: true, Status: 502, Body: "<html>"},
		"page as success": {Op: "create", Acts: true, Status: 200, Body: "<html>"},
		"null":            {Op: "create", Acts: true, Status: 200, Body: "null"},
		"nothing":         {Op: "create", Acts: true, Status: 200, Body: "{}"},
		"redirect":        {Op: "create", Acts: true, Status: 302},
		"other address": {Op: "create", Acts: true, Status: 200,
			Body: `{"id":"orginv_1","email_address":"other@example.com","organization_id":"` + orgOne + `"}`},
		"other organization": {Op: "create", Acts: true, Status: 200,
			Body: `{"id":"orginv_1","email_address":"a@example.com","organization_id":"` + orgTwo + `"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(v *vendor, _ *Config, _ *providers.Deps) { v.replaces = true })
			r.Inject(m)
			c, request := r.client(), r.request("a@example.com")
			_, err := c.Invite(t.Context(), request)
			if known, ok := err.(*identity.Error); !ok || !known.Unknown {
				t.Fatalf("error %v, want one after which the vendor may have acted", err)
			}
			settled, err := c.Settle(t.Context(), request)
			if err != nil || settled.Verdict != providers.VerdictSent {
				t.Fatalf("settled %+v, %v", settled, err)
			}
			again, err := c.Invite(t.Context(), request)
			if err != nil || again.ProviderID != settled.Sent.ProviderID || again.ProviderID == "" {
				t.Errorf("going on: %+v, %v, want %s", again, err, settled.Sent.ProviderID)
			}
			if r.Count("create") != 1 || r.mailed("a@example.com") != 1 {
				t.Errorf("%d creations, %d mails", r.Count("create"), r.mailed("a@example.com"))
			}
		})
	}
}

// The vendor's list may be behind its creations: an invitation that is not
// listed yet is not sent again.
func TestListLagsBehind(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(v *vendor, _ *Config, _ *providers.Deps) { v.replaces = true })
	r.Inject(scripted.Mishap{Op: "create", Acts: true, Cut: true})
	c, request := r.client(), r.request("a@example.com")
	if _, err := c.Invite(t.Context(), request); err == nil {
		t.Fatal("no error")
	}
	before := r.Clock.Now()
	r.With(func() { r.late = 1 })
	settled, err := c.Settle(t.Context(), request)
	if err != nil || settled.Verdict != providers.VerdictSent {
		t.Errorf("settled %+v, %v", settled, err)
	}
	if waited := r.Clock.Now().Sub(before); waited != time.Second {
		t.Errorf("waited %v", waited)
	}
}

// A creation that arrives late is in the way of the one that was to replace it,
// and is taken for what it is: ours.
func TestLateArrival(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Inject(scripted.Mishap{Op: "create", Acts: true, Cut: true})
	c, request := r.client(), r.request("a@example.com")
	if _, err := c.Invite(t.Context(), request); err == nil {
		t.Fatal("no error")
	}
	r.With(func() { r.late = 2 }) // neither look before the creation shows it
	sent, err := c.Invite(t.Context(), request)
	if err != nil || sent.ProviderID != r.rows(orgOne, "a@example.com", "pending")[0].id {
		t.Errorf("sent %+v, %v", sent, err)
	}
	if r.Count("create") != 2 || r.mailed("a@example.com") != 1 || !request.Journal.Step(stepCreate).Done {
		t.Errorf("%d creations, %d mails, step %+v", r.Count("create"), r.mailed("a@example.com"), request.Journal.Step(stepCreate))
	}
}

// Where somebody else invited the address in the meantime, a call of ours that
// was lost made nothing, and theirs is not taken for ours.
func TestMadeElsewhereMeanwhile(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(v *vendor, _ *Config, _ *providers.Deps) { v.replaces = true })
	r.Inject(scripted.Mishap{Op: "create", Cut: true})
	c, request := r.client(), r.request("a@example.com")
	if _, err := c.Invite(t.Context(), request); err == nil {
		t.Fatal("no error")
	}
	r.With(func() {
		r.invite(orgOne, invitation{email: "a@example.com", role: "org:admin", private: map[string]any{metaInvite: "inv_2"}})
	})
	settled, err := c.Settle(t.Context(), request)
	if err != nil || settled.Verdict != providers.VerdictNotSent {
		t.Errorf("settled %+v, %v", settled, err)
	}
	_, err = c.Invite(t.Context(), request)
	wantCode(t, err, identity.CodeInvitePending)
	if known, _ := err.(*identity.Error); known.Unknown || request.Journal.Step(stepCreate).Begun || r.Count("create") != 1 {
		t.Errorf("error %+v, step %+v, %d creations", known, request.Journal.Step(stepCreate), r.Count("create"))
	}
}

// What was sent and has ended since is not sent again: not when its owner has
// accepted it, and not when somebody revoked it at the vendor.
func TestEndedSince(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(r *rig)
		want providers.Verdict
	}{
		"accepted": {func(r *rig) { _ = r.accept(orgOne, "a@example.com") }, providers.VerdictMember},
		"revoked":  {func(r *rig) { r.orgs[orgOne].invitations[0].status = "revoked" }, providers.VerdictSent},
		"expired":  {func(r *rig) { r.Clock.Advance(31 * day) }, providers.VerdictSent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.Inject(scripted.Mishap{Op: "create", Acts: true, Cut: true})
			client, request := r.client(), r.request("a@example.com")
			if _, err := client.Invite(t.Context(), request); err == nil {
				t.Fatal("no error")
			}
			c.end(r)
			settled, err := client.Settle(t.Context(), request)
			if err != nil || settled.Verdict != c.want {
				t.Errorf("settled %+v, %v, want %s", settled, err, c.want)
			}
		})
	}
}

// One sending of an address at a time: two that look before either creates would
// both be mailed where the vendor replaces invitations.
func TestOneSendingAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(v *vendor, _ *Config, _ *providers.Deps) { v.replaces = true })
		open := make(chan struct{})
		r.Inject(scripted.Mishap{Op: "create", During: func() { <-open }})
		var first, second error
		var sendings sync.WaitGroup
		sendings.Go(func() { _, first = r.client().Invite(t.Context(), r.request("a@example.com")) })
		synctest.Wait() // its creation is under way
		sendings.Go(func() {
			other := r.request("A@example.com")
			other.InviteID = "inv_2"
			_, second = r.client().Invite(t.Context(), other)
		})
		synctest.Wait()
		close(open)
		sendings.Wait()
		if first != nil || identity.CodeOf(second) != identity.CodeInvitePending || r.mailed("a@example.com") != 1 {
			t.Errorf("%v, %v, %d mails", first, second, r.mailed("a@example.com"))
		}
	})
}

// A step that is done is not done again, and one that may have been is told to
// be uncertain whatever goes wrong next.
func TestJournal(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c, request := r.client(), r.request("a@example.com")
	sent, err := c.Invite(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	r.With(func() { r.late = 2 }) // the list is behind; the invitation itself is not
	again, err := c.Invite(t.Context(), request)
	if err != nil || again.ProviderID != sent.ProviderID || !maps.Equal(again.Reference, sent.Reference) || r.Count("create") != 1 {
		t.Errorf("again %+v, %v, want %+v", again, err, sent)
	}

	r.With(func() { r.late = 0 })
	begun := r.request("b@example.com")
	begun.Journal.(*providertest.Journal).CrashAt(1, true)
	if _, err := c.Invite(t.Context(), begun); err == nil {
		t.Fatal("no crash")
	}
	r.Inject(scripted.Mishap{Op: "list", Status: 429, Header: map[string][]string{"Retry-After": {"60"}}})
	_, err = c.Invite(t.Context(), begun)
	wantCode(t, err, identity.CodeProviderRateLimited)
	if known, _ := err.(*identity.Error); !known.Unknown {
		t.Errorf("error %+v: the vendor was not asked what became of the call", known)
	}
}
