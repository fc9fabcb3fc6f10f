package roq_test

import (
	"fmt"

	"usher/providers/roq"
)

// A connection's settings report everything that is wrong with them at once.
func ExampleConfig_Validate() {
	c := roq.Config{EnvironmentID: "7f3b3a53-6f5e-4d7c-9a53-9f6a6b0e2c11", APIKey: "…", InviterID: "ada", InviteLife: "a day"}
	for _, problem := range c.Validate() {
		fmt.Println(problem)
	}
	// Output:
	// base_url: is missing
	// inviter_id: is a UUID, the user's id at ROQ
	// invite_life: is not a duration such as 500ms, 5s or 72h
}
