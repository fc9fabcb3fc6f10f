package nile

import (
	"fmt"
	"slices"
	"testing"

	"usher/identity"
	"usher/providers"
	"usher/providers/providertest/scripted"
)

// Everything is on one page, whatever the vendor's order; what has expired stays
// listed until somebody deletes it.
func TestListInvites(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	old := r.invited("old@example.com")
	r.Clock.Advance(week)
	fresh := r.elsewhere(orgOne, service, "fresh@example.com")
	page, err := r.p.ListInvites(t.Context(), org(orgOne), identity.PageRequest{Limit: 1})
	if err != nil || len(page.Items) != 2 || page.Next != "" {
		t.Fatalf("%+v, %v", page, err)
	}
	states := map[string]identity.State{}
	for _, i := range page.Items {
		states[i.ProviderID] = i.State
		if !slices.Equal(i.Roles, []string{"member"}) || i.Reference[refID] != i.ProviderID || i.ExpiresAt == nil {
			t.Errorf("listed %+v", i)
		}
	}
	if states[old.ProviderID] != identity.StateExpired || states[fresh.id] != identity.StatePending {
		t.Errorf("states %v", states)
	}
	_, err = r.p.ListInvites(t.Context(), org(orgOne), identity.PageRequest{Cursor: "2"})
	wantCode(t, err, identity.CodeInvalidRequest)
}

// Pages of members hold each once, in one order, also while others come and go.
func TestListMembers(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.With(func() {
		for n := range 5 {
			u := r.join(orgOne, fmt.Sprintf("m%d@example.com", n), true)
			u.given, u.family = "Given", "Family"
		}
		slices.Reverse(r.tenants[orgOne].members)
	})
	seen := map[string]int{}
	request := identity.PageRequest{Limit: 2}
	for range 10 {
		page, err := r.p.ListMembers(t.Context(), org(orgOne), request)
		if err != nil || len(page.Items) > 2 {
			t.Fatalf("%+v, %v", page, err)
		}
		for _, m := range page.Items {
			seen[m.Email]++
			if m.Email != service && (m.GivenName != "Given" || m.FamilyName != "Family") {
				t.Errorf("member %+v", m)
			}
		}
		if page.Next == "" {
			break
		}
		request.Cursor = page.Next
		r.With(func() { r.leave(orgOne, service) })
		r.With(func() { r.tenants[orgOne].members = append(r.tenants[orgOne].members, r.user(service)) })
	}
	if len(seen) != 6 {
		t.Errorf("seen %v", seen)
	}
	for email, times := range seen {
		if times != 1 {
			t.Errorf("%s is listed %d times", email, times)
		}
	}
	page, err := r.p.ListMembers(t.Context(), org(orgOne), identity.PageRequest{})
	if err != nil || len(page.Items) != 6 || page.Next != "" {
		t.Errorf("%d members at once, %v", len(page.Items), err)
	}
}

// The vendor answers a withdrawal alike whether there was something or not.
func TestRevoke(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	request := r.invited("guest@example.com")
	other := r.invited("other@example.com")
	wantCode(t, r.p.Revoke(t.Context(), r.ref("nobody@example.com", request.ProviderID)), identity.CodeNotFound)
	r.Inject(scripted.Mishap{Op: "delete", Acts: true, Cut: true})
	err := r.client().Revoke(t.Context(), r.ref("guest@example.com", ""))
	wantActed(t, err, true)
	wantCode(t, r.p.Revoke(t.Context(), r.ref("guest@example.com", request.ProviderID)), identity.CodeNotFound)
	if n := r.Count("delete"); n != 1 {
		t.Errorf("%d deletions", n)
	}
	if rows := r.rows(orgOne, "other@example.com"); len(rows) != 1 || rows[0].id != other.ProviderID {
		t.Errorf("left %+v", rows)
	}
}

// That usher's own user was thrown out says nothing about what is in the tenant:
// nothing counts as gone for that.
func TestShutOut(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	request := r.invited("guest@example.com")
	r.With(func() { r.leave(orgOne, service) })
	ref := r.ref("guest@example.com", request.ProviderID)
	wantCode(t, r.p.Revoke(t.Context(), ref), identity.CodeProviderCredentials)
	_, err := r.p.FindMember(t.Context(), ref)
	wantCode(t, err, identity.CodeProviderCredentials)
	_, err = r.p.Settle(t.Context(), request.InviteRequest)
	wantCode(t, err, identity.CodeProviderCredentials)
	_, err = r.p.ListInvites(t.Context(), request.Org, identity.PageRequest{})
	wantCode(t, err, identity.CodeNotFound)
	_, err = r.p.Resend(t.Context(), request)
	wantCode(t, err, identity.CodeNotFound)
}

// What is pending under an invite that this journal did not send: somebody
// else's at first, and its own once it is known.
func TestSettleWithoutAStep(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	i := r.elsewhere(orgOne, service, "guest@example.com")
	request := r.request("guest@example.com")
	if settled := r.settle(request); settled.Verdict != providers.VerdictNotSent {
		t.Errorf("verdict %s", settled.Verdict)
	}
	request.Reference = map[string]string{refID: i.id}
	if settled := r.settle(request); settled.Verdict != providers.VerdictSent || settled.Sent.ProviderID != i.id {
		t.Errorf("settled %+v", settled)
	}
	r.Clock.Advance(week)
	if settled := r.settle(request); settled.Verdict != providers.VerdictNotSent {
		t.Errorf("verdict %s", settled.Verdict)
	}
}
