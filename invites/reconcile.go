package invites

import (
	"context"
	"errors"
	"maps"
	"time"

	"usher/identity"
	"usher/internal/redact"
	"usher/ledger"
	"usher/providers"
)

// Bounds of one comparison with a vendor.
const (
	remotePages    = 10_000             // pages of the vendor's list
	refreshTimeout = 2 * time.Minute    // the whole comparison
	lateWindow     = 7 * 24 * time.Hour // how long ended invites are looked at again
	lateChecks     = 20                 // and how many of them at a time
)

// refreshIfStale starts one background comparison for an organization whose
// invites were last compared too long ago.
func (s *Service) refreshIfStale(org *identity.Organization) {
	now := s.ledger.Now()
	if org.SyncedAt != nil && now.Sub(*org.SyncedAt) < s.options.StaleAfter {
		return
	}
	if last, ok := s.tried.Get(org.ID); ok && now.Sub(last) < s.options.StaleAfter {
		return
	}
	c, err := s.connectionOf(org)
	if err != nil || s.background.Err() != nil || !s.refreshes.idle(org.ID) {
		return
	}
	s.tried.Add(org.ID, now)
	s.compare(s.background, c, org, org.ID)
}

// compare has an organization compared after this call. Who asks under the same
// id shares a comparison. Close ends it, whoever asked.
func (s *Service) compare(ctx context.Context, c *Connection, org *identity.Organization, id string) *flight {
	return s.refreshes.join(id, func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshTimeout)
		defer cancel()
		defer context.AfterFunc(s.background, cancel)()
		err := s.reconcile(ctx, c, org)
		if err != nil {
			s.log.WarnContext(ctx, "an organization could not be compared with its provider",
				"organization", org.ID, "error", redact.Text(err.Error()))
		}
		return err
	})
}

// refresh waits for a comparison that begins after this call and returns the
// organization as it is after.
func (s *Service) refresh(ctx context.Context, by Caller, c *Connection, org *identity.Organization) (*identity.Organization, error) {
	id := org.ID
	if c.ActAsCaller {
		// What one caller may see at the vendor is not what another may.
		id += " " + by.Actor.Issuer + " " + by.Actor.Subject
	}
	comparison := s.compare(providers.WithCaller(ctx, by.Credential), c, org, id)
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-comparison.done:
		if comparison.err != nil {
			return nil, comparison.err
		}
		return s.ledger.Organization(ctx, org.ID)
	}
}

// reconciliation is one comparison under way.
type reconciliation struct {
	*Service
	c       *Connection
	org     *identity.Organization
	started time.Time
	// rows of the vendor's list by every key an invite can be found under
	byProviderID, byInviteID, byEmail map[string]*providers.RemoteInvite
	matched                           map[*providers.RemoteInvite]bool
	first                             error // of single invites; the comparison goes on without them
}

// reconcile applies the vendor's truth to an organization's invites: DESIGN
// section 4, "The vendor's truth wins, also late".
func (s *Service) reconcile(ctx context.Context, c *Connection, org *identity.Organization) error {
	if !c.Client.Has(providers.CapInviteList) {
		return s.closeExpired(ctx, org)
	}
	r := &reconciliation{
		Service: s, c: c, org: org, started: s.ledger.Now(),
		byProviderID: map[string]*providers.RemoteInvite{}, byInviteID: map[string]*providers.RemoteInvite{},
		byEmail: map[string]*providers.RemoteInvite{}, matched: map[*providers.RemoteInvite]bool{},
	}
	remote, err := r.list(ctx)
	if err != nil {
		return err
	}
	if err := r.live(ctx); err != nil {
		return err
	}
	for _, row := range remote {
		if row.State == identity.StatePending && !r.matched[row] {
			if err := r.skip(ctx, r.adopt(ctx, row)); err != nil {
				return err
			}
		}
	}
	if err := r.late(ctx); err != nil {
		return err
	}
	if r.first != nil {
		return r.first
	}
	return s.ledger.Write(ctx, func(tx *ledger.Tx) error { return compared(tx, org, r.started) })
}

