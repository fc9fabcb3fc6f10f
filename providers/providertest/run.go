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

// Run holds an adapter to the contract.
func Run(t *testing.T, h Harness) {
	t.Helper()
	cases := []struct {
		name string
		run  func(t *testing.T, v *Vendor)
	}{
		{"invite and list", inviteAndList},
		{"invite twice", inviteTwice},
		{"invite a member", inviteMember},
		{"unknown role", unknownRole},
		{"unknown organization", unknownOrganization},
		{"accept", accept},
		{"accept by link", acceptByLink},
		{"crash at every step of an acceptance", acceptCrashes},
		{"other organization is apart", otherOrganization},
		{"revoke", revoke},
		{"revoke what is not there", revokeUnknown},
		{"resend", resend},
		{"expiry", expiry},
		{"made elsewhere", elsewhere},
		{"members to the end", members},
		{"roles", roles},
		{"addresses", addresses},
		{"concurrent invitations of one address", concurrent},
		{"cancelled context", cancelled},
		{"failures", failures},
		{"a refusal stops everybody", refusalStopsAll},
		{"crash at every step", crashes},
		{"crash at every step of a resend", resendCrashes},
		{"several at once", bulk},
		{"several at once, some in the way", bulkInTheWay},
		{"several at once, again and again", bulkTwice},
		{"several at once for an unknown organization", bulkNowhere},
		{"several at once that no caller should ask for", bulkMisuse},
		{"several at once, concurrently", bulkConcurrent},
		{"several at once, cancelled", bulkCancelled},
		{"failures of several at once", bulkFailures},
		{"crash at every step of several at once", bulkCrashes},
		{"undeclared abilities", undeclared},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, h.Open(t))
		})
	}
}

func need(t *testing.T, c *providers.Client, capability providers.Capability) {
	t.Helper()
	if !c.Has(capability) {
		t.Skipf("the connection does not declare %s", capability)
	}
}

func wantCode(t *testing.T, err error, want identity.Code) {
	t.Helper()
	if got := identity.CodeOf(err); got != want {
		t.Fatalf("code = %q, want %q (error: %v)", got, want, err)
	}
}

func send(t *testing.T, c *providers.Client, r providers.InviteRequest) *providers.Sent {
	t.Helper()
	sent, err := c.Invite(t.Context(), r)
	if err != nil {
		t.Fatalf("invite: %v", err)
	}
	return sent
}

// list returns the vendor's rows of an address, paged to the end.
func list(t *testing.T, c *providers.Client, org identity.OrgRef, email string) []providers.RemoteInvite {
	t.Helper()
	var rows []providers.RemoteInvite
	page := identity.PageRequest{Limit: 2}
	for range 1000 {
		got, err := c.ListInvites(t.Context(), org, page)
		if err != nil {
			t.Fatalf("list invites: %v", err)
		}
		for _, row := range got.Items {
			if identity.SameEmail(row.Email, email, identity.EmailLowercase) {
				rows = append(rows, row)
			}
		}
		if got.Next == "" {
			return rows
		}
		page.Cursor = got.Next
	}
	t.Fatal("the list has no end")
	return nil
}

func pendingRows(rows []providers.RemoteInvite) []providers.RemoteInvite {
	return slices.DeleteFunc(slices.Clone(rows), func(r providers.RemoteInvite) bool { return r.State != identity.StatePending })
}

func inviteAndList(t *testing.T, v *Vendor) {
	c := v.Client(t)
	r := v.Request(t, "New.Person+tag@example.com", v.role("admin"))
	sent := send(t, c, r)
	if life := c.Fields().Life; (life > 0) != (sent.ExpiresAt != nil) {
		t.Errorf("declared life %v, expiry of the invitation %v", life, sent.ExpiresAt)
	}
	if n := v.mailed(t, "new.person+tag@example.com"); n != 1 {
		t.Errorf("%d invitation mails, want 1", n)
	}
	need(t, c, providers.CapInviteList)
	rows := list(t, c, v.Org, "new.person+tag@example.com")
	if len(rows) != 1 || rows[0].State != identity.StatePending || !slices.Equal(rows[0].Roles, r.Roles) {
		t.Errorf("listed %+v, want one pending row with roles %v", rows, r.Roles)
	}
}

