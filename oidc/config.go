package oidc

import (
	"time"

	"usher/identity"
)

// Preset fills an issuer's configuration with what is known of a vendor's
// tokens. Whatever the configuration says itself wins.
type Preset string

// The presets. The zero value is PresetNone.
const (
	PresetNone     Preset = "none"
	PresetAsgardeo Preset = "asgardeo" // contracts/asgardeo/FACTS.md section 13
	// PresetClerk is for session tokens, versions 1 and 2, of
	// contracts/clerk/FACTS.md section 9.
	PresetClerk Preset = "clerk"
	// PresetWorkOS is for AuthKit access tokens, contracts/workos/FACTS.md
	// section 11. An issuer that does not name its client needs jwks_url.
	PresetWorkOS Preset = "workos"
	// PresetNile is for the sessions of Nile Auth, which are no tokens: it is
	// asked about each, contracts/nile/FACTS.md sections 2 and 3. It needs
	// Session, and what is said of tokens is not used.
	PresetNile Preset = "nile"
)

func presets() []Preset {
	return []Preset{PresetNone, PresetAsgardeo, PresetClerk, PresetWorkOS, PresetNile}
}

// IssuerConfig is one issuer whose tokens usher accepts.
type IssuerConfig struct {
	Name              string              `json:"name" help:"Name that connections, logs and metrics use. Required, unique."`
	Issuer            string              `json:"issuer" help:"The exact iss claim of its tokens; preset nile: a name for it in histories, such as the database's address. https, or http on loopback. Required, unique."`
	Preset            Preset              `json:"preset,omitempty" help:"What is known of the vendor's tokens: asgardeo, clerk (session tokens, versions 1 and 2), workos (AuthKit access tokens), nile (sessions, see session) or none. Default none."`
	DiscoveryURL      string              `json:"discovery_url,omitempty" help:"Where the discovery document is. Default: /.well-known/openid-configuration below the issuer."`
	JWKSURL           string              `json:"jwks_url,omitempty" help:"Where the key set is; discovery is then not used. Default: what discovery says; preset clerk: /.well-known/jwks.json below the issuer; preset workos: the client's key set, where the issuer names the client."`
	Audiences         []string            `json:"audiences,omitempty" help:"The aud claim must hold one of these. Audiences, authorized_parties or both are required, but for presets workos and nile; both given, both must hold."`
	AuthorizedParties []string            `json:"authorized_parties,omitempty" help:"azp (client_id where there is no azp) must be one of these. For vendors that issue no audience. With preset clerk azp alone counts: the origin of the page."`
	Algorithms        []string            `json:"algorithms,omitempty" help:"Accepted signature algorithms: RS, PS and ES with 256, 384, 512, and EdDSA. Default RS256."`
	Types             []string            `json:"types,omitempty" help:"Accepted typ headers, compared without case and application/. A token without typ counts as JWT. Default at+jwt and JWT; preset asgardeo: at+jwt; preset clerk: JWT."`
	Leeway            time.Duration       `json:"leeway,omitempty" help:"How far clocks may differ, for exp, nbf and iat: up to 2m. Default 30s; preset clerk: 5s."`
	Demo              bool                `json:"demo,omitempty" help:"This is the sandbox's issuer, whose keys protect nothing. Only on loopback. Default false."`
	Introspection     IntrospectionConfig `json:"introspection,omitempty" help:"How to ask the issuer about opaque tokens (RFC 7662). Default: it is not asked, and only its JWTs are accepted. Not for presets clerk, workos and nile."`
	Session           SessionConfig       `json:"session,omitempty" help:"How to ask Nile whose a session is. For preset nile, which needs it, and no other."`
	Claims            ClaimsConfig        `json:"claims,omitempty" help:"Where things are in the token."`
	Roles             map[string]string   `json:"roles,omitempty" help:"The token's role to the portable role. A role that is not listed counts for nothing. Default none."`
	Permissions       []PermissionRule    `json:"permissions,omitempty" help:"What scopes and roles allow. What no rule grants is denied."`
	Services          []ServiceRule       `json:"services,omitempty" help:"Applications' backends, and what each may do."`
}

// ClientAuth is how usher authenticates at an introspection endpoint, in the
// words of RFC 8414.
type ClientAuth string

// The ways to authenticate. The zero value is ClientSecretBasic.
const (
	ClientSecretBasic ClientAuth = "client_secret_basic"
	ClientSecretPost  ClientAuth = "client_secret_post"
)

// IntrospectionConfig says how an issuer is asked about opaque tokens (RFC
// 7662). ClientID turns it on. A token is shown to one issuer alone: to the
// one with its prefix, else to the only one without prefixes, else to the only
// one without prefixes that the connection of the path's organization trusts.
type IntrospectionConfig struct {
	Endpoint     string          `json:"endpoint,omitempty" help:"Where to ask. Default: introspection_endpoint of the discovery document."`
	ClientID     string          `json:"client_id,omitempty" help:"The client usher asks as. Setting it turns introspection on."`
	ClientSecret identity.Secret `json:"client_secret,omitempty" help:"Its secret. Required with client_id."`
	ClientAuth   ClientAuth      `json:"client_auth,omitempty" help:"How it authenticates: client_secret_basic or client_secret_post. Default client_secret_basic."`
	Prefixes     []string        `json:"prefixes,omitempty" help:"Tokens that begin so are this issuer's opaque tokens, whatever they look like; it is then asked about no others. Default none: tokens without a known prefix that do not look like a JWT; where several issuers take these, the one that the connection of the path's organization trusts."`
	Timeout      time.Duration   `json:"timeout,omitempty" help:"Longest time one request may take, and a token may wait for its turn: up to 30s. Default 5s."`
	Concurrency  int             `json:"concurrency,omitempty" help:"Requests under way at once, 2 to 256; a quarter is kept for tokens that were good before. Default 16."`
	Failures     int             `json:"failures,omitempty" help:"How many bad tokens of all sources together it may be asked about in a minute. Beyond, only tokens that were good before are asked about. Default 300."`
}