// compared records when an organization was last compared.
func compared(tx *ledger.Tx, org *identity.Organization, at time.Time) error {
	current, err := tx.Organization(org.ID)
	if err != nil {
		return err
	}
	current.SyncedAt = &at
	return tx.UpdateOrganization(current)
}

// closeExpired is a comparison where no vendor keeps a list: the ledger is the
// truth, and only the clock can change it.
func (s *Service) closeExpired(ctx context.Context, org *identity.Organization) error {
	return s.ledger.Write(ctx, func(tx *ledger.Tx) error {
		if _, err := tx.CloseExpired(org.ID, ""); err != nil {
			return err
		}
		return compared(tx, org, tx.Now())
	})
}

// skip lets a comparison go on after trouble with one invite, unless the vendor
// is not to be had or the time is over. The first trouble is what the
// comparison ends with.
func (r *reconciliation) skip(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if absent(err) || ctx.Err() != nil {
		return err
	}
	if r.first == nil {
		r.first = err
	}
	return nil
}

// list reads the vendor's list to its end and indexes it. Among several rows
// of one address the pending one counts.
func (r *reconciliation) list(ctx context.Context) ([]*providers.RemoteInvite, error) {
	var all []*providers.RemoteInvite
	request := identity.PageRequest{Limit: MaxLimit}
	for range remotePages {
		page, err := r.c.Client.ListInvites(ctx, r.org.Ref(), request)
		if err != nil {
			return nil, err
		}
		for n := range page.Items {
			row := &page.Items[n]
			all = append(all, row)
			r.index(row)
		}
		if page.Next == "" {
			break
		}
		request.Cursor = page.Next
	}
	return all, nil
}

func (r *reconciliation) index(row *providers.RemoteInvite) {
	if row.ProviderID != "" {
		r.byProviderID[row.ProviderID] = row
	}
	prefer := func(m map[string]*providers.RemoteInvite, key string) {
		if old, ok := m[key]; key != "" && (!ok || old.State != identity.StatePending) {
			m[key] = row
		}
	}
	prefer(r.byInviteID, row.InviteID)
	if address, err := identity.ParseEmail(row.Email); err == nil {
		prefer(r.byEmail, address.Key(r.c.EmailRule))
	}
}

// find returns the vendor's row for an invite, or nil. A row is found by its
// address alone for an invite that lives, which can have been sent again at
// the vendor, and for one whose id at the vendor was never learnt.
func (r *reconciliation) find(i *identity.Invite) *providers.RemoteInvite {
	if row := r.byProviderID[i.ProviderID]; row != nil {
		return row
	}
	if row := r.byInviteID[i.ID]; row != nil {
		return row
	}
	if i.State.Live() || i.ProviderID == "" {
		return r.byEmail[i.EmailKey]
	}
	return nil
}

// live compares the invites that are pending or uncertain, newest first.
func (r *reconciliation) live(ctx context.Context) error {
	q := ledger.InviteQuery{
		OrganizationID: r.org.ID, Limit: MaxLimit,
		States: []identity.State{identity.StatePending, identity.StateUncertain},
	}
	for {
		rows, err := r.ledger.Invites(ctx, q)
		if err != nil {
			return err
		}
		for n := range rows {
			if err := r.skip(ctx, r.compareOne(ctx, &rows[n])); err != nil {
				return err
			}
		}
		if len(rows) < q.Limit {
			return nil
		}
		last := rows[len(rows)-1]
		q.Before = &ledger.InvitePosition{CreatedAt: last.CreatedAt, ID: last.ID}
	}
}