func inviteTwice(t *testing.T, v *Vendor) {
	c := v.Client(t)
	need(t, c, providers.CapInviteList)
	send(t, c, v.Request(t, "twice@example.com"))
	_, err := c.Invite(t.Context(), v.Request(t, "twice@example.com"))
	wantCode(t, err, identity.CodeInvitePending)
	if n := v.mailed(t, "twice@example.com"); n != 1 {
		t.Errorf("%d invitation mails, want 1", n)
	}
}

func inviteMember(t *testing.T, v *Vendor) {
	c := v.Client(t)
	_, err := c.Invite(t.Context(), v.Request(t, strings.ToUpper(v.MemberEmail)))
	wantCode(t, err, identity.CodeAlreadyMember)
	if n := v.mailed(t, v.MemberEmail); n != 0 {
		t.Errorf("%d invitation mails to a member", n)
	}
}

func unknownRole(t *testing.T, v *Vendor) {
	c := v.Client(t)
	_, err := c.Invite(t.Context(), v.Request(t, "role@example.com", "no-such-role"))
	wantCode(t, err, identity.CodeUnknownRole)
	if n := v.mailed(t, "role@example.com"); n != 0 {
		t.Errorf("%d invitation mails in spite of an unknown role", n)
	}
}

func unknownOrganization(t *testing.T, v *Vendor) {
	if v.AnyOrganization {
		t.Skip("every organization that is bound is one")
	}
	c := v.Client(t)
	r := v.Request(t, "nowhere@example.com")
	r.Org = identity.OrgRef{ID: "org_x", ProviderID: "00000000-0000-4000-8000-000000000000"}
	_, err := c.Invite(t.Context(), r)
	wantCode(t, err, identity.CodeNotFound)
	_, err = c.ListMembers(t.Context(), r.Org, identity.PageRequest{})
	wantCode(t, err, identity.CodeNotFound)
}

func accept(t *testing.T, v *Vendor) {
	c := v.Client(t)
	r := v.Request(t, "joins@example.com")
	sent := send(t, c, r)
	if _, err := c.FindMember(t.Context(), Ref(r, sent)); c.CanFindMember() {
		wantCode(t, err, identity.CodeNotFound)
	}
	v.accepted(t, c, r, sent)
	if !c.CanFindMember() {
		t.Skip("the connection cannot look a member up")
	}
	m, err := c.FindMember(t.Context(), Ref(r, sent))
	if err != nil {
		t.Fatal(err)
	}
	if !identity.SameEmail(m.Email, "joins@example.com", identity.EmailLowercase) || m.ProviderID == "" {
		t.Errorf("found %+v", m)
	}
	_, err = c.Invite(t.Context(), v.Request(t, "joins@example.com"))
	wantCode(t, err, identity.CodeAlreadyMember)
	found := findListed(t, c, v.Org, "joins@example.com")
	if found == nil || !slices.Equal(found.Roles, r.Roles) {
		t.Errorf("listed member %+v, want roles %v", found, r.Roles)
	}
}

// findListed pages through the members for one address.
func findListed(t *testing.T, c *providers.Client, org identity.OrgRef, email string) *identity.Member {
	t.Helper()
	for m := range allMembers(t, c, org) {
		if identity.SameEmail(m.Email, email, identity.EmailLowercase) {
			return &m
		}
	}
	return nil
}

func allMembers(t *testing.T, c *providers.Client, org identity.OrgRef) func(yield func(identity.Member) bool) {
	return func(yield func(identity.Member) bool) {
		page := identity.PageRequest{Limit: 2}
		for range 1000 {
			got, err := c.ListMembers(t.Context(), org, page)
			if err != nil {
				t.Fatalf("list members: %v", err)
			}
			for _, m := range got.Items {
				if !yield(m) {
					return
				}
			}
			if got.Next == "" {
				return
			}
			page.Cursor = got.Next
		}
		t.Fatal("the list of members has no end")
	}
}

func otherOrganization(t *testing.T, v *Vendor) {
	c := v.Client(t)
	send(t, c, v.Request(t, "one@example.com"))
	if c.Has(providers.CapInviteList) {
		if rows := list(t, c, v.Other, "one@example.com"); len(rows) != 0 {
			t.Errorf("the other organization lists %+v", rows)
		}
	}
	if m := findListed(t, c, v.Other, v.MemberEmail); m != nil {
		t.Errorf("the other organization lists the member %+v", m)
	}
	r := v.Request(t, "one@example.com")
	r.Org = v.Other
	send(t, c, r)
}

