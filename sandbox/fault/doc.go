// Package fault makes a simulated service fail on demand. An Injector stands
// before any http.Handler: it records calls, carries out the faults asked for,
// and serves the admin surface below /_sandbox/:
//
//	POST   /_sandbox/faults  add a fault            → 201 {"id"}
//	GET    /_sandbox/faults  faults with their hits
//	DELETE /_sandbox/faults  remove all, release what hangs
//	GET    /_sandbox/calls   calls so far, without secrets; DELETE forgets them
//	POST   /_sandbox/clock   {"advance":"73h"}; GET reads the clock
//	GET    /_sandbox/quirks  the simulator's switches; PATCH changes some
//	GET    /_sandbox/state   the simulator's own dump
//
// The admin surface has no authentication: bind it to loopback only. It is not
// part of any vendor's API, knows no vendor, and is never rate limited.
package fault
