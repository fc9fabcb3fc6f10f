package clerk

import (
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"usher/identity"
	"usher/internal/quota"
	"usher/providers"
	"usher/providers/providertest"
	"usher/providers/providertest/scripted"
)

// several returns a request of one row for each address, in the role member.
func (r *rig) several(emails ...string) providers.BulkRequest {
	b := providers.BulkRequest{Org: org(orgOne)}
	for n, email := range emails {
		one := r.request(email)
		one.InviteID = fmt.Sprintf("inv_%d", n+1)
		b.Invites = append(b.Invites, one)
	}
	b.Journal = providertest.NewBulkJournal(b.Invites)
	return b
}

const (
	one   = "one@example.com"
	two   = "two@example.com"
	three = "three@example.com"
)

// told is an outcome in one word: sent, untried, the code, or the code and a
// question mark where nobody knows.
func told(o providers.BulkOutcome) string {
	switch {
	case o.Sent != nil:
		return "sent"
	case o.Err == nil:
		return "untried"
	}
	known, _ := o.Err.(*identity.Error)
	if known.Unknown {
		return string(known.Code) + "?"
	}
	return string(known.Code)
}

func wantOutcomes(t *testing.T, r providers.BulkRequest, outcomes []providers.BulkOutcome, want ...string) {
	t.Helper()
	got := make([]string, len(outcomes))
	for n, o := range outcomes {
		got[n] = told(o)
		step := r.Invites[n].Journal.Step(stepCreate)
		known, _ := o.Err.(*identity.Error)
		if open := step.Begun && !step.Done; open != (known != nil && known.Unknown) || step.Done != (o.Sent != nil) {
			t.Errorf("row %d is %s with the step %+v", n, got[n], step)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("outcomes %v, want %v", got, want)
	}
}

// What the vendor's refusal of a whole call means for its rows: those it names
// have it, and nothing happened to the others.
func TestBulkRefused(t *testing.T) {
	t.Parallel()
	all := func(word string) []string { return []string{word, word, word} }
	for name, tc := range map[string]struct {
		m      scripted.Mishap
		want   []string
		code   identity.Code
		singly bool
	}{
		"a duplicate, nobody named": {scripted.Mishap{Status: 400, Body: problem("organization_invitation_not_unique", nil)}, all("untried"), identity.CodeInvitePending, true},
		"a duplicate, named":        {scripted.Mishap{Status: 422, Body: problem("duplicate_record", object{"email_addresses": []string{"TWO@example.com"}})}, []string{"untried", "invite_pending", "untried"}, "", false},
		"addresses, named": {scripted.Mishap{Status: 422, Body: problem("form_param_format_invalid", object{"param_name": "email_address", "email_addresses": []string{one, three}})},
			[]string{"email_not_deliverable", "untried", "email_not_deliverable"}, "", false},
		"a member, nobody named": {scripted.Mishap{Status: 400, Body: problem("already_a_member_in_organization", nil)}, all("untried"), identity.CodeAlreadyMember, true},
		"one role for all":       {scripted.Mishap{Status: 404, Body: problem("resource_not_found", object{"param_name": "role"})}, all("unknown_role"), "", false},
		"no organization":        {scripted.Mishap{Status: 404, Body: problem("resource_not_found", nil)}, all("not_found"), "", false},
		"not by e-mail":          {scripted.Mishap{Status: 403, Body: problem("invitations_not_supported_in_organization", nil)}, all("unsupported_by_provider"), "", false},
		"seats":                  {scripted.Mishap{Status: 402, Body: problem("insufficient_seats", nil)}, all("untried"), identity.CodeQuotaExceeded, true},
		"members":                {scripted.Mishap{Status: 403, Body: problem("organization_membership_quota_exceeded", nil)}, all("untried"), identity.CodeQuotaExceeded, true},
		"too many rows":          {scripted.Mishap{Status: 400, Body: problem("bulk_size_exceeded", nil)}, all("untried"), identity.CodeProviderError, true},
		"a page":                 {scripted.Mishap{Status: 422, Body: problem("form_param_format_invalid", object{"param_name": "redirect_url"})}, all("untried"), identity.CodeNotCarried, true},
		"not now":                {scripted.Mishap{Status: 429, Times: -1, Body: "slow down", Header: http.Header{"Retry-After": {"7"}}}, all("untried"), identity.CodeProviderRateLimited, false},
		"credentials":            {scripted.Mishap{Status: 401, Body: problem("clerk_key_invalid", nil)}, all("untried"), identity.CodeProviderCredentials, false},
		"locked":                 {scripted.Mishap{Status: 409, Body: problem("resource_locked", nil)}, all("untried"), identity.CodeProviderUnavailable, false},
		"nobody there":           {scripted.Mishap{Refuse: true, Times: -1}, all("untried"), identity.CodeProviderUnavailable, false},
		"failed":                 {scripted.Mishap{Status: 500, Body: problem("internal_clerk_error", nil)}, all("provider_error?"), "", false},
		"timed out":              {scripted.Mishap{Status: 408}, all("provider_timeout?"), "", false},
		"no list":                {scripted.Mishap{Status: 200, Body: "{}"}, all("provider_error?"), "", false},
		"an empty list":          {scripted.Mishap{Status: 200, Body: `{"data":[],"total_count":0}`}, all("provider_error?"), "", false},
		"cut":                    {scripted.Mishap{Acts: true, Cut: true}, all("provider_unavailable?"), "", false},
		"cut in the middle":      {scripted.Mishap{Acts: true, Half: true}, all("provider_error?"), "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			tc.m.Op = "bulk"
			r.Inject(tc.m)
			request := r.several(one, two, three)
			outcomes, err := r.client().InviteMany(t.Context(), request)
			wantOutcomes(t, request, outcomes, tc.want...)
			if got := identity.CodeOf(err); got != tc.code || providers.Singly(err) != tc.singly {
				t.Errorf("error %v, singly %v", err, providers.Singly(err))
			}
			if tc.m.Times == 0 && r.Count("bulk") != 1 || r.Count("create") != 0 {
				t.Errorf("calls %v", r.Calls)
			}
		})
	}
}

