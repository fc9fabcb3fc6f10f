package asgardeo

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"usher/sandbox/stage"
)

const headerAskPasswordCode = "Ask-Password-Confirmation-Code"

func (s *Simulator) readUser(c *call) (map[string]any, *problem) {
	var body map[string]any
	if err := json.Unmarshal(c.body, &body); err != nil || body == nil {
		return nil, &problem{http.StatusBadRequest, "invalidSyntax", "Request is unparsable, syntactically incorrect, or violates schema."}
	}
	return body, nil
}

func (s *Simulator) postUser(c *call) reply {
	body, p := s.readUser(c)
	if p != nil {
		return s.refuse(p)
	}
	if s.q.Workflow {
		s.approvals = append(s.approvals, approval{org: c.org, body: body})
		return empty(http.StatusAccepted)
	}
	return s.createUser(c, c.org, body)
}

// createUser makes a user (FACTS.md section 3). The mail waits in the outbox.
func (s *Simulator) createUser(c *call, org string, body map[string]any) reply {
	u := &user{id: s.newID(), org: org, created: s.clock.Now(), modified: s.clock.Now(), noConsole: true}
	if p := s.nameUser(u, text(body["userName"])); p != nil {
		return s.refuse(p)
	}
	if p := setAttributes(u, body); p != nil {
		return s.refuse(p)
	}
	if p := s.checkNew(u); p != nil {
		return s.refuse(p)
	}
	ext := extension(body)
	purpose := ""
	switch {
	case isTrue(ext["askPassword"]) && !s.q.AskPasswordDisabled:
		purpose, u.state, u.locked = MailSetPassword, pendingPassword, s.q.LockOnCreation
	case text(body["password"]) == "":
		return s.refuse(invalid("Error in adding the user: the password does not match the policy."))
	case isTrue(ext["verifyEmail"]):
		u.password, purpose, u.state, u.locked = true, MailVerifyEmail, pendingEmail, s.q.LockOnCreation
	default:
		u.password = true
	}
	s.users = append(s.users, u)
	m := s.userJSON(c, u)
	p := s.scimReply(http.StatusCreated, m).With("Location", c.scim()+"/Users/"+u.id)
	if purpose == "" {
		return p
	}
	code := s.askCode(c, u, purpose)
	if code != "" && purpose == MailSetPassword {
		p = p.With(headerAskPasswordCode, code)
	}
	return p
}

func (s *Simulator) nameUser(u *user, userName string) *problem {
	if userName == "" {
		return invalid("Required attribute userName is missing in the SCIM Object.")
	}
	u.store, u.name = splitStore(userName)
	if u.store == "" {
		u.store = defaultStore
	}
	switch {
	case !slices.Contains(s.stores, u.store):
		return invalid("Error in adding the user: invalid user store domain: %s", u.store)
	case u.name == "":
		return invalid("Required attribute userName is missing in the SCIM Object.")
	case s.q.AlphanumericUserNames && strings.Contains(u.name, "@"):
		return invalid("Error in adding the user: the user name has to be alphanumeric.")
	case !s.q.AlphanumericUserNames && !looksLikeEmail(u.name):
		return invalid("Error in adding the user: the user name has to be an e-mail address.")
	}
	return nil
}

// checkNew refuses what a new user may not be: too many, taken, incomplete.
func (s *Simulator) checkNew(u *user) *problem {
	if s.userByName(u.org, u.store, u.name) != nil {
		name := u.store + "/" + u.name
		if s.q.MaskUserNames {
			name = u.store + "/" + string([]rune(u.name)[:1]) + "*****"
		}
		return &problem{http.StatusConflict, "", "User with the name: " + name + " already exists in the system."}
	}
	if s.q.UserLimit > 0 && s.count(u.org) >= s.q.UserLimit {
		return &problem{http.StatusForbidden, "userLimitReached", "Maximum number of allowed users have been reached."}
	}
	if s.q.RequireNames && (u.given == "" || u.family == "") {
		return invalid("Error in adding the user: first and last name are mandatory.")
	}
	if s.q.UniqueEmail && u.primary() != "" && slices.ContainsFunc(s.users, func(o *user) bool { return o.org == u.org && s.sameName(o.primary(), u.primary()) }) {
		p := invalid("The value defined for the attribute %s is already in use by a different user.", "Email")
		if s.q.ConflictOnUniqueness {
			p.status, p.scimType = http.StatusConflict, "uniqueness"
		}
		return p
	}
	return nil
}

func (s *Simulator) count(org string) (n int) {
	for _, u := range s.users {
		if u.org == org {
			n++
		}
	}
	return n
}

// askCode makes a user's code, ending older ones of the purpose, and mails it.
// It returns the code where the organization does its own notifications.
func (s *Simulator) askCode(c *call, u *user, purpose string) string {
	k := s.newAccountCode(u, purpose)
	if s.q.ExternalNotifications {
		return k.code
	}
	if to := u.primary(); to != "" {
		subject, intro := "Set your password", "An account was made for you. Set a password to use it."
		if purpose == MailVerifyEmail {
			subject, intro = "Confirm your address", "Confirm your address to use your account."
		}
		c.outbox = append(c.outbox, stage.NewMail(purpose, to, subject, intro, s.codeLink(c, u, k)))
	}
	return ""
}

