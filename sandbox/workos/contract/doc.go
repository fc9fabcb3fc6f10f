// Package contract holds HTTP exchanges with WorkOS, or with its simulator,
// against the vendor's OpenAPI document. It is for tests only; package
// contracttest does the work.
package contract
