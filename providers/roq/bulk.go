package roq

import (
	"context"
	"slices"
	"strings"

	"usher/identity"
	"usher/internal/quota"
	"usher/providers"
	"usher/providers/roq/internal"
)

// bulk is one call for several invitations under way (FACTS.md section 4.2).
type bulk struct {
	*Provider
	org     identity.OrgRef
	tenant  string
	journal providers.BulkJournal
	rows    []*bulkRow
}

// bulkRow is one invitation of several. Its journal is the bulk's.
type bulkRow struct {
	*sending
	place   int
	body    internal.NewInvite
	outcome providers.BulkOutcome
}

// Pace implements providers.Pacer. A look goes before each sending.
func (p *Provider) Pace(bool) quota.Pace { return p.client.Pace().Each(2) }

// InviteMany implements providers.BulkInviter: one look for all rows, and one
// call for those that nothing was found against. The vendor refuses row by row.
func (p *Provider) InviteMany(ctx context.Context, r providers.BulkRequest) ([]providers.BulkOutcome, error) {
	b := &bulk{Provider: p, org: r.Org, journal: r.Journal}
	outcomes := make([]providers.BulkOutcome, len(r.Invites))
	for n, invite := range r.Invites {
		s, err := p.newSending(invite)
		if err != nil {
			outcomes[n].Err = err
			continue
		}
		b.rows = append(b.rows, &bulkRow{sending: s, place: n})
	}
	err := explain(b.run(ctx))
	for _, row := range b.rows {
		outcomes[row.place] = row.outcome
	}
	return outcomes, err
}

func (b *bulk) run(ctx context.Context) error {
	if len(b.rows) == 0 {
		return nil
	}
	b.tenant = b.rows[0].tenant
	if err := b.look(ctx); err != nil {
		if identity.CodeOf(explain(err)) != identity.CodeNotFound {
			return err
		}
		conclude(b.rows, err) // no such tenant
		return nil
	}
	chosen := b.choose()
	if len(chosen) == 0 {
		return nil
	}
	return b.send(ctx, chosen)
}

// conclude ends rows with one error.
func conclude(rows []*bulkRow, err error) {
	for _, row := range rows {
		row.outcome = providers.BulkOutcome{Err: explain(err)}
	}
}

func places(rows []*bulkRow) []int {
	n := make([]int, len(rows))
	for i, row := range rows {
		n[i] = row.place
	}
	return n
}

// question is what has to be known of a row.
func (row *bulkRow) question() internal.Question {
	return internal.Question{
		Tenant: row.tenant, Emails: row.spellings(row.request.Address), Roles: row.roles,
		Inviter: row.settings.inviterFor(row.tenant), Caller: row.callerAs(row.request.Inviter),
	}
}

// look asks about all rows at once.
func (b *bulk) look(ctx context.Context) error {
	all := b.rows[0].question()
	for _, row := range b.rows[1:] {
		all = join(all, row.question())
	}
	seen, err := b.ask(ctx, all)
	if err != nil {
		return err
	}
	for _, row := range b.rows {
		if row.seen, err = b.sightOf(row.request.Address, row.question(), seen); err != nil {
			return err
		}
	}
	return nil
}

// join is a question about what two are about.
func join(a, b internal.Question) internal.Question {
	a.Emails, a.Roles = union(a.Emails, b.Emails), union(a.Roles, b.Roles)
	switch {
	case a.Caller == nil:
		a.Caller = b.Caller
	case b.Caller != nil:
		a.Caller = &internal.Caller{
			Emails: union(a.Caller.Emails, b.Caller.Emails), References: union(a.Caller.References, b.Caller.References),
		}
	}
	return a
}

func union(a, b []string) []string {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}

// choose returns the rows to send: those that nothing was seen against. The
// vendor's answers name rows by their addresses, and by which case is not known,
// so of two that differ by no more the second stays for another call.
func (b *bulk) choose() (chosen []*bulkRow) {
	taken := map[string]bool{}
	for _, row := range b.rows {
		var inviter string
		err := row.mayBegin()
		if err == nil {
			err = row.seen.hasRoles(row.roles)
		}
		if err == nil {
			inviter, err = row.inviter()
		}
		if err != nil {
			row.outcome.Err = err
			continue
		}
		row.body = row.sending.body(inviter)
		if folded := strings.ToLower(row.body.Email); !taken[folded] {
			taken[folded] = true
			chosen = append(chosen, row)
		}
	}
	return chosen
}

