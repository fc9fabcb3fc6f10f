// Package stage is what the simulated vendors stand on: what is the same in
// all of them, and part of none. It knows no vendor.
//
//	Front      the fault injector before a simulator, its clock, its admin surface
//	Base, Body, Sleep, Match
//	           what a request asks, and where
//	Reply      an answer before it is written; ShowPage is one for people
//	Switches   a simulator's quirks: read, set and patched under its lock
//	Check      collects what is wrong with them
//	Postman    delivers mails, and remembers them
//	SigningKey the key of tokens
package stage
