package nile

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"usher/identity"
	"usher/providers"
	"usher/providers/nile/internal"
)

// sending is one attempt to send an invitation under way.
type sending struct {
	*Provider
	request    providers.InviteRequest
	tenant     string
	providerID string // the vendor's id of the invitation, if known
	again      bool   // an invitation that is there is sent again

	own string // the service user's id
}

// Invite implements providers.Provider. The vendor would take a second
// invitation of an address for a wish to send the first again, so it is asked
// for that first.
func (p *Provider) Invite(ctx context.Context, r providers.InviteRequest) (*providers.Sent, error) {
	return (&sending{Provider: p, request: r}).run(ctx)
}

// Resend implements providers.Resender: the same call, after which the
// invitation has the same id, another token and another seven days (FACTS.md
// section 5).
func (p *Provider) Resend(ctx context.Context, r providers.ResendRequest) (*providers.Sent, error) {
	return (&sending{Provider: p, request: r.InviteRequest, providerID: r.ProviderID, again: true}).run(ctx)
}

// run sends while no other sending to the address is under way.
func (s *sending) run(ctx context.Context) (*providers.Sent, error) {
	if err := s.check(); err != nil {
		return nil, s.unsettled(err)
	}
	give, err := s.lanes.Take(ctx, s.tenant+"\n"+s.address(s.request.Address))
	if err != nil {
		return nil, s.unsettled(err)
	}
	defer give()
	sent, err := s.send(ctx)
	if err != nil {
		return nil, s.unsettled(explain(err))
	}
	return sent, nil
}

// check refuses what may not go into a call.
func (s *sending) check() (err error) {
	r := s.request
	if s.tenant, err = tenantOf(r.Org); err != nil {
		return err
	}
	if err := s.checkRoles(r.Roles); err != nil {
		return err
	}
	if err := s.CheckAddress(r.Address); err != nil {
		return err
	}
	if !leads(r.Link) || strings.ContainsAny(r.Link, "?#") { // the vendor adds a query (FACTS.md section 5)
		return &identity.Error{Code: identity.CodeInternal, Op: "send", Err: errors.New("nile: the request holds no link to accept by")}
	}
	if r.RedirectURL != "" && !leads(r.RedirectURL) {
		return identity.FieldError(identity.CodeNotCarried, "/redirect_url", "The identity provider does not lead to this page.")
	}
	return nil
}

// leads reports whether a text is an absolute URL.
func leads(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.IsAbs() && u.Host != ""
}

// callback is the page that the mail leads on to. Without one the vendor writes
// "null" (FACTS.md section 5).
func (p *Provider) callback(redirectURL string) string {
	if redirectURL != "" {
		return redirectURL
	}
	return p.settings.CallbackURL
}

// unsettled marks an error after which a step is begun and nobody knows how it
// ended, whatever the error itself is about.
func (s *sending) unsettled(err error) error {
	for _, name := range []string{stepDead, stepCreate, stepClean} {
		if lost(s.request.Journal, name) {
			return &uncertain{err}
		}
	}
	return err
}

func (s *sending) send(ctx context.Context) (*providers.Sent, error) {
	j := s.request.Journal
	if done := j.Step(stepCreate); done.Done {
		return s.recorded(done.Result)
	}
	row, err := s.look(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case lost(j, stepClean):
		if row, err = nil, s.clean(ctx, row); err != nil {
			return nil, err
		}
		if err := j.Undo(ctx, stepCreate); err != nil {
			return nil, err
		}
	case lost(j, stepCreate) && s.wasSent(row):
		return s.sent(row), j.Done(ctx, stepCreate, resultOf(row))
	case !s.again && row != nil && s.isPending(row):
		return nil, identity.Errorf(identity.CodeInvitePending, "The identity provider has a pending invitation for this address already.")
	}
	if row, err = s.clear(ctx, row); err != nil {
		return nil, err
	}
	if row, err = s.create(ctx, row); err != nil {
		return nil, err
	}
	return s.sent(row), nil
}

// look returns the address's invitation, or nil.
func (s *sending) look(ctx context.Context) (*internal.Invite, error) {
	rows, own, err := s.invites(ctx, s.tenant)
	s.own = own
	return s.invite(rows, s.providerID, s.request.Address), err
}

// clear makes way for a sending: nobody of the address is a member, and what is
// there can be accepted once it is sent again. It returns the invitation that
// still stands.
func (s *sending) clear(ctx context.Context, row *internal.Invite) (*internal.Invite, error) {
	j := s.request.Journal
	if row == nil && lost(j, stepDead) {
		if err := j.Done(ctx, stepDead, nil); err != nil { // it was deleted, then
			return nil, err
		}
	}
	foreign := row != nil && row.CreatedBy != "" && !internal.SameID(row.CreatedBy, s.own)
	if !foreign && s.deps.EmailRule == identity.EmailExact {
		return row, nil // the vendor itself compares exactly
	}
	users, err := s.users(ctx, s.tenant)
	switch {
	case err != nil:
		return nil, err
	case s.holder(users, s.request.Address) != nil:
		return nil, alreadyMember()
	case !foreign || hasUser(users, row.CreatedBy):
		return row, nil
	}
	// The inviter has left, and stays the inviter whoever sends it again
	// (FACTS.md section 9, 14).
	return nil, step(ctx, j, stepDead, func() (map[string]string, error) {
		return map[string]string{refID: row.ID}, s.remove(ctx, s.tenant, row.ID)
	})
}

