// Package roster reads files of people to invite, one row at a time and in
// bounded memory.
//
//	bytes ─ UTF-8, or UTF-16 with a byte order mark
//	  └ lines
//	      ├ NDJSON  one object a line, as strict as a single request's body
//	      └ CSV     header → columns; quoted cells; comma, semicolon or tab
//	          └ Row: its number, its line, the request or what is wrong with it
//
// A mistake in a row is that row's and the rows behind it are read. A mistake
// after which nobody can tell where rows begin and end is the file's, and ends
// the reading. Nothing in a file is ever evaluated.
//
// Reading is syntax alone: whether an address, a role or a page is one that the
// organization takes is for package invites.
package roster
