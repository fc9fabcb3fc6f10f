package roq

import (
	"cmp"
	"context"
	"slices"

	"usher/identity"
	"usher/providers"
	"usher/providers/roq/internal"
)

// The journalled steps.
const (
	stepSend   = "send_invitation"
	stepLook   = "look_before_resend"
	stepResend = "resend_invitation"
)

// The keys of Sent.Reference and of the steps' results.
const (
	refID     = "id"
	refStatus = "status" // result of look_before_resend
	refMark   = "mark"   // result of look_before_resend, see mark
)

// sending is one attempt to send an invitation under way.
type sending struct {
	*Provider
	request providers.InviteRequest
	tenant  string
	roles   []string // the vendor's keys of those asked for
	seen    *sight
	again   bool // the invitation was sent before
}

// begin reads what has to be known before anything is sent. id is the
// vendor's, empty if it was never learnt.
func (p *Provider) begin(ctx context.Context, r providers.InviteRequest, id string) (*sending, error) {
	s, err := p.newSending(r)
	if err != nil {
		return nil, err
	}
	s.seen, err = p.look(ctx, r.Org, r.Address, internal.Question{
		Known: knownID(r, id), Roles: s.roles, Inviter: p.settings.inviterFor(s.tenant), Caller: p.callerAs(r.Inviter),
	})
	return s, err
}

func (p *Provider) newSending(r providers.InviteRequest) (*sending, error) {
	s := &sending{Provider: p, request: r}
	var err error
	if s.tenant, err = tenantOf(r.Org); err != nil {
		return nil, err
	}
	for n, key := range r.Roles {
		name, ok := p.deps.Roles[key]
		if !ok {
			return nil, unknownRole(n)
		}
		s.roles = append(s.roles, name)
	}
	return s, nil
}

// knownID returns the vendor's id of an invitation, as far as it was learnt:
// what this attempt is about comes first.
func knownID(r providers.InviteRequest, id string) string {
	return cmp.Or(r.Journal.Step(stepLook).Result[refID], r.Journal.Step(stepSend).Result[refID], id, r.Reference[refID])
}

// Invite implements providers.Provider.
func (p *Provider) Invite(ctx context.Context, r providers.InviteRequest) (*providers.Sent, error) {
	s, err := p.begin(ctx, r, "")
	if err != nil {
		return nil, unsettled(r.Journal, explain(err))
	}
	sent, err := s.run(ctx)
	if err != nil {
		return nil, unsettled(r.Journal, explain(err))
	}
	return sent, nil
}

func (s *sending) run(ctx context.Context) (*providers.Sent, error) {
	journal := s.request.Journal
	if journal.Step(stepLook).Begun {
		return s.goOnResending(ctx)
	}
	if step := journal.Step(stepSend); step.Done {
		return s.sent(s.shown(step.Result[refID])), nil
	} else if step.Begun {
		if row, happened := s.became(); happened {
			return s.sent(row), journal.Done(ctx, stepSend, resultOf(row))
		}
	} else if err := s.mayBegin(); err != nil {
		return nil, err
	}
	if err := s.seen.hasRoles(s.roles); err != nil {
		return nil, err
	}
	inviter, err := s.inviter()
	if err != nil {
		return nil, err
	}
	return s.send(ctx, inviter)
}

// mayBegin refuses what the vendor would refuse, and what it should.
func (s *sending) mayBegin() error {
	switch {
	case s.seen.member(s.tenant) != nil:
		return alreadyMember()
	case s.seen.elsewhere(s.tenant):
		return livesElsewhere()
	case slices.ContainsFunc(s.seen.pending, func(i internal.Invite) bool { return !s.over(&i) }):
		return invitePending(nil)
	default:
		return nil
	}
}

func alreadyMember() error {
	return identity.Errorf(identity.CodeAlreadyMember, "The person is a member of the organization already.")
}

// livesElsewhere: an account belongs to one tenant, and an invitation does not
// move it.
func livesElsewhere() error {
	return identity.FieldError(identity.CodeUnsupported, "/email",
		"The identity provider cannot invite a person who has an account outside the organization.")
}

func invitePending(cause error) error {
	return &identity.Error{
		Code: identity.CodeInvitePending, Err: cause,
		Detail: "The identity provider has a pending invitation for this person already.",
	}
}

// became returns what became of a sending that was begun: the invitation, if
// there is one that is not somebody else's, or nil with true if the person has
// joined. The vendor has no reference of ours, and there was none pending when
// the sending was begun.
func (s *sending) became() (row *internal.Invite, happened bool) {
	if row := s.ownPending(); row != nil {
		return row, true
	}
	return nil, s.seen.member(s.tenant) != nil
}

// shown returns what the vendor shows of an invitation that was answered, or
// its id alone.
func (s *sending) shown(id string) *internal.Invite {
	if s.seen.known != nil {
		return s.seen.known
	}
	return &internal.Invite{ID: id}
}

