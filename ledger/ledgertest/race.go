//go:build race

package ledgertest

// raceEnabled tells the tests of volume to skip: SQLite compiled to Go is
// fourteen times slower under the race detector, and they look for slowness.
const raceEnabled = true
