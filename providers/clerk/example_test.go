package clerk_test

import (
	"fmt"

	"usher/providers/clerk"
)

// A connection's settings report everything that is wrong with them at once.
func ExampleConfig_Validate() {
	c := clerk.Config{BaseURL: "https://api.clerk.com/v1", SecretKey: "pk_test_key", InviteDays: 400}
	for _, problem := range c.Validate() {
		fmt.Println(problem)
	}
	// Output:
	// base_url: must not end in /v1, which is added to it
	// secret_key: is a publishable key: the secret key begins with sk_
	// invite_days: must be from 1 to 365
}
