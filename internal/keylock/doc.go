// Package keylock lets one caller at a time work on what a key names: an address
// that is looked up and then invited, a group that is written as a whole.
//
//	Locks.Take ─ waits for all of its keys, or until the context ends
//	give       ─ the next one's turn
//
// Keys share a fixed number of locks, so two keys may wait for each other though
// they have nothing to do with each other. It holds within one process.
package keylock
