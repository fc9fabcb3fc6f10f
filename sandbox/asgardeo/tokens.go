package asgardeo

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	grantClient = "client_credentials"
	grantSwitch = "organization_switch"

	typeApplication = "APPLICATION"
	typeUser        = "APPLICATION_USER"

	// keptTokens is when issuing starts to drop expired tokens.
	keptTokens = 4096
)

// token is an access token the simulator issued.
type token struct {
	value, jti      string
	app             *application
	org             string // the organization it is for
	userID, userOrg string // of user tokens; userOrg also after a switch
	scopes          []string
	issued, expires time.Time
}

func (t *token) kind() string {
	if t.userID != "" {
		return typeUser
	}
	return typeApplication
}

func (t *token) subject() string {
	if t.userID != "" {
		return t.userID
	}
	return t.app.ClientID
}

// issue completes a token, signs it if the application wants JWTs, and keeps it.
func (s *Simulator) issue(a *application, t *token, base string) *token {
	t.app, t.jti = a, newCode()
	t.issued = s.clock.Now()
	t.expires = t.issued.Add(a.TokenLife)
	t.value = newCode()
	if a.JWT {
		t.value = s.sign(t, base)
	}
	if len(s.tokens) >= keptTokens {
		for value, old := range s.tokens {
			if !old.expires.After(t.issued) {
				delete(s.tokens, value)
			}
		}
	}
	s.tokens[t.value] = t
	return t
}

func (s *Simulator) tokenEndpoint(c *call) reply {
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return oauthError(http.StatusBadRequest, "invalid_request", "The form cannot be read.")
	}
	a, p, ok := s.client(c, form)
	if !ok {
		return p
	}
	grant := form.Get("grant_type")
	switch {
	case grant == "":
		return oauthError(http.StatusBadRequest, "invalid_request", "Missing grant_type parameter value")
	case grant != grantClient && grant != grantSwitch:
		return oauthError(http.StatusBadRequest, "unsupported_grant_type", "Unsupported grant_type value")
	case !slices.Contains(a.Grants, grant):
		return oauthError(http.StatusBadRequest, "unauthorized_client", "The authenticated client is not authorized to use this authorization grant type")
	}
	asked := strings.Fields(form.Get("scope"))
	if grant == grantSwitch {
		return s.switchOrganization(c, a, form, asked)
	}
	t := &token{org: a.Organization, scopes: s.granted(asked, a.Scopes, a.OrganizationScopes)}
	if a.Organization != s.rootID {
		t.scopes = s.organizational(s.granted(asked, a.OrganizationScopes))
	}
	return tokenReply(s.issue(a, t, c.base))
}

// client authenticates the calling application by Basic or form credentials.
func (s *Simulator) client(c *call, form url.Values) (*application, reply, bool) {
	failed := oauthError(http.StatusUnauthorized, "invalid_client", "Client Authentication failed.").
		With("WWW-Authenticate", `Basic realm="asgardeo"`)
	id, secret, basic := c.r.BasicAuth()
	if basic {
		if form.Has("client_secret") {
			return nil, oauthError(http.StatusBadRequest, "invalid_request", "The client authenticates in two ways at once."), false
		}
		id, secret = unescaped(id), unescaped(secret)
	} else {
		id, secret = form.Get("client_id"), form.Get("client_secret")
	}
	a := find(s.apps, func(a *application) bool { return a.ClientID == id })
	home := s.rootID
	if c.pathOrg != "" {
		home = c.pathOrg
	}
	if a == nil || a.ClientSecret != secret || a.Organization != home || c.tenant != s.o.Root {
		return nil, failed, false
	}
	return a, reply{}, true
}

// unescaped undoes the form encoding RFC 6749 section 2.3.1 asks for; plain
// values pass unchanged.
func unescaped(v string) string {
	if plain, err := url.QueryUnescape(v); err == nil && strings.Contains(v, "%") {
		return plain
	}
	return v
}

// granted keeps the asked scopes that an application may have; the others are
// dropped without an error (FACTS.md section 1.1).
func (s *Simulator) granted(asked []string, allowed ...[]string) []string {
	all := slices.Concat(allowed...)
	var out []string
	for _, scope := range asked {
		if slices.Contains(all, scope) && !slices.Contains(s.q.DroppedScopes, scope) && !slices.Contains(out, scope) {
			out = append(out, scope)
		}
	}
	return out
}

