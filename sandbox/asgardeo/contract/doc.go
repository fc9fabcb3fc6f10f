// Package contract holds HTTP exchanges with Asgardeo, or with its simulator,
// against the vendor's OpenAPI documents. It is for tests only; package
// contracttest does the work.
package contract
