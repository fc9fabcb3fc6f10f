package workos

import (
	"errors"
	"testing"
	"time"

	"usher/identity"
	"usher/providers"
	"usher/providers/providertest/scripted"
)

// pendingRig is a vendor with one invitation of a@example.com.
func pendingRig(t *testing.T, change func(*vendor)) (*rig, providers.InviteRequest, *providers.Sent) {
	t.Helper()
	r := newRig(t, nil)
	if change != nil {
		change(r.vendor)
	}
	request := r.request("a@example.com", "admin")
	at := r.Clock.Now().Add(10*day + time.Hour)
	request.ExpiresAt = &at
	sent, err := r.p.Invite(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	r.Clock.Advance(time.Hour)
	return r, request, sent
}

func TestResendPending(t *testing.T) {
	t.Parallel()
	for _, rotate := range []bool{false, true} {
		r, request, sent := pendingRig(t, func(v *vendor) { v.rotate = rotate })
		again, err := r.client().Resend(t.Context(), resend(request, sent))
		if err != nil {
			t.Fatal(err)
		}
		want := *sent.ExpiresAt
		if rotate {
			want = want.Add(time.Hour)
		}
		if again.ProviderID != sent.ProviderID || !again.ExpiresAt.Equal(want) || r.mailed("a@example.com") != 2 || r.Count("send") != 1 {
			t.Errorf("renewing %v: %+v, want expiry %v; %d mails", rotate, again, want, r.mailed("a@example.com"))
		}
	}
}

// What is not pending is sent anew, with the role and the life it had.
func TestResendWhatEnded(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(r *rig){
		"expired":                func(r *rig) { r.Clock.Advance(11 * day) },
		"run out, still pending": func(r *rig) { r.lazyExpiry = true; r.Clock.Advance(11 * day) },
		"revoked":                func(r *rig) { r.revoked(r.rows[0]) },
		"gone":                   func(r *rig) { r.rows = nil },
		"expired under our eyes": func(r *rig) { r.Inject(scripted.Mishap{Op: "resend", During: func() { r.Clock.Advance(11 * day) }}) },
		"revoked under our eyes": func(r *rig) { r.Inject(scripted.Mishap{Op: "resend", During: func() { r.revoked(r.rows[0]) }}) },
		"gone under our eyes": func(r *rig) {
			r.Inject(scripted.Mishap{Op: "resend", During: func() { r.Lock(); r.rows = nil; r.Unlock() }})
		},
		"the id is unknown there": func(r *rig) { r.revoked(r.rows[0]); r.rows[0].id = "invitation_other" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, request, sent := pendingRig(t, nil)
			end(r)
			again, err := r.client().Resend(t.Context(), resend(request, sent))
			if err != nil {
				t.Fatal(err)
			}
			rows := r.find("a@example.com")
			row := rows[len(rows)-1]
			if again.ProviderID != row.id || again.ProviderID == sent.ProviderID || row.role != "org-admin" || row.days != 10 || r.mailed("a@example.com") != 2 {
				t.Errorf("sent %+v, made %+v, %d mails", again, row, r.mailed("a@example.com"))
			}
		})
	}
}

func TestResendToAMember(t *testing.T) {
	t.Parallel()
	join := func(r *rig) {
		if err := r.accept(orgOne, "a@example.com", "a@example.com"); err != nil {
			r.t.Error(err)
		}
	}
	for name, end := range map[string]func(r *rig){
		"accepted":                join,
		"accepted under our eyes": func(r *rig) { r.Inject(scripted.Mishap{Op: "resend", During: func() { join(r) }}) },
	} {
		r, request, sent := pendingRig(t, nil)
		end(r)
		q := resend(request, sent)
		_, err := r.client().Resend(t.Context(), q)
		wantRefusal(t, name, err, identity.CodeAlreadyMember, q.InviteRequest)
	}
}

// Somebody else made another invitation where ours had ended: that one is sent
// again.
func TestResendWhatReplacedOurs(t *testing.T) {
	t.Parallel()
	r, request, sent := pendingRig(t, nil)
	r.revoked(r.rows[0])
	other := r.elsewhere(orgOne, "a@example.com", "member")
	again, err := r.client().Resend(t.Context(), resend(request, sent))
	if err != nil || again.ProviderID != other.id || r.mailed("a@example.com") != 3 {
		t.Errorf("%+v, %v, %d mails", again, err, r.mailed("a@example.com"))
	}
}