func revoke(t *testing.T, v *Vendor) {
	c := v.Client(t)
	need(t, c, providers.CapRevoke)
	r := v.Request(t, "revoked@example.com")
	ref := Ref(r, send(t, c, r))
	if err := c.Revoke(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if c.Has(providers.CapInviteList) {
		wantCode(t, c.Revoke(t.Context(), ref), identity.CodeNotFound)
		if rows := pendingRows(list(t, c, v.Org, "revoked@example.com")); len(rows) != 0 {
			t.Errorf("still pending: %+v", rows)
		}
	}
	send(t, c, v.Request(t, "revoked@example.com"))
}

func revokeUnknown(t *testing.T, v *Vendor) {
	c := v.Client(t)
	need(t, c, providers.CapRevoke)
	need(t, c, providers.CapInviteList)
	r := v.Request(t, "never@example.com")
	wantCode(t, c.Revoke(t.Context(), Ref(r, &providers.Sent{})), identity.CodeNotFound)
}

func resend(t *testing.T, v *Vendor) {
	c := v.Client(t)
	need(t, c, providers.CapResend)
	r := v.Request(t, "again@example.com", v.role("admin"))
	sent := send(t, c, r)
	r.Journal, r.Reference = NewJournal(), sent.Reference
	again, err := c.Resend(t.Context(), providers.ResendRequest{InviteRequest: r, ProviderID: sent.ProviderID})
	if err != nil {
		t.Fatal(err)
	}
	if n := v.mailed(t, "again@example.com"); n != 2 {
		t.Errorf("%d invitation mails, want 2", n)
	}
	if c.Has(providers.CapInviteList) {
		rows := pendingRows(list(t, c, v.Org, "again@example.com"))
		if len(rows) != 1 || !slices.Equal(rows[0].Roles, r.Roles) {
			t.Errorf("listed %+v, want one pending row with roles %v", rows, r.Roles)
		}
	}
	v.accepted(t, c, r, again)
	r.Journal = NewJournal()
	_, err = c.Resend(t.Context(), providers.ResendRequest{InviteRequest: r, ProviderID: again.ProviderID})
	wantCode(t, err, identity.CodeAlreadyMember)
}

func expiry(t *testing.T, v *Vendor) {
	c := v.Client(t)
	if c.Fields().Life == 0 {
		t.Skip("invitations do not expire here")
	}
	r := v.Request(t, "late@example.com")
	sent := send(t, c, r)
	v.Expire(t)
	if c.Has(providers.CapInviteList) {
		if rows := pendingRows(list(t, c, v.Org, "late@example.com")); len(rows) != 0 {
			t.Errorf("still pending after its life: %+v", rows)
		}
	}
	if c.Has(providers.CapResend) {
		r.Journal, r.Reference = NewJournal(), sent.Reference
		if _, err := c.Resend(t.Context(), providers.ResendRequest{InviteRequest: r, ProviderID: sent.ProviderID}); err != nil {
			t.Fatalf("resend after expiry: %v", err)
		}
		return
	}
	send(t, c, v.Request(t, "late@example.com"))
}

func elsewhere(t *testing.T, v *Vendor) {
	c := v.Client(t)
	need(t, c, providers.CapInviteList)
	role := v.role("member")
	v.Elsewhere(t, v.Org, "dashboard@example.com", role)
	_, err := c.Invite(t.Context(), v.Request(t, "dashboard@example.com"))
	wantCode(t, err, identity.CodeInvitePending)
	rows := list(t, c, v.Org, "dashboard@example.com")
	if len(rows) != 1 || !slices.Equal(rows[0].Roles, []string{role}) {
		t.Errorf("listed %+v, want one row with role %s", rows, role)
	}
	if err := c.Revoke(t.Context(), Ref(v.Request(t, "dashboard@example.com"), &providers.Sent{ProviderID: rows[0].ProviderID})); err != nil {
		t.Errorf("revoke an adopted invitation: %v", err)
	}
}

func members(t *testing.T, v *Vendor) {
	c := v.Client(t)
	want := map[string]bool{v.MemberEmail: true}
	for n := range 5 {
		email := fmt.Sprintf("member%d@example.com", n)
		r := v.Request(t, email)
		v.accepted(t, c, r, send(t, c, r))
		want[email] = true
	}
	seen := map[string]bool{}
	for m := range allMembers(t, c, v.Org) {
		if m.ProviderID == "" || seen[m.ProviderID] {
			t.Errorf("member %+v without an id or listed twice", m)
		}
		seen[m.ProviderID] = true
		delete(want, strings.ToLower(m.Email))
	}
	if len(want) != 0 {
		t.Errorf("not listed: %v", want)
	}
	_, err := c.ListMembers(t.Context(), v.Org, identity.PageRequest{Cursor: "not a cursor"})
	wantCode(t, err, identity.CodeInvalidRequest)
}

func roles(t *testing.T, v *Vendor) {
	c := v.Client(t)
	need(t, c, providers.CapRolesList)
	got, err := c.ListRoles(t.Context(), v.Org)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, r := range got {
		keys = append(keys, r.Key)
		if r.ProviderID == "" {
			t.Errorf("role %q has no provider id", r.Key)
		}
	}
	for _, key := range []string{v.role("admin"), v.role("member")} {
		if !slices.Contains(keys, key) {
			t.Errorf("roles %v, want %s among them", keys, key)
		}
	}
}

// addresses either reach exactly the one person or are refused; they never
// reach the member whose look-up a wider filter would find.
func addresses(t *testing.T, v *Vendor) {
	c := v.Client(t)
	for _, email := range []string{
		"o'brien@example.com", "plus+and.dots@example.com", "and@or.example", "ü@bücher.example",
		"UPPER@EXAMPLE.COM", "a%b@example.com", "x=y@example.com", "under_score@example.com", "a/b@example.com", "hash#tag@example.com", "q?a&b@example.com",
	} {
		r := v.Request(t, email)
		if err := c.Check(r); err != nil {
			wantCode(t, err, identity.CodeEmailNotDeliverable)
			continue
		}
		if _, err := c.Invite(t.Context(), r); err != nil {
			t.Errorf("%s: %v", email, err)
			continue
		}
		if n := v.mailed(t, strings.ToLower(email)); n != 1 {
			t.Errorf("%s: %d invitation mails, want 1", email, n)
		}
	}
	if n := v.mailed(t, v.MemberEmail); n != 0 {
		t.Errorf("%d mails went to somebody else", n)
	}
}

func concurrent(t *testing.T, v *Vendor) {
	c := v.Client(t)
	need(t, c, providers.CapInviteList)
	const n = 8
	errs := make([]error, n)
	var group sync.WaitGroup
	for k := range n {
		r := v.Request(t, "race@example.com")
		group.Go(func() { _, errs[k] = c.Invite(t.Context(), r) })
	}
	group.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		wantCode(t, err, identity.CodeInvitePending)
	}
	if mails := v.mailed(t, "race@example.com"); won != 1 || mails != 1 {
		t.Errorf("%d of %d invitations went out with %d mails, want one and one", won, n, mails)
	}
}

