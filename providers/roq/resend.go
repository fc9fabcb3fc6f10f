package roq

import (
	"context"
	"errors"
	"slices"
	"strings"

	"usher/identity"
	"usher/providers"
	"usher/providers/roq/internal"
)

// Resend implements providers.Resender with the vendor's own operation, which
// keeps the invitation's id and works on pending, expired and canceled ones
// (FACTS.md section 4.4). Where the vendor has no such invitation a new one is
// sent.
func (p *Provider) Resend(ctx context.Context, r providers.ResendRequest) (*providers.Sent, error) {
	s, err := p.begin(ctx, r.InviteRequest, r.ProviderID)
	if err != nil {
		return nil, unsettled(r.Journal, explain(err))
	}
	s.again = true
	sent, err := s.repeat(ctx)
	if err != nil {
		return nil, unsettled(r.Journal, explain(err))
	}
	return sent, nil
}

func (s *sending) repeat(ctx context.Context) (*providers.Sent, error) {
	journal := s.request.Journal
	if journal.Step(stepLook).Begun {
		return s.goOnResending(ctx)
	}
	if journal.Step(stepSend).Begun {
		return s.run(ctx)
	}
	known := s.seen.known
	pending := s.ownPending()
	switch {
	case known != nil && known.Status == internal.StatusAccepted, s.seen.member(s.tenant) != nil:
		return nil, alreadyMember()
	case known == nil && pending == nil:
		return s.run(ctx)
	case known == nil:
		return s.resend(ctx, pending)
	case known.Status != internal.StatusPending && pending != nil && !s.over(pending):
		return nil, invitePending(nil) // another one has taken its place
	default:
		return s.resend(ctx, known)
	}
}

// resend sends one invitation again, after recording what it looks like.
func (s *sending) resend(ctx context.Context, row *internal.Invite) (*providers.Sent, error) {
	if !s.grantsNoMore(row) {
		return nil, otherRoles()
	}
	journal, began := s.request.Journal, s.deps.Now()
	if err := journal.Begin(ctx, stepLook); err != nil {
		return nil, err
	}
	before := map[string]string{refID: row.ID, refStatus: row.Status, refMark: mark(row)}
	if err := journal.Done(ctx, stepLook, before); err != nil {
		return nil, err
	}
	var after *internal.Invite
	err := s.step(ctx, stepResend, func() (_ map[string]string, err error) {
		after, err = s.call(ctx, row.ID, s.client.Resend)
		if err == nil && after.Status != internal.StatusPending {
			err = &identity.Error{
				Code: identity.CodeProviderError, Unknown: true, Err: errors.New("roq: an invitation that was sent again is " + after.Status),
			}
		}
		return resultOf(after), err
	})
	if err == nil {
		return s.sentSince(after, began), nil
	}
	if !journal.Step(stepResend).Begun {
		if undo := journal.Undo(ctx, stepLook); undo != nil {
			return nil, undo
		}
	}
	return nil, err
}

// call makes a write on an invitation that was read before, and was compared.
func (p *Provider) call(ctx context.Context, id string, do func(ctx context.Context, token, id string) (*internal.Invite, error)) (row *internal.Invite, err error) {
	err = p.use(ctx, func(token string) (err error) {
		row, err = do(ctx, token, id)
		return err
	})
	return row, err
}

// otherRoles: an invitation keeps its roles, and sending it again would grant
// something else than what was asked for.
func otherRoles() error {
	return identity.FieldError(identity.CodeConflict, "/roles",
		"The identity provider has an invitation of this person that grants other roles, and cannot change it.")
}

// grantsNoMore reports that an invitation grants the roles asked for. What is
// not told, and a request without roles, fit anything; roles that have no
// portable name are left to who is allowed to send the invitation again.
func (s *sending) grantsNoMore(row *internal.Invite) bool {
	granted := row.Granted()
	if len(granted) == 0 || len(s.roles) == 0 {
		return true
	}
	mapped, _ := s.portable(granted)
	asked := slices.Clone(s.request.Roles)
	slices.Sort(asked)
	return slices.Equal(mapped, slices.Compact(asked))
}

