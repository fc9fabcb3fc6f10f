// Package ijson refuses JSON texts that two readers could understand
// differently. What it lets through is I-JSON (RFC 7493): valid UTF-8, no name
// twice in an object, no half a character, no number that a reader would
// change, nothing after the value, and a bounded depth.
//
// Check only looks; decoding is its caller's. Its errors point to the place at
// fault and repeat no value.
package ijson
