// Package ledgertest is the suite that every database the ledger can be kept
// in must pass. A database's test calls Run with a function that makes a
// fresh, empty one; nothing here asks which database it is.
package ledgertest
