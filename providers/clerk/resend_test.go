package clerk

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"usher/identity"
	"usher/providers"
	"usher/providers/providertest"
	"usher/providers/providertest/scripted"
)

// sendFirst sends an invitation and returns the request to send it again.
func (r *rig) sendFirst(email string, change func(*providers.InviteRequest)) providers.ResendRequest {
	r.t.Helper()
	request := r.request(email)
	if change != nil {
		change(&request)
	}
	sent, err := r.client().Invite(r.t.Context(), request)
	if err != nil {
		r.t.Fatal(err)
	}
	request.Journal, request.Reference, request.Attempt, request.ExpiresAt = providertest.NewJournal(), sent.Reference, 2, nil
	return providers.ResendRequest{InviteRequest: request, ProviderID: sent.ProviderID}
}

// Sent again, an invitation lives as long as it was to live, not as long as the
// vendor's default.
func TestResendKeepsTheLife(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	again := r.sendFirst("a@example.com", func(q *providers.InviteRequest) {
		at := r.Clock.Now().Add(3*day + time.Hour)
		q.ExpiresAt = &at
	})
	r.Clock.Advance(2 * day)
	sent, err := r.client().Resend(t.Context(), again)
	if err != nil || !sent.ExpiresAt.Equal(r.Clock.Now().Add(3*day)) {
		t.Errorf("sent %+v, %v, want the expiry %v", sent, err, r.Clock.Now().Add(3*day))
	}
	rows := r.rows(orgOne, "a@example.com", "")
	if len(rows) != 2 || rows[0].status != "revoked" || rows[1].status != "pending" || sent.ProviderID != rows[1].id {
		t.Errorf("rows %+v %+v", rows[0], rows[len(rows)-1])
	}
}

// An invitation made elsewhere is sent again as it was: with its role, which the
// connection does not map, its life, and what the application put on it; also
// where a crash comes between its withdrawal and the new one.
func TestResendOfOneMadeElsewhere(t *testing.T) {
	t.Parallel()
	for _, crash := range []int{0, 2, 3} { // of the journal's entries: withdrawn, and about to create
		t.Run(fmt.Sprint(crash), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.With(func() {
				r.invite(orgOne, invitation{
					email: "a@example.com", role: "org:billing", expires: r.Clock.Now().Add(5 * day),
					public: map[string]any{"team": "red"}, private: map[string]any{"crm": float64(7), metaAttempt: "9"},
				})
			})
			page, err := r.client().ListInvites(t.Context(), org(orgOne), identity.PageRequest{})
			if err != nil || len(page.Items) != 1 || len(page.Items[0].Roles) != 0 || !page.Items[0].UnmappedRoles {
				t.Fatalf("listed %+v, %v", page, err)
			}
			journal := providertest.NewJournal()
			again := providers.ResendRequest{InviteRequest: r.request("a@example.com")}
			again.Roles, again.Reference, again.Attempt, again.Journal = nil, page.Items[0].Reference, 2, journal
			if crash > 0 {
				journal.CrashAt(crash, true)
				if _, err := r.client().Resend(t.Context(), again); err == nil {
					t.Fatal("no crash")
				}
				journal.CrashAt(0, false)
			}
			if _, err := r.client().Resend(t.Context(), again); err != nil {
				t.Fatal(err)
			}
			row := r.rows(orgOne, "a@example.com", "pending")[0]
			if row.role != "org:billing" || row.public["team"] != "red" || row.private["crm"] != float64(7) ||
				row.private[metaInvite] != "inv_1" || row.private[metaAttempt] != "2" || row.expires.Sub(row.created) != 5*day {
				t.Errorf("sent again as %+v", row)
			}
		})
	}
}

// What the vendor would refuse afterwards is found out before the pending
// invitation is withdrawn: otherwise the person is left with none.
func TestResendLosesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	again := r.sendFirst("a@example.com", nil)
	again.Roles = []string{"gone"} // mapped, and not in the role set
	_, err := r.client().Resend(t.Context(), again)
	wantCode(t, err, identity.CodeUnknownRole)
	again.Roles = []string{"member"}
	at := r.Clock.Now().Add(time.Hour)
	again.ExpiresAt = &at
	_, err = r.client().Resend(t.Context(), again)
	wantCode(t, err, identity.CodeNotCarried)
	if r.Count("revoke") != 0 || len(r.rows(orgOne, "a@example.com", "pending")) != 1 {
		t.Errorf("%d revocations", r.Count("revoke"))
	}
	if again.Journal.Step(stepWithdraw).Begun {
		t.Error("a step is begun, so the invite would not stay pending")
	}
}

