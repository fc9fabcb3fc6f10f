package providertest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"usher/identity"
	"usher/providers"
)

// several is how many rows the suite's bulk calls have.
const several = 3

// many returns a bulk request of one row for each address, with its journal.
func (v *Vendor) many(t *testing.T, emails ...string) (providers.BulkRequest, *BulkJournal) {
	t.Helper()
	r := providers.BulkRequest{Org: v.Org}
	for _, email := range emails {
		r.Invites = append(r.Invites, v.Request(t, email))
	}
	j := NewBulkJournal(r.Invites)
	r.Journal = j
	return r, j
}

// together makes a bulk call as the house does: no row has a journal of its own.
func together(ctx context.Context, c *providers.Client, r providers.BulkRequest) ([]providers.BulkOutcome, error) {
	r.Invites = slices.Clone(r.Invites)
	for n := range r.Invites {
		r.Invites[n].Journal = nil
	}
	return c.InviteMany(ctx, r)
}

// names returns addresses of a case.
func names(base string) (emails []string) {
	for n := range several {
		emails = append(emails, fmt.Sprintf("%s-%c@example.com", base, 'a'+n))
	}
	return emails
}

// untouched reports that nothing of a row is begun.
func untouched(r providers.InviteRequest) bool { return len(r.Journal.(*Journal).Steps()) == 0 }

// sendAll sends rows as a dispatcher does: together, then those that were left
// together again or one by one. It returns each row's error.
func sendAll(t *testing.T, c *providers.Client, r providers.BulkRequest) []error {
	t.Helper()
	errs := make([]error, len(r.Invites))
	places := make([]int, len(r.Invites))
	for n := range places {
		places[n] = n
	}
	for range len(r.Invites) + 1 {
		outcomes, err := together(t.Context(), c, r)
		var left []int
		for n, o := range outcomes {
			if errs[places[n]] = o.Err; o.Untried() {
				left = append(left, n)
			}
		}
		again := providers.BulkRequest{Org: r.Org}
		var next []int
		for _, n := range left {
			if !untouched(r.Invites[n]) {
				t.Errorf("%s was not tried, and its journal holds %+v", r.Invites[n].Address.Typed, r.Invites[n].Journal.(*Journal).Steps())
			}
			if providers.Singly(err) {
				_, errs[places[n]] = c.Invite(t.Context(), r.Invites[n])
				continue
			}
			again.Invites, next = append(again.Invites, r.Invites[n]), append(next, places[n])
		}
		if len(next) == 0 {
			return errs
		}
		if err != nil {
			t.Fatalf("invite many: %v", err)
		}
		again.Journal = NewBulkJournal(again.Invites)
		r, places = again, next
	}
	t.Fatal("rows are left untried again and again")
	return nil
}

func bulk(t *testing.T, v *Vendor) {
	c := v.Client(t)
	need(t, c, providers.CapInviteMany)
	emails := names("several.people+tag")
	emails[0] = "Several.People+tag-A@Example.com"
	r, _ := v.many(t, emails...)
	r.Invites[1].Roles = []string{v.role("admin")}
	outcomes, err := together(t.Context(), c, r)
	if err != nil || len(outcomes) != len(emails) {
		t.Fatalf("%d outcomes, error %v", len(outcomes), err)
	}
	for n, o := range outcomes {
		if o.Sent == nil || o.Err != nil {
			t.Fatalf("%s: %+v", emails[n], o)
		}
		if life := c.Fields().Life; (life > 0) != (o.Sent.ExpiresAt != nil) {
			t.Errorf("declared life %v, expiry of the invitation %v", life, o.Sent.ExpiresAt)
		}
		if mails := v.mailed(t, strings.ToLower(emails[n])); mails != 1 {
			t.Errorf("%s: %d mails, want 1", emails[n], mails)
		}
		wantSent(t, v, c, r.Invites[n], o.Sent)
	}
	if c.Has(providers.CapResend) {
		again := r.Invites[0]
		again.Journal, again.Reference = NewJournal(), outcomes[0].Sent.Reference
		if _, err := c.Resend(t.Context(), providers.ResendRequest{InviteRequest: again, ProviderID: outcomes[0].Sent.ProviderID}); err != nil {
			t.Errorf("resend one of several: %v", err)
		}
	}
	v.accepted(t, c, r.Invites[1], outcomes[1].Sent)
	if m := findListed(t, c, v.Org, emails[1]); m == nil || !slices.Equal(m.Roles, r.Invites[1].Roles) {
		t.Errorf("listed member %+v, want roles %v", m, r.Invites[1].Roles)
	}
}

