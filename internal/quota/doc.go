// Package quota keeps all callers together within what a vendor allows, fairly
// among organizations.
//
// A vendor counts calls for each of its scopes (an instance, an egress address),
// in classes, each with a limit in a window of time. All connections with the
// same scope share one in the process:
//
//	Limiter.Acquire ─ which classes does the call count in?
//	  scope ─ who may go next: one queue an organization, served in turn
//	    Store ─ is there budget: sliding windows, pauses
//	Permit.Release ─ the call has ended, and may have been seen or not
//
// Background work (WithPatience) waits longer and gives way: while others wait
// for the same scope, three of four turns are theirs, so that neither starves;
// and a twentieth of each limit is not for the background, so that a single call
// need not wait until the vendor counts anew. Within each of the two, the lanes
// take turns, and in a lane the organizations.
//
// An organization whose single calls have used half of its part of a limit goes
// on as the background does, so that nobody uses up an hour's limit by being
// first. The parts are those of the organizations seen by this process.
//
// A vendor's refusal closes the whole scope, for everybody, until the time it
// named. Who cannot go in time gets *Refused, and nothing was sent.
//
// The package knows no HTTP. Queues exist while somebody waits in them; a scope
// has a goroutine while anybody waits, and Registry.Close waits for it.
package quota