func cancelled(t *testing.T, v *Vendor) {
	c := v.Client(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Invite(ctx, v.Request(t, "cancelled@example.com"))
	if err == nil {
		t.Fatal("a cancelled context sent an invitation")
	}
	if n := v.mailed(t, "cancelled@example.com"); n != 0 {
		t.Errorf("%d mails after a cancelled context", n)
	}
}

func undeclared(t *testing.T, v *Vendor) {
	c := v.Client(t)
	r := v.Request(t, "absent@example.com")
	for capability, do := range map[providers.Capability]func() error{
		providers.CapInviteMany: func() error {
			_, err := c.InviteMany(t.Context(), providers.BulkRequest{})
			return err
		},
		providers.CapResend: func() error {
			_, err := c.Resend(t.Context(), providers.ResendRequest{InviteRequest: r})
			return err
		},
		providers.CapRevoke: func() error { return c.Revoke(t.Context(), Ref(r, &providers.Sent{})) },
		providers.CapInviteList: func() error {
			_, err := c.ListInvites(t.Context(), v.Org, identity.PageRequest{})
			return err
		},
		providers.CapAccept: func() error {
			_, err := c.Accept(t.Context(), providers.AcceptRequest{InviteRequest: r})
			return err
		},
		providers.CapRolesList: func() error { _, err := c.ListRoles(t.Context(), v.Org); return err },
	} {
		err := do()
		if unsupported := identity.CodeOf(err) == identity.CodeUnsupported; unsupported == c.Has(capability) {
			t.Errorf("%s: declared %v, error %v", capability, c.Has(capability), err)
		}
	}
	for _, status := range c.Capabilities() {
		if (status.Support == providers.Emulated) != (status.How != "") {
			t.Errorf("%s is %s, how: %q", status.Capability, status.Support, status.How)
		}
	}
}
