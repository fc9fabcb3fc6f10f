// Package all is the table of the providers that configuration can name.
package all

import (
	"usher/providers"
	"usher/providers/asgardeo"
)

// Table returns, for each provider's name, a function that makes the empty
// settings of a connection.
func Table() map[string]func() providers.Config {
	return map[string]func() providers.Config{
		"asgardeo": func() providers.Config { return &asgardeo.Config{} },
	}
}
