package clerk

func emailView(e *email) map[string]any {
	var verification any
	switch {
	case e.status == emailVerified && e.strategy == "ticket":
		verification = map[string]any{"object": "verification_ticket", "status": emailVerified, "strategy": "ticket", "attempts": nil, "expire_at": nil}
	case e.status == emailVerified:
		verification = map[string]any{"object": "verification_admin", "status": emailVerified, "strategy": "admin", "attempts": nil, "expire_at": nil}
	}
	return map[string]any{
		"id": e.id, "object": "email_address", "email_address": e.address, "reserved": e.status == emailReserved,
		"verification": verification, "linked_to": []any{}, "matches_sso_connection": false,
		"created_at": ms(e.created), "updated_at": ms(e.updated),
	}
}

// postEmail adds an address to a user (FACTS.md section 12).
func (s *Simulator) postEmail(c *call) (any, *failure) {
	in, f := c.read(need("user_id"), need("email_address"), boolean("verified"), boolean("primary"), boolean("notify_primary_email_address_changed"))
	if f != nil {
		return nil, f
	}
	u := s.user(in.text("user_id"))
	if u == nil {
		return nil, notFound("user", "param_name", "user_id")
	}
	state := emailUnverified
	if in.isTrue("verified", false) {
		state = emailVerified
	}
	e, f := s.newEmail(u, in.text("email_address"), state, "email_address")
	if f != nil {
		return nil, f
	}
	u.emails = append(u.emails, e)
	if len(u.emails) == 1 || in.isTrue("primary", false) {
		u.primary = e.id
	}
	u.updated = s.clock.Now()
	return emailView(e), nil
}

// emailOf is the address of the path and its user.
func (s *Simulator) emailOf(c *call) (*user, *email, *failure) {
	for _, u := range s.users {
		if e := find(u.emails, func(e *email) bool { return e.id == c.params["email"] }); e != nil {
			return u, e, nil
		}
	}
	return nil, nil, notFound("e-mail address")
}

func (s *Simulator) getEmail(c *call) (any, *failure) {
	_, e, f := s.emailOf(c)
	if f != nil {
		return nil, f
	}
	return emailView(e), nil
}

func (s *Simulator) patchEmail(c *call) (any, *failure) {
	in, f := c.read(boolean("verified"), boolean("primary"), boolean("notify_primary_email_address_changed"))
	if f != nil {
		return nil, f
	}
	u, e, f := s.emailOf(c)
	if f != nil {
		return nil, f
	}
	if in.isTrue("verified", false) && e.status != emailVerified {
		if other := s.claimed(e.address); other != nil && other != u {
			return nil, refuse("conflict", "Somebody else has the address.")
		}
		e.status, e.strategy = emailVerified, "admin"
	}
	if in.isTrue("primary", false) {
		u.primary = e.id
	}
	e.updated = s.clock.Now()
	u.updated = e.updated
	return emailView(e), nil
}

func (s *Simulator) deleteEmail(c *call) (any, *failure) {
	u, e, f := s.emailOf(c)
	if f != nil {
		return nil, f
	}
	u.emails = filter(u.emails, func(other *email) bool { return other != e })
	if u.primary == e.id {
		u.primary = ""
		if next := find(u.emails, func(e *email) bool { return e.status == emailVerified }); next != nil {
			u.primary = next.id
		}
	}
	u.updated = s.clock.Now()
	return map[string]any{"object": "email_address", "id": e.id, "deleted": true}, nil
}

// replaceEmail puts one address in the place of all of a user's.
func (s *Simulator) replaceEmail(c *call) (any, *failure) {
	in, f := c.read(need("email_address"), boolean("notify_primary_email_address_changed"),
		field{name: "identification_status", oneOf: []string{emailVerified, emailReserved, emailUnverified}})
	if f != nil {
		return nil, f
	}
	u, f := s.userOf(c)
	if f != nil {
		return nil, f
	}
	state := emailVerified
	if in.given("identification_status") {
		state = in.text("identification_status")
	}
	before := u.emails
	u.emails = nil // his own address is free for himself
	e, f := s.newEmail(u, in.text("email_address"), state, "email_address")
	if f != nil {
		u.emails = before
		return nil, f
	}
	u.emails, u.primary, u.updated = []*email{e}, e.id, s.clock.Now()
	return emailView(e), nil
}