// SessionConfig says how Nile is asked whose a session is. A session is shown
// to one issuer alone, found as an opaque token's is; of those without prefixes
// this one takes encrypted sessions and what looks like a UUID.
type SessionConfig struct {
	URL         string        `json:"url" help:"The database's address, as in https://us-west-2.api.thenile.dev/v2/databases/ and its id; /me is asked below it. https, or http on loopback. Required."`
	Origin      string        `json:"origin" help:"The application's origin, as in https://app.example.com. It decides the name of the cookie that usher sends to Nile. https, or http on loopback. Required."`
	Role        string        `json:"role,omitempty" help:"The portable role of everybody who has a session, for permissions and grantable_by: Nile tells no roles. Default none."`
	TrustEmails bool          `json:"trust_emails,omitempty" help:"Take Nile's word that an address is verified. Nile lets users say so of themselves (PUT /me): set it only where they cannot reach that. Default false: no address is proven."`
	Prefixes    []string      `json:"prefixes,omitempty" help:"What the application puts before a session to say whose it is; usher takes it off. The issuer is then asked about no others. Default none: encrypted sessions and UUIDs; where several issuers take these, the one that the connection of the path's organization trusts."`
	Timeout     time.Duration `json:"timeout,omitempty" help:"Longest time one request may take, and a session may wait for its turn: up to 30s. Default 5s."`
	Concurrency int           `json:"concurrency,omitempty" help:"Requests under way at once, 2 to 256; a quarter is kept for sessions that were good before. Default 16."`
	Failures    int           `json:"failures,omitempty" help:"How many bad sessions of all sources together it may be asked about in a minute. Beyond, only sessions that were good before are asked about. Default 300."`
}

// prefixes returns the prefixes of an issuer's opaque tokens or sessions, and
// the section they are in.
func (c IssuerConfig) prefixes() (section string, list []string) {
	if c.Preset == PresetNile {
		return "session", c.Session.Prefixes
	}
	return "introspection", c.Introspection.Prefixes
}

// on reports whether an issuer is asked about opaque tokens.
func (c IntrospectionConfig) on() bool { return c.ClientID != "" }

// ClaimsConfig says where things are in a token: paths of member names parted
// by dots (a.b.c). A dot that belongs to a name is written \. ; an array on
// the way stands for all of its elements. "-" means: not taken from the token.
type ClaimsConfig struct {
	Organization  string `json:"organization,omitempty" help:"The vendor's id of the organization(s) the token is for. Default none; preset asgardeo and workos: org_id; preset clerk: org_id, which stands for o.id as well."`
	Scopes        string `json:"scopes,omitempty" help:"Scopes: a string parted by blanks, or an array. Default scope; preset clerk: org_permissions, which stands for fea, o.per and o.fpm as well; preset workos: permissions."`
	Roles         string `json:"roles,omitempty" help:"Roles: a string (one role), or an array. Default roles; preset clerk: org_role, which stands for o.rol as well, always with org: before it."`
	Email         string `json:"email,omitempty" help:"E-mail address. Default email; preset clerk and workos: -."`
	EmailVerified string `json:"email_verified,omitempty" help:"Whether the address is proven: true or \"true\". Default email_verified."`
	Client        string `json:"client,omitempty" help:"The client the token was issued to; azp stands in where it is absent. Default client_id; preset clerk: azp."`
}

// PermissionRule grants permissions to who has a scope or a portable role;
// with both given, both are needed.
type PermissionRule struct {
	Scope string                `json:"scope,omitempty" help:"A scope of the token, as a whole word. Not for preset nile."`
	Role  string                `json:"role,omitempty" help:"A portable role, as the roles map yields it; preset nile: session.role."`
	Grant []identity.Permission `json:"grant" help:"The permissions given. Required."`
}

// ServiceRule says what an application's backend may do. It decides alone:
// scopes, roles and organization of a token it matches add nothing. Several
// rules that match one token add up.
//
// A rule that names only a client matches the client's own tokens, not those
// of people who signed in through it: the token's sub must be the client, or
// with preset asgardeo its aut must be APPLICATION (FACTS.md section 13).
// Where an issuer gives its clients other subjects, name the subject.
type ServiceRule struct {
	Client        string                `json:"client,omitempty" help:"The client id. Client, subject or both are required; both given, both must hold."`
	Subject       string                `json:"subject,omitempty" help:"The sub claim."`
	Role          string                `json:"role,omitempty" help:"The portable role it counts as, for grantable_by. Default none."`
	Grant         []identity.Permission `json:"grant" help:"The permissions given. Required."`
	Organizations []OrganizationRule    `json:"organizations,omitempty" help:"The organizations it may touch. Default none."`
}

// OrganizationRule is a set of organizations of one connection: all of them or
// those that are listed.
type OrganizationRule struct {
	Connection string   `json:"connection" help:"The connection's name. Required."`
	All        bool     `json:"all,omitempty" help:"Every organization of the connection. Default false."`
	Only       []string `json:"only,omitempty" help:"These organizations, by id or slug. Whoever may change organizations may take a slug that is free: an id is safer."`
}

// ConfigError is one problem of a configuration.
type ConfigError struct {
	Path    string // such as issuers[0].algorithms[1]
	Message string
}

// Error implements error.
func (e *ConfigError) Error() string { return e.Path + ": " + e.Message }
