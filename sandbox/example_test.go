package sandbox_test

import (
	"context"
	"fmt"

	"usher/sandbox"
)

func ExampleStart() {
	world, err := sandbox.Start(context.Background(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = world.Close() }()
	first := world.Facts().Organizations[0]
	fmt.Println(first.Slug, "in", first.Connection)
	fmt.Println(world.Env()[0].Name)
	// Output:
	// acme-asgardeo in asgardeo
	// USHER_ISSUER
}
