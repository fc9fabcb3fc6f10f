package clerk

import (
	"context"
	"encoding/json"
	"maps"
	"strconv"

	"usher/identity"
	"usher/providers"
	"usher/providers/clerk/internal"
)

// The keys of ours in an invitation's private metadata, which the vendor shows
// to nobody but who holds the secret key, and copies to the membership.
const (
	metaInvite  = "usher_invite_id"
	metaAttempt = "usher_attempt"
)

// sending is one attempt to send an invitation under way.
type sending struct {
	*Provider
	request providers.InviteRequest
	email   string // as the vendor keeps it
}

func (p *Provider) newSending(r providers.InviteRequest) *sending {
	return &sending{Provider: p, request: r, email: email(r.Address)}
}

// Invite implements providers.Provider.
func (p *Provider) Invite(ctx context.Context, r providers.InviteRequest) (*providers.Sent, error) {
	s := p.newSending(r)
	return s.alone(ctx, s.first)
}

// alone runs a sending while no other of its address is under way.
func (s *sending) alone(ctx context.Context, run func(context.Context) (*internal.Invitation, error)) (*providers.Sent, error) {
	if err := checkOrg(s.request.Org); err != nil {
		return nil, s.unsettled(err)
	}
	give, err := s.lanes.Take(ctx, s.lane())
	if err != nil {
		return nil, s.unsettled(err)
	}
	defer give()
	row, err := run(ctx)
	if err != nil {
		return nil, s.unsettled(explain(err))
	}
	return s.sent(row), nil
}

// lane names what only one sending at a time may look at and change.
func (s *sending) lane() string { return s.request.Org.ProviderID + "\n" + s.email }

// first sends an invitation that was not sent before.
func (s *sending) first(ctx context.Context) (*internal.Invitation, error) {
	row, err := s.made(ctx)
	if err != nil || row != nil {
		return row, err
	}
	role, err := s.vendorRole(s.request.Roles)
	if err != nil {
		return nil, err
	}
	if role == "" {
		return nil, unknownRole()
	}
	rows, err := s.invitationsOf(ctx, s.request.Org, s.email, internal.StatusPending)
	if err != nil {
		return nil, err
	}
	if there := s.pending(rows, ""); there != nil {
		if s.isOurs(there) {
			return there, nil // listed only now
		}
		return nil, s.elsewhere(ctx)
	}
	return s.create(ctx, role, nil)
}

// elsewhere is the refusal where somebody else has invited the address. A call
// of ours that was lost did not make an invitation, then, or it was replaced.
func (s *sending) elsewhere(ctx context.Context) error {
	if s.request.Journal.Step(stepCreate).Begun {
		if err := s.request.Journal.Undo(ctx, stepCreate); err != nil {
			return err
		}
	}
	return pendingElsewhere()
}

func pendingElsewhere() error {
	return identity.Errorf(identity.CodeInvitePending, "The identity provider has a pending invitation for this address already.")
}

// made returns the invitation that a creation of this attempt made, which was
// begun before; nil if there is none.
func (s *sending) made(ctx context.Context) (*internal.Invitation, error) {
	before := s.request.Journal.Step(stepCreate)
	switch {
	case !before.Begun:
		return nil, nil
	case before.Done && isID(before.Result[refID]):
		return s.get(ctx, before.Result[refID])
	}
	row, err := s.caught(ctx)
	if err != nil || row == nil {
		return nil, err
	}
	return row, s.request.Journal.Done(ctx, stepCreate, map[string]string{refID: row.ID})
}

// caught looks for an invitation of this attempt that is pending or accepted.
func (s *sending) caught(ctx context.Context) (*internal.Invitation, error) {
	rows, err := s.invitationsOf(ctx, s.request.Org, s.email, "")
	if err != nil {
		return nil, err
	}
	if own := s.own(rows); own != nil && (s.isPending(own) || own.Status == internal.StatusAccepted) {
		return own, nil
	}
	return nil, nil
}

// get reads one invitation and makes sure of its organization.
func (s *sending) get(ctx context.Context, id string) (*internal.Invitation, error) {
	row, err := s.client.GetInvitation(ctx, s.request.Org.ProviderID, id)
	if err != nil {
		return nil, err
	}
	return row, belongs(row, s.request.Org)
}

// create makes the invitation. base is the one that it replaces, or nil: what
// the application put on that goes with the new one.
func (s *sending) create(ctx context.Context, role string, base *internal.Invitation) (row *internal.Invitation, err error) {
	body, err := s.body(role, base)
	if err != nil {
		return nil, err
	}
	begunBefore := s.request.Journal.Step(stepCreate).Begun
	err = s.step(ctx, stepCreate, func() (string, error) {
		made, err := s.post(ctx, body)
		if err != nil {
			made, err = s.refused(ctx, err, begunBefore)
		}
		if e := internal.AsAPIError(err); e != nil && e.IsDuplicate() {
			freed, look := s.clear(ctx)
			switch {
			case look != nil:
				return "", look
			case freed:
				made, err = s.post(ctx, body)
			}
		}
		if err != nil {
			return "", err
		}
		row = made
		return made.ID, nil
	})
	return row, err
}

// post makes the call.
func (s *sending) post(ctx context.Context, body internal.NewInvitation) (*internal.Invitation, error) {
	made, err := s.client.CreateInvitation(ctx, s.request.Org.ProviderID, body)
	if err != nil {
		return nil, err
	}
	return made, s.confirm(made)
}

