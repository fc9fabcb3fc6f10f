// Package client talks to a SCIM 2.0 service over httpx: it finds, lists,
// creates, changes and deletes resources. It reads tolerantly, pages to the
// end whatever a service says its total is, and turns every refusal into one
// Error with its problem code.
//
//	List → one page          All → every resource, page by page
//	FindUsers → the few that a filter selects
//	Read → one resource as it came, with its version; Replace → all of it (PUT)
//	ServiceProviderConfig → what the service says that it can do
package client