// replace handles a vendor that refuses a new invitation because of an older
// one. One that lives is pending; one that ended is sent again if it grants the
// same: whether ended ones stand in the way is not known (FACTS.md section 4.2).
func (s *sending) replace(ctx context.Context, refusal error) (*providers.Sent, error) {
	seen, err := s.look(ctx, s.request.Org, s.request.Address, internal.Question{})
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(seen.pending, func(i internal.Invite) bool { return !s.over(&i) }) {
		return nil, invitePending(refusal)
	}
	var ended []internal.Invite
	err = s.use(ctx, func(token string) (err error) {
		ended, err = s.client.Ended(ctx, token, s.tenant, s.spellings(s.request.Address))
		return err
	})
	if err != nil {
		return nil, err
	}
	if ended, err = s.invitesOf(s.request.Address, s.tenant, append(seen.pending, ended...)); err != nil {
		return nil, err
	}
	for n := range ended {
		if len(ended[n].Granted()) > 0 && s.grantsNoMore(&ended[n]) && s.onlyMapped(&ended[n]) {
			return s.resend(ctx, &ended[n])
		}
	}
	return nil, &identity.Error{
		Code: identity.CodeConflict, Field: "/email", Err: refusal,
		Detail: "The identity provider holds an earlier invitation for this address and refuses another one.",
	}
}

// onlyMapped reports that every role of an invitation has a portable name.
func (s *sending) onlyMapped(row *internal.Invite) bool {
	_, unmapped := s.portable(row.Granted())
	return !unmapped
}

// mark is what can differ after an invitation was sent again.
func mark(row *internal.Invite) string {
	return strings.Join([]string{row.UpdatedAt, row.StatusUpdatedAt, row.UserTokenID}, " ")
}

// Whether a resend that was begun has happened.
type resent int

const (
	notKnown resent = iota
	didHappen
	didNotHappen
)

// resendBecame compares an invitation with what was recorded before it was sent
// again. That a resend makes an invitation pending again and changes its times
// is inferred (FACTS.md section 4.4): a change shows that it happened; that
// there is none shows something only where resend_shows says so.
func (s *sending) resendBecame() resent {
	journal, row := s.request.Journal, s.seen.known
	if step := journal.Step(stepResend); !step.Begun {
		return didNotHappen
	}
	before := journal.Step(stepLook).Result
	switch {
	case row == nil || before[refMark] == "":
		return notKnown
	case row.Status == internal.StatusAccepted:
		return didHappen
	case row.Status != internal.StatusPending:
		return didNotHappen
	case before[refStatus] != internal.StatusPending, mark(row) != before[refMark]:
		return didHappen
	case s.settings.resendShows:
		return didNotHappen
	default:
		return notKnown
	}
}

// goOnResending goes on with a resend whose journal has been begun.
func (s *sending) goOnResending(ctx context.Context) (*providers.Sent, error) {
	journal, row := s.request.Journal, s.seen.known
	if journal.Step(stepResend).Done {
		return s.sent(s.shown(journal.Step(stepResend).Result[refID])), nil
	}
	switch s.resendBecame() {
	case didHappen:
		return s.sent(row), journal.Done(ctx, stepResend, resultOf(row))
	case notKnown:
		return nil, &identity.Error{
			Code: identity.CodeProviderTimeout, Unknown: true,
			Detail: "The identity provider does not show whether the invitation was sent again.",
			Err:    errors.New("roq: the invitation looks as it did before the resend"),
		}
	}
	if row != nil {
		return s.resend(ctx, row)
	}
	// What was looked at was not recorded, and so nothing was sent again.
	if err := journal.Undo(ctx, stepLook); err != nil {
		return nil, err
	}
	if s.again {
		return s.repeat(ctx)
	}
	return s.run(ctx)
}
