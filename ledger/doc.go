// Package ledger is usher's own record: organizations and their aliases,
// invites with their history, recorded steps and leases, members' ids and
// idempotency records. It decides nothing about invites; it keeps the rules
// that only a database can keep:
//
//   - one live invite for an address in an organization,
//   - one organization for a vendor's organization, one id for a vendor's member,
//   - one holder for work under way, and one request at a time for an
//     idempotency key,
//   - what Write has returned for is on the disk, whatever happens next.
//
// Reading goes through methods of Ledger, changing through Ledger.Write:
//
//	Open ── Ledger.Invite, Invites, Organizations …   read-only connections
//	   ├─── Ledger.Write(ctx, func(*Tx) error)        the one writer
//	   └─── Ledger.Persist                            the same, for what has happened:
//	                                                  tried until the database lets it
//
// A transaction must be short: no vendor is called inside one, and the Ledger
// itself is not called from within one. Those that come at the same time run
// one after the other and are committed together; those InBackground let the
// others go first.
//
// The ledger is kept in SQLite, which is one file, one process, WAL and
// synchronous=FULL, or in Postgres, for several processes at once. On both,
// transactions run one after the other: SQLite has one writer, and on Postgres a
// transaction begins by taking an advisory lock. The SQL is the same for both,
// and what differs stands in sqlite.go with wal.go and in postgres.go. Times are
// kept in microseconds.
//
// Errors are *identity.Error: not_found, conflict with the field, invite_pending
// with the living invite, idempotency_in_progress, idempotency_key_reused, and
// internal with the cause for everything else. What is wrong with the ledger's
// database itself is a *DatabaseError, also as a cause; where that passes (a full
// disk, a lock, a server that is away), Passes says so.
package ledger
