package nile_test

import (
	"fmt"

	"usher/providers/nile"
)

// A connection's settings report everything that is wrong with them at once.
func ExampleConfig_Validate() {
	c := nile.Config{BaseURL: "https://us-west-2.api.thenile.dev", Origin: "app.example.com", Email: "usher@example.com"}
	for _, problem := range c.Validate() {
		fmt.Println(problem)
	}
	// Output:
	// base_url: must end in /v2/databases/ and the database's id
	// origin: is not an absolute URL
	// password: is missing
}