// An adopted invitation keeps a role that is not mapped.
func TestResendUnmappedRole(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	row := r.elsewhere(orgOne, "a@example.com", "viewer")
	r.Clock.Advance(8 * day)
	request := r.request("a@example.com")
	request.Roles = nil
	_, err := r.client().Resend(t.Context(), resend(request, &providers.Sent{ProviderID: row.id}))
	if rows := r.find("a@example.com"); err != nil || len(rows) != 2 || rows[1].role != "viewer" {
		t.Errorf("%v, rows %+v", err, rows)
	}
	r.bareRows = true
	r.Clock.Advance(8 * day)
	_, err = r.client().Resend(t.Context(), resend(request, &providers.Sent{ProviderID: row.id}))
	wantCode(t, err, identity.CodeUnknownRole) // it cannot be told which
}

// lostResend sends an invitation again and loses the answer.
func lostResend(t *testing.T, r *rig, request providers.InviteRequest, sent *providers.Sent, acts bool) providers.ResendRequest {
	t.Helper()
	r.Inject(scripted.Mishap{Op: "resend", Acts: acts, Cut: true})
	q := resend(request, sent)
	_, err := r.client().Resend(t.Context(), q)
	var known *identity.Error
	if !errors.As(err, &known) || !known.Unknown {
		t.Fatalf("got %v, want an error after which the vendor may have acted", err)
	}
	return q
}

// Whether a mail went out again is asked of the vendor's log, and a second one
// is never sent on a guess.
func TestLostResend(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		change func(*vendor)
		acts   bool
		want   providers.Verdict
		mails  int // after going on
	}{
		{"carried out", nil, true, providers.VerdictSent, 2},
		{"carried out, the log is late", func(v *vendor) { v.lateEvents = 1 }, true, providers.VerdictSent, 2},
		{"carried out, a new expiry shows it", func(v *vendor) { v.rotate, v.noEvents = true, true }, true, providers.VerdictSent, 2},
		{"not carried out", nil, false, providers.VerdictUnchanged, 2},
		{"carried out, nobody tells", func(v *vendor) { v.noEvents = true }, true, providers.VerdictUnknown, 2},
		{"not carried out, nobody tells", func(v *vendor) { v.noEvents = true }, false, providers.VerdictUnknown, 1},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r, request, sent := pendingRig(t, tc.change)
			q := lostResend(t, r, request, sent, tc.acts)
			settlement := settled(t, r, q.InviteRequest, tc.want)
			if settlement.Sent.ProviderID != sent.ProviderID || settlement.Sent.Reference[refDays] != "10" {
				t.Errorf("settled as %+v", settlement.Sent)
			}
			_, err := r.client().Resend(t.Context(), q)
			if tc.want == providers.VerdictUnknown {
				var known *identity.Error
				if !errors.As(err, &known) || !known.Unknown {
					t.Errorf("going on without knowing: %v", err)
				}
			} else if err != nil {
				t.Error(err)
			}
			if mails := r.mailed("a@example.com"); mails != tc.mails {
				t.Errorf("%d mails, want %d", mails, tc.mails)
			}
		})
	}
}

// The log's silence counts only after a wait, once.
func TestSilenceOfTheLog(t *testing.T) {
	t.Parallel()
	r, request, sent := pendingRig(t, nil)
	q := lostResend(t, r, request, sent, false)
	settled(t, r, q.InviteRequest, providers.VerdictUnchanged)
	if r.slept != 2*time.Second || r.Count("events") != 2 {
		t.Errorf("waited %v and asked %d times", r.slept, r.Count("events"))
	}
	r.Clock.Advance(time.Minute)
	settled(t, r, q.InviteRequest, providers.VerdictUnchanged)
	if r.slept != 2*time.Second || r.Count("events") != 3 {
		t.Errorf("long after, waited %v and asked %d times", r.slept, r.Count("events"))
	}
	r.Inject(scripted.Mishap{Op: "events", Times: -1, Status: 500})
	if _, err := r.client().Settle(t.Context(), q.InviteRequest); err == nil {
		t.Error("a log that does not answer settles")
	}
}