// Lost answers of both steps of a resend: the vendor is asked, and one new mail
// goes out in the end.
func TestResendLostAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		op   string
		acts bool
		want providers.Verdict
	}{
		{"revoke", false, providers.VerdictUnchanged},
		{"revoke", true, providers.VerdictNotSent},
		{"create", false, providers.VerdictNotSent},
		{"create", true, providers.VerdictSent},
	} {
		for _, counted := range []bool{false, true} {
			t.Run(fmt.Sprint(c.op, c.acts, counted), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, nil)
				again := r.sendFirst("a@example.com", func(q *providers.InviteRequest) {
					if !counted {
						q.Attempt = 0
					}
				})
				if !counted {
					again.Attempt = 0
				}
				r.Inject(scripted.Mishap{Op: c.op, Acts: c.acts, Cut: true})
				_, err := r.client().Resend(t.Context(), again)
				if known, ok := err.(*identity.Error); !ok || !known.Unknown {
					t.Fatalf("error %v, want one after which the vendor may have acted", err)
				}
				settled, err := r.client().Settle(t.Context(), again.InviteRequest)
				if err != nil || settled.Verdict != c.want {
					t.Errorf("settled %+v, %v, want %s", settled, err, c.want)
				}
				if _, err := r.client().Resend(t.Context(), again); err != nil {
					t.Error(err)
				}
				if pending := r.rows(orgOne, "a@example.com", "pending"); len(pending) != 1 || r.mailed("a@example.com") != 2 {
					t.Errorf("%d pending, %d mails, want 1 and 2", len(pending), r.mailed("a@example.com"))
				}
			})
		}
	}
}

// What a former attempt sent, and the new one has not withdrawn, does not count
// as sent again.
func TestFormerAttemptStands(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	again := r.sendFirst("a@example.com", nil)
	if err := again.Journal.Begin(t.Context(), stepCreate); err != nil {
		t.Fatal(err)
	}
	settled, err := r.client().Settle(t.Context(), again.InviteRequest)
	if err != nil || settled.Verdict != providers.VerdictUnchanged || settled.Sent.ProviderID != again.ProviderID {
		t.Errorf("settled %+v, %v", settled, err)
	}
}

// Between the look and the revocation the invitee accepts.
func TestAcceptedMeanwhile(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	again := r.sendFirst("a@example.com", nil)
	r.Inject(scripted.Mishap{Op: "revoke", Status: 404, Body: problem("organization_invitation_not_pending", nil)})
	r.Inject(scripted.Mishap{Op: "get", Status: 200, Body: `{"id":"` + again.ProviderID + `","status":"accepted","email_address":"a@example.com"}`})
	_, err := r.client().Resend(t.Context(), again)
	wantCode(t, err, identity.CodeAlreadyMember)
	if r.Count("create") != 1 || again.Journal.Step(stepWithdraw).Begun {
		t.Errorf("%d creations, step %+v", r.Count("create"), again.Journal.Step(stepWithdraw))
	}
}

