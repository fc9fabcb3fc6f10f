// Package api is usher's HTTP face: the /v1 operations on a Gin engine with
// Huma, which generates the OpenAPI document from the Go types.
//
// What happens to a request, in order:
//
//	ServeHTTP     gives it an id and treats HEAD as GET without a body
//	traced        its span, where traces are wanted
//	observe       one log line and the metrics, whatever happens below
//	recover       a panic becomes a problem document
//	guard         for each operation of routes.go, driven by that table:
//	              token 401, rate 429, organization 404, permission 403,
//	              Idempotency-Key 400, query 400, Accept 406, Content-Type 415,
//	              size 413, then the key's record (replayed, 409, 422)
//	record        the line of the audit record, once the answer is known
//	Huma          decodes and validates the body: 400
//	the handler   one call into package invites, mapped to the wire type
//	problem       every error becomes an RFC 9457 document in one place
//
// An operation that writes is not aborted by a client that goes away: it runs
// to its end under a deadline of its own, and its answer is recorded under the
// request's Idempotency-Key.
//
// The package knows no vendor, no SQL and no state machine.
package api
