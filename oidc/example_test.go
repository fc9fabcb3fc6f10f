package oidc_test

import (
	"errors"
	"fmt"

	"usher/identity"
	"usher/oidc"
)

func ExampleValidate() {
	problems := oidc.Validate([]oidc.IssuerConfig{{
		Name: "main", Issuer: "http://issuer.example", Algorithms: []string{"RS256", "HS256"},
		Audiences: []string{"app"},
		Services:  []oidc.ServiceRule{{Grant: []identity.Permission{identity.InvitesRead}}},
	}})
	for _, err := range problems {
		var problem *oidc.ConfigError
		if errors.As(err, &problem) {
			fmt.Println(problem.Path)
		}
	}
	// Output:
	// issuers[0].issuer
	// issuers[0].algorithms[1]
	// issuers[0].services[0]
}