// body is what makes the invitation.
func (s *sending) body(role string, base *internal.Invitation) (body internal.NewInvitation, err error) {
	body = internal.NewInvitation{
		Email: s.email, Role: role, RedirectURL: s.request.RedirectURL, Notify: s.request.Notify,
	}
	if body.ExpiresInDays, err = s.days(); err != nil {
		return body, err
	}
	if body.PrivateMetadata, err = s.metadata(base); err != nil {
		return body, err
	}
	if base != nil {
		body.PublicMetadata = base.PublicMetadata
	}
	return body, nil
}

// confirm makes sure that what was answered is what was asked for. If it is
// not, nobody knows what was done.
func (s *sending) confirm(row *internal.Invitation) error {
	if err := belongs(row, s.request.Org); err != nil {
		return &uncertain{err}
	}
	if !same(row.Email, s.email) {
		return &uncertain{&identity.Error{Code: identity.CodeProviderError, Detail: "The identity provider answered for another address than the one asked for."}}
	}
	return nil
}

// refused looks into the refusal of a creation. Where one was begun before, it
// may be that one that is in the way, arrived late.
func (s *sending) refused(ctx context.Context, refusal error, begunBefore bool) (*internal.Invitation, error) {
	e := internal.AsAPIError(refusal)
	if !begunBefore || e == nil || !e.IsDuplicate() && e.Code != internal.CodeAlreadyMember {
		return nil, refusal
	}
	own, err := s.caught(ctx)
	switch {
	case err != nil:
		return nil, &uncertain{err}
	case own == nil:
		return nil, refusal
	default:
		return own, nil
	}
}

// clear revokes what refused a creation, if that has run out and is called
// pending all the same: whether such an invitation stands in the way of another
// is not known (FACTS.md section 4.5). Nobody can use it any more, so this may be
// repeated. It reports whether another creation is worth a try, or what went wrong.
func (s *sending) clear(ctx context.Context) (freed bool, err error) {
	rows, err := s.invitationsOf(ctx, s.request.Org, s.email, internal.StatusPending)
	if err != nil || len(rows) == 0 || s.pending(rows, "") != nil {
		return false, nil
	}
	err = s.withdrawn(ctx, s.request.Org, rows[len(rows)-1].ID)
	if e := internal.AsAPIError(err); e != nil && e.IsGone() {
		err = nil
	}
	return err == nil, err
}

// metadata is what the new invitation carries, unseen by the invitee: the
// application's own, and where it is known from. Where a key of ours is the
// application's too, ours counts.
func (s *sending) metadata(base *internal.Invitation) (internal.Metadata, error) {
	all := internal.Metadata{}
	if base != nil {
		maps.Copy(all, base.PrivateMetadata)
	}
	put := func(key string, value any) error {
		text, err := json.Marshal(value)
		if err != nil {
			return &identity.Error{Code: identity.CodeInternal, Op: "write metadata", Err: err}
		}
		all[key] = text
		return nil
	}
	for key, value := range s.request.Metadata {
		if err := put(key, value); err != nil {
			return nil, err
		}
	}
	if err := put(metaInvite, s.request.InviteID); err != nil || !s.counted() {
		return all, err
	}
	return all, put(metaAttempt, strconv.Itoa(s.request.Attempt))
}

// counted reports whether attempts are told apart.
func (s *sending) counted() bool { return s.request.Attempt > 0 }

// isOurs reports whether an invitation was made for this invite.
func (s *sending) isOurs(row *internal.Invitation) bool {
	return s.request.InviteID != "" && row.PrivateMetadata.Text(metaInvite) == s.request.InviteID
}

// ofAttempt reports whether an invitation of ours can be of this attempt.
func (s *sending) ofAttempt(row *internal.Invitation) bool {
	return !s.counted() || row.PrivateMetadata.Text(metaAttempt) == strconv.Itoa(s.request.Attempt)
}

// own returns the last invitation of this invite and attempt, or nil.
func (s *sending) own(rows []*internal.Invitation) (last *internal.Invitation) {
	for _, row := range rows {
		if s.isOurs(row) && s.ofAttempt(row) && (last == nil || row.CreatedAt >= last.CreatedAt) {
			last = row
		}
	}
	return last
}

// sent is the answer for an invitation. Its expiry is the vendor's own; where
// the caller asked for another, that is among what was not carried.
func (s *sending) sent(row *internal.Invitation) *providers.Sent {
	r := s.request
	n := lifeOf(row)
	if n == 0 {
		n = s.settings.InviteDays
	}
	sent := &providers.Sent{
		ProviderID: row.ID, ExpiresAt: expiry(row), Reference: map[string]string{refDays: strconv.Itoa(n)}, NotCarried: []string{},
	}
	for _, field := range []struct {
		name string
		lost bool
	}{
		{"given_name", r.GivenName != ""},
		{"family_name", r.FamilyName != ""},
		{"locale", r.Locale != ""},
		{"metadata", r.Metadata[metaInvite] != nil || r.Metadata[metaAttempt] != nil},
		{"expires_at", r.ExpiresAt != nil && sent.ExpiresAt != nil && !sent.ExpiresAt.Equal(*r.ExpiresAt)},
	} {
		if field.lost {
			sent.NotCarried = append(sent.NotCarried, field.name)
		}
	}
	return sent
}