func alreadyMember() error {
	return identity.Errorf(identity.CodeAlreadyMember, "The person is a member of the organization already.")
}

// create sends the invitation; before is the one that is there, or nil.
func (s *sending) create(ctx context.Context, before *internal.Invite) (made *internal.Invite, err error) {
	j := s.request.Journal
	if before != nil {
		if err := s.record(ctx, before); err != nil {
			return nil, err
		}
	}
	n := internal.NewInvite{
		Identifier: s.address(s.request.Address), CallbackURL: s.callback(s.request.RedirectURL), RedirectURL: s.request.Link,
	}
	if before != nil {
		n.Identifier = before.Identifier // another spelling would be another invitation
	}
	err = step(ctx, j, stepCreate, func() (map[string]string, error) {
		err := s.use(ctx, func(session *internal.Session) (err error) {
			made, err = s.client.Invite(ctx, session, s.tenant, n)
			return err
		})
		if err != nil {
			return nil, s.refused(ctx, before, err)
		}
		return resultOf(made), s.confirm(made, n.Identifier)
	})
	if err == nil {
		return made, nil
	}
	if step := j.Step(stepCreate); before != nil && !step.Begun {
		if undo := j.Undo(ctx, stepLook); undo != nil {
			return nil, undo
		}
	}
	return nil, err
}

// record writes down what an invitation looks like before it is sent again.
func (s *sending) record(ctx context.Context, row *internal.Invite) error {
	if err := s.request.Journal.Begin(ctx, stepLook); err != nil {
		return err
	}
	result := map[string]string{refID: row.ID, refMark: row.Mark()}
	if s.isPending(row) {
		result[refPending] = "yes"
	}
	return s.request.Journal.Done(ctx, stepLook, result)
}

// confirm makes sure that what was answered is what was asked for. If it is not,
// nobody knows what was done.
func (s *sending) confirm(row *internal.Invite, identifier string) error {
	switch {
	case !internal.SameID(row.TenantID, s.tenant):
		return wrongOrganization(true)
	case row.Identifier != identifier:
		return &identity.Error{
			Code: identity.CodeProviderError, Unknown: true, Detail: "The identity provider answered for another address than the one asked for.",
		}
	default:
		return nil
	}
}

// refused looks into the refusal of an invitation. The vendor writes the row
// before it mails (FACTS.md section 5), so there may be one that nobody was
// mailed about: it is deleted. What was pending before stays: only its token is
// another, and the links that its invitee has lead to usher.
func (s *sending) refused(ctx context.Context, before *internal.Invite, refusal error) error {
	e := internal.AsAPIError(refusal)
	if e == nil || e.Acted || e.Unwritten() {
		return refusal
	}
	row, err := s.look(ctx)
	switch {
	case err != nil:
		return &uncertain{then(refusal, err)}
	case row == nil, before != nil && row.Mark() == before.Mark():
		return refusal
	case before != nil && s.isPending(before):
		return refusal
	}
	if err := s.clean(ctx, row); err != nil {
		return &uncertain{then(refusal, err)}
	}
	return refusal
}

// clean deletes what this attempt has written and nobody was mailed about; nil:
// it is not there any more.
func (s *sending) clean(ctx context.Context, row *internal.Invite) error {
	j := s.request.Journal
	if err := j.Begin(ctx, stepClean); err != nil {
		return err
	}
	if row != nil {
		if err := s.remove(ctx, s.tenant, row.ID); err != nil {
			return err
		}
	}
	return j.Undo(ctx, stepClean)
}

// wasSent reports whether an invitation shows that this attempt sent it: it was
// not there before, or has another token since.
func (s *sending) wasSent(row *internal.Invite) bool {
	if row == nil {
		return false
	}
	before := s.request.Journal.Step(stepLook)
	return !before.Begun || before.Result[refID] != row.ID || before.Result[refMark] != row.Mark()
}

func expiry(row *internal.Invite) *time.Time {
	at := row.Expires.UTC()
	return &at
}

func resultOf(row *internal.Invite) map[string]string {
	return map[string]string{refID: row.ID, refExpires: row.Expires.UTC().Format(time.RFC3339Nano)}
}

// sent is the answer for an invitation.
func (s *sending) sent(row *internal.Invite) *providers.Sent {
	r := s.request
	sent := &providers.Sent{
		ProviderID: row.ID, ExpiresAt: expiry(row), Reference: map[string]string{refID: row.ID}, NotCarried: []string{},
	}
	for _, field := range []struct {
		name string
		lost bool
	}{
		{"given_name", r.GivenName != ""},
		{"family_name", r.FamilyName != ""},
		{"locale", r.Locale != ""},
		{"metadata", len(r.Metadata) > 0},
	} {
		if field.lost {
			sent.NotCarried = append(sent.NotCarried, field.name)
		}
	}
	return sent
}

// recorded is the answer for a sending that the journal knows to be done.
func (s *sending) recorded(result map[string]string) (*providers.Sent, error) {
	at, err := time.Parse(time.RFC3339Nano, result[refExpires])
	if err != nil {
		return nil, &identity.Error{Code: identity.CodeInternal, Op: "read journal", Err: err}
	}
	return s.sent(&internal.Invite{ID: result[refID], Expires: at}), nil
}
