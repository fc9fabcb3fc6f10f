package workos

import (
	"net/http"
	"strings"
	"time"
)

const grantSelection = "urn:workos:oauth:grant-type:organization-selection"

// codeLife is how long an authorization code is good.
const codeLife = 10 * time.Minute

// loginCode is what the hosted log-in hands to the application.
type loginCode struct {
	user, organization string
	expires            time.Time
}

// AuthorizationCode returns a code as the vendor's log-in page gives it to the
// application once a user has signed in; empty when the user is unknown.
func (s *Simulator) AuthorizationCode(userID, organizationID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.user(userID) == nil {
		return ""
	}
	code := newSecret(25)
	s.codes[code] = loginCode{user: userID, organization: organizationID, expires: s.clock.Now().Add(codeLife)}
	return code
}

// authenticate is the token endpoint, with the grants password,
// authorization_code, refresh_token and organization selection.
func (s *Simulator) authenticate(c *call) reply {
	f := s.read(c)
	grant, client, secret := f.needed("grant_type"), f.needed("client_id"), f.text("client_secret")
	for _, name := range []string{"ip_address", "device_id", "user_agent", "signals_id", "radar_auth_attempt_id", "code_verifier"} {
		f.text(name)
	}
	invitation, organization := f.text("invitation_token"), f.text("organization_id")
	var do func() reply
	switch grant {
	case "password":
		email, password := f.needed("email"), f.needed("password")
		do = func() reply { return s.byPassword(c, email, password, invitation) }
	case "authorization_code":
		code := f.needed("code")
		do = func() reply { return s.byCode(c, code, invitation) }
	case "refresh_token":
		token := f.needed("refresh_token")
		do = func() reply { return s.byRefreshToken(c, token, organization) }
	case grantSelection:
		token := f.needed("pending_authentication_token")
		do = func() reply { return s.bySelection(c, token, organization) }
	}
	needsSecret := grant == "password" || grant == grantSelection
	if needsSecret && secret == "" {
		f.wrong("client_secret", "required")
	}
	if p, bad := f.refused(); bad {
		return p
	}
	_, known := s.apiKeys[secret]
	if client != s.o.ClientID || secret != "" && !known {
		return oauthError("invalid_client")
	}
	if do == nil {
		return oauthError("invalid_request")
	}
	return do()
}

func (s *Simulator) byPassword(c *call, email, password, token string) reply {
	if s.q.RateLimits { // FACTS.md section 4
		if wait, over := s.count(limit{"authenticate " + strings.ToLower(email), 10, time.Minute}); over {
			return s.retryAfter(jsonReply(http.StatusTooManyRequests, object{"error": "too_many_requests",
				"error_description": "The request failed due to: too_many_requests."}), wait)
		}
	}
	u := s.userByEmail(email)
	if u == nil || u.password == "" || u.password != password {
		return badRequest("invalid_credentials")
	}
	organization := ""
	if token != "" {
		i, code := s.usable(token, u.email)
		if code != "" {
			return oauthError(code)
		}
		s.accept(i, u)
		organization = i.organization
	}
	return s.signIn(c, u, organization, "Password")
}

// byCode takes the codes of the hosted log-in, which consumes invitations
// itself (FACTS.md section 13.8).
func (s *Simulator) byCode(c *call, code, invitation string) reply {
	if invitation != "" {
		return jsonReply(http.StatusUnprocessableEntity, object{"code": "invalid_request_parameters",
			"message": "`invite_token` cannot be specified for an AuthKit authorization code"})
	}
	l, known := s.codes[code]
	delete(s.codes, code)
	u := s.user(l.user)
	if !known || u == nil || !s.clock.Now().Before(l.expires) {
		return oauthError("invalid_grant")
	}
	return s.signIn(c, u, l.organization, "Password")
}

// signIn makes a session. Who is in several organizations has to choose one.
func (s *Simulator) signIn(c *call, u *user, organization, method string) reply {
	if organization == "" {
		var active []*membership
		for _, m := range s.memberships {
			if m.user == u.id && m.status == statusActive {
				active = append(active, m)
			}
		}
		switch len(active) {
		case 0:
		case 1:
			organization = active[0].organization
		default:
			return s.selection(u, active)
		}
	}
	return s.signedIn(c, u, s.newSession(u, organization, "password", c.r.UserAgent()), method)
}

// selection is the refusal of FACTS.md section 11, with what the choice needs.
func (s *Simulator) selection(u *user, active []*membership) reply {
	token := newSecret(25)
	s.pending[token] = u.id
	var choices []object
	for _, m := range active {
		if o := s.organization(m.organization); o != nil {
			choices = append(choices, object{"id": o.id, "name": o.name})
		}
	}
	return jsonReply(http.StatusForbidden, object{"code": "organization_selection_required", "message": notProcessed,
		"pending_authentication_token": token, "organizations": choices, "user": viewUser(u)})
}

func (s *Simulator) bySelection(c *call, token, organization string) reply {
	u := s.user(s.pending[token])
	if u == nil {
		return badRequest("invalid_pending_authentication_token")
	}
	if code := s.choose(u, organization); code != "" {
		return oauthError(code)
	}
	delete(s.pending, token)
	return s.signedIn(c, u, s.newSession(u, organization, "password", c.r.UserAgent()), "Password")
}

// choose says why a user cannot go on with an organization.
func (s *Simulator) choose(u *user, organization string) string {
	if s.organization(organization) == nil {
		return "organization_not_found"
	}
	if m := s.membershipOf(u.id, organization); m == nil || m.status != statusActive {
		return "organization_membership_not_found"
	}
	return ""
}

// byRefreshToken renews the access token, with another organization if asked.
// Each refresh token works once.
func (s *Simulator) byRefreshToken(c *call, token, organization string) reply {
	x := find(s.sessions, func(x *session) bool { return x.refresh == token })
	if x == nil || s.sessionStatus(x) != statusActive {
		return oauthError("invalid_grant")
	}
	u := s.user(x.user)
	if organization != "" {
		if code := s.choose(u, organization); code != "" {
			return oauthError(code)
		}
		x.organization = organization
	}
	x.refresh = newSecret(25)
	return s.signedIn(c, u, x, "")
}

func (s *Simulator) signedIn(c *call, u *user, x *session, method string) reply {
	m := object{"user": viewUser(u), "access_token": s.accessToken(c.base, x), "refresh_token": x.refresh}
	if x.organization != "" {
		m["organization_id"] = x.organization
	}
	if method != "" {
		m["authentication_method"] = method
	}
	return ok(m).With("Cache-Control", "no-store")
}