// wantSent holds an invitation that was sent to what the vendor shows of it: by
// the list, and by going on as after a crash.
func wantSent(t *testing.T, v *Vendor, c *providers.Client, r providers.InviteRequest, sent *providers.Sent) {
	t.Helper()
	if c.Has(providers.CapInviteList) {
		rows := list(t, c, v.Org, r.Address.Typed)
		if len(rows) != 1 || rows[0].State != identity.StatePending || !slices.Equal(rows[0].Roles, r.Roles) ||
			sent.ProviderID != "" && rows[0].ProviderID != sent.ProviderID {
			t.Errorf("listed %+v, want one pending row %s with roles %v", rows, sent.ProviderID, r.Roles)
		}
	}
	if !c.CanSettle() {
		return
	}
	again, err := c.Invite(t.Context(), r)
	if err != nil || again.ProviderID != sent.ProviderID {
		t.Errorf("%s: going on: %+v, %v, want %s", r.Address.Typed, again, err, sent.ProviderID)
	}
	if mails := v.mailed(t, r.Address.Typed); mails != 1 {
		t.Errorf("%s: %d mails after going on, want 1", r.Address.Typed, mails)
	}
}

// bulkInTheWay: rows that the vendor refuses have their own code, and cost the
// others nothing.
func bulkInTheWay(t *testing.T, v *Vendor) {
	c := v.Client(t)
	need(t, c, providers.CapInviteMany)
	for _, at := range []int{0, 1, 2} {
		for _, tc := range []struct {
			name  string
			set   func(r *providers.InviteRequest)
			code  identity.Code
			mails int
		}{
			{"member", func(r *providers.InviteRequest) { *r = v.Request(t, strings.ToUpper(v.MemberEmail)) }, identity.CodeAlreadyMember, 0},
			{"own", func(r *providers.InviteRequest) { send(t, c, v.Request(t, r.Address.Typed)) }, identity.CodeInvitePending, 1},
			{"role", func(r *providers.InviteRequest) { r.Roles = []string{"no-such-role"} }, identity.CodeUnknownRole, 0},
			{"dashboard", func(r *providers.InviteRequest) { v.Elsewhere(t, v.Org, r.Address.Typed, v.role("member")) }, identity.CodeInvitePending, -1},
		} {
			if tc.name == "dashboard" && v.Elsewhere == nil {
				continue
			}
			emails := names(fmt.Sprintf("%s%d", tc.name, at))
			r, _ := v.many(t, emails...)
			tc.set(&r.Invites[at])
			r.Journal = NewBulkJournal(r.Invites)
			for n, err := range sendAll(t, c, r) {
				email := r.Invites[n].Address.Typed
				want, mails := identity.Code(""), 1
				if n == at {
					want, mails = tc.code, tc.mails
				}
				if got := identity.CodeOf(err); got != want {
					t.Errorf("%s at %d: %s: code %q, want %q (%v)", tc.name, at, email, got, want, err)
				}
				if got := v.mailed(t, strings.ToLower(email)); mails >= 0 && got != mails {
					t.Errorf("%s at %d: %s: %d mails, want %d", tc.name, at, email, got, mails)
				}
			}
		}
	}
}

// bulkTwice: who is invited already is told so, whichever way it was done.
func bulkTwice(t *testing.T, v *Vendor) {
	c := v.Client(t)
	need(t, c, providers.CapInviteMany)
	emails := names("twice")
	for n, want := range []identity.Code{"", identity.CodeInvitePending, identity.CodeInvitePending} {
		r, _ := v.many(t, emails...)
		for at, err := range sendAll(t, c, r) {
			if got := identity.CodeOf(err); got != want {
				t.Errorf("time %d: %s: code %q, want %q (%v)", n+1, emails[at], got, want, err)
			}
		}
	}
	for _, email := range emails {
		_, err := c.Invite(t.Context(), v.Request(t, email))
		wantCode(t, err, identity.CodeInvitePending)
		if mails := v.mailed(t, email); mails != 1 {
			t.Errorf("%s: %d mails, want 1", email, mails)
		}
	}
}

