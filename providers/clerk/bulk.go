package clerk

import (
	"context"
	"log/slog"

	"usher/identity"
	"usher/internal/quota"
	"usher/providers"
	"usher/providers/clerk/internal"
)

// bulk is one call for several invitations under way (FACTS.md section 4.3).
type bulk struct {
	*Provider
	org     identity.OrgRef
	journal providers.BulkJournal
	rows    []*bulkRow
}

// bulkRow is one invitation of several. Its journal is the bulk's.
type bulkRow struct {
	*sending
	place   int
	body    internal.NewInvitation
	outcome providers.BulkOutcome
}

// Pace implements providers.Pacer.
func (p *Provider) Pace(bulk bool) quota.Pace { return p.client.Pace(bulk) }

// InviteMany implements providers.BulkInviter. One call is made for all rows
// that nothing was found against.
func (p *Provider) InviteMany(ctx context.Context, r providers.BulkRequest) ([]providers.BulkOutcome, error) {
	b := &bulk{Provider: p, org: r.Org, journal: r.Journal}
	for n, invite := range r.Invites {
		b.rows = append(b.rows, &bulkRow{sending: p.newSending(invite), place: n})
	}
	err := explain(b.run(ctx))
	outcomes := make([]providers.BulkOutcome, len(b.rows))
	for n, row := range b.rows {
		outcomes[n] = row.outcome
	}
	return outcomes, err
}

func (b *bulk) run(ctx context.Context) error {
	if err := checkOrg(b.org); err != nil {
		return b.decide(err)
	}
	keys := make([]string, len(b.rows))
	for n, row := range b.rows {
		keys[n] = row.lane()
	}
	give, err := b.lanes.Take(ctx, keys...)
	if err != nil {
		return err
	}
	defer give()
	for _, row := range b.rows {
		row.outcome.Err = row.prepare()
	}
	if err := b.look(ctx); err != nil {
		return b.decide(err)
	}
	return b.send(ctx)
}

// prepare makes what the vendor is told of a row.
func (row *bulkRow) prepare() error {
	role, err := row.vendorRole(row.request.Roles)
	if err != nil {
		return err
	}
	if role == "" {
		return unknownRole()
	}
	row.body, err = row.sending.body(role, nil)
	return err
}

// decide makes an error that each row would have by itself the error of all that
// are open. Any other is the call's, and they stay untried.
func (b *bulk) decide(err error) error {
	err = explain(err)
	switch identity.CodeOf(err) {
	case identity.CodeNotFound, identity.CodeUnsupported:
		conclude(b.open(), err)
		return nil
	default:
		return err
	}
}

// conclude ends rows with one error.
func conclude(rows []*bulkRow, err error) {
	for _, row := range rows {
		row.outcome = providers.BulkOutcome{Err: explain(err)}
	}
}

// open returns the rows that nothing is known of yet.
func (b *bulk) open() (open []*bulkRow) {
	for _, row := range b.rows {
		if row.outcome.Untried() {
			open = append(open, row)
		}
	}
	return open
}

func places(rows []*bulkRow) []int {
	n := make([]int, len(rows))
	for i, row := range rows {
		n[i] = row.place
	}
	return n
}

func addresses(rows []*bulkRow) []string {
	list := make([]string, len(rows))
	for n, row := range rows {
		list[n] = row.email
	}
	return list
}

// look finds the rows that the vendor would refuse, and all others with them:
// who is invited already, and who is a member.
func (b *bulk) look(ctx context.Context) error {
	if err := b.lookAtPending(ctx); err != nil {
		return err
	}
	return b.lookAtMembers(ctx)
}

func (b *bulk) lookAtPending(ctx context.Context) error {
	open := b.open()
	rows, err := b.pendingOf(ctx, open)
	if err != nil {
		return err
	}
	for _, row := range open {
		there := row.pending(rows[row.email], "")
		switch {
		case there == nil:
		case row.isOurs(there):
			row.outcome.Sent = row.sent(there) // listed only now
		default:
			row.outcome.Err = pendingElsewhere()
		}
	}
	return nil
}