// newAccountCode makes a user's code of a purpose; an older one ends.
func (s *Simulator) newAccountCode(u *user, purpose string) *accountCode {
	s.dropCodes(u.id, purpose)
	k := &accountCode{code: newCode(), user: u.id, purpose: purpose,
		expires: s.clock.Now().Add(time.Duration(s.q.PasswordLifeMinutes) * time.Minute), endless: s.q.PasswordLifeMinutes < 0}
	s.codes[k.code] = k
	return k
}

func (s *Simulator) dropCodes(userID, purpose string) {
	for value, k := range s.codes {
		if k.user == userID && (purpose == "" || k.purpose == purpose) {
			delete(s.codes, value)
		}
	}
}

func (s *Simulator) putUser(c *call) reply {
	u := s.user(c.org, c.params["id"])
	if u == nil {
		return s.notFound("User")
	}
	body, p := s.readUser(c)
	if p != nil {
		return s.refuse(p)
	}
	if name := text(body["userName"]); name != "" {
		store, rest := splitStore(name)
		if rest != u.name || store != "" && store != u.store {
			return s.refuse(&problem{http.StatusBadRequest, "mutability", "Attribute userName cannot be modified."})
		}
	}
	return s.changeUser(c, u, body)
}

func (s *Simulator) patchUser(c *call) reply {
	u := s.user(c.org, c.params["id"])
	if u == nil {
		return s.notFound("User")
	}
	var in patchRequest
	if err := json.Unmarshal(c.body, &in); err != nil || len(in.Operations) == 0 {
		return s.refuse(&problem{http.StatusBadRequest, "invalidSyntax", "The PATCH request has no readable operations."})
	}
	body := s.userBody(u)
	for _, op := range in.Operations {
		if p := applyPatch(body, op); p != nil {
			return s.refuse(p)
		}
	}
	return s.changeUser(c, u, body)
}

// changeUser writes a changed body back. What a shared user has from its origin
// cannot be changed in the sub-organization (FACTS.md section 15.16).
func (s *Simulator) changeUser(c *call, u *user, body map[string]any) reply {
	changed := *u
	if p := setAttributes(&changed, body); p != nil {
		return s.refuse(p)
	}
	if u.shared != "" {
		same := changed.given == u.given && changed.family == u.family && slices.Equal(changed.emails, u.emails)
		if !same {
			return s.refuse(invalid("ORG-60095 - The attributes of a shared user are managed by the organization the user resides in."))
		}
	}
	changed.modified = s.clock.Now()
	*u = changed
	for _, o := range s.users { // shared accounts show what their origin shows
		if o.parentID != "" && s.origin(o) == u.id {
			o.given, o.family, o.emails = u.given, u.family, slices.Clone(u.emails)
		}
	}
	return s.scimReply(http.StatusOK, s.userJSON(c, u))
}

// origin is the id of the account a shared account finally stands for.
func (s *Simulator) origin(u *user) string {
	for u.parentID != "" {
		parent := find(s.users, func(o *user) bool { return o.id == u.parentID })
		if parent == nil {
			return u.parentID
		}
		u = parent
	}
	return u.id
}

func (s *Simulator) deleteUser(c *call) reply {
	u := s.user(c.org, c.params["id"])
	if u == nil {
		return s.notFound("User")
	}
	if s.q.RefuseDeleteShared && (u.shared == typeShared || u.shared == typeOwner) {
		return s.refuse(invalid("10049 - The shared user can only be deleted by the organization that manages it."))
	}
	s.dropUser(u)
	return empty(http.StatusNoContent)
}

// dropUser removes an account with everything that hangs on it: its shared
// accounts, roles, groups and codes.
func (s *Simulator) dropUser(u *user) {
	for _, o := range slices.Clone(s.users) {
		if o.parentID == u.id {
			s.dropUser(o)
		}
	}
	s.users = slices.DeleteFunc(s.users, func(o *user) bool { return o == u })
	for _, r := range s.roles {
		r.remove(u.id)
	}
	for _, g := range s.groups {
		g.members = slices.DeleteFunc(g.members, func(id string) bool { return id == u.id })
	}
	s.dropCodes(u.id, "")
	for value, t := range s.tokens {
		if t.userID == u.id {
			delete(s.tokens, value)
		}
	}
}

// shareUser gives a user an account of its own in an organization, or returns
// the one it has.
func (s *Simulator) shareUser(parent *user, o *organization, kind string) *user {
	if u := find(s.users, func(u *user) bool { return u.org == o.id && u.parentID == parent.id }); u != nil {
		return u
	}
	resident := parent.org
	if parent.managedOrg != "" {
		resident = parent.managedOrg
	}
	u := &user{
		id: s.newID(), org: o.id, store: defaultStore, name: parent.name, given: parent.given, family: parent.family,
		emails: slices.Clone(parent.emails), password: true, noConsole: parent.noConsole,
		managedOrg: resident, shared: kind, parentID: parent.id, created: s.clock.Now(), modified: s.clock.Now(),
	}
	s.users = append(s.users, u)
	return u
}