// A revocation finds the invitation that stands for the address, and nothing
// that has ended.
func TestRevoke(t *testing.T) {
	t.Parallel()
	ref := func(r *rig, id string) providers.InviteRef {
		q := r.request("a@example.com")
		return providers.InviteRef{InviteID: q.InviteID, Org: q.Org, ProviderID: id, Address: q.Address, EmailKey: q.EmailKey}
	}
	for name, c := range map[string]struct {
		prepare func(r *rig, id string) (known string)
		want    identity.Code
	}{
		"known":       {func(_ *rig, id string) string { return id }, ""},
		"not known":   {func(*rig, string) string { return "" }, ""},
		"no id":       {func(*rig, string) string { return "../../" + orgTwo }, ""},
		"unknown id":  {func(*rig, string) string { return "orginv_unknown" }, ""},
		"replaced":    {func(r *rig, id string) string { r.replaced(id); return id }, ""},
		"accepted":    {func(r *rig, id string) string { _ = r.accept(orgOne, "a@example.com"); return id }, identity.CodeNotFound},
		"expired":     {func(r *rig, id string) string { r.Clock.Advance(31 * day); return id }, identity.CodeNotFound},
		"not pending": {func(r *rig, id string) string { r.notPending(); return id }, identity.CodeNotFound},
		"answer lost": {func(r *rig, id string) string { r.Inject(scripted.Mishap{Op: "revoke", Cut: true}); return id }, identity.CodeProviderUnavailable},
		"still pending": {func(r *rig, id string) string {
			r.Inject(scripted.Mishap{Op: "revoke", Status: 200, Body: `{"id":"` + id + `","status":"pending"}`})
			return id
		}, identity.CodeProviderError},
		"another one": {func(r *rig, id string) string {
			r.Inject(scripted.Mishap{Op: "revoke", Status: 200, Body: `{"id":"orginv_other","status":"revoked"}`})
			return id
		}, identity.CodeProviderError},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			id := r.sendFirst("a@example.com", nil).ProviderID
			err := r.client().Revoke(t.Context(), ref(r, c.prepare(r, id)))
			wantCode(t, err, c.want)
			if known, ok := err.(*identity.Error); ok && known.Unknown != (c.want != identity.CodeNotFound) {
				t.Errorf("error %+v", known)
			}
			if c.want == "" && len(r.rows(orgOne, "a@example.com", "pending")) != 0 {
				t.Error("it is still pending")
			}
		})
	}
}

// replaced puts another invitation in the place of one, as the vendor may do.
func (v *vendor) replaced(id string) {
	v.With(func() {
		for _, i := range v.orgs[orgOne].invitations {
			if i.id == id {
				i.status = "revoked"
				v.invite(orgOne, invitation{email: i.email, role: i.role})
				return
			}
		}
	})
}

func (v *vendor) notPending() {
	v.Inject(scripted.Mishap{Op: "revoke", Status: 404, Body: problem("organization_invitation_not_pending", nil)})
}

// Whether an invitation that has run out stands in the way of another one is not
// known (FACTS.md section 4.5): one that does is revoked.
func TestRunOutAndInTheWay(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]*scripted.Mishap{
		"goes":           nil,
		"answer lost":    {Op: "revoke", Acts: true, Cut: true},
		"not carried on": {Op: "revoke", Cut: true},
		"just gone":      {Op: "revoke", Acts: true, Status: 404, Body: problem("organization_invitation_not_pending", nil)},
	} {
		for how, again := range map[string]func(context.Context, *providers.Client, providers.ResendRequest) (*providers.Sent, error){
			"sent": func(ctx context.Context, c *providers.Client, q providers.ResendRequest) (*providers.Sent, error) {
				return c.Invite(ctx, q.InviteRequest)
			},
			"sent again": func(ctx context.Context, c *providers.Client, q providers.ResendRequest) (*providers.Sent, error) {
				return c.Resend(ctx, q)
			},
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, nil)
				r.oldStay = true
				request := r.sendFirst("a@example.com", nil)
				r.Clock.Advance(31 * day)
				if m != nil {
					r.Inject(*m)
				}
				sent, err := again(t.Context(), r.client(), request)
				if m != nil && m.Cut {
					var known *identity.Error
					if !errors.As(err, &known) || !known.Unknown {
						t.Fatalf("got %v", err)
					}
					settled, look := r.client().Settle(t.Context(), request.InviteRequest)
					if look != nil || settled.Verdict != providers.VerdictNotSent {
						t.Fatalf("%+v, %v", settled, look)
					}
					sent, err = again(t.Context(), r.client(), request)
				}
				old, now := r.rows(orgOne, "a@example.com", "revoked"), r.rows(orgOne, "a@example.com", "pending")
				if err != nil || len(old) != 1 || len(now) != 1 || sent.ProviderID != now[0].id {
					t.Errorf("%v, %d revoked, %d pending", err, len(old), len(now))
				}
			})
		}
	}
}

// What is in the way and cannot be revoked stays there.
func TestRunOutAndStays(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.oldStay = true
	request := r.sendFirst("a@example.com", nil)
	r.Clock.Advance(31 * day)
	r.Inject(scripted.Mishap{Op: "revoke", Status: 404, Body: problem("organization_invitation_not_pending", nil)})
	_, err := r.client().Resend(t.Context(), request)
	wantCode(t, err, identity.CodeInvitePending)
	if request.Journal.Step(stepCreate).Begun || r.Count("revoke") != 1 {
		t.Errorf("%d revocations", r.Count("revoke"))
	}
}
