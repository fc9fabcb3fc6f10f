package clerk

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"usher/sandbox/stage"
)

const (
	day         = 24 * time.Hour
	defaultDays = 30
	longestDays = 365
	largestBulk = 10
	testAddress = "+clerk_test" // in the local part: no mail is sent
)

func invitationFields() []field {
	return []field{
		need("email_address"), need("role"), text("inviter_user_id"), objectOrNil("public_metadata"), objectOrNil("private_metadata"),
		text("redirect_url"), integer("expires_in_days", 1, longestDays), boolean("notify"),
	}
}

func (s *Simulator) invitationView(i *invitation) map[string]any {
	status := s.statusOf(i)
	if status == statusExpired && s.q.ExpiredAsPending {
		status = statusPending
	}
	var link, inviterID, inviter any
	if status == statusPending || s.q.URLAlways {
		link = i.url
	}
	if u := i.inviter; u != nil {
		inviterID = u.id
		inviter = map[string]any{"user_id": u.id, "first_name": u.first, "last_name": u.last, "image_url": s.imageURL(u.id),
			"has_image": false, "identifier": u.identifier()}
	}
	return map[string]any{
		"object": "organization_invitation", "id": i.id, "email_address": i.address, "role": i.role.key, "role_name": i.role.name,
		"organization_id": i.org.id, "inviter_id": inviterID, "public_inviter_data": inviter, "status": status,
		"public_metadata": i.public, "private_metadata": i.private, "url": link,
		"expires_at": ms(i.expires), "created_at": ms(i.created), "updated_at": ms(i.updated),
	}
}

// postInvitation invites one person (FACTS.md sections 4.2 and 14).
func (s *Simulator) postInvitation(c *call) (any, *failure) {
	in, f := c.read(s.inviterField(invitationFields())...)
	if f != nil {
		return nil, f
	}
	o, f := s.orgOf(c)
	if f != nil {
		return nil, f
	}
	if f := checkAddresses(in); f != nil {
		return nil, f
	}
	d, f := s.check(o, in, nil)
	if f != nil {
		return nil, f
	}
	if seats := s.q.BillingSeats; seats > 0 && len(s.membersOf(o))+len(s.pendingOf(o)) >= seats && d.replaces == nil {
		return nil, refuse("insufficient_seats", "The subscription has no free seat.", "seats_quantity", seats)
	}
	if f := s.roomFor(o, []*draft{d}); f != nil {
		return nil, f
	}
	if f := s.create(c, []*draft{d}); f != nil {
		return nil, f
	}
	return s.invitationView(d.invitation), nil
}

// postInvitations invites up to ten people: all or, unless Quirks.BulkPartial, none.
func (s *Simulator) postInvitations(c *call) (any, *failure) {
	list, f := c.readAll(s.inviterField(invitationFields())...)
	if f != nil {
		return nil, f
	}
	o, f := s.orgOf(c)
	if f != nil {
		return nil, f
	}
	if f := checkAddresses(list...); f != nil {
		return nil, f
	}
	if f := s.checkSize(list); f != nil {
		return nil, f
	}
	var drafts []*draft
	var refused *failure
	for _, in := range list {
		d, f := s.check(o, in, drafts)
		if f == nil {
			f = s.roomFor(o, append(drafts, d))
		}
		if refused = f; f != nil {
			break
		}
		drafts = append(drafts, d)
	}
	if refused != nil && !s.q.BulkPartial {
		return nil, refused
	}
	if f := s.create(c, drafts); f != nil {
		return nil, f
	}
	if refused != nil {
		return nil, refused
	}
	made := make([]any, 0, len(drafts))
	for _, d := range drafts {
		made = append(made, s.invitationView(d.invitation))
	}
	return map[string]any{"data": made, "total_count": len(made)}, nil
}

