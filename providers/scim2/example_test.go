package scim2_test

import (
	"fmt"

	"usher/providers/scim2"
)

// A connection's settings report everything that is wrong with them at once.
func ExampleConfig_Validate() {
	c := scim2.Config{BaseURL: "http://id.example.com/scim/v2", TokenURL: "https://id.example.com/token", ClientID: "gateway", InviteLife: "a week"}
	for _, problem := range c.Validate() {
		fmt.Println(problem)
	}
	// Output:
	// base_url: must be https unless the host is loopback
	// client_secret: is missing
	// invite_life: must be a duration from 1m0s to 8760h0m0s, such as 168h0m0s
}
