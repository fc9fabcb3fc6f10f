package clerk

import (
	"cmp"
	"slices"
	"time"

	"usher/sandbox/stage"
)

func appInvitationFields() []field {
	return []field{
		need("email_address"), objectOrNil("public_metadata"), text("redirect_url"), boolean("notify"), boolean("ignore_existing"),
		integer("expires_in_days", 1, longestDays), {name: "template_slug", oneOf: []string{"invitation", "waitlist_invitation"}},
	}
}

func (s *Simulator) appStatus(i *appInvitation) string {
	if s.expired(i.status, i.expires) {
		return statusExpired
	}
	return i.status
}

func (s *Simulator) appInvitationView(i *appInvitation) map[string]any {
	status := s.appStatus(i)
	out := map[string]any{
		"object": "invitation", "id": i.id, "email_address": i.address, "public_metadata": i.public, "revoked": status == statusRevoked,
		"status": status, "expires_at": ms(i.expires), "created_at": ms(i.created), "updated_at": ms(i.updated),
	}
	if status == statusPending || s.q.URLAlways {
		out["url"] = i.url
	}
	return out
}

// postAppInvitation invites one person to the application (FACTS.md section 5).
func (s *Simulator) postAppInvitation(c *call) (any, *failure) {
	in, f := c.read(appInvitationFields()...)
	if f != nil {
		return nil, f
	}
	made, f := s.inviteToApp(c, []body{in}, false)
	if f != nil {
		return nil, f
	}
	return s.appInvitationView(made[0]), nil
}

// postAppInvitations answers a bare array. An existing user cannot be ignored here.
func (s *Simulator) postAppInvitations(c *call) (any, *failure) {
	list, f := c.readAll(appInvitationFields()...)
	if f == nil {
		f = s.checkSize(list)
	}
	if f != nil {
		return nil, f
	}
	made, f := s.inviteToApp(c, list, true)
	if f != nil {
		return nil, f
	}
	return views(made, s.appInvitationView), nil
}

// inviteToApp checks all of a list before it makes any.
func (s *Simulator) inviteToApp(c *call, list []body, bulk bool) ([]*appInvitation, *failure) {
	if f := checkAddresses(list...); f != nil {
		return nil, f
	}
	var made []*appInvitation
	var mails []stage.Mail
	for _, in := range list {
		address := normalize(in.text("email_address"))
		redirect, f := redirectURL(in)
		if f == nil {
			f = s.mayInviteToApp(address, in, made, bulk)
		}
		if f != nil {
			return nil, f
		}
		now := s.clock.Now()
		i := &appInvitation{id: s.newID("inv"), address: address, status: statusPending, public: in.object("public_metadata"), created: now, updated: now,
			expires: now.Add(time.Duration(in.number("expires_in_days", defaultDays)) * day)}
		if i.url, f = s.ticketURL(c.base, ticketApplication, i.id, redirect, i.expires); f != nil {
			return nil, f
		}
		made = append(made, i)
		if in.isTrue("notify", true) && mailable(address) {
			mails = append(mails, stage.NewMail(MailInvitation, address, "Your invitation", "You are invited to sign up.", i.url))
		}
	}
	if f := s.countMail(len(mails)); f != nil {
		return nil, f
	}
	s.tickets = append(s.tickets, made...)
	c.outbox = append(c.outbox, mails...)
	return made, nil
}

func (s *Simulator) mayInviteToApp(address string, in body, before []*appInvitation, bulk bool) *failure {
	if s.q.InvitationsOff {
		return refuse("invitations_not_supported", "Invitations are not supported by this instance.")
	}
	ignore := in.isTrue("ignore_existing", false)
	if (bulk || !ignore) && s.claimed(address) != nil {
		if s.q.InviteExistingUser == "duplicate_record" {
			return refuse("duplicate_record", "There is a user with the address.", "email_addresses", []string{address})
		}
		return refuse("form_identifier_exists", "That email address is taken. Please try another.", "param_name", "email_address")
	}
	pending := func(i *appInvitation) bool { return i.address == address && s.appStatus(i) == statusPending }
	if !ignore && (find(s.tickets, pending) != nil || find(before, pending) != nil) {
		return refuse("duplicate_record", "There is a pending invitation for the address already.", "email_addresses", []string{address})
	}
	return nil
}

// listAppInvitations answers a bare array, or an envelope with paginated=true.
// Revoked ones are left out unless asked for.
func (s *Simulator) listAppInvitations(c *call) (any, *failure) {
	statuses, f := s.statusFilter(c)
	if f != nil {
		return nil, f
	}
	envelope, _, f := c.flag("paginated")
	if f != nil {
		return nil, f
	}
	query := c.query("query")
	list, f := sorted(c, filter(s.tickets, func(i *appInvitation) bool {
		status := s.appStatus(i)
		wanted := slices.Contains(statuses, status) || len(statuses) == 0 && status != statusRevoked
		return s.shown(i.created) && wanted && (query == "" || i.id == query || folded(i.address, query))
	}), map[string]func(a, b *appInvitation) int{
		"created_at":    func(a, b *appInvitation) int { return a.created.Compare(b.created) },
		"email_address": func(a, b *appInvitation) int { return cmp.Compare(a.address, b.address) },
		"expires_at":    func(a, b *appInvitation) int { return a.expires.Compare(b.expires) },
	})
	if f != nil {
		return nil, f
	}
	if envelope {
		return paged(c, list, s.appInvitationView)
	}
	page, f := cut(c, list)
	if f != nil {
		return nil, f
	}
	return views(page, s.appInvitationView), nil
}

func (s *Simulator) revokeAppInvitation(c *call) (any, *failure) {
	i := find(s.tickets, func(i *appInvitation) bool { return i.id == c.params["invitation"] })
	switch {
	case i == nil:
		return nil, notFound("invitation")
	case i.status == statusRevoked:
		return nil, refuse("invitation_already_revoked", "The invitation has been revoked already.")
	case i.status == statusAccepted:
		return nil, refuse("invitation_already_accepted", "The invitation has been accepted already.")
	}
	i.status, i.updated = statusRevoked, s.clock.Now()
	return s.appInvitationView(i), nil
}