// checkAddresses names all that are no e-mail addresses.
func checkAddresses(list ...body) *failure {
	var bad []string
	for _, in := range list {
		if address := in.text("email_address"); !validAddress(address) {
			bad = append(bad, address)
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return refuse("form_param_format_invalid", "There are values that are not e-mail addresses.", "param_name", "email_address", "email_addresses", bad)
}

func (s *Simulator) checkSize(list []body) *failure {
	switch {
	case len(list) == 0:
		return refuse("form_param_value_invalid", "There has to be at least one invitation.")
	case len(list) > largestBulk:
		return refuse(s.q.BulkTooLarge, "At most 10 invitations are taken.")
	}
	return nil
}

func (s *Simulator) inviterField(fields []field) []field {
	for i := range fields {
		if s.q.RequireInviter && (fields[i].name == "inviter_user_id" || fields[i].name == "requesting_user_id") {
			fields[i].required = true
		}
	}
	return fields
}

// draft is an invitation that passed all checks and is not yet made.
type draft struct {
	*invitation
	redirect string
	notify   bool
	replaces *invitation
}

// check holds one invitation against everything, in the vendor's order; before are those of the
// same bulk that passed already.
func (s *Simulator) check(o *organization, in body, before []*draft) (*draft, *failure) {
	address := normalize(in.text("email_address"))
	redirect, f := redirectURL(in)
	if f != nil {
		return nil, f
	}
	r, f := s.assignable(o, in.text("role"))
	if f != nil {
		return nil, f
	}
	var inviter *user
	if id := in.text("inviter_user_id"); id != "" {
		if f := s.mayInvite(o, id); f != nil {
			return nil, f
		}
		inviter = s.user(id)
	}
	if s.q.InvitationsOff {
		return nil, refuse("invitations_not_supported_in_organization", "The organization cannot send invitations.")
	}
	if find(s.membersOf(o), func(m *membership) bool { return m.user.hasAddress(address) }) != nil {
		return nil, refuse("already_a_member_in_organization", address+" is already a member of the organization.")
	}
	old := find(s.invitations, func(i *invitation) bool {
		status := s.statusOf(i)
		return i.org == o && i.address == address && (status == statusPending || status == statusExpired && s.q.ExpiredBlocks)
	})
	twice := find(before, func(d *draft) bool { return d.address == address }) != nil
	if twice || old != nil && s.q.Duplicates == "refuse" {
		return nil, s.duplicate(address)
	}
	now := s.clock.Now()
	return &draft{redirect: redirect, notify: in.isTrue("notify", true), replaces: old, invitation: &invitation{
		id: s.newID("orginv"), address: address, org: o, role: r, inviter: inviter, status: statusPending,
		public: in.object("public_metadata"), private: in.object("private_metadata"),
		created: now, updated: now, expires: now.Add(time.Duration(in.number("expires_in_days", defaultDays)) * day),
	}}, nil
}

func redirectURL(in body) (string, *failure) {
	raw := in.text("redirect_url")
	if raw == "" {
		return "", nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return "", badFormat("redirect_url", "redirect_url has to be an absolute URL.")
	}
	return raw, nil
}

// mayInvite holds an inviter, or who revokes, against his membership.
func (s *Simulator) mayInvite(o *organization, userID string) *failure {
	m := s.member(o, userID)
	switch {
	case m == nil:
		return refuse("not_a_member_in_organization", "The user is not a member of the organization.")
	case !m.role.holds(permissionManage):
		return refuse("missing_organization_permission", "The user may not manage members.", "permissions", []string{permissionManage})
	}
	return nil
}

func (s *Simulator) duplicate(address string) *failure {
	f := refuse(s.q.DuplicateCode, "There is a pending invitation for the address already.")
	if s.q.DuplicateCode == "duplicate_record" {
		f = refuse(s.q.DuplicateCode, "There is a pending invitation for the address already.", "email_addresses", []string{address})
	}
	f.status = s.q.DuplicateStatus
	return f
}

// roomFor is room for all of a bulk; what is replaced leaves its place.
func (s *Simulator) roomFor(o *organization, drafts []*draft) *failure {
	more := 0
	for _, d := range drafts {
		if d.replaces == nil || s.statusOf(d.replaces) != statusPending {
			more++
		}
	}
	if more == 0 {
		return nil
	}
	return s.room(o, more)
}

// create makes what was checked, and mails it.
func (s *Simulator) create(c *call, drafts []*draft) *failure {
	mails := 0
	for _, d := range drafts {
		if d.mailed() {
			mails++
		}
		var f *failure
		if d.url, f = s.ticketURL(c.base, ticketOrganization, d.id, d.redirect, d.expires); f != nil {
			return f
		}
	}
	if f := s.countMail(mails); f != nil {
		return f
	}
	for _, d := range drafts {
		if d.replaces != nil && s.statusOf(d.replaces) == statusPending {
			d.replaces.status, d.replaces.updated = statusRevoked, s.clock.Now()
		}
		s.invitations = append(s.invitations, d.invitation)
		if d.mailed() {
			c.outbox = append(c.outbox, stage.NewMail(MailOrganizationInvitation, d.address, "Join "+d.org.name,
				fmt.Sprintf("You are invited to join %s as %s.", d.org.name, d.role.name), d.url))
		}
	}
	return nil
}

func (d *draft) mailed() bool { return d.notify && mailable(d.address) }

// mailable tells real addresses from the vendor's test addresses (FACTS.md section 11, trap 5).
func mailable(address string) bool {
	local, _, _ := strings.Cut(address, "@")
	return !strings.Contains(local, testAddress)
}
