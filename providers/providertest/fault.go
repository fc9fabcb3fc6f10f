package providertest

import (
	"fmt"
	"slices"
	"testing"

	"usher/identity"
	"usher/providers"
)

// failureCase is what a failure of a sending looks like to its caller.
type failureCase struct {
	failure Failure
	want    []identity.Code
	acted   bool // may the vendor have acted, as far as the caller can know
	mails   int
}

func failureCases() []failureCase {
	return []failureCase{
		{Refused, []identity.Code{identity.CodeProviderRateLimited}, false, 0},
		{Credentials, []identity.Code{identity.CodeProviderCredentials}, false, 0},
		{Unreachable, []identity.Code{identity.CodeProviderUnavailable}, false, 0},
		{ServerError, []identity.Code{identity.CodeProviderError}, true, 0},
		{NotJSON, []identity.Code{identity.CodeProviderError}, true, 0},
		{EndlessBody, []identity.Code{identity.CodeProviderError, identity.CodeProviderTimeout}, true, 0},
		{Hang, []identity.Code{identity.CodeProviderTimeout}, true, 0},
		{AnswerLost, []identity.Code{identity.CodeProviderUnavailable, identity.CodeProviderTimeout}, true, 1},
	}
}

// failures checks each vendor failure's code, whether it may have acted, and
// that nothing secret is in the error.
func failures(t *testing.T, v *Vendor) {
	if v.Mailer != nil {
		mailFailures(t, v)
		return
	}
	c := v.Client(t)
	for n, tc := range failureCases() {
		email := fmt.Sprintf("failure%d@example.com", n)
		r := v.Request(t, email)
		v.Fail(t, tc.failure)
		_, err := c.Invite(t.Context(), r)
		v.Fail(t, Back)
		if err == nil {
			t.Errorf("%s: no error", tc.failure)
			continue
		}
		known, ok := err.(*identity.Error)
		if !ok || !slices.Contains(tc.want, known.Code) || known.Unknown != tc.acted {
			t.Errorf("%s: error %v (unknown %v), want one of %v (unknown %v)", tc.failure, err, ok && known.Unknown, tc.want, tc.acted)
		}
		if tc.acted && providers.Refused(err) {
			t.Errorf("%s: error %v counts as an answer", tc.failure, err)
		}
		if tc.failure == Refused && ok && known.RetryAfter != refusedFor {
			t.Errorf("retry after %v, want %v", known.RetryAfter, refusedFor)
		}
		if tc.failure == Refused && v.Pass != nil {
			v.Pass(t, refusedFor)
		}
		if ok {
			v.tellsNothing(t, tc.failure, known)
		}
		if mails := v.mailed(t, email); mails != tc.mails {
			t.Errorf("%s: %d mails, want %d", tc.failure, mails, tc.mails)
		}
		goesOn(t, v, c, r, tc.failure, tc.mails)
	}
}

// refusalStopsAll: after one 429 nothing is sent for any organization until the
// time is over that the vendor named.
func refusalStopsAll(t *testing.T, v *Vendor) {
	if v.Calls == nil {
		t.Skip("the connection makes no calls")
	}
	c := v.Client(t)
	list := func(org identity.OrgRef) error {
		_, err := c.ListMembers(t.Context(), org, identity.PageRequest{Limit: 10})
		return err
	}
	if err := list(v.Other); err != nil { // its token is there now
		t.Fatal(err)
	}
	v.Fail(t, Refused)
	_, err := c.Invite(t.Context(), v.Request(t, "refused@example.com"))
	wantCode(t, err, identity.CodeProviderRateLimited)
	v.Fail(t, Back)
	before := v.Calls()
	for _, org := range []identity.OrgRef{v.Org, v.Other} {
		err := list(org)
		wantCode(t, err, identity.CodeProviderRateLimited)
		known, ok := err.(*identity.Error)
		if !ok || known.RetryAfter <= 0 || known.RetryAfter > refusedFor || known.Unknown {
			t.Errorf("got %+v", err)
		}
	}
	_, err = c.Invite(t.Context(), v.Request(t, "other@example.com"))
	wantCode(t, err, identity.CodeProviderRateLimited)
	if known, ok := err.(*identity.Error); !ok || known.Unknown {
		t.Errorf("nothing was sent, and the error does not say so: %+v", err)
	}
	if calls := v.Calls() - before; calls != 0 {
		t.Errorf("%d calls reached the vendor, which wanted to be left alone", calls)
	}
	v.Pass(t, refusedFor)
	for _, org := range []identity.OrgRef{v.Org, v.Other} {
		if err := list(org); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	}
}