// A mail of an earlier resend is not the one that was asked for now; one of
// another invitation neither. The log is read to its end.
func TestOtherMailsInTheLog(t *testing.T) {
	t.Parallel()
	r, request, sent := pendingRig(t, nil)
	if _, err := r.client().Resend(t.Context(), resend(request, sent)); err != nil {
		t.Fatal(err)
	}
	r.Clock.Advance(2 * skew)
	q := lostResend(t, r, request, sent, false)
	for n := range 250 {
		other := r.elsewhere(orgOne, "other"+string(rune('a'+n%26))+"@example.com", "member")
		r.Lock()
		r.events = append(r.events, &event{row: other, at: r.Clock.Now()})
		r.Unlock()
	}
	settled(t, r, q.InviteRequest, providers.VerdictUnchanged)
	r.Lock()
	r.events = append(r.events, &event{row: r.rows[0], at: r.Clock.Now()})
	r.Unlock()
	settled(t, r, q.InviteRequest, providers.VerdictSent)
}

// What ends while a resend is uncertain.
func TestLostResendOfWhatEnded(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		end  func(r *rig)
		want providers.Verdict
		code identity.Code // of going on
	}{
		"accepted": {func(r *rig) { _ = r.accept(orgOne, "a@example.com", "a@example.com") }, providers.VerdictMember, identity.CodeAlreadyMember},
		"revoked":  {func(r *rig) { r.revoked(r.rows[0]) }, providers.VerdictNotSent, ""},
		"expired":  {func(r *rig) { r.Clock.Advance(11 * day) }, providers.VerdictNotSent, ""},
		"replaced": {func(r *rig) { r.revoked(r.rows[0]); r.elsewhere(orgOne, "a@example.com", "member") }, providers.VerdictUnchanged, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, request, sent := pendingRig(t, nil)
			q := lostResend(t, r, request, sent, true)
			tc.end(r)
			settled(t, r, q.InviteRequest, tc.want)
			again, err := r.client().Resend(t.Context(), q)
			wantCode(t, err, tc.code)
			if rows := r.find("a@example.com"); err == nil && again.ProviderID != rows[len(rows)-1].id {
				t.Errorf("sent %+v, rows %+v", again, rows)
			}
		})
	}
}

// A resend that became a new sending, whose answer is lost: found by the next
// try, with one mail.
func TestLostWhileSentAnew(t *testing.T) {
	t.Parallel()
	r, request, sent := pendingRig(t, nil)
	r.Clock.Advance(11 * day)
	r.Inject(scripted.Mishap{Op: "send", Acts: true, Cut: true})
	q := resend(request, sent)
	if _, err := r.client().Resend(t.Context(), q); err == nil {
		t.Fatal("no error")
	}
	settlement := settled(t, r, q.InviteRequest, providers.VerdictSent)
	again, err := r.client().Resend(t.Context(), q)
	if err != nil || again.ProviderID != settlement.Sent.ProviderID || again.ProviderID == sent.ProviderID || r.mailed("a@example.com") != 2 {
		t.Errorf("%+v, %v, %d mails", again, err, r.mailed("a@example.com"))
	}
}

func TestResendSpeaksTheLanguage(t *testing.T) {
	t.Parallel()
	r, request, sent := pendingRig(t, nil)
	for locale, lost := range map[string]bool{"en-gb": false, "pt_BR": false, "": false, "de-AT": true, "tlh": true} {
		q := resend(request, sent)
		q.Locale = locale
		again, err := r.client().Resend(t.Context(), q) // the document lists what may be sent
		if err != nil || (len(again.NotCarried) > 0) != lost {
			t.Errorf("%q: %+v, %v", locale, again, err)
		}
	}
}

// The invitation is revoked at the moment it is to be sent again, and the answer
// to the new one is lost: the revoked one is not taken for it.
func TestRevokedWhileSentAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	request := r.request("a@example.com")
	sent, err := r.p.Invite(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	r.Inject(scripted.Mishap{Op: "resend", During: func() { r.revoked(r.rows[0]) }})
	r.Inject(scripted.Mishap{Op: "send", Cut: true})
	q := resend(request, sent)
	if _, err := r.client().Resend(t.Context(), q); err == nil {
		t.Fatal("no error")
	}
	settled(t, r, q.InviteRequest, providers.VerdictNotSent)
	if again, err := r.client().Resend(t.Context(), q); err != nil || again.ProviderID == sent.ProviderID || r.mailed("a@example.com") != 2 {
		t.Errorf("%+v, %v, %d mails", again, err, r.mailed("a@example.com"))
	}
}

// One that has run out is not standing, whatever the vendor still calls it.
func TestRunOutIsNotStanding(t *testing.T) {
	t.Parallel()
	r, request, _ := pendingRig(t, func(v *vendor) { v.lazyExpiry = true })
	settled(t, r, request, providers.VerdictSent)
	r.Clock.Advance(11 * day)
	settled(t, r, request, providers.VerdictNotSent)
}
