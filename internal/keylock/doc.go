// Package keylock lets one caller at a time work on what a key names: an address
// that is looked up and then invited, a group that is written as a whole.
//
//	Locks.Take ─ waits for all of its keys, or until the context ends
//	give       ─ the next one's turn
//
// Each key has a lock of its own: who holds one while a vendor is slow keeps nobody
// waiting who needs another. It holds within one process.
package keylock
