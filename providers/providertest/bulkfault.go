package providertest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"usher/identity"
	"usher/providers"
)

// bulkFailures: a call that did not happen leaves every row untried; after one
// that may have happened nobody knows of any row, and each is settled and goes
// on by itself.
func bulkFailures(t *testing.T, v *Vendor) {
	c := v.Client(t)
	need(t, c, providers.CapInviteMany)
	for n, tc := range failureCases() {
		emails := names(fmt.Sprintf("bulkfailure%d", n))
		r, _ := v.many(t, emails...)
		v.Fail(t, tc.failure)
		outcomes, err := together(t.Context(), c, r)
		v.Fail(t, Back)
		if tc.failure == Refused && v.Pass != nil {
			v.Pass(t, refusedFor)
		}
		if tc.acted {
			bulkUnknown(t, v, tc, outcomes)
		} else {
			bulkUntried(t, v, tc, r, outcomes, err)
		}
		for at := range outcomes {
			if mails := v.mailed(t, emails[at]); mails != tc.mails {
				t.Errorf("%s: %d mails, want %d", tc.failure, mails, tc.mails)
			}
			goesOn(t, v, c, r.Invites[at], tc.failure, tc.mails)
		}
	}
}

func bulkUnknown(t *testing.T, v *Vendor, tc failureCase, outcomes []providers.BulkOutcome) {
	t.Helper()
	for n, o := range outcomes {
		known, ok := o.Err.(*identity.Error)
		if !ok || !slices.Contains(tc.want, known.Code) || !known.Unknown {
			t.Errorf("%s: row %d: %+v, want one of %v that nobody knows of", tc.failure, n, o, tc.want)
			continue
		}
		v.tellsNothing(t, tc.failure, known)
	}
}

func bulkUntried(t *testing.T, v *Vendor, tc failureCase, r providers.BulkRequest, outcomes []providers.BulkOutcome, err error) {
	t.Helper()
	known, ok := err.(*identity.Error)
	if !ok || !slices.Contains(tc.want, known.Code) || known.Unknown || providers.Singly(err) {
		t.Errorf("%s: error %v, want one of %v to wait for", tc.failure, err, tc.want)
		return
	}
	if tc.failure == Refused && known.RetryAfter != refusedFor {
		t.Errorf("retry after %v, want %v", known.RetryAfter, refusedFor)
	}
	v.tellsNothing(t, tc.failure, known)
	for n, o := range outcomes {
		if !o.Untried() || !untouched(r.Invites[n]) {
			t.Errorf("%s: row %d: %+v with %+v, want it untried", tc.failure, n, o, r.Invites[n].Journal.(*Journal).Steps())
		}
	}
}

// tellsNothing makes sure that an error holds no secret.
func (v *Vendor) tellsNothing(t *testing.T, failure Failure, err *identity.Error) {
	t.Helper()
	for _, secret := range v.Secrets() {
		if strings.Contains(err.Error(), secret) || strings.Contains(err.Detail, secret) {
			t.Errorf("%s: the error holds a secret: %v", failure, err)
		}
	}
}

// bulkCrashes stops an adapter at every journal entry of a bulk call, before and
// after it is recorded, and goes on with each row: one mail each in the end.
func bulkCrashes(t *testing.T, v *Vendor) {
	c := v.Client(t)
	need(t, c, providers.CapInviteMany)
	if !c.CanSettle() {
		t.Skip("the vendor cannot be asked about an uncertain send")
	}
	for n := 1; n <= 40; n++ {
		for _, recorded := range []bool{false, true} {
			emails := names(fmt.Sprintf("bulkcrash%d-%v", n, recorded))
			r, j := v.many(t, emails...)
			j.CrashAt(n, recorded)
			outcomes, err := together(t.Context(), c, r)
			failed := err != nil || slices.ContainsFunc(outcomes, func(o providers.BulkOutcome) bool { return o.Sent == nil })
			if !failed {
				if n <= several {
					t.Fatalf("the adapter makes fewer than %d entries for %d rows", n, several)
				}
				return
			}
			for at, row := range r.Invites {
				if o := outcomes[at]; o.Untried() {
					t.Errorf("%s: a crash left it untried", emails[at])
				}
				settled, err := c.Settle(t.Context(), row)
				if err != nil {
					t.Fatalf("%s: settle: %v", emails[at], err)
				}
				if mailed := v.mailed(t, emails[at]) > 0; mailed != (settled.Verdict == providers.VerdictSent) {
					t.Errorf("%s: verdict %s, and it was mailed: %v", emails[at], settled.Verdict, mailed)
				}
				if _, err := c.Invite(t.Context(), row); err != nil {
					t.Errorf("%s: going on: %v", emails[at], err)
				}
				if mails := v.mailed(t, emails[at]); mails != 1 {
					t.Errorf("%s: %d mails, want 1", emails[at], mails)
				}
			}
		}
	}
	t.Error("a bulk call has no end")
}
