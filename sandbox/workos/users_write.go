package workos

import (
	"slices"
	"strings"
)

// userBody is what POST and PUT take; nil parts were not sent.
type userBody struct {
	email                           string
	first, last, name, locale       *string
	hasFirst, hasLast, hasName      bool
	hasLocale                       bool
	external                        *string
	hasExternal                     bool
	metadata                        map[string]string
	hasMetadata, fineMetadata       bool
	verified, hasVerified           bool
	password, hash, scheme, saltPos string
	hasPassword, hasHash, hasScheme bool
	hasSaltPos                      bool
}

func (s *Simulator) readUser(c *call, update bool) (userBody, reply, bool) {
	f := s.read(c)
	var b userBody
	b.email = f.email("email", !update)
	for name, part := range map[string]struct {
		value   **string
		present *bool
	}{
		"first_name": {&b.first, &b.hasFirst}, "last_name": {&b.last, &b.hasLast}, "name": {&b.name, &b.hasName},
	} {
		*part.value, *part.present = f.nullable(name)
		if update && *part.present && *part.value == nil {
			f.wrong(name, "invalid_type") // null is for creation alone
		}
	}
	b.verified, b.hasVerified = f.flag("email_verified", !update)
	b.external, b.hasExternal = f.external()
	b.metadata, b.hasMetadata, b.fineMetadata = f.metadata()
	if update {
		b.locale, b.hasLocale = f.nullable("locale")
	} else {
		f.nullable("ip_address")
		f.nullable("user_agent")
		f.text("signals_id")
	}
	b.readPassword(f, update)
	if p, bad := f.refused(); bad {
		return b, p, false
	}
	if code, problems := b.passwordRefusal(s.q.PasswordMinLength); code != "" {
		if len(problems) > 0 {
			return b, failed(code, problems...), false
		}
		return b, badRequest(code), false
	}
	if !b.fineMetadata {
		return b, badRequest("invalid_metadata"), false
	}
	return b, reply{}, true
}

func (s *Simulator) postUser(c *call) reply {
	b, p, fine := s.readUser(c, false)
	if !fine {
		return p
	}
	var problems []problem
	if s.userByEmail(b.email) != nil {
		problems = append(problems, problem{Code: "email_not_available", Message: "This email is not available."})
	}
	if b.external != nil && s.userByExternalID(*b.external) != nil {
		problems = append(problems, problem{Code: "external_id_already_used", Message: "This external id is already used."})
	}
	if len(problems) > 0 {
		return failed("user_creation_error", problems...)
	}
	u := &user{email: b.email, first: b.first, last: b.last, name: b.name, external: b.external, metadata: b.metadata, verified: b.verified}
	b.setPassword(u)
	return created(viewUser(s.addUser(u)))
}

func (s *Simulator) putUser(c *call) reply {
	b, p, fine := s.readUser(c, true)
	if !fine {
		return p
	}
	u := s.user(c.params["id"])
	if u == nil {
		return s.notFound("User", c.params["id"])
	}
	if other := s.userByEmail(b.email); b.email != "" && other != nil && other != u {
		return badRequest("email_not_available")
	}
	if b.external != nil {
		if other := s.userByExternalID(*b.external); other != nil && other != u {
			return badRequest("external_id_already_used")
		}
	}
	if b.locale != nil && !slices.ContainsFunc(locales(), func(l string) bool { return strings.EqualFold(l, *b.locale) }) {
		return badRequest("invalid_locale")
	}
	if b.email != "" {
		u.email = b.email
	}
	for _, part := range []struct {
		to      **string
		value   *string
		present bool
	}{{&u.first, b.first, b.hasFirst}, {&u.last, b.last, b.hasLast}, {&u.name, b.name, b.hasName}, {&u.external, b.external, b.hasExternal}, {&u.locale, b.locale, b.hasLocale}} {
		if part.present {
			*part.to = part.value
		}
	}
	if b.hasMetadata {
		u.metadata = b.metadata
	}
	if b.hasVerified {
		u.verified = b.verified
	}
	b.setPassword(u)
	u.updated = s.clock.Now()
	s.emit("user.updated", "", viewUser(u))
	return ok(viewUser(u))
}
