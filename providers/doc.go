// Package providers is the contract between usher and the identity providers
// behind it.
//
// An adapter implements Provider, the small core, and any of the optional
// interfaces beside it. NewClient asserts them once; everybody else in the
// house uses the concrete Client, which adds what all backends share:
// deadlines, error wrapping, metrics, capability checks. An adapter calls its
// vendor through Deps.HTTP, and what protects vendors and callers is there: the
// vendor's limits (internal/quota), the circuit breaker and the repetition of
// single calls (internal/httpx, where it is known which call may be repeated).
//
// The flow of one send: invites records the invite in state sending, calls
// Client.Invite with a Journal over the ledger; the adapter begins a step in
// the journal before each vendor write and completes it after; the error that
// comes back says by identity.Error.Unknown whether the vendor may have acted.
// If so, Client.Settle asks the vendor.
//
// The package imports no adapter and no ledger.
package providers
