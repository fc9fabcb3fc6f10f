// Package scim holds the words of SCIM 2.0 (RFC 7643, RFC 7644): resources,
// the list, patch and error messages, and filters that cannot be injected.
//
// Reading is tolerant of what services really send (a status as a number, an
// e-mail as a bare string, no Resources at all); writing is strict.
package scim
