// Package contract checks HTTP exchanges with Asgardeo, or with its simulator,
// against the vendor's OpenAPI documents. It is for tests only:
//
//	v := contract.NewValidator(t, contracttest.Dir(t, "asgardeo"))
//	server := httptest.NewServer(v.Middleware(simulator))
//
// Every request and answer that passes is validated; what does not fit the
// documents fails the test when it ends, except for the rows of Known, which
// name where FACTS.md says that a document is wrong or silent.
package contract