// One row that is refused costs the others nothing, whether the vendor makes all
// or none or what stands before it, and whether it says who it is.
func TestBulkSharesNoFate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change     func(*rig)
		role       string
		rows, kept []string // where nothing, or a part of a refused call is made
	}{
		"an address it dislikes": {func(r *rig) { r.dislikes = []string{two} }, "member", []string{"untried", "email_not_deliverable", "untried"}, []string{"sent", "email_not_deliverable", "untried"}},
		"a role of its set":      {func(*rig) {}, "gone", []string{"untried", "unknown_role", "untried"}, []string{"sent", "unknown_role", "untried"}},
	} {
		for _, partial := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, partial %v", name, partial), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, func(v *vendor, _ *Config, _ *providers.Deps) { v.partial = partial })
				tc.change(r)
				request := r.several(one, two, three)
				request.Invites[1].Roles = []string{tc.role}
				before := r.Clock.Now()
				outcomes, err := r.client().InviteMany(t.Context(), request)
				want := tc.rows
				if partial {
					want = tc.kept
				}
				wantOutcomes(t, request, outcomes, want...)
				if err != nil {
					t.Errorf("those that are left wait for nothing: %v", err)
				}
				if r.Clock.Now().Sub(before) < time.Second {
					t.Error("a list was believed at once that may not show yet what was made")
				}
				again := r.several(one, three)
				outcomes, err = r.client().InviteMany(t.Context(), again)
				if err != nil || told(outcomes[1]) != "sent" || told(outcomes[0]) != "sent" {
					t.Errorf("again: %v, %v", outcomes, err)
				}
				if r.mailed(one) != 1 || r.mailed(two) != 0 || r.mailed(three) != 1 {
					t.Errorf("mails %v", r.mails)
				}
			})
		}
	}
}

// Whom the look did not show, and the refusal does not name, another look shows:
// somebody else's invitation stays somebody else's.
func TestBulkLooksAgain(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*rig)
		want   []string
	}{
		"invited elsewhere": {func(r *rig) {
			r.With(func() { r.invite(orgOne, invitation{email: two, role: "org:member"}); r.late = 1 })
		}, []string{"untried", "invite_pending", "untried"}},
		"invited by a call of ours that came late": {func(r *rig) {
			r.With(func() {
				r.invite(orgOne, invitation{email: two, role: "org:member", private: object{metaInvite: "inv_2", metaAttempt: "1"}})
				r.late = 1
			})
		}, []string{"untried", "sent", "untried"}},
		"joined": {func(r *rig) {
			r.addMember(orgOne, two, "org:member")
			r.Inject(scripted.Mishap{Op: "users", Status: 200, Body: "[]"})
		}, []string{"untried", "already_member", "untried"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			tc.change(r)
			request := r.several(one, two, three)
			outcomes, err := r.client().InviteMany(t.Context(), request)
			wantOutcomes(t, request, outcomes, tc.want...)
			if err != nil || r.Count("bulk") != 1 || r.mailed(two) != 0 {
				t.Errorf("calls %v, %v", r.Calls, err)
			}
		})
	}
}