// organizational keeps what survives in a sub-organization: internal_org_… and
// the application's own scopes.
func (s *Simulator) organizational(scopes []string) []string {
	return slices.DeleteFunc(scopes, func(scope string) bool {
		return scope == "openid" || strings.HasPrefix(scope, "internal_") && !strings.HasPrefix(scope, "internal_org_")
	})
}

func (s *Simulator) switchOrganization(c *call, a *application, form url.Values, asked []string) reply {
	for _, name := range []string{"token", "switching_organization"} {
		if form.Get(name) == "" {
			return oauthError(http.StatusBadRequest, "invalid_request", "Missing parameters: "+name)
		}
	}
	source := s.living(form.Get("token"))
	if source == nil {
		return oauthError(http.StatusBadRequest, "invalid_grant", "Invalid token received.")
	}
	refuse := func(text string) reply { return oauthError(http.StatusBadRequest, "invalid_request", text) }
	o := s.org(form.Get("switching_organization"))
	switch {
	case o == nil:
		return refuse("Invalid organization id: " + form.Get("switching_organization"))
	case o.status != statusActive:
		return refuse("The switching organization is in deactivated state.")
	case !s.related(source.org, o.id):
		return refuse("Organization switch is only allowed for the organizations in the same branch.")
	case s.appID(a, o.id) == "":
		return refuse("Organization switching is not allowed for organizations that have not shared the application")
	}
	t := &token{org: o.id, userID: source.userID, userOrg: source.userOrg}
	if t.userOrg == "" {
		t.userOrg = s.rootID
	}
	t.scopes = s.organizational(s.granted(asked, a.OrganizationScopes))
	if source.userID != "" && o.id != source.userOrg {
		account := find(s.users, func(u *user) bool { return u.org == o.id && s.origin(u) == source.userID })
		if account == nil && s.q.SwitchWithoutAccess == http.StatusInternalServerError {
			return oauthError(http.StatusInternalServerError, "server_error", "Internal Server Error.")
		}
		t.scopes = s.permitted(account, t.scopes)
	}
	return tokenReply(s.issue(a, t, c.base))
}

// permitted keeps the scopes that a user's roles in an organization give.
func (s *Simulator) permitted(account *user, scopes []string) []string {
	return slices.DeleteFunc(scopes, func(scope string) bool {
		if account == nil {
			return true
		}
		return !slices.ContainsFunc(s.rolesOf(account), func(r *role) bool { return slices.Contains(r.permissions, scope) })
	})
}

func tokenReply(t *token) reply {
	m := map[string]any{"access_token": t.value, "token_type": "Bearer", "expires_in": int(t.app.TokenLife.Seconds())}
	if len(t.scopes) > 0 {
		m["scope"] = strings.Join(t.scopes, " ")
	}
	return jsonReply(http.StatusOK, m).With("Cache-Control", "no-store").With("Pragma", "no-cache")
}

func (s *Simulator) revokeToken(c *call) reply {
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return oauthError(http.StatusBadRequest, "invalid_request", "The form cannot be read.")
	}
	a, p, ok := s.client(c, form)
	if !ok {
		return p
	}
	if t := s.tokens[form.Get("token")]; t != nil && t.app == a {
		delete(s.tokens, t.value)
	}
	return empty(http.StatusOK)
}

func (s *Simulator) introspectToken(c *call) reply {
	form, err := url.ParseQuery(string(c.body))
	if err != nil || form.Get("token") == "" {
		return oauthError(http.StatusBadRequest, "invalid_request", "Missing parameters: token")
	}
	if s.bearer(c) == nil {
		if _, p, ok := s.client(c, form); !ok {
			return p
		}
	}
	t := s.living(form.Get("token"))
	if t == nil {
		return jsonReply(http.StatusOK, map[string]any{"active": false})
	}
	m := map[string]any{
		"active": true, "client_id": t.app.ClientID, "sub": t.subject(), "token_type": "Bearer", "aut": t.kind(),
		"exp": t.expires.Unix(), "iat": t.issued.Unix(), "nbf": t.issued.Unix(), "scope": strings.Join(t.scopes, " "),
	}
	if u := find(s.users, func(u *user) bool { return u.id == t.userID }); u != nil {
		m["username"] = u.name
	}
	s.describeOrg(m, t)
	return jsonReply(http.StatusOK, m)
}

// describeOrg adds the claims that name the organization a token is for.
func (s *Simulator) describeOrg(m map[string]any, t *token) {
	o := s.org(t.org)
	m["org_id"], m["org_name"] = o.id, o.name
	if !s.q.NoOrgHandle {
		m["org_handle"] = o.handle
	}
}
