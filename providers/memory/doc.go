// Package memory is the reference adapter: a vendor that lives in this
// process. It implements every ability, so that the rest of the house is
// tested against it, and its Vendor is the simulated service behind it, with
// faults on demand.
//
// It is not offered in configuration: nothing outlives the process.
package memory
