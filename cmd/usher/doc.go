// Command usher is the identity-provider gateway and its tools in one binary.
//
//	usher serve     the gateway          usher invite   a client of its API
//	usher demo      gateway and sandbox  usher config   check, schema, example
//	usher sandbox   the sandbox alone    usher ledger   the record's schema
//	usher token     a demo token         usher health, usher version
//
// run is the whole program: arguments, environment and streams come in, an
// exit code goes out, so that tests can run it. It alone knows every package
// of the house; gateway.go is where they are wired together. Each command is
// a struct with its flags, its help and a Run method.
package main
