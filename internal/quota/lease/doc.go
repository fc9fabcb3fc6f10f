// Package lease keeps in the ledger what is used of the vendors' limits, so that
// all instances of usher keep within them together, and after a restart as well.
//
// An instance leases a few calls of each class at once and lets them go by
// itself; only then, and when it gives some back, it talks to the ledger:
//
//	Take ── is a leased call left? ── yes: it goes
//	  └─ talk: report what became of calls, lease some more ── Ledger.ChangeBudget
//	Release ── the call counts until its window is over; reported with the next talk
//
// A call counts from when it was leased until a window after its end. What an
// instance holds and has not reported counts until a window after the last moment
// at which a call could have been made with it: so whoever dies takes along a few
// calls for a while, and no span of the window's length ever holds more than the
// limit.
//
// A lease is a twentieth of the limit, and at most half of what is left where
// other instances may want some. They give back soon what they do not use. An
// instance that is alone keeps what it has leased, and leases for a second at
// least, so that it writes little.
//
// A vendor's refusal closes a scope here at once, and for other instances as soon
// as they look, which each does before a call if its last look is half a second
// old.
//
// Time is the ledger's. Whoever talks compares it with the time that has passed
// by its own clock, which no one sets: when the ledger's was set ahead, by more
// than a talk takes, the difference is recorded, and what counts goes on counting
// for as long as before. When it was set back, that counts for longer: for another
// window at most.
package lease
