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
	for _, o := range world.Facts().Organizations {
		fmt.Println(o.Slug, "in", o.Connection)
	}
	fmt.Println(world.Env()[0].Name)
	// Output:
	// acme-asgardeo in asgardeo
	// USHER_ISSUER
}
