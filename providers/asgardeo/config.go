package asgardeo

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"usher/identity"
	"usher/providers"
)

// Config is one connection's settings. Durations are texts such as "5s". The
// settings after InviteLife are about facts that were inferred and never seen
// live (FACTS.md section 19): change one where your server behaves otherwise.
type Config struct {
	BaseURL      string          `json:"base_url" help:"Root organization, e.g. https://api.asgardeo.io/t/acme. Required."`
	ClientID     string          `json:"client_id" help:"Application with the grants Client Credential and Organization Switch, shared with the organizations. Required."`
	ClientSecret identity.Secret `json:"client_secret" help:"Secret of that application. Required."`
	Application  string          `json:"application" help:"Name of the application whose roles are granted. Required."`

	UserDomain         string `json:"user_domain,omitempty" help:"User store new accounts are made in. Default DEFAULT."`
	UsernamePrefix     *bool  `json:"username_prefix,omitempty" help:"Send the user name of a new account as STORE/address. Default true."`
	SendNames          *bool  `json:"send_names,omitempty" help:"Send given and family name with a new account. Default true."`
	ResendPasswordMail *bool  `json:"resend_password_mail,omitempty" help:"Mail invited people who never set a password that link again. Default true."`
	InviteLife         string `json:"invite_life,omitempty" help:"How long an invitation lives on the server. Default 72h."`

	RootScopes         []string `json:"root_scopes,omitempty" help:"Scopes asked for in the root organization. Default: those needed."`
	OrganizationScopes []string `json:"organization_scopes,omitempty" help:"Scopes asked for in an organization. Default: those needed."`

	PasswordMailScenario   string `json:"password_mail_scenario,omitempty" help:"Recovery scenario of the set-password mail; differs where one-time codes are mailed. Default ASK_PASSWORD."`
	TrustVerifiedEmails    *bool  `json:"trust_verified_emails,omitempty" help:"Take an account under another user name for the person if the server says the address is verified. Default true."`
	RequireManagedOrg      *bool  `json:"require_managed_org,omitempty" help:"Count only accounts shared from the root organization as joined by invitation. Default true."`
	IntrospectOpaqueTokens *bool  `json:"introspect_opaque_tokens,omitempty" help:"Ask the server which organization an opaque token is for; without, it is trusted. Default true."`
	ExpiryTimeZone         string `json:"expiry_time_zone,omitempty" help:"Zone of the expiry times the server lists without one. Default UTC."`
	RolesVersion           string `json:"roles_version,omitempty" help:"Version of the roles interface, v2 or v3. Default v2."`
	LagWait                string `json:"lag_wait,omitempty" help:"How long to wait for a new organization to get its application and roles; 0s: not at all. Default 5s."`
	CallTimeout            string `json:"call_timeout,omitempty" help:"Longest single call. Default 10s."`
	RoleCache              string `json:"role_cache,omitempty" help:"How long role ids are remembered. Default 5m."`
	TokenCacheSize         int    `json:"token_cache_size,omitempty" help:"How many organizations' tokens are remembered. Default 4096."`
}

// The scopes the adapter needs (FACTS.md section 1.3).
const (
	scopeListUsers   = "internal_user_mgt_list"
	scopeCreateUser  = "internal_user_mgt_create"
	scopeInvite      = "internal_org_guest_mgt_invite_add"
	scopeListInvites = "internal_org_guest_mgt_invite_list"
	scopeDelete      = "internal_org_guest_mgt_invite_delete"
	scopeMembers     = "internal_org_user_mgt_list"
	scopeRoles       = "internal_org_role_mgt_view"
	scopeApplication = "internal_org_application_mgt_view"
)

// settings are a Config with its defaults filled in.
type settings struct {
	Config
	usernamePrefix, sendNames, resendPasswordMail bool
	trustVerified, requireManagedOrg, introspect  bool
	inviteLife, lagWait, callTimeout, roleCache   time.Duration
	expiryZone                                    *time.Location
}