// goesOn settles an invitation after a failure and sends it if it was not
// sent: one mail in the end, whatever happened.
func goesOn(t *testing.T, v *Vendor, c *providers.Client, r providers.InviteRequest, what any, mails int) {
	t.Helper()
	settled, err := c.Settle(t.Context(), r)
	if err != nil {
		t.Errorf("%v: settle: %v", what, err)
		return
	}
	want := providers.VerdictNotSent
	if mails > 0 {
		want = providers.VerdictSent
	}
	if settled.Verdict != want {
		t.Errorf("%v: verdict %s, want %s", what, settled.Verdict, want)
	}
	if _, err := c.Invite(t.Context(), r); err != nil {
		t.Errorf("%v: going on: %v", what, err)
	}
	if n := v.mailed(t, r.Address.Typed); n != 1 {
		t.Errorf("%v: %d mails after going on, want 1", what, n)
	}
}

// crashes stops an adapter at every journal entry of a send, before and after
// it is recorded, and goes on: never a second mail, never none.
func crashes(t *testing.T, v *Vendor) {
	if v.Mailer != nil {
		mailCrashes(t, v)
		return
	}
	c := v.Client(t)
	if !c.CanSettle() {
		t.Skip("the vendor cannot be asked about an uncertain send")
	}
	for n := 1; n <= 20; n++ {
		for _, recorded := range []bool{false, true} {
			name := fmt.Sprintf("crash%d-%v@example.com", n, recorded)
			r := v.Request(t, name)
			j := NewJournal()
			j.CrashAt(n, recorded)
			r.Journal = j
			if _, err := c.Invite(t.Context(), r); err == nil {
				if n == 1 {
					t.Fatal("the adapter records no step")
				}
				return // a send has fewer entries
			}
			j.CrashAt(0, false)
			if _, err := c.Settle(t.Context(), r); err != nil {
				t.Errorf("%s: settle: %v", name, err)
			}
			if _, err := c.Invite(t.Context(), r); err != nil {
				t.Errorf("%s: going on: %v", name, err)
			}
			if mails := v.mailed(t, name); mails != 1 {
				t.Errorf("%s: %d mails, want 1", name, mails)
			}
		}
	}
	t.Error("a send has no end")
}

// resendCrashes does the same with a resend: the first mail, and one more.
func resendCrashes(t *testing.T, v *Vendor) {
	if v.Mailer != nil {
		t.Skip("a resend is another send")
	}
	c := v.Client(t)
	need(t, c, providers.CapResend)
	if !c.CanSettle() {
		t.Skip("the vendor cannot be asked about an uncertain resend")
	}
	for n := 1; n <= 20; n++ {
		for _, recorded := range []bool{false, true} {
			name := fmt.Sprintf("recrash%d-%v@example.com", n, recorded)
			r := v.Request(t, name)
			sent := send(t, c, r)
			j := NewJournal()
			j.CrashAt(n, recorded)
			r.Journal, r.Reference = j, sent.Reference
			request := providers.ResendRequest{InviteRequest: r, ProviderID: sent.ProviderID}
			if _, err := c.Resend(t.Context(), request); err == nil {
				return
			}
			j.CrashAt(0, false)
			settled, err := c.Settle(t.Context(), r)
			if err != nil {
				t.Fatalf("%s: settle: %v", name, err)
			}
			mails := v.mailed(t, name)
			switch settled.Verdict {
			case providers.VerdictSent:
			case providers.VerdictUnchanged:
				if mails != 1 || settled.Sent == nil {
					t.Errorf("%s: unchanged with %d mails, %+v", name, mails, settled.Sent)
				}
				fallthrough
			default:
				if _, err := c.Resend(t.Context(), request); err != nil {
					t.Errorf("%s: going on: %v", name, err)
				}
			}
			if mails := v.mailed(t, name); mails > 2 {
				t.Errorf("%s: %d mails, want 2 at most", name, mails)
			}
			if c.Has(providers.CapInviteList) {
				if rows := pendingRows(list(t, c, v.Org, name)); len(rows) != 1 {
					t.Errorf("%s: listed %+v, want one pending row", name, rows)
				}
			}
		}
	}
	t.Error("a resend has no end")
}