// After a refusal that may have been partial, a vendor that does not show its
// list leaves everything open.
func TestBulkRefusedAndSilent(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(v *vendor, _ *Config, _ *providers.Deps) { v.partial, v.dislikes = true, []string{three} })
	r.Inject(scripted.Mishap{Op: "list", Skip: 1, Times: -1, Status: 500})
	request := r.several(one, two, three)
	outcomes, _ := r.client().InviteMany(t.Context(), request)
	wantOutcomes(t, request, outcomes, "email_not_deliverable?", "email_not_deliverable?", "email_not_deliverable?")
	r.Heal()
	for n, want := range []providers.Verdict{providers.VerdictSent, providers.VerdictSent, providers.VerdictNotSent} {
		settled, err := r.client().Settle(t.Context(), request.Invites[n])
		if err != nil || settled.Verdict != want {
			t.Errorf("row %d: %+v, %v, want %s", n, settled, err, want)
		}
	}
}

// Rows of an answer have no place: the address tells them, and what is missing or
// of another organization is not known.
func TestBulkAnswers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answers func([]object) []object
		want    []string
	}{
		"in another order": {func(rows []object) []object { slices.Reverse(rows); return rows }, []string{"sent", "sent", "sent"}},
		"one is missing":   {func(rows []object) []object { return rows[1:] }, []string{"provider_error?", "sent", "sent"}},
		"one too many": {func(rows []object) []object {
			stranger := object{}
			for name, value := range rows[0] {
				stranger[name] = value
			}
			stranger["email_address"], stranger["id"] = "stranger@example.com", "orginv_stranger"
			return append(rows, stranger)
		}, []string{"sent", "sent", "sent"}},
		"one of somebody else": {func(rows []object) []object { rows[1]["email_address"] = "stranger@example.com"; return rows }, []string{"sent", "provider_error?", "sent"}},
		"one of elsewhere":     {func(rows []object) []object { rows[2]["organization_id"] = orgTwo; return rows }, []string{"sent", "sent", "provider_error?"}},
		"one without an id":    {func(rows []object) []object { rows[2]["id"] = ""; return rows }, []string{"sent", "sent", "provider_error?"}},
		"in capital letters":   {func(rows []object) []object { rows[0]["email_address"] = "ONE@EXAMPLE.COM"; return rows }, []string{"sent", "sent", "sent"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(v *vendor, _ *Config, d *providers.Deps) {
				v.answers, d.Logger = tc.answers, slog.New(slog.NewTextHandler(t.Output(), nil))
			})
			request := r.several(one, two, three)
			outcomes, err := r.client().InviteMany(t.Context(), request)
			wantOutcomes(t, request, outcomes, tc.want...)
			if err != nil {
				t.Error(err)
			}
			for n, o := range outcomes {
				if row := r.rows(orgOne, request.Invites[n].EmailKey, "pending"); o.Sent != nil && o.Sent.ProviderID != row[0].id {
					t.Errorf("row %d has the id %s of another", n, o.Sent.ProviderID)
				}
			}
		})
	}
}

// A row is told to the vendor as it would be by itself.
func TestBulkCarriesTheSame(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	at := r.Clock.Now().Add(7*day + time.Hour)
	fill := func(one *providers.InviteRequest, email string) {
		one.ExpiresAt, one.RedirectURL, one.Roles = &at, "https://app.example.com/welcome", []string{"admin"}
		one.Metadata, one.Locale = map[string]any{"plan": "gold"}, "de"
		if email == two {
			one.ExpiresAt, one.Metadata, one.Attempt = nil, nil, 3
		}
	}
	request := r.several(one, two)
	for n := range request.Invites {
		fill(&request.Invites[n], request.Invites[n].EmailKey)
	}
	outcomes, err := r.client().InviteMany(t.Context(), request)
	wantOutcomes(t, request, outcomes, "sent", "sent")
	if err != nil || r.Total() != 3 || r.Count("list") != 1 || r.Count("users") != 1 || r.Count("bulk") != 1 {
		t.Fatalf("calls %v, %v", r.Calls, err)
	}
	single := newRig(t, nil)
	for n := range request.Invites {
		request.Invites[n].Journal = providertest.NewJournal()
		sent, err := single.p.Invite(t.Context(), request.Invites[n])
		if err != nil {
			t.Fatal(err)
		}
		sent.ProviderID = outcomes[n].Sent.ProviderID
		if !reflect.DeepEqual(sent, outcomes[n].Sent) {
			t.Errorf("sent by itself %+v, with others %+v", sent, outcomes[n].Sent)
		}
	}
	if !reflect.DeepEqual(r.bodies, single.bodies) {
		t.Errorf("with others %v, by itself %v", r.bodies, single.bodies)
	}
}

