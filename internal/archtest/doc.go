// Package archtest holds the test that enforces who may import whom in this
// house, from the output of `go list`. It has no code of its own: the rules
// and their reasons are in its test.
package archtest