// compareOne compares a living invite. An uncertain one is only asked about:
// who may look is not thereby who sends.
func (r *reconciliation) compareOne(ctx context.Context, i *identity.Invite) error {
	row := r.find(i)
	if row != nil {
		r.matched[row] = true
	}
	if i.State == identity.StateUncertain {
		_, _, err := r.settle(ctx, r.c, r.org, i, askOnly, nil)
		return err
	}
	if row != nil && row.State != identity.StateExpired {
		return r.apply(ctx, i, row.State, "", row)
	}
	joined, err := r.isMember(ctx, i)
	switch {
	case err != nil:
		return err
	case joined:
		return r.apply(ctx, i, identity.StateAccepted, "", row)
	case row != nil || pastExpiry(i, r.started):
		return r.apply(ctx, i, identity.StateExpired, "", row)
	default:
		return r.apply(ctx, i, identity.StateRevoked, identity.ReasonGoneAtProvider, nil)
	}
}

// late looks again at invites that ended without an acceptance: the vendor may
// show that the invitee joined after all. Some are looked at each time, in turn.
func (r *reconciliation) late(ctx context.Context) error {
	if !r.c.Client.CanFindMember() {
		return nil
	}
	rows, err := r.ledger.Ended(ctx, r.org.ID, r.started.Add(-lateWindow), lateChecks)
	if err != nil {
		return err
	}
	for n := range rows {
		if err := r.skip(ctx, r.lookLate(ctx, &rows[n])); err != nil {
			return err
		}
	}
	return nil
}

func (r *reconciliation) lookLate(ctx context.Context, i *identity.Invite) error {
	joined, err := r.isMember(ctx, i)
	if err == nil && joined {
		return r.apply(ctx, i, identity.StateAccepted, "", r.find(i))
	}
	return errors.Join(err, r.ledger.Write(ctx, func(tx *ledger.Tx) error { return tx.MarkAsked(i.ID) }))
}

func (r *reconciliation) isMember(ctx context.Context, i *identity.Invite) (bool, error) {
	ref, err := inviteRef(r.org, i)
	if err != nil {
		return false, nil // an address no vendor can know
	}
	return r.joined(ctx, r.c, ref)
}

// apply records the vendor's truth about one invite, unless somebody works on
// it or has changed it since the comparison began: then what was listed says
// nothing about it.
func (r *reconciliation) apply(ctx context.Context, i *identity.Invite, to identity.State, reason string, row *providers.RemoteInvite) error {
	if to == i.State && (row == nil || (row.ProviderID == i.ProviderID && sameTime(row.ExpiresAt, i.ExpiresAt))) {
		return nil
	}
	err := r.ledger.Write(ctx, func(tx *ledger.Tx) error {
		current, err := tx.Invite(i.OrganizationID, i.ID)
		if err != nil {
			return err
		}
		leased, err := tx.Leased(i.ID)
		if err != nil || leased || !current.UpdatedAt.Equal(i.UpdatedAt) || current.UpdatedAt.After(r.started) {
			return err
		}
		if row != nil {
			show(current, row)
		}
		current.SyncedAt = &r.started
		if current.State == to {
			return tx.UpdateInvite(current)
		}
		return move(tx, current, to, reason, identity.Actor{})
	})
	if isCode(err, identity.CodeInvitePending) {
		return nil // a newer sending to the address is under way
	}
	return err
}

// show copies what the vendor shows about an invite. An invitation that another
// has replaced there grants what that one grants.
func show(i *identity.Invite, row *providers.RemoteInvite) {
	if i.ProviderID != "" && row.ProviderID != i.ProviderID && row.InviteID != i.ID {
		i.Roles, i.UnmappedRoles = row.Roles, row.UnmappedRoles
	}
	i.ProviderID = row.ProviderID
	if row.ExpiresAt != nil {
		i.ExpiresAt = row.ExpiresAt
	}
	i.Reference = merged(i.Reference, row.Reference)
}

// merged returns what is known already with what the vendor shows now.
func merged(known, shown map[string]string) map[string]string {
	all := maps.Clone(known)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, shown)
	return all
}

func sameTime(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}

// reopens reports that an invite ended in a way that the vendor shows to be wrong by
// a pending invitation. One that failed was never there, as far as is known: what
// shows that it was is its own id alone.
func reopens(i *identity.Invite, row *providers.RemoteInvite) bool {
	own := i.ID == row.InviteID || (i.ProviderID != "" && i.ProviderID == row.ProviderID)
	switch i.State {
	case identity.StateExpired, identity.StateRevoked:
		return own || i.ProviderID == ""
	case identity.StateFailed:
		return own
	default:
		return false
	}
}

