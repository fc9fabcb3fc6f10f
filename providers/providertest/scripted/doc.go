// Package scripted is what the vendors of the adapters' tests have in common: a
// clock, a lock, the list of the calls that came, and mishaps, which are the
// ways in which one call can go wrong.
//
// An adapter's vendor_test.go embeds a *Vendor, keeps what its own vendor knows
// under the same lock, and implements http.RoundTripper in three steps: read the
// body, name the operation, and leave the rest to Carry. A test then says in one
// line what goes wrong:
//
//	r.Inject(scripted.Mishap{Op: "send", Acts: true, Cut: true})
//
// It knows no vendor: routes, answers and quirks stay with the adapter. Tests
// alone may import it.
package scripted
