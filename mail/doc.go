// Package mail sends invitations by SMTP.
//
//	SendInvitation ─ check ─ render (templates by locale) ─ compose (MIME)
//	                 │
//	                 └ connect · greeting · TLS · hello · login · sender ·
//	                   recipient · data │ answer
//
// One connection carries one mail. Whatever fails before the end of the message
// was sent means that nothing was mailed. After it only an answer of the server
// settles the matter: a refusal is definite, and silence, a cut connection or a
// deadline leaves an [Error] with MayHaveActed. Nothing is sent again here.
//
// The link in a mail is a secret. It is in the message and nowhere else: what a
// server says after it has seen the message is not kept either.
//
// # Templates
//
// Each locale has invitation.LOCALE.subject and .txt (text/template) and .html
// (html/template). English, German, French and Spanish are built in. Files of
// the same names in a directory take their place, one by one; another locale
// needs all three. They are read, parsed and tried once, at start. In them:
//
//	.Link                    the link; in the text it stands alone on a line
//	.Organization            never empty
//	.Inviter                 who invites, may be empty, as all that follow
//	.GivenName .FamilyName
//	.Message                 one line of plain text
//	.Roles                   a list; {{join .Roles}} puts commas between
//	.Expires                 date and time in UTC, in words of the locale
//	.ExpiresAt               the same as time.Time; nil if it never expires
//	.Locale                  the tag of the chosen locale
//
// What people typed arrives without line breaks and control characters, and
// HTML is escaped. The built-in HTML loads nothing and tracks nothing.
package mail
