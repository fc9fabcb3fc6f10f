// Package contract holds HTTP exchanges with Nile Auth, or with its simulator,
// against the corrected document of what the server answers and, for the
// routes which that one leaves out, the vendor's own. It is for tests only;
// package contracttest does the work.
package contract
