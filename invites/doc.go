// Package invites is the product's heart: sending, resending, revoking,
// listing and reconciling invitations, and the organizations, members and
// roles around them. It owns the state machine
//
//	queued → sending → pending → accepted
//	   │        │         ├────→ declined
//	   │        ├→ uncertain ──→ (settled into any state)
//	   └────────┴→ failed ├────→ expired
//	                      └────→ revoked
//
// and its one promise: nothing is repeated unless the vendor shows that it did
// not happen.
//
// It knows the ledger and providers.Client; no HTTP, no vendor, no SQL.
package invites