// adopt records a pending invitation that no living invite stands for: one that
// was made elsewhere, or one of an invite that ended here and lives there.
func (r *reconciliation) adopt(ctx context.Context, row *providers.RemoteInvite) error {
	address, err := identity.ParseEmail(row.Email)
	if err != nil {
		r.log.WarnContext(ctx, "an invitation at the provider has an address that cannot be adopted",
			"organization", r.org.ID, "provider_id", row.ProviderID)
		return nil
	}
	sent := r.started
	if row.CreatedAt != nil {
		sent = *row.CreatedAt
	}
	i := &identity.Invite{
		OrganizationID: r.org.ID, Connection: r.c.Name, ProviderID: row.ProviderID,
		Email: address.Typed, EmailKey: address.Key(r.c.EmailRule), Roles: row.Roles, UnmappedRoles: row.UnmappedRoles,
		State: identity.StatePending, StateReason: identity.ReasonAdopted, Notify: true, NotCarried: []string{},
		ExpiresAt: row.ExpiresAt, SentAt: &sent, SyncedAt: &r.started, Attempt: 1, Reference: row.Reference,
	}
	err = r.ledger.Write(ctx, func(tx *ledger.Tx) error {
		latest, err := tx.LatestInvite(r.org.ID, i.EmailKey)
		if err == nil && latest.UpdatedAt.After(r.started) {
			return nil // the ledger knows more than the list
		}
		if err != nil && !isCode(err, identity.CodeNotFound) {
			return err
		}
		if err == nil && reopens(latest, row) {
			show(latest, row)
			latest.SyncedAt = &r.started
			if latest.SentAt == nil {
				latest.SentAt = &sent
			}
			return move(tx, latest, identity.StatePending, identity.ReasonAdopted, identity.Actor{})
		}
		if err := tx.InsertInvite(i); err != nil {
			return err
		}
		return tx.AppendEvent(i.ID, identity.InviteEvent{State: i.State, Reason: identity.ReasonAdopted})
	})
	if isCode(err, identity.CodeInvitePending) {
		return nil // a living invite of the address is being sent right now
	}
	return err
}

// adoptOwn handles a vendor that has an invitation which this invite did not
// make: the row becomes the record of that invitation, and the caller is told
// of it as of any living one.
func (s *Service) adoptOwn(ctx context.Context, c *Connection, org *identity.Organization, i *identity.Invite, j *journal, cause error) error {
	ctx = context.WithoutCancel(ctx)
	r := &reconciliation{
		Service: s, c: c, org: org,
		byProviderID: map[string]*providers.RemoteInvite{}, byInviteID: map[string]*providers.RemoteInvite{},
		byEmail: map[string]*providers.RemoteInvite{},
	}
	var row *providers.RemoteInvite
	if c.Client.Has(providers.CapInviteList) {
		if _, err := r.list(ctx); err != nil {
			s.log.WarnContext(ctx, "an invitation that exists already could not be looked up", "invite", i.ID, "error", redact.Text(err.Error()))
		}
		row = r.byEmail[i.EmailKey]
	}
	if row == nil || row.State != identity.StatePending {
		return s.record(ctx, i, j, identity.StateFailed, string(identity.CodeInvitePending), cause)
	}
	if i.Attempt == 1 && row.InviteID != i.ID {
		i.Inviter, i.GivenName, i.FamilyName, i.Locale, i.Metadata = identity.Actor{}, "", "", "", nil
		i.Roles, i.UnmappedRoles = row.Roles, row.UnmappedRoles
	} else {
		show(i, row)
	}
	sent := &providers.Sent{ProviderID: row.ProviderID, ExpiresAt: row.ExpiresAt, Reference: row.Reference}
	if err := s.recordSent(ctx, s.ledger.Persist, i, j, sent, identity.StatePending, identity.ReasonAdopted); err != nil {
		return err
	}
	return pendingText(about(cause, i.ID))
}
