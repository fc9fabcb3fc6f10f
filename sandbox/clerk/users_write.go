package clerk

import (
	"net/mail"
	"slices"
	"strings"
	"time"
)

// profile are the parameters that create and update share.
func profile() []field {
	return []field{
		text("external_id"), text("first_name"), text("last_name"), text("locale"), text("username"),
		text("password"), text("password_digest"), plain("password_hasher"), boolean("skip_password_checks"),
		text("totp_secret"), texts("backup_codes"), boolean("delete_self_enabled"), boolean("create_organization_enabled"),
		integer("create_organizations_limit", 0, 0), text("legal_accepted_at"), boolean("skip_legal_checks"), text("created_at"),
		boolean("bypass_client_trust"),
	}
}

func metadataFields() []field {
	return []field{object("public_metadata"), object("private_metadata"), object("unsafe_metadata")}
}

// postUser creates a user; no mail goes out (FACTS.md section 12).
func (s *Simulator) postUser(c *call) (any, *failure) {
	state := field{name: "email_address_identification_status", kind: kindTexts, oneOf: []string{emailVerified, emailReserved}}
	in, f := c.read(slices.Concat(profile(), metadataFields(), []field{texts("email_address"), state,
		boolean("skip_password_requirement"), boolean("skip_user_requirement"), boolean("banned"), boolean("locked")})...)
	if f != nil {
		return nil, f
	}
	now := s.clock.Now()
	u := &user{id: s.newID("user"), deleteSelf: true, createOrg: true, created: now, updated: now, made: now,
		public: in.object("public_metadata"), private: in.object("private_metadata"), unsafe: in.object("unsafe_metadata")}
	for _, step := range []func(*user, body) *failure{s.newAddresses, s.required, s.apply, s.userQuota} {
		if f := step(u, in); f != nil {
			return nil, f
		}
	}
	u.banned = in.isTrue("banned", false)
	if in.isTrue("locked", false) {
		u.lockedUntil = now.Add(lockTime)
	}
	s.users = append(s.users, u)
	return s.userView(u), nil
}

// newAddresses reads the addresses of a user to be; the first is the primary one.
func (s *Simulator) newAddresses(u *user, in body) *failure {
	addresses, states := in.texts("email_address"), in.texts("email_address_identification_status")
	if len(states) > 0 && len(states) != len(addresses) {
		return invalid("email_address_identification_status", "There has to be one status for each address.")
	}
	for i, address := range addresses {
		state := emailVerified
		if len(states) > 0 {
			state = states[i]
		}
		e, f := s.newEmail(u, address, state, "email_address")
		if f != nil {
			return f
		}
		u.emails = append(u.emails, e)
	}
	if len(u.emails) > 0 {
		u.primary = u.emails[0].id
	}
	return nil
}

// newEmail makes an address that nobody has, without adding it to the user.
func (s *Simulator) newEmail(u *user, address, state, param string) (*email, *failure) {
	if !validAddress(address) {
		return nil, badFormat(param, "The address is not an e-mail address.")
	}
	address = normalize(address)
	if s.claimed(address) != nil || u.hasAddress(address) {
		return nil, refuse("form_identifier_exists", "That email address is taken. Please try another.", "param_name", param)
	}
	now := s.clock.Now()
	return &email{id: s.newID("idn"), user: u.id, address: address, status: state, strategy: "admin", created: now, updated: now}, nil
}

func validAddress(address string) bool {
	a, err := mail.ParseAddress(address)
	if err != nil || a.Address != strings.TrimSpace(address) {
		return false
	}
	_, domain, _ := strings.Cut(a.Address, "@")
	return strings.Contains(domain, ".")
}

// required holds a user to be against the instance's settings.
func (s *Simulator) required(u *user, in body) *failure {
	var missing []string
	if len(u.emails) == 0 && !in.isTrue("skip_user_requirement", false) {
		missing = append(missing, "email_address")
	}
	password := in.given("password") || in.given("password_digest")
	if s.q.PasswordRequired && !password && !in.isTrue("skip_password_requirement", false) {
		missing = append(missing, "password")
	}
	if len(missing) > 0 {
		return refuse("form_data_missing", "The user does not have what the instance requires: "+strings.Join(missing, ", ")+".", "names", missing)
	}
	return nil
}

