package config

import (
	"time"

	"usher/identity"
)

// builtInName is the name of the connection, and of its provider, that there is
// where none is configured.
const builtInName = "local"

// builtIn adds the built-in directory where no connection is configured.
func (d *decoder) builtIn(c *Config) {
	if len(c.Connections) > 0 || d.blamed("connections") {
		return
	}
	settings := d.options.Providers[builtInName]
	if settings == nil {
		d.once("connections", "is missing")
		return
	}
	local := Connection{
		Name: builtInName, Provider: builtInName, ActAs: "service", Register: "manual", Emails: identity.EmailLowercase,
		Timeout: 30 * time.Second, LimitWait: 10 * time.Second, CompareEvery: 10 * time.Minute, Settings: settings(),
		Roles: map[string]Role{"admin": {Provider: "Administrator", GrantableBy: []string{"admin"}}, "member": {Provider: "Member"}},
	}
	for _, issuer := range c.Issuers {
		local.Issuers = append(local.Issuers, issuer.Name)
	}
	c.Connections = []Connection{local}
}
