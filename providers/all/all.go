// Package all is the table of the providers that configuration can name.
package all

import (
	"usher/providers"
	"usher/providers/asgardeo"
	"usher/providers/clerk"
	"usher/providers/local"
	"usher/providers/nile"
	"usher/providers/roq"
	"usher/providers/scim2"
	"usher/providers/workos"
)

// Table returns, for each provider's name, a function that makes the empty
// settings of a connection.
func Table() map[string]func() providers.Config {
	return map[string]func() providers.Config{
		"asgardeo": func() providers.Config { return &asgardeo.Config{} },
		"clerk":    func() providers.Config { return &clerk.Config{} },
		"local":    func() providers.Config { return &local.Config{} },
		"nile":     func() providers.Config { return &nile.Config{} },
		"scim2":    func() providers.Config { return &scim2.Config{} },
		"roq":      func() providers.Config { return &roq.Config{} },
		"workos":   func() providers.Config { return &workos.Config{} },
	}
}