func (s *Simulator) userQuota(*user, body) *failure {
	if s.q.RateLimits && !s.o.Production && len(s.users) >= s.q.UserQuota {
		return refuse("user_quota_exceeded", "The instance has as many users as it may have.")
	}
	return nil
}

// apply checks and sets what a body says about a user. The user is unchanged
// if something is refused.
func (s *Simulator) apply(u *user, in body) *failure {
	next := *u
	if in.has("external_id") {
		next.externalID = in.pointer("external_id")
		if next.externalID != nil && find(s.users, func(o *user) bool { return o.id != u.id && value(o.externalID) == *next.externalID }) != nil {
			return refuse("form_identifier_exists", "That external id is taken. Please try another.", "param_name", "external_id")
		}
	}
	if in.has("username") {
		next.username = in.pointer("username")
		if next.username != nil {
			*next.username = normalize(*next.username)
			if find(s.users, func(o *user) bool { return o.id != u.id && value(o.username) == *next.username }) != nil {
				return refuse("form_identifier_exists", "That username is taken. Please try another.", "param_name", "username")
			}
		}
	}
	for name, to := range map[string]**string{"first_name": &next.first, "last_name": &next.last, "locale": &next.locale} {
		if in.has(name) {
			*to = in.pointer(name)
		}
	}
	for name, to := range map[string]*time.Time{"created_at": &next.created, "legal_accepted_at": &next.legal} {
		if f := in.stamp(name, to); f != nil {
			return f
		}
	}
	if f := s.setPassword(&next, in); f != nil {
		return f
	}
	next.totp = next.totp || in.given("totp_secret")
	next.backupCodes = next.backupCodes || len(in.texts("backup_codes")) > 0
	next.deleteSelf = in.isTrue("delete_self_enabled", next.deleteSelf)
	next.createOrg = in.isTrue("create_organization_enabled", next.createOrg)
	next.trusts = in.isTrue("bypass_client_trust", next.trusts)
	if in.given("create_organizations_limit") {
		limit := in.number("create_organizations_limit", 0)
		next.orgLimit = &limit
	}
	*u = next
	return nil
}

// stamp reads a time, which requests write by RFC 3339 (FACTS.md section 1).
func (b body) stamp(name string, to *time.Time) *failure {
	if !b.given(name) {
		return nil
	}
	at, err := time.Parse(time.RFC3339, b.text(name))
	if err != nil {
		return badFormat(name, name+" has to be a time by RFC 3339.")
	}
	*to = at
	return nil
}

// patchUser changes a user; from version 2026-05-12 on without metadata.
func (s *Simulator) patchUser(c *call) (any, *failure) {
	fields := append(profile(), text("primary_email_address_id"), boolean("notify_primary_email_address_changed"),
		text("primary_phone_number_id"), text("primary_web3_wallet_id"), text("profile_image_id"), boolean("sign_out_of_other_sessions"))
	if c.version < versionNoMetadata {
		fields = append(fields, metadataFields()...)
	}
	in, f := c.read(fields...)
	if f != nil {
		return nil, f
	}
	u, f := s.userOf(c)
	if f != nil {
		return nil, f
	}
	primary := in.text("primary_email_address_id")
	if primary != "" && find(u.emails, func(e *email) bool { return e.id == primary && e.status == emailVerified }) == nil {
		return nil, notFound("e-mail address", "param_name", "primary_email_address_id")
	}
	if f := s.apply(u, in); f != nil {
		return nil, f
	}
	if primary != "" {
		u.primary = primary
	}
	replaceMetadata(in, u.metadata())
	u.updated = s.clock.Now()
	if in.isTrue("sign_out_of_other_sessions", false) {
		for _, one := range s.sessions {
			one.revoked = one.revoked || one.user == u
		}
	}
	return s.userView(u), nil
}
