package nile

import (
	"net/http"
	"slices"

	"usher/sandbox/stage"
)

// Quirks are the switches of the simulator. DefaultQuirks gives what was seen
// of the vendor (FACTS.md); every other value is another configuration of the
// database, an older server, or something that was not verified. GET and PATCH
// /_sandbox/quirks read and change them at run time.
type Quirks struct {
	// The database's e-mail configuration (sections 5 and 7).
	EmailProvider      bool     `json:"email_provider"`      // magic links are offered
	NoEmailServer      bool     `json:"no_email_server"`     // no SMTP server row: nothing can be mailed, and with EmailProvider nobody can sign in
	SMTPError          string   `json:"smtp_error"`          // what the relay answers to every mail; empty: it takes them
	RejectedRecipients []string `json:"rejected_recipients"` // addresses that the relay refuses
	MissingTemplates   []string `json:"missing_templates"`   // templates that the database lacks, such as invite_user
	MailDelayMS        int      `json:"mail_delay_ms"`       // real milliseconds that the relay takes within the request

	// Not verified on the hosted service (sections 3 and 11).
	UnlinkNonMember      int  `json:"unlink_non_member"`       // status of unlinking who is no member: 401, or 404 as published
	EmptyDatabaseErrors  bool `json:"empty_database_errors"`   // unknown and malformed ids are refused without a text
	MagicLinkMembersOnly bool `json:"magic_link_members_only"` // a magic link goes to known users alone and makes none

	// Deployments (section 9.16, 9.18, 9.20).
	OpaqueSessionsFail bool `json:"opaque_sessions_fail"` // magic-link sessions get 401 outside /auth/: the server cannot reach itself
	UnfilteredInvites  bool `json:"unfiltered_invites"`   // plain Postgres: the list of invites is that of all tenants
	AbortedTransaction bool `json:"aborted_transaction"`  // plain Postgres: after one refused call all others are 400; ends with this switch
	NoInviteRoutes     bool `json:"no_invite_routes"`     // a server of before mid-2025

	// In front of the hosted service (section 11).
	RateLimit    int  `json:"rate_limit"`     // calls a minute and client address; 0: no limit, as the vendor's own server
	RetryAfter   bool `json:"retry_after"`    // 429 carries Retry-After
	TooManyHTML  bool `json:"too_many_html"`  // 429 is a page
	WriteDelayMS int  `json:"write_delay_ms"` // real milliseconds before each POST, PUT, DELETE acts
}

// DefaultQuirks is the vendor as FACTS.md describes it, with a mail server and
// without magic links.
func DefaultQuirks() Quirks {
	return Quirks{RejectedRecipients: []string{}, MissingTemplates: []string{}, UnlinkNonMember: http.StatusUnauthorized}
}

func (q Quirks) check() error {
	var c stage.Check
	c.Either("unlink_non_member", q.UnlinkNonMember, http.StatusUnauthorized, http.StatusNotFound)
	for _, name := range q.MissingTemplates {
		_, known := defaultTemplates()[name]
		c.Unless(known, "missing_templates: unknown template %q", name)
	}
	for name, n := range map[string]int{"rate_limit": q.RateLimit, "mail_delay_ms": q.MailDelayMS, "write_delay_ms": q.WriteDelayMS} {
		c.Unless(n >= 0, "%s: negative", name)
	}
	return c.Err()
}

func (q Quirks) clone() Quirks {
	q.RejectedRecipients = slices.Clone(q.RejectedRecipients)
	q.MissingTemplates = slices.Clone(q.MissingTemplates)
	return q
}
