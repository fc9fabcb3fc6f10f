package invites_test

import (
	"testing"
	"time"

	"usher/identity"
	"usher/ledger"
	"usher/providers/memory"
)

// However the ledger's clock jumps while an invitation is at the vendor and a batch
// is being sent: nobody else takes the work up, its key stays claimed, everybody is
// mailed once, and what comes afterwards goes on as before.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	for name, jumps := range map[string][]time.Duration{
		"forwards":          {time.Hour},
		"back":              {-time.Hour},
		"forwards and back": {time.Hour, -time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := patient(t)
			h.started()
			before := h.send("before@example.com")
			entered, release := make(chan struct{}), make(chan struct{})
			h.vendor.Inject(memory.Fault{Op: "invite", Block: release, Entered: entered})
			r := request("held@example.com")
			r.Claim = h.claim("k")
			type result struct {
				i   *identity.Invite
				err error
			}
			answered := make(chan result, 1)
			go func() {
				i, err := h.service.Send(t.Context(), h.admin, h.org, r)
				answered <- result{i, err}
			}()
			<-entered
			batch := h.handIn(h.org, people(20)...)
			living := h.living("held@example.com")
			for _, jump := range jumps {
				h.clock.Advance(jump)
				h.pass()
				h.want(living, identity.StateSending, "")
				_, _, err := h.ledger.ClaimKey(t.Context(), ledger.IdempotencyKey{
					Issuer: "i", Subject: "s", Organization: h.org.ID, Method: "POST", Path: "/x", Key: "k",
				}, []byte("hash"))
				wantCode(t, err, identity.CodeIdempotencyInProgress)
			}
			close(release)
			got := <-answered
			must(t, got.err)
			must(t, h.ledger.ReleaseKey(t.Context(), r.Claim))
			r.Claim = h.claim("k")
			again, err := h.service.Send(t.Context(), h.admin, h.org, r)
			must(t, err)
			if got.i.ID != living || again.ID != living {
				t.Errorf("%s was sent, the key answers %s, and %s lives", got.i.ID, again.ID, living)
			}
			h.onceEach(batch, people(20))
			h.mails("held@example.com", 1)
			for _, id := range []string{living, before.ID} {
				h.want(id, identity.StatePending, "")
			}
			_, err = h.service.Resend(t.Context(), h.admin, h.org, before.ID, nil)
			must(t, err)
			h.mails("before@example.com", 2)
			h.send("after@example.com")
		})
	}
}

// Whoever asks for something else meanwhile, and is refused, does not end the mark of
// who is at the vendor: when the clock jumps then, nothing is sent a second time.
func TestClockJumpsAfterARefusedRevocation(t *testing.T) {
	t.Parallel()
	h := patient(t)
	h.started()
	i := h.send("held@example.com")
	entered, release := make(chan struct{}), make(chan struct{})
	h.vendor.Inject(memory.Fault{Op: "resend", Block: release, Entered: entered})
	answered := make(chan error, 1)
	go func() {
		_, err := h.service.Resend(t.Context(), h.admin, h.org, i.ID, nil)
		answered <- err
	}()
	<-entered
	_, err := h.service.Revoke(t.Context(), h.admin, h.org, i.ID)
	wantCode(t, err, identity.CodeInviteNotPending)
	h.clock.Advance(time.Hour)
	h.pass()
	h.want(i.ID, identity.StateSending, "")
	close(release)
	err = <-answered
	h.mails("held@example.com", 2) // the first, and the one that was asked for
	must(t, err)
	h.want(i.ID, identity.StatePending, "")
}