func bulkNowhere(t *testing.T, v *Vendor) {
	c := v.Client(t)
	need(t, c, providers.CapInviteMany)
	if v.AnyOrganization {
		t.Skip("every organization that is bound is one")
	}
	for _, id := range []string{"00000000-0000-4000-8000-000000000000", ""} {
		r, _ := v.many(t, names("nowhere")...)
		r.Org = identity.OrgRef{ID: "org_x", ProviderID: id}
		for n := range r.Invites {
			r.Invites[n].Org = r.Org
		}
		for n, err := range sendAll(t, c, r) {
			if got := identity.CodeOf(err); got != identity.CodeNotFound {
				t.Errorf("organization %q, row %d: code %q (%v)", id, n, got, err)
			}
		}
	}
}

func bulkMisuse(t *testing.T, v *Vendor) {
	c := v.Client(t)
	need(t, c, providers.CapInviteMany)
	var crowd []string
	for n := range c.Fields().Bulk + 1 {
		crowd = append(crowd, fmt.Sprintf("crowd%d@example.com", n))
	}
	for name, make := range map[string]func() providers.BulkRequest{
		"nobody":   func() providers.BulkRequest { r, _ := v.many(t); return r },
		"too many": func() providers.BulkRequest { r, _ := v.many(t, crowd...); return r },
		"twice":    func() providers.BulkRequest { r, _ := v.many(t, "one@example.com", "ONE@example.com"); return r },
		"two organizations": func() providers.BulkRequest {
			r, _ := v.many(t, "one@example.com", "two@example.com")
			r.Invites[1].Org = v.Other
			return r
		},
	} {
		r := make()
		outcomes, err := together(t.Context(), c, r)
		if identity.CodeOf(err) != identity.CodeInternal || len(outcomes) != len(r.Invites) {
			t.Errorf("%s: %d outcomes, %v", name, len(outcomes), err)
		}
		for n, o := range outcomes {
			if !o.Untried() || v.mailed(t, strings.ToLower(r.Invites[n].Address.Typed)) != 0 {
				t.Errorf("%s: row %d: %+v", name, n, o)
			}
		}
	}
}

// bulkConcurrent: whoever invites the same people at the same time, each is
// mailed once.
func bulkConcurrent(t *testing.T, v *Vendor) {
	c := v.Client(t)
	need(t, c, providers.CapInviteMany)
	emails := names("race")
	var group sync.WaitGroup
	errs := make([][]error, 6)
	for k := range errs {
		order := append(slices.Clone(emails[k%several:]), emails[:k%several]...)
		r, _ := v.many(t, order...)
		if k%3 == 2 {
			group.Go(func() {
				_, err := c.Invite(t.Context(), r.Invites[0])
				errs[k] = []error{err}
			})
			continue
		}
		group.Go(func() { errs[k] = sendAll(t, c, r) })
	}
	group.Wait()
	for _, list := range errs {
		for _, err := range list {
			if err != nil {
				wantCode(t, err, identity.CodeInvitePending)
			}
		}
	}
	for _, email := range emails {
		if mails := v.mailed(t, email); mails != 1 {
			t.Errorf("%s: %d mails, want 1", email, mails)
		}
	}
}

func bulkCancelled(t *testing.T, v *Vendor) {
	c := v.Client(t)
	need(t, c, providers.CapInviteMany)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	emails := names("cancelled")
	r, _ := v.many(t, emails...)
	outcomes, err := together(ctx, c, r)
	for n, o := range outcomes {
		if o.Sent != nil || err == nil && o.Err == nil {
			t.Errorf("a cancelled context: %+v, %v", o, err)
		}
		if mails := v.mailed(t, emails[n]); mails != 0 {
			t.Errorf("%d mails after a cancelled context", mails)
		}
	}
}