// ownPending returns the pending invitation of the address, or nil: the one
// that has our reference, else one that has none.
func (s *sending) ownPending() *internal.Invite {
	for _, reference := range []string{s.request.InviteID, ""} {
		for n := range s.seen.pending {
			if row := &s.seen.pending[n]; row.Reference() == reference {
				return row
			}
		}
	}
	return nil
}

// send makes the call. A refusal is looked into: which invitations and accounts
// stand in the way of a new one is not known beforehand.
func (s *sending) send(ctx context.Context, inviter string) (*providers.Sent, error) {
	before := s.request.Journal.Step(stepSend)
	var row *internal.Invite
	err := s.step(ctx, stepSend, func() (_ map[string]string, err error) {
		row, err = s.post(ctx, inviter)
		if e := internal.AsAPIError(err); before.Begun && e != nil && !e.Acted && e.IdentityCode() == identity.CodeInvitePending {
			row, err = s.arrivedLate(ctx, err)
		}
		return resultOf(row), err
	})
	e := internal.AsAPIError(err)
	switch {
	case err == nil:
		return s.sent(row), nil
	case e == nil || e.Acted:
		return nil, err
	case e.Code == internal.CodeUserExists:
		return nil, s.occupied(ctx, err)
	case e.IdentityCode() == identity.CodeInvitePending:
		return s.replace(ctx, err)
	default:
		return nil, err
	}
}

func (s *sending) post(ctx context.Context, inviter string) (row *internal.Invite, err error) {
	err = s.use(ctx, func(token string) error {
		rows, err := s.client.Send(ctx, token, s.tenant, s.settings.v1, s.body(inviter))
		if err != nil {
			return err
		}
		row, err = rows[0].Invite, rows[0].Err
		return err
	})
	if err != nil {
		return nil, err
	}
	return row, s.confirm(ctx, row)
}

// body is what the vendor is told of the invitation.
func (s *sending) body(inviter string) internal.NewInvite {
	r := s.request
	locale, _ := s.settings.locale(r.Locale)
	return internal.NewInvite{
		CreatedByUserID: inviter, Email: s.address(r.Address), FirstName: r.GivenName, LastName: r.FamilyName,
		Locale: locale, Roles: s.roles, Reference: r.InviteID,
	}
}

// confirm makes sure of the tenant of what was sent.
func (s *sending) confirm(ctx context.Context, row *internal.Invite) error {
	if sameID(row.TenantID, s.tenant) {
		return nil
	}
	s.deps.Logger.ErrorContext(ctx, "the provider says that an invitation went to another tenant than the one asked for",
		"invite", s.request.InviteID, "organization", s.request.Org.ID, "provider_id", row.ID)
	return wrongOrganization(true)
}

// arrivedLate handles a refusal by an invitation that is the one begun before:
// its call was lost, and arrived only now.
func (s *sending) arrivedLate(ctx context.Context, refusal error) (*internal.Invite, error) {
	seen, err := s.look(ctx, s.request.Org, s.request.Address, internal.Question{})
	if err != nil {
		return nil, &uncertain{err}
	}
	s.seen.pending = seen.pending
	if row := s.ownPending(); row != nil {
		return row, nil
	}
	return nil, refusal
}

// occupied says what an account that stands in the way means.
func (s *sending) occupied(ctx context.Context, refusal error) error {
	var holders []internal.User
	err := s.use(ctx, func(token string) (err error) {
		holders, err = s.client.Holders(ctx, token, s.spellings(s.request.Address))
		return err
	})
	if err != nil {
		return err
	}
	return s.occupiedBy(holders, refusal)
}

func (s *sending) occupiedBy(holders []internal.User, refusal error) error {
	seen := &sight{people: slices.DeleteFunc(holders, func(u internal.User) bool { return !s.same(u.Email, s.address(s.request.Address)) })}
	switch {
	case seen.member(s.tenant) != nil:
		return alreadyMember()
	case slices.ContainsFunc(seen.people, func(u internal.User) bool { return sameID(u.TenantID, s.tenant) }):
		return &identity.Error{
			Code: identity.CodeConflict, Field: "/email", Err: refusal,
			Detail: "The person's account in the organization is switched off at the identity provider.",
		}
	default:
		return livesElsewhere()
	}
}

// step runs one journalled write. A definite refusal takes the step back.
func (s *sending) step(ctx context.Context, name string, do func() (map[string]string, error)) error {
	journal := s.request.Journal
	if err := journal.Begin(ctx, name); err != nil {
		return err
	}
	result, err := do()
	if err == nil {
		return journal.Done(ctx, name, result)
	}
	if mayHaveActed(err) {
		return err
	}
	if undo := journal.Undo(ctx, name); undo != nil {
		return undo
	}
	return err
}

// unsettled marks an error after which a write is begun and nobody knows how it
// ended, whatever the error itself is about.
func unsettled(journal providers.Journal, err error) error {
	for _, name := range []string{stepResend, stepSend} {
		if step := journal.Step(name); step.Begun && !step.Done {
			return &uncertain{err}
		}
	}
	return err
}