// Validate implements providers.Config.
func (c *Config) Validate() []error {
	_, faults := c.settle()
	return faults
}

// settle fills in the defaults and reports every problem.
func (c *Config) settle() (*settings, []error) {
	s := &settings{Config: *c}
	var faults providers.Faults
	faults.Check("base_url", providers.CheckBaseURL(c.BaseURL))
	s.BaseURL = strings.TrimRight(c.BaseURL, "/")
	for _, required := range []struct{ field, value string }{
		{"client_id", c.ClientID}, {"client_secret", c.ClientSecret.Reveal()}, {"application", c.Application},
	} {
		if strings.TrimSpace(required.value) == "" {
			faults.Add(required.field, "is missing")
		}
	}
	if strings.ContainsAny(c.ClientID, ": \t\r\n") {
		faults.Add("client_id", "may hold neither a colon nor blanks")
	}
	s.UserDomain = cmp.Or(s.UserDomain, "DEFAULT")
	s.UserDomain = strings.ToUpper(s.UserDomain)
	if strings.ContainsAny(s.UserDomain, "/ \"\\") {
		faults.Add("user_domain", "is a name without slash, quotes or blanks")
	}
	s.PasswordMailScenario = cmp.Or(s.PasswordMailScenario, "ASK_PASSWORD")
	s.RolesVersion = cmp.Or(s.RolesVersion, "v2")
	if s.RolesVersion != "v2" && s.RolesVersion != "v3" {
		faults.Add("roles_version", "is v2 or v3")
	}
	s.scopes(&faults)
	s.durations(&faults)
	s.usernamePrefix, s.sendNames = isOn(c.UsernamePrefix), isOn(c.SendNames)
	s.resendPasswordMail, s.trustVerified = isOn(c.ResendPasswordMail), isOn(c.TrustVerifiedEmails)
	s.requireManagedOrg, s.introspect = isOn(c.RequireManagedOrg), isOn(c.IntrospectOpaqueTokens)
	if s.TokenCacheSize < 0 {
		faults.Add("token_cache_size", "must not be negative")
	}
	if s.TokenCacheSize <= 0 {
		s.TokenCacheSize = 4096
	}
	return s, faults
}

func (s *settings) scopes(faults *providers.Faults) {
	if len(s.RootScopes) == 0 {
		s.RootScopes = []string{scopeListUsers, scopeCreateUser}
	}
	if len(s.OrganizationScopes) == 0 {
		s.OrganizationScopes = s.defaultScopes()
	}
	for field, list := range map[string][]string{"root_scopes": s.RootScopes, "organization_scopes": s.OrganizationScopes} {
		for n, scope := range list {
			if scope == "" || strings.ContainsAny(scope, " \t\r\n") {
				faults.Add(fmt.Sprintf("%s[%d]", field, n), "is one scope, without blanks")
			}
		}
	}
}

// defaultScopes are those needed in an organization.
func (s *settings) defaultScopes() []string {
	return []string{scopeInvite, scopeListInvites, scopeDelete, scopeMembers, scopeRoles, scopeApplication}
}

func (s *settings) durations(faults *providers.Faults) {
	s.inviteLife = faults.Duration("invite_life", s.InviteLife, 72*time.Hour, time.Minute)
	s.lagWait = faults.Duration("lag_wait", s.LagWait, 5*time.Second, 0)
	s.callTimeout = faults.Duration("call_timeout", s.CallTimeout, 10*time.Second, time.Millisecond)
	s.roleCache = faults.Duration("role_cache", s.RoleCache, 5*time.Minute, 0)
	s.ExpiryTimeZone = cmp.Or(s.ExpiryTimeZone, "UTC")
	zone, err := time.LoadLocation(s.ExpiryTimeZone)
	if err != nil {
		faults.Add("expiry_time_zone", "is not a time zone such as UTC or Europe/Berlin")
		zone = time.UTC
	}
	s.expiryZone = zone
}

// isOn reads a switch that is on unless it is turned off.
func isOn(b *bool) bool { return b == nil || *b }

var _ providers.Config = (*Config)(nil)
