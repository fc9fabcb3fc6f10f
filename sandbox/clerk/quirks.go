package clerk

import (
	"slices"

	"usher/sandbox/stage"
)

// Quirks are the switches of the simulator: what FACTS.md marks as inferred or
// unknown, and what depends on an instance's settings. DefaultQuirks gives the
// likelier behaviour. GET and PATCH /_sandbox/quirks read and change them at
// run time.
type Quirks struct {
	// Transport (FACTS.md section 1).
	VersionWithoutHeader string `json:"version_without_header"` // what a call without a version gets; unknown, the oldest here
	ListLagMS            int    `json:"list_lag_ms"`            // lists show rows only this many milliseconds of the clock after they were made; reads by id do at once (section 11.20)

	// Organization invitations (section 4).
	Duplicates          string `json:"duplicates"`            // a second pending invitation: "refuse", or "replace" the first, which is revoked
	DuplicateCode       string `json:"duplicate_code"`        // the refusal's code: "organization_invitation_not_unique" or "duplicate_record" with the addresses
	DuplicateStatus     int    `json:"duplicate_status"`      // its status: 400, 409 or 422 (section 11.8)
	ExpiredBlocks       bool   `json:"expired_blocks"`        // an expired invitation counts as a duplicate (section 4.5)
	ExpiredAsPending    bool   `json:"expired_as_pending"`    // expiry is not a status of its own, as before February 2026 (section 4.5)
	BulkPartial         bool   `json:"bulk_partial"`          // what stands before a refused item of a bulk is kept (section 4.3)
	BulkTooLarge        string `json:"bulk_too_large"`        // eleven items: "bulk_size_exceeded" (400) or "form_param_value_invalid" (422) (section 15)
	RequireInviter      bool   `json:"require_inviter"`       // inviter_user_id and requesting_user_id are mandatory, as in 2024 (section 11.29)
	OneStatus           bool   `json:"one_status"`            // lists refuse a repeated status, as the document says (section 11.17)
	ExactAddressFilter  bool   `json:"exact_address_filter"`  // email_address of lists is compared with its case (section 11.4)
	UnknownOrganization string `json:"unknown_organization"`  // "resource_not_found" or "organization_not_found_or_unauthorized" (section 11.26)
	UnknownInvitation   string `json:"unknown_invitation"`    // "resource_not_found" or "organization_invitation_not_found" (section 15)
	MembershipSettles   string `json:"membership_settles"`    // the fate of a pending invitation whose invitee is made a member: "keep", "accept" or "revoke" (section 4.7)
	UserDeletionRevokes bool   `json:"user_deletion_revokes"` // deleting a user revokes the invitations to his addresses (section 11.19)
	URLAlways           bool   `json:"url_always"`            // url stays when an invitation is no longer pending
	InvitationsOff      bool   `json:"invitations_off"`       // invitations are not supported (section 2)
	BillingSeats        int    `json:"billing_seats"`         // seats that are paid for: a single invitation above answers 402, a bulk and a membership 403, as the document declares; 0: not billed (section 2)
	BlockSubaddresses   bool   `json:"block_subaddresses"`    // sign-up with a+b@ is refused, inviting it is not (section 11.5)
	ExclusiveMembership bool   `json:"exclusive_membership"`  // a user may be in one organization only (section 2)
	InviteExistingUser  string `json:"invite_existing_user"`  // an application invitation for a user: "form_identifier_exists" (422) or "duplicate_record" (400) (section 5)

	// Users (section 12).
	PasswordRequired bool `json:"password_required"` // the instance uses passwords: users need one, or skip_password_requirement
	UserQuota        int  `json:"user_quota"`        // users of a development instance, with RateLimits
	MonthlyMails     int  `json:"monthly_mails"`     // mails of a development instance, with RateLimits

	// Tokens (section 9).
	TokenVersion   int `json:"token_version"`     // of session tokens: 1, 2, or 0: by the version of the API
	NotBeforeSkewS int `json:"not_before_skew_s"` // seconds that nbf is before iat (section 15)

	// Limits and delays (section 3).
	RateLimits   bool   `json:"rate_limits"`
	NoRetryAfter bool   `json:"no_retry_after"` // 429 comes without Retry-After
	TooManyBody  string `json:"too_many_body"`  // body of 429, which is unknown: "json", "html" or "text"
	WriteDelayMS int    `json:"write_delay_ms"` // real milliseconds before each POST, PUT, PATCH, DELETE acts
}

// DefaultQuirks is the vendor as FACTS.md describes it, with rate limits off.
func DefaultQuirks() Quirks {
	return Quirks{
		VersionWithoutHeader: versions()[0],
		Duplicates:           "refuse", DuplicateCode: "organization_invitation_not_unique", DuplicateStatus: 400,
		BulkTooLarge: "bulk_size_exceeded", UnknownOrganization: "resource_not_found", UnknownInvitation: "resource_not_found",
		MembershipSettles: "keep", InviteExistingUser: "form_identifier_exists",
		PasswordRequired: true, UserQuota: 500, MonthlyMails: 100, NotBeforeSkewS: 10, TooManyBody: "json",
	}
}

func (q Quirks) check() error {
	var c stage.Check
	c.OneOf("version_without_header", q.VersionWithoutHeader, versions()...)
	c.OneOf("duplicates", q.Duplicates, "refuse", "replace")
	c.OneOf("duplicate_code", q.DuplicateCode, "organization_invitation_not_unique", "duplicate_record")
	c.OneOf("bulk_too_large", q.BulkTooLarge, "bulk_size_exceeded", "form_param_value_invalid")
	c.OneOf("unknown_organization", q.UnknownOrganization, "resource_not_found", "organization_not_found_or_unauthorized")
	c.OneOf("unknown_invitation", q.UnknownInvitation, "resource_not_found", "organization_invitation_not_found")
	c.OneOf("membership_settles", q.MembershipSettles, "keep", "accept", "revoke")
	c.OneOf("invite_existing_user", q.InviteExistingUser, "form_identifier_exists", "duplicate_record")
	c.OneOf("too_many_body", q.TooManyBody, "json", "html", "text")
	c.Unless(slices.Contains([]int{400, 409, 422}, q.DuplicateStatus), "duplicate_status: none of 400, 409, 422")
	c.Unless(q.TokenVersion >= 0 && q.TokenVersion <= 2, "token_version: none of 0, 1, 2")
	return c.Err()
}
