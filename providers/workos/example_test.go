package workos_test

import (
	"fmt"

	"usher/providers/workos"
)

// A connection's settings report everything that is wrong with them at once.
func ExampleConfig_Validate() {
	c := workos.Config{BaseURL: "http://api.workos.com", InviteDays: 90}
	for _, problem := range c.Validate() {
		fmt.Println(problem)
	}
	// Output:
	// base_url: must be https unless the host is loopback
	// api_key: is missing
	// invite_days: must be from 1 to 30
}
