// Command bench prints what usher costs beside what the same work costs bare,
// as ratios (`make bench`). A goal that is missed is printed as a miss.
//
// What is measured is the real binary: it is built, started as a process and
// called over loopback. Each reference runs beside it and takes turns with it,
// since figures on one machine vary by a third from minute to minute and only
// ratios within one run say something.
//
//	bench ── load ──→ usher serve ──→ instant vendor   (in bench)
//	      │                └────────→ issuer's keys    (in bench)
//	      └─ load ──→ bench bare  ──→ instant vendor   (the same program again)
//
// The vendor answers in Asgardeo's words or in Clerk's, at once, and keeps
// nothing. CPU time and memory are read from /proc; where there is none those rows
// say so. What depends on the database is measured on SQLite and, with a server in
// USHER_TEST_POSTGRES_URL, on Postgres, in databases that are dropped afterwards.
//
// How long settling takes after a kill is what internal/crashtest says, which is
// run as a child.
//
// It does not measure single functions: `go test -bench` does.
package main