func (b *bulk) send(ctx context.Context, chosen []*bulkRow) error {
	list := make([]internal.NewInvite, len(chosen))
	for n, row := range chosen {
		list[n] = row.body
	}
	if err := b.journal.Begin(ctx, stepSend, places(chosen)); err != nil {
		return err
	}
	var sent []internal.Sent
	err := b.use(ctx, func(token string) (err error) {
		sent, err = b.client.Send(ctx, token, b.tenant, b.settings.v1, list...)
		return err
	})
	switch {
	case err == nil:
		return b.takeUp(ctx, chosen, sent)
	case mayHaveActed(err):
		conclude(chosen, err)
		return nil
	default:
		return b.refused(ctx, chosen, err)
	}
}

// refused records that a call did not happen. Where a check names a row, that
// has it for an answer, and the others wait for nothing.
func (b *bulk) refused(ctx context.Context, chosen []*bulkRow, refusal error) error {
	if err := b.journal.Undo(ctx, stepSend, places(chosen)); err != nil {
		conclude(chosen, &uncertain{err})
		return nil
	}
	e := internal.AsAPIError(refusal)
	switch {
	case e == nil || !providers.Singly(explain(refusal)):
		return refusal
	case len(chosen) == 1:
		conclude(chosen, refusal)
		return nil
	case e.Row > 0 && e.Row <= len(chosen):
		conclude(chosen[e.Row-1:e.Row], refusal)
		return nil
	default:
		return refusal
	}
}

// takeUp records what became of each row. An error is why rows that the vendor
// refused are better sent by themselves.
func (b *bulk) takeUp(ctx context.Context, chosen []*bulkRow, sent []internal.Sent) error {
	var refused []*bulkRow
	errs := map[*bulkRow]error{}
	for n, row := range chosen {
		err := sent[n].Err
		if err == nil {
			err = row.confirm(ctx, sent[n].Invite)
		}
		switch {
		case err == nil:
			b.done(ctx, row, sent[n].Invite)
		case mayHaveActed(err):
			row.outcome.Err = explain(err)
		default:
			refused, errs[row] = append(refused, row), err
		}
	}
	if len(refused) == 0 {
		return nil
	}
	if err := b.journal.Undo(ctx, stepSend, places(refused)); err != nil {
		conclude(refused, &uncertain{err})
		return nil
	}
	return b.judge(ctx, refused, errs)
}

// done records that a row was sent.
func (b *bulk) done(ctx context.Context, row *bulkRow, made *internal.Invite) {
	if err := b.journal.Done(ctx, stepSend, row.place, resultOf(made)); err != nil {
		row.outcome.Err = &uncertain{err}
		return
	}
	row.outcome.Sent = row.sent(made)
}

// judge says what the refusals of rows mean. What an earlier invitation means,
// that stands in the way and was not seen, is found out when the row is sent by
// itself.
func (b *bulk) judge(ctx context.Context, refused []*bulkRow, errs map[*bulkRow]error) (alone error) {
	var occupied []*bulkRow
	for _, row := range refused {
		e := internal.AsAPIError(errs[row])
		switch {
		case e != nil && e.Code == internal.CodeUserExists:
			occupied = append(occupied, row)
		case e != nil && e.IdentityCode() == identity.CodeInvitePending:
			alone = e
		default:
			row.outcome.Err = explain(errs[row])
		}
	}
	if len(occupied) == 0 {
		return alone
	}
	var emails []string
	for _, row := range occupied {
		emails = union(emails, row.spellings(row.request.Address))
	}
	var holders []internal.User
	err := b.use(ctx, func(token string) (err error) {
		holders, err = b.client.Holders(ctx, token, emails)
		return err
	})
	if err != nil {
		return err
	}
	for _, row := range occupied {
		row.outcome.Err = row.occupiedBy(slices.Clone(holders), errs[row])
	}
	return alone
}
