package invites_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"usher/identity"
	"usher/invites"
	"usher/providers/memory"
)

// Whatever happens in whatever order: one living invite for an address, never
// more mails than sendings asked for, and once the vendor answers, no invite
// that is neither settled nor true.
func TestAnyOrderOfEvents(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		h := build(t)
		emails := []string{"a@example.com", "b@example.com"}
		asked := map[string]int{}
		var ids []string
		steps := rapid.IntRange(1, 12).Draw(r, "steps")
		for range steps {
			email := rapid.SampledFrom(emails).Draw(r, "email")
			h.clock.Advance(time.Second)
			switch rapid.SampledFrom([]string{"send", "send", "resend", "revoke", "accept", "forget", "expire", "refresh", "fault", "restart"}).Draw(r, "event") {
			case "send":
				i, err := h.service.Send(t.Context(), h.admin, h.org, request(email))
				if err == nil {
					ids = append(ids, i.ID)
				} else if known, ok := err.(*identity.Error); ok && known.InviteID != "" {
					ids = append(ids, known.InviteID)
				}
				if !isPending(err) {
					asked[email]++
				}
			case "resend":
				if len(ids) > 0 {
					i := h.get(rapid.SampledFrom(ids).Draw(r, "resend"))
					_, _ = h.service.Resend(t.Context(), h.admin, h.org, i.ID, nil)
					asked[i.Email]++
				}
			case "revoke":
				if len(ids) > 0 {
					_, _ = h.service.Revoke(t.Context(), h.admin, h.org, rapid.SampledFrom(ids).Draw(r, "revoke"))
				}
			case "accept":
				_ = h.vendor.Accept("one", email)
			case "forget":
				if h.vendor.Mails("one", email) == 0 {
					h.vendor.Forget("one", email)
				}
			case "expire":
				h.clock.Advance(life)
			case "refresh":
				_, _ = h.service.List(t.Context(), h.admin, h.org, invites.ListRequest{Refresh: true})
			case "fault":
				h.vendor.Inject(memory.Fault{
					Op:      rapid.SampledFrom([]string{"invite", "resend", "revoke", "settle", "find member", "list invites"}).Draw(r, "op"),
					Code:    rapid.SampledFrom([]identity.Code{identity.CodeProviderTimeout, identity.CodeProviderUnavailable, identity.CodeProviderError}).Draw(r, "code"),
					Acted:   rapid.Bool().Draw(r, "acted"),
					Unclear: true,
				})
			case "restart":
				must(t, h.service.Close(t.Context()))
				must(t, h.ledger.Close())
				h.open()
				must(t, h.service.Start(t.Context()))
			}
			h.checkOneLiving(r, emails)
		}
		for _, email := range emails {
			if mails := h.vendor.Mails("one", email); mails > asked[email] {
				r.Fatalf("%d mails to %s, asked for %d", mails, email, asked[email])
			}
		}
		h.vendor.Heal()
		h.clock.Advance(time.Second)
		h.refresh()
		h.checkTruth(r)
	})
}

func isPending(err error) bool { return identity.CodeOf(err) == identity.CodeInvitePending }

func (h *house) checkOneLiving(r *rapid.T, emails []string) {
	for _, email := range emails {
		page, err := h.service.List(h.t.Context(), h.admin, h.org, invites.ListRequest{
			Email: email, States: []identity.State{identity.StateQueued, identity.StateSending, identity.StatePending, identity.StateUncertain},
		})
		must(h.t, err)
		if len(page.Items) > 1 {
			r.Fatalf("%d living invites of %s", len(page.Items), email)
		}
	}
}

// checkTruth: after a comparison with a healthy vendor nothing is uncertain,
// and an invite is pending exactly if the vendor has it.
func (h *house) checkTruth(r *rapid.T) {
	page, err := h.service.List(h.t.Context(), h.admin, h.org, invites.ListRequest{Page: identity.PageRequest{Limit: 200}})
	must(h.t, err)
	pending := map[string]bool{}
	for _, i := range page.Items {
		switch i.State {
		case identity.StateUncertain, identity.StateSending:
			r.Fatalf("still %s (%s): %s", i.State, i.StateReason, i.Email)
		case identity.StatePending:
			pending[i.Email] = true
		}
	}
	if got, want := fmt.Sprint(pending), fmt.Sprint(h.vendor.Pending("one")); got != want {
		r.Fatalf("the ledger has %s pending, the vendor %s", got, want)
	}
}
