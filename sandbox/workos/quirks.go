package workos

import (
	"maps"
	"net/url"
	"slices"

	"usher/sandbox/stage"
)

// Quirks are the switches of the simulator. DefaultQuirks gives what FACTS.md
// describes as the vendor's behaviour, and what is likelier where it does not
// know; every other value is something an environment may do. GET and PATCH
// /_sandbox/quirks read and change them at run time.
type Quirks struct {
	// Answers (FACTS.md sections 1 to 3).
	NotFoundWithoutCode bool   `json:"not_found_without_code"` // 404 has a message alone, as the document says
	RefuseUnknownFields bool   `json:"refuse_unknown_fields"`  // members of bodies that the document does not have are 422
	OmitNewFields       bool   `json:"omit_new_fields"`        // without what was added in 2026: role_slug of invitations, roles and user of memberships
	DeleteStatus        int    `json:"delete_status"`          // of users and memberships: 200, or 204
	RefuseUnknownCursor bool   `json:"refuse_unknown_cursor"`  // a cursor of nothing is 422 instead of ignored
	BeforeOnFirstPage   bool   `json:"before_on_first_page"`   // list_metadata.before is set on the first page too
	EventsOrder         string `json:"events_order"`           // "desc" as everywhere, or "asc"
	OldRolesPath        bool   `json:"old_roles_path"`         // /organizations/{id}/roles still answers (section 9)

	// E-mail addresses (section 8 and 16).
	LowerEmails bool `json:"lower_emails"` // addresses are kept in lower case
	FoldEmails  bool `json:"fold_emails"`  // addresses that differ in case alone are the same

	// Invitations (section 6).
	InvitationMailOff       bool     `json:"invitation_mail_off"`       // the environment's "user invitation" mail is turned off
	ResendRotatesToken      bool     `json:"resend_rotates_token"`      // resending makes a new token and link
	ResendExtends           bool     `json:"resend_extends"`            // resending starts the invitation's days anew
	ResendTakesNull         bool     `json:"resend_takes_null"`         // resend with the body null, as the vendor's Go SDK sends it
	ResendTakesEmpty        bool     `json:"resend_takes_empty"`        // resend without a body
	RevokeKeepsMembership   bool     `json:"revoke_keeps_membership"`   // the pending membership outlives a revoked invitation
	ExpiryRemovesMembership bool     `json:"expiry_removes_membership"` // the pending membership goes when the invitation expires
	DeletionKeepsInvitation bool     `json:"deletion_keeps_invitation"` // an invitation outlives its pending membership
	StubsHidden             bool     `json:"stubs_hidden"`              // people who never signed up are not listed among users
	InviteInactive          string   `json:"invite_inactive"`           // inviting a deactivated member: "refuse", or "revive"
	InviterUnchecked        bool     `json:"inviter_unchecked"`         // an unknown inviter_user_id is taken
	RefuseRoleWithoutOrg    bool     `json:"refuse_role_without_org"`   // role_slug without organization_id is invalid_role instead of ignored
	UserExistsWithoutCode   bool     `json:"user_exists_without_code"`  // inviting a user to the application: a message without a code (section 13.5)
	BlockedOrganizations    []string `json:"blocked_organizations"`     // ids that may not send invitations
	UndeliverableDomains    []string `json:"undeliverable_domains"`     // domains that take no mail
	DailyMailQuota          int      `json:"daily_mail_quota"`          // mails a day before 429 daily_quota_exceeded; 0: no quota (section 4)
	HonourIdempotencyKey    bool     `json:"honour_idempotency_key"`    // a repeated POST with the same key gets the first answer again (section 5)

	// Memberships and users (sections 2, 7 and 8).
	DuplicateMembership string `json:"duplicate_membership"` // creating an active one again: "user_already_organization_member", "organization_membership_already_exists", "entity_already_exists" (400), or "conflict" (409)
	MultipleRoles       bool   `json:"multiple_roles"`       // a membership may have several roles
	PasswordMinLength   int    `json:"password_min_length"`  // shorter ones are password_strength_error

	// Organizations (section 9): milliseconds until a deleted one is gone, with 202; 0: at once, with 200.
	OrganizationDeletionLagMS int `json:"organization_deletion_lag_ms"`

	// Access tokens (section 11).
	TokenIssuer      string         `json:"token_issuer"`       // "client" (…/user_management/<client id>), "host" (the API's address), or a URL
	TokenAudience    string         `json:"token_audience"`     // aud; empty: no aud
	TokenLifeSeconds int            `json:"token_life_seconds"` // 300
	TokenClaims      map[string]any `json:"token_claims"`       // what a JWT template adds or overrides, but for iss, sub, exp, iat, nbf and jti

	// Limits (section 4).
	RateLimits      bool   `json:"rate_limits"`
	RetryAfter      bool   `json:"retry_after"`       // 429 carries Retry-After
	TooManyRequests string `json:"too_many_requests"` // body of 429: "code", or "text" (a message alone)

	// Webhooks (section 10).
	WebhooksDuplicated bool `json:"webhooks_duplicated"` // each goes out twice
	WebhooksShuffled   bool `json:"webhooks_shuffled"`   // newest first
}

// DefaultQuirks is the vendor as FACTS.md describes it, with rate limits off.
func DefaultQuirks() Quirks {
	return Quirks{
		DeleteStatus: 200, EventsOrder: "desc", OldRolesPath: true, LowerEmails: true, FoldEmails: true,
		ResendTakesNull: true, InviteInactive: "refuse", BlockedOrganizations: []string{}, UndeliverableDomains: []string{},
		DuplicateMembership: "user_already_organization_member", PasswordMinLength: 10,
		TokenIssuer: "client", TokenLifeSeconds: 300, TokenClaims: map[string]any{},
		RetryAfter: true, TooManyRequests: "code",
	}
}

func (q Quirks) check() error {
	var c stage.Check
	c.OneOf("events_order", q.EventsOrder, "asc", "desc")
	c.OneOf("invite_inactive", q.InviteInactive, "refuse", "revive")
	c.OneOf("duplicate_membership", q.DuplicateMembership, "user_already_organization_member", "organization_membership_already_exists", "entity_already_exists", "conflict")
	c.OneOf("too_many_requests", q.TooManyRequests, "code", "text")
	c.Either("delete_status", q.DeleteStatus, 200, 204)
	u, err := url.Parse(q.TokenIssuer)
	c.Unless(q.TokenIssuer == "client" || q.TokenIssuer == "host" || err == nil && u.Host != "", "token_issuer: neither client, host nor a URL")
	c.Unless(q.TokenLifeSeconds > 0, "token_life_seconds: not positive")
	return c.Err()
}

func (q Quirks) clone() Quirks {
	q.BlockedOrganizations = slices.Clone(q.BlockedOrganizations)
	q.UndeliverableDomains = slices.Clone(q.UndeliverableDomains)
	q.TokenClaims = maps.Clone(q.TokenClaims)
	return q
}
