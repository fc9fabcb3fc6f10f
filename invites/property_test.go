package invites_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"usher/identity"
	"usher/invites"
	"usher/ledger"
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
		asked, keys := map[string]int{}, map[string]bool{}
		var ids []string
		steps := rapid.IntRange(1, 12).Draw(r, "steps")
		for range steps {
			email := rapid.SampledFrom(emails).Draw(r, "email")
			h.clock.Advance(time.Second)
			events := []string{"send", "send", "keyed send", "resend", "keyed resend", "revoke", "accept", "forget", "expire", "refresh", "fault", "death", "restart"}
			switch rapid.SampledFrom(events).Draw(r, "event") {
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
			case "keyed send":
				key := rapid.SampledFrom([]string{"k1", "k2"}).Draw(r, "key") + email
				fresh := !keys[key]
				keys[key] = true
				h.keyed(key, func(c *ledger.Claim) (*identity.Invite, error) {
					s := request(email)
					s.Claim = c
					i, err := h.service.Send(t.Context(), h.admin, h.org, s)
					if i != nil {
						ids = append(ids, i.ID)
					}
					return i, err
				})
				if fresh {
					asked[email]++
				}
			case "keyed resend":
				if len(ids) > 0 {
					i := h.get(rapid.SampledFrom(ids).Draw(r, "resend"))
					key := rapid.SampledFrom([]string{"r1", "r2"}).Draw(r, "key") + i.ID
					if !keys[key] {
						asked[i.Email]++
					}
					keys[key] = true
					h.keyed(key, func(c *ledger.Claim) (*identity.Invite, error) {
						return h.service.Resend(t.Context(), h.admin, h.org, i.ID, c)
					})
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
			case "death":
				i := rapid.SampledFrom([]string{"send", "resend", "revoke"}).Draw(r, "of")
				op := map[string]string{"send": "invite", "resend": "resend", "revoke": "revoke"}[i]
				h.vendor.Heal()
				h.vendor.Inject(memory.Fault{Op: op, Dies: true, Acted: rapid.Bool().Draw(r, "acted")})
				h.mayDie(func() {
					switch {
					case i == "send":
						asked[email]++
						_, _ = h.service.Send(t.Context(), h.admin, h.org, request(email))
					case len(ids) == 0:
					case i == "resend":
						id := rapid.SampledFrom(ids).Draw(r, "resend")
						asked[h.get(id).Email]++
						_, _ = h.service.Resend(t.Context(), h.admin, h.org, id, nil)
					default:
						_, _ = h.service.Revoke(t.Context(), h.admin, h.org, rapid.SampledFrom(ids).Draw(r, "revoke"))
					}
				})
				h.vendor.Heal()
				h.restart()
			case "restart":
				h.restart()
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
		h.restart() // what was interrupted goes on
		h.refresh()
		h.checkTruth(r)
		for _, email := range emails {
			if mails := h.vendor.Mails("one", email); mails > asked[email] {
				r.Fatalf("%d mails to %s after all, asked for %d", mails, email, asked[email])
			}
		}
	})
}

// keyed makes a request under a key as the API does: an answer that is not
// final releases the key, and the same request may come again.
func (h *house) keyed(key string, do func(*ledger.Claim) (*identity.Invite, error)) {
	h.t.Helper()
	claim, answer, err := h.ledger.ClaimKey(h.t.Context(), ledger.IdempotencyKey{Key: key}, []byte("hash"))
	must(h.t, err)
	if answer != nil {
		return
	}
	_, err = do(claim)
	switch identity.CodeOf(err) {
	case "", identity.CodeInvitePending, identity.CodeInviteNotPending, identity.CodeAlreadyMember:
		must(h.t, h.ledger.FinishKey(h.t.Context(), claim, ledger.Answer{Status: 200}))
	default:
		must(h.t, h.ledger.ReleaseKey(h.t.Context(), claim))
	}
}

// mayDie runs something in which the process may die.
func (h *house) mayDie(do func()) {
	defer func() {
		if value := recover(); value != nil && value != memory.Death {
			panic(value)
		}
	}()
	do()
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
