package sandbox

import (
	"net/netip"
	"slices"
)

// Facts is what a gateway's configuration needs to know of a world. Its parts
// mirror the configuration file key by key; a reader may change what it got.
type Facts struct {
	Issuer        IssuerFacts
	Connections   []ConnectionFacts // in the order of the vendor table
	Organizations []Organization    // one a connection, in the same order
	Mail          MailFacts
	// VendorLimits repeats Options.VendorLimits: without it the gateway sets
	// its own limits and the vendors' quotas out of the way.
	VendorLimits bool
}

// MailFacts is where the mail catcher takes mail, without TLS and log-in.
type MailFacts struct {
	Host string
	Port int
}

// IssuerFacts describes the demo issuer as an entry of the configuration's
// issuers.
type IssuerFacts struct {
	Name       string            // "demo"
	Issuer     string            // the iss claim, and where discovery starts
	Preset     string            // "none"
	Audiences  []string          // the aud of every token
	Algorithms []string          // RS256
	Types      []string          // the typ header of every token
	Demo       bool              // always true: a gateway must be told to accept it
	Claims     ClaimFacts        // where the claims are
	Roles      map[string]string // token's role → portable role
	// Permissions are the rules for people's tokens: one scope a permission, of
	// the same name, and what a role gives.
	Permissions []PermissionFacts
	// Services are the rules for the two service clients behind the
	// administrator's and the reader's token.
	Services []ServiceFacts
}

// ClaimFacts are the paths of the claims the issuer puts into tokens.
type ClaimFacts struct {
	Organization, Scopes, Roles, Email, EmailVerified, Client string
}

// PermissionFacts grants permissions to a scope or to a portable role; exactly
// one of the two is set.
type PermissionFacts struct {
	Scope string
	Role  string
	Grant []string
}

// ServiceFacts is what one service client may do.
type ServiceFacts struct {
	Client        string
	Role          string // the portable role it counts as; empty means none
	Grant         []string
	Organizations []AccessFacts
}

// AccessFacts is every organization of one connection.
type AccessFacts struct {
	Connection string
	All        bool // always true
}

// ConnectionFacts describes one simulated vendor as an entry of the
// configuration's connections.
type ConnectionFacts struct {
	Name     string // "asgardeo"
	Provider string // "asgardeo"
	Issuers  []string
	ActAs    string // "service"
	Emails   string // "lowercase", or "exact" where the vendor tells capitals apart
	Roles    []RoleFacts
	// Settings are the adapter's own, secrets in plain text.
	Settings map[string]any
}

// RoleFacts maps a portable role to the vendor's.
type RoleFacts struct {
	Key         string   // admin, member
	Provider    string   // the vendor's name for it
	GrantableBy []string // empty: whoever may send invites
}

// Organization is a demo organization.
type Organization struct {
	Slug       string // "acme-asgardeo"
	Name       string
	Connection string // a ConnectionFacts.Name
	ProviderID string // the vendor's id of it
}

// EnvVar is one line of an environment file.
type EnvVar struct {
	Name, Value string
}

// Facts returns what a gateway's configuration needs. The value is the
// caller's own.
func (s *Sandbox) Facts() Facts {
	f := Facts{VendorLimits: s.limits, Organizations: s.Organizations()}
	for _, v := range s.vendors {
		f.Connections = append(f.Connections, v.connection())
	}
	f.Issuer = s.issuerFacts()
	if to, err := netip.ParseAddrPort(s.SMTPAddr()); err == nil {
		f.Mail = MailFacts{Host: to.Addr().String(), Port: int(to.Port())}
	}
	return f
}

// Organizations returns the demo organizations in the order of the vendor
// table.
func (s *Sandbox) Organizations() []Organization {
	var all []Organization
	for _, v := range s.vendors {
		all = append(all, v.organization)
	}
	return all
}

// Env returns the variables of an environment file, USHER_URL apart, which
// only the gateway knows: issuer, tokens, mail catcher, then each vendor's own.
func (s *Sandbox) Env() []EnvVar { return slices.Clone(s.env) }
