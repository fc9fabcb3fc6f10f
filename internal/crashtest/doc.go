// Package crashtest holds the crash test: many invitations in batches, vendors
// that lose answers, refuse and fail, and gateways that are killed and started
// again all the while. At the end every row must have become what it had to,
// once, and the vendors must agree. It has no code of its own.
//
//	test ── files, kills ──→ usher serve (one, or two on one ledger)
//	  │                          ├──────────→ usher sandbox: vendors, issuer
//	  └ a relay with faults ←────┘ mails ──→ usher sandbox: mail catcher
//
// What goes wrong, where, and when a gateway is killed comes from a seed, which
// is printed: with the same one the same faults meet the same calls, as far as
// the order of calls is the same. How much is done is in the environment:
//
//	USHER_CRASH_ROWS   rows of all files together
//	USHER_CRASH_KILLS  how often a gateway is killed
//	USHER_CRASH_SEED   what the run is drawn from
//	USHER_CRASH_DIR    a folder for the ledger and the logs, which stay there
//
// Without these a small run is made, by `make crash` a longer one, which .ci/run has
// too, and by `make soak` one of half an hour and more.
package crashtest
