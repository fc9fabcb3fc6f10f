package config

import _ "embed"

//go:embed example.yaml
var example string

// Example returns a commented configuration to start from. It loads once its
// two environment variables are set.
func Example() string { return example }
