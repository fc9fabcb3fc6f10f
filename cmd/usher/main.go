package main

import (
	"context"
	"os"
)

func main() {
	meetFileLimits()
	os.Exit(run(context.Background(), os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}
