// Package httpx is how usher calls vendors: one shared transport, deadlines,
// bounded bodies, safe repetition, and one classification of what went wrong.
// Adapters build a Call and read a Response; they write no plumbing.
//
// What may be repeated: a 429, since it is a refusal; a call that found no
// connection, since nothing was sent; and anything else only for calls that
// change nothing or are marked Repeatable. A try begins in one place,
// Client.try:
//
//	admit ─ the Breaker: is the vendor up?   the Limiter: is it our turn?
//	send  ─ one request, one whole answer
//	end   ─ both are told what came of it; a refusal pauses the vendor's scope
//
// and Repeats bounds how many more follow.
package httpx