// Where there are more pending invitations than one page has, each row is looked
// up: a list that shifts while it is read shows some twice and others never.
func TestBulkInACrowd(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(v *vendor, _ *Config, _ *providers.Deps) { v.replaces = true })
	r.With(func() {
		for n := range 600 {
			r.invite(orgOne, invitation{email: fmt.Sprintf("crowd%d@example.com", n), role: "org:member"})
		}
		r.invite(orgOne, invitation{email: two, role: "org:member"})
		r.invite(orgOne, invitation{email: three, role: "org:member", private: object{metaInvite: "inv_3", metaAttempt: "1"}})
	})
	request := r.several(one, two, three)
	outcomes, err := r.client().InviteMany(t.Context(), request)
	var words []string
	for _, o := range outcomes {
		words = append(words, told(o))
	}
	if want := []string{"sent", "invite_pending", "sent"}; err != nil || !slices.Equal(words, want) {
		t.Errorf("outcomes %v, %v, want %v", words, err, want)
	}
	if r.Count("list") != 4 || r.mailed(three) != 0 || request.Invites[2].Journal.Step(stepCreate).Begun {
		t.Errorf("%d lists, %d mails for one that is ours already", r.Count("list"), r.mailed(three))
	}
}

// A bulk call that the vendor is slow to answer keeps nobody else waiting: whatever
// address a customer invites meanwhile, it is sent at once.
func TestBulkHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		open := make(chan struct{})
		r.Inject(scripted.Mishap{Op: "bulk", During: func() { <-open }})
		var rows []string
		for n := range 10 {
			rows = append(rows, fmt.Sprintf("row%d@example.com", n))
		}
		request, ended := r.several(rows...), false
		go func() {
			_, err := r.client().InviteMany(t.Context(), request)
			if ended = true; err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		began := time.Now()
		for n := range 100 {
			single := r.request(fmt.Sprintf("single%d@example.com", n))
			single.Org = org(orgTwo)
			if _, err := r.client().Invite(t.Context(), single); err != nil || ended {
				t.Fatalf("invite %d: %v; the bulk call has ended: %v", n, err, ended)
			}
		}
		if waited := time.Since(began); waited > 0 {
			t.Errorf("waited %v", waited)
		}
		close(open)
		synctest.Wait()
		if !ended {
			t.Error("the bulk call has not ended")
		}
	})
}

// Bulk calls have a budget of their own, which leaves single ones theirs.
func TestBulkOfAnHour(t *testing.T) {
	t.Parallel()
	var quotas *quota.Registry
	r := newRig(t, func(v *vendor, c *Config, d *providers.Deps) {
		quotas = quota.New(&quota.Options{Now: v.Clock.Now})
		d.Quotas, d.LimitWait = quotas, time.Millisecond
	})
	t.Cleanup(func() { _ = quotas.Close() })
	c := r.client()
	for bulk, want := range map[bool]int{true: 48, false: 238} {
		if calls, window := c.Pace(bulk); calls != want || window != time.Hour {
			t.Errorf("bulk %v: %d calls in %v, want %d in an hour for the background", bulk, calls, window, want)
		}
	}
	for n := range 50 {
		if wait, err := c.Wait(t.Context(), true); err != nil || wait != 0 && n < 40 {
			t.Fatalf("call %d: wait %v, %v", n, wait, err)
		}
		outcomes, err := c.InviteMany(t.Context(), r.several(fmt.Sprintf("a%d@example.com", n), fmt.Sprintf("b%d@example.com", n)))
		if err != nil || told(outcomes[0]) != "sent" || told(outcomes[1]) != "sent" {
			t.Fatalf("call %d: %v, %v", n, outcomes, err)
		}
		r.Clock.Advance(time.Second)
	}
	request := r.several(one, two)
	outcomes, err := c.InviteMany(t.Context(), request)
	wantOutcomes(t, request, outcomes, "untried", "untried")
	wantCode(t, err, identity.CodeProviderRateLimited)
	wait, waited := c.Wait(t.Context(), true)
	if known, _ := err.(*identity.Error); waited != nil || known.RetryAfter < 59*time.Minute || wait < 59*time.Minute || r.Count("bulk") != 50 {
		t.Errorf("%+v, wait %v, %d calls", known, wait, r.Count("bulk"))
	}
	if _, err := c.Invite(t.Context(), r.request(three)); err != nil {
		t.Errorf("a single one: %v", err)
	}
	r.Clock.Advance(wait)
	if outcomes, err = c.InviteMany(t.Context(), request); err != nil {
		t.Errorf("after the wait: %v, %v", outcomes, err)
	}
}
