// Package mail is the sandbox's mail catcher: real SMTP in, JSON and a small
// page out. Nothing it takes ever leaves it.
//
//	SMTP                      SMTPUTF8, 8BITMIME, SIZE; no authentication
//	GET    /api/messages      JSON list, newest last; ?to= ?kind= ?wait=
//	DELETE /api/messages      forget all
//	GET    /                  the list as a page; ?to= ?kind=
//	GET    /messages/{id}     one message as a page
//	GET    /messages/{id}/html  its HTML body, sandboxed
//
// Messages are kept in memory, the newest ones up to a number and a size.
// [Sender] delivers by SMTP, for the simulated vendors; [Catcher.Wait] lets a
// test wait for a message without sleeping.
package mail
