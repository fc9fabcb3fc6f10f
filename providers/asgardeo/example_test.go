package asgardeo_test

import (
	"fmt"

	"usher/providers/asgardeo"
)

// A connection's settings report everything that is wrong with them at once.
func ExampleConfig_Validate() {
	c := asgardeo.Config{BaseURL: "http://api.asgardeo.io/t/acme", ClientID: "gateway", ClientSecret: "…", LagWait: "soon"}
	for _, problem := range c.Validate() {
		fmt.Println(problem)
	}
	// Output:
	// base_url: must be https unless the host is loopback
	// application: is missing
	// lag_wait: is not a duration such as 500ms, 5s or 72h
}