func (b *bulk) lookAtMembers(ctx context.Context) error {
	open := b.open()
	if len(open) == 0 {
		return nil
	}
	held, err := b.holders(ctx, b.org, addresses(open))
	if err != nil {
		return err
	}
	for _, row := range open {
		if held[row.email] {
			row.outcome.Err = identity.Errorf(identity.CodeAlreadyMember, "The person is a member of the organization already.")
		}
	}
	return nil
}

// pendingOf returns the pending invitations of rows, by address: out of one list
// of all there are, or where that has several pages, which may shift while they
// are read, by one look-up each.
func (b *bulk) pendingOf(ctx context.Context, rows []*bulkRow) (map[string][]*internal.Invitation, error) {
	found := map[string][]*internal.Invitation{}
	if len(rows) > 1 {
		page, err := b.client.ListInvitations(ctx, b.org.ProviderID, internal.InvitationQuery{Status: internal.StatusPending, Limit: internal.MaxPage})
		if err != nil {
			return nil, err
		}
		if next(page, 0) == "" {
			for n := range page.Data {
				row := &page.Data[n]
				if err := belongs(row, b.org); err != nil {
					return nil, err
				}
				if row.ID != "" {
					key := lower(row.Email)
					found[key] = append(found[key], row)
				}
			}
			return found, nil
		}
	}
	for _, row := range rows {
		list, err := b.invitationsOf(ctx, b.org, row.email, internal.StatusPending)
		if err != nil {
			return nil, err
		}
		found[row.email] = list
	}
	return found, nil
}

// lower is an address of the vendor's as rows have theirs.
func lower(address string) string {
	parsed, err := identity.ParseEmail(address)
	if err != nil {
		return address
	}
	return email(parsed)
}

func (b *bulk) send(ctx context.Context) error {
	open := b.open()
	if len(open) == 0 {
		return nil
	}
	bodies := make([]internal.NewInvitation, len(open))
	for n, row := range open {
		bodies[n] = row.body
	}
	if err := b.journal.Begin(ctx, stepCreate, places(open)); err != nil {
		return err
	}
	made, err := b.client.CreateInvitations(ctx, b.org.ProviderID, bodies)
	switch {
	case err == nil:
		b.takeUp(ctx, open, made)
		return nil
	case mayHaveActed(err):
		conclude(open, err)
		return nil
	default:
		return b.refused(ctx, open, err)
	}
}

// takeUp finds in the answer what became of each row: rows of the vendor's have
// no place, and the address is what tells them.
func (b *bulk) takeUp(ctx context.Context, open []*bulkRow, made []internal.Invitation) {
	byAddress := map[string]*internal.Invitation{}
	for n := range made {
		if made[n].ID != "" {
			byAddress[lower(made[n].Email)] = &made[n]
		}
	}
	for _, row := range open {
		answered := byAddress[row.email]
		delete(byAddress, row.email)
		if answered == nil {
			row.outcome.Err = &uncertain{&identity.Error{
				Code: identity.CodeProviderError, Detail: "The identity provider does not say what became of the invitation.",
			}}
			continue
		}
		if err := row.confirm(answered); err != nil {
			row.outcome.Err = err
			continue
		}
		b.done(ctx, row, answered)
	}
	if len(byAddress) > 0 {
		b.deps.Logger.LogAttrs(ctx, slog.LevelWarn, "the provider answered for invitations that it was not asked for",
			slog.String("organization", b.org.ID), slog.Int("rows", len(byAddress)))
	}
}

// done records that a row was sent.
func (b *bulk) done(ctx context.Context, row *bulkRow, made *internal.Invitation) {
	if err := b.journal.Done(ctx, stepCreate, row.place, map[string]string{refID: made.ID}); err != nil {
		row.outcome.Err = &uncertain{err}
		return
	}
	row.outcome.Sent = row.sent(made)
}
