// Package contract holds HTTP exchanges with ROQ, or with its simulator,
// against the vendor's GraphQL schema and the forms that FACTS.md describes. It
// is for tests only.
package contract
