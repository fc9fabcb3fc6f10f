package invites_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"usher/identity"
	"usher/invites"
	"usher/ledger"
	"usher/providers"
)

// post is a connection whose invitations are nothing but usher's own mails: nobody
// can be asked about one, or says when it has expired.
type post struct {
	now  func() time.Time
	next error     // ends the next mail
	link string    // in the mail that came last
	ends time.Time // as that mail says
}

// errLost: the mail arrives, and the answer to it does not.
var errLost error = lost{errors.New("the answer was lost")}

type lost struct{ error }

func (lost) MayHaveActed() bool          { return true }
func (lost) IdentityCode() identity.Code { return identity.CodeProviderTimeout }

func (p *post) Describe() providers.Description {
	return providers.Description{Provider: "post", Fields: providers.Fields{ExpiresAt: true, Life: life}}
}

func (p *post) Close() error { return nil }

func (p *post) Invite(ctx context.Context, r providers.InviteRequest) (*providers.Sent, error) {
	expires := p.now().Add(life)
	if r.ExpiresAt != nil {
		expires = *r.ExpiresAt
	}
	return &providers.Sent{ExpiresAt: &expires, NotCarried: []string{}}, providers.Mail(ctx, p, r, &expires)
}

func (p *post) MailInvitation(_ context.Context, r providers.InviteRequest, expiresAt *time.Time) error {
	p.link, p.ends = r.Link, *expiresAt
	err := p.next
	p.next = nil
	return err
}

func (p *post) Resend(ctx context.Context, r providers.ResendRequest) (*providers.Sent, error) {
	return p.Invite(ctx, r.InviteRequest)
}

func (p *post) Revoke(context.Context, providers.InviteRef) error { return nil }

func (p *post) Settle(_ context.Context, r providers.InviteRequest) (*providers.Settlement, error) {
	return providers.SettleMail(r.Journal, nil), nil
}

func (p *post) Accept(context.Context, providers.AcceptRequest) (*identity.Member, error) {
	return &identity.Member{}, nil
}

func (p *post) ListMembers(context.Context, identity.OrgRef, identity.PageRequest) (*identity.Page[identity.Member], error) {
	return &identity.Page[identity.Member]{}, nil
}

// mailed is a house whose connection is post.
func mailed(t *testing.T) (*house, *post) {
	t.Helper()
	h := build(t)
	closeHouse(t, h.service, h.ledger)
	p := &post{now: h.clock.Now}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	var err error
	h.ledger, err = ledger.Open(t.Context(), h.url, &ledger.Options{Now: h.clock.Now, Logger: log})
	must(t, err)
	h.service, err = invites.New(t.Context(), h.ledger, []*invites.Connection{{
		Name: "main", Client: providers.NewClient("main", p, &providers.ClientOptions{Now: h.clock.Now, Logger: log}),
		Roles: map[string]invites.RoleRule{"admin": {GrantableBy: []string{"admin"}}, "member": {}},
	}}, &invites.Options{Logger: log, Tick: h.tick})
	must(t, err)
	service, l := h.service, h.ledger
	t.Cleanup(func() { closeHouse(t, service, l) })
	return h, p
}

// A link lives for as long as its mail says, and no longer, whether or not it is
// known that the mail has gone out.
func TestLinkLivesAsItsMailSays(t *testing.T) {
	t.Parallel()
	soon := 2 * time.Hour
	for _, tt := range []struct {
		name string
		send func(h *house, p *post) (id string)
	}{
		{"sent", func(h *house, _ *post) string { return h.send("ada@example.com").ID }},
		{"the answer to the first mail is lost", func(h *house, p *post) string {
			return h.lose(p, request("ada@example.com"))
		}},
		{"the answer to the first mail is lost, and it has an end of its own", func(h *house, p *post) string {
			r, at := request("ada@example.com"), h.clock.Now().Add(soon)
			r.ExpiresAt = &at
			return h.lose(p, r)
		}},
		{"the answer to another mail is lost", func(h *house, p *post) string {
			i := h.send("ada@example.com")
			h.clock.Advance(time.Hour)
			return h.loseAgain(p, i.ID)
		}},
		{"the answer to another mail is lost after the first has expired", func(h *house, p *post) string {
			i := h.send("ada@example.com")
			h.clock.Advance(life + time.Hour)
			return h.loseAgain(p, i.ID)
		}},
		{"the answers to both mails are lost", func(h *house, p *post) string {
			id := h.lose(p, request("ada@example.com"))
			h.clock.Advance(life + time.Hour)
			return h.loseAgain(p, id)
		}},
	} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, late %t", tt.name, late), func(t *testing.T) {
				t.Parallel()
				h, p := mailed(t)
				id := tt.send(h, p)
				secret, left := p.link, p.ends.Sub(h.clock.Now())
				want, code := invites.LandingReady, identity.Code("")
				if late {
					want, code = invites.LandingExpired, identity.CodeInviteExpired
					h.clock.Advance(left + time.Minute)
				} else {
					h.clock.Advance(left - time.Minute)
				}
				if got := h.landing(secret); got != want {
					t.Errorf("landing %q, want %q", got, want)
				}
				_, err := h.service.Accept(t.Context(), secret)
				if got := identity.CodeOf(err); got != code {
					t.Errorf("accepting answers %q, want %q; the invite is %s", got, code, h.get(id).State)
				}
			})
		}
	}
}

// lose sends an invitation that arrives and is not known to.
func (h *house) lose(p *post, r invites.SendRequest) (id string) {
	h.t.Helper()
	p.next = errLost
	_, err := h.service.Send(h.t.Context(), h.admin, h.org, r)
	id = wantCode(h.t, err, identity.CodeProviderTimeout).InviteID
	h.want(id, identity.StateUncertain, string(identity.CodeProviderTimeout))
	return id
}

// loseAgain is lose for another mail of an invitation.
func (h *house) loseAgain(p *post, id string) string {
	h.t.Helper()
	p.next = errLost
	_, err := h.service.Resend(h.t.Context(), h.admin, h.org, id, nil)
	wantCode(h.t, err, identity.CodeProviderTimeout)
	return id
}
