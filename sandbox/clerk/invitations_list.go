package clerk

import (
	"cmp"
	"slices"
)

// invitationList lists those of the kept invitations that status and address
// of the query let through.
func (s *Simulator) invitationList(c *call, keep func(*invitation) bool, view func(*invitation) map[string]any) (any, *failure) {
	statuses, f := s.statusFilter(c)
	if f != nil {
		return nil, f
	}
	list, f := sorted(c, filter(s.invitations, func(i *invitation) bool {
		return s.shown(i.created) && keep(i) && (len(statuses) == 0 || slices.Contains(statuses, s.invitationView(i)["status"].(string)))
	}), map[string]func(a, b *invitation) int{
		"created_at":    func(a, b *invitation) int { return a.created.Compare(b.created) },
		"email_address": func(a, b *invitation) int { return cmp.Compare(a.address, b.address) },
	})
	if f != nil {
		return nil, f
	}
	return paged(c, list, view)
}

// statusFilter reads status, which is taken several times unless Quirks.OneStatus.
func (s *Simulator) statusFilter(c *call) ([]string, *failure) {
	statuses := c.queries("status")
	if s.q.OneStatus && len(statuses) > 1 {
		return nil, refuse("form_param_duplicate", "status is given more than once.", "param_name", "status")
	}
	for _, status := range statuses {
		if !slices.Contains(invitationStatuses(), status) {
			return nil, invalid("status", "status is none of pending, accepted, revoked, expired.")
		}
	}
	return statuses, nil
}

func (s *Simulator) listInvitations(c *call) (any, *failure) {
	o, f := s.orgOf(c)
	if f != nil {
		return nil, f
	}
	address := c.query("email_address")
	if !s.q.ExactAddressFilter {
		address = normalize(address)
	}
	return s.invitationList(c, func(i *invitation) bool { return i.org == o && (address == "" || i.address == address) }, s.invitationView)
}

// listPending is the deprecated list without filters.
func (s *Simulator) listPending(c *call) (any, *failure) {
	o, f := s.orgOf(c)
	if f != nil {
		return nil, f
	}
	pending := filter(s.pendingOf(o), func(i *invitation) bool { return s.shown(i.created) })
	slices.Reverse(pending)
	return paged(c, pending, s.invitationView)
}

func (s *Simulator) withOrganization(i *invitation) map[string]any {
	out := s.invitationView(i)
	out["public_organization_data"] = map[string]any{"id": i.org.id, "name": i.org.name, "slug": i.org.slug, "image_url": s.imageURL(i.org.id), "has_image": false}
	return out
}

func (s *Simulator) listAllInvitations(c *call) (any, *failure) {
	query := c.query("query")
	return s.invitationList(c, func(i *invitation) bool { return query == "" || folded(i.address, query) }, s.withOrganization)
}

func (s *Simulator) listUserInvitations(c *call) (any, *failure) {
	u, f := s.userOf(c)
	if f != nil {
		return nil, f
	}
	return s.invitationList(c, func(i *invitation) bool { return u.hasAddress(i.address) }, s.withOrganization)
}

// invitationOf is the invitation of the path.
func (s *Simulator) invitationOf(c *call) (*invitation, *failure) {
	o, f := s.orgOf(c)
	if f != nil {
		return nil, f
	}
	i := find(s.invitations, func(i *invitation) bool { return i.org == o && i.id == c.params["invitation"] })
	if i == nil {
		return nil, refuse(s.q.UnknownInvitation, "The given organization invitation was not found.")
	}
	return i, nil
}

func (s *Simulator) getInvitation(c *call) (any, *failure) {
	i, f := s.invitationOf(c)
	if f != nil {
		return nil, f
	}
	return s.invitationView(i), nil
}

// revokeInvitation takes back a pending invitation; any other is a 404
// (FACTS.md section 11, trap 7).
func (s *Simulator) revokeInvitation(c *call) (any, *failure) {
	in, f := c.read(s.inviterField([]field{text("requesting_user_id")})...)
	if f != nil {
		return nil, f
	}
	i, f := s.invitationOf(c)
	if f != nil {
		return nil, f
	}
	if by := in.text("requesting_user_id"); by != "" {
		if f := s.mayInvite(i.org, by); f != nil {
			return nil, f
		}
	}
	if s.statusOf(i) != statusPending {
		return nil, refuse("organization_invitation_not_pending", "The organization invitation is not pending.")
	}
	i.status, i.updated = statusRevoked, s.clock.Now()
	return s.invitationView(i), nil
}
