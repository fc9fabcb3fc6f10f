package asgardeo

import (
	"slices"

	"usher/sandbox/stage"
)

// Quirks are the switches of the simulator. DefaultQuirks gives what FACTS.md
// describes as the vendor's behaviour; every other value is something a server
// of another version or configuration does. GET and PATCH /_sandbox/quirks
// read and change them at run time.
type Quirks struct {
	// Answers of SCIM (FACTS.md section 2).
	EmailsAsObjects       bool   `json:"emails_as_objects"`        // the primary address as {"value","primary"} instead of a string
	SCIMAsJSON            bool   `json:"scim_as_json"`             // Content-Type application/json on SCIM answers
	EmptyResources        bool   `json:"empty_resources"`          // "Resources":[] instead of no key when nothing is found
	TotalResults          string `json:"total_results"`            // "true", "page" (the page's size) or "larger"
	WildcardEq            bool   `json:"wildcard_eq"`              // * in an eq value matches anything
	CaseSensitiveEq       bool   `json:"case_sensitive_eq"`        // user names and addresses compare exactly
	CountCap              int    `json:"count_cap"`                // largest page of users; 0: none
	DefaultCount          int    `json:"default_count"`            // page size when no count is asked
	EnterpriseExtension   bool   `json:"enterprise_extension"`     // extension attributes under the enterprise URN instead of urn:scim:wso2:schema
	ExtensionBooleans     bool   `json:"extension_booleans"`       // extension flags as booleans instead of strings
	SCIMErrorsSchemasText bool   `json:"scim_errors_schemas_text"` // "schemas" of errors as one string (older versions)
	OrgSCIMAuthEnvelope   bool   `json:"org_scim_auth_envelope"`   // 401/403 under /o/scim2 in the SCIM envelope

	// Creating users (section 3).
	AskPasswordDisabled   bool     `json:"ask_password_disabled"`  // "Invite user to set password" is off
	LockOnCreation        bool     `json:"lock_on_creation"`       // accounts awaiting a password are locked
	PasswordLifeMinutes   int      `json:"password_life_minutes"`  // life of set-password codes; -1: no end
	AskPasswordScenario   string   `json:"ask_password_scenario"`  // RecoveryScenario that resend-code takes
	ExternalNotifications bool     `json:"external_notifications"` // the organization mails itself: codes are returned, nothing is sent
	Workflow              bool     `json:"workflow"`               // creation answers 202 and waits for approval
	AlphanumericUserNames bool     `json:"alphanumeric_user_names"`
	UniqueEmail           bool     `json:"unique_email"`
	ConflictOnUniqueness  bool     `json:"conflict_on_uniqueness"` // a taken unique e-mail answers 409 instead of 400
	MaskUserNames         bool     `json:"mask_user_names"`        // names in 409 details are masked
	RequireNames          bool     `json:"require_names"`          // first and last name are mandatory
	UserLimit             int      `json:"user_limit"`             // users of the root organization; 0: no limit
	RefuseDeleteShared    bool     `json:"refuse_delete_shared"`   // a SHARED or OWNER account cannot be deleted in the sub-organization
	OfflineLinkLocked     bool     `json:"offline_link_locked"`    // offline-invite-link refuses locked accounts with 17003
	ResendScope           string   `json:"resend_scope"`           // scope resend-code asks for; empty: any valid token
	DroppedScopes         []string `json:"dropped_scopes"`         // never granted, without an error (section 1.1)
	ScopeArray            bool     `json:"scope_array"`            // the scope claim of JWTs as an array
	NoOrgHandle           bool     `json:"no_org_handle"`          // tokens without org_handle
	SwitchWithoutAccess   int      `json:"switch_without_access"`  // status when a user without an account in the target switches: 500, or 200 with no scopes

	// Guest invitations (sections 4 and 5).
	InviteStatus           int      `json:"invite_status"`             // 200, or 201 as published
	NextInviteErrors       []string `json:"next_invite_errors"`        // codes the next invites fail with, one a user name: OUI-1… as a Failed row, OUI-6… as a whole
	EmptyInvitations       string   `json:"empty_invitations"`         // "null", "absent" or "list"
	InvitationNamesMerge   bool     `json:"invitation_names_merge"`    // an invitation to another spelling of the name counts as the same
	BatchLosesStore        bool     `json:"batch_loses_store"`         // after a shared user in a batch, ordinary users are not found
	InvitationLifeMinutes  int      `json:"invitation_life_minutes"`   // 4320
	ExpiredAtOffsetMinutes int      `json:"expired_at_offset_minutes"` // zone of expiredAt, relative to UTC

	// Lag, in milliseconds of the simulated clock (section 15.17).
	OrganizationLagMS int `json:"organization_lag_ms"` // user store and roles of a new organization
	AppShareLagMS     int `json:"app_share_lag_ms"`    // an application shared with an organization
	UserShareLagMS    int `json:"user_share_lag_ms"`   // user share and unshare
	RoleLagMS         int `json:"role_lag_ms"`         // roles of a new account

	// Limits and delays (section 12).
	RateLimits   bool   `json:"rate_limits"`    // 200 a minute per address and family, Bulk 5
	RetryAfter   bool   `json:"retry_after"`    // 429 carries Retry-After
	TooManyBody  string `json:"too_many_body"`  // body of 429: "html", "text" or "json"
	WriteDelayMS int    `json:"write_delay_ms"` // real milliseconds before each POST, PUT, PATCH, DELETE acts
}

// DefaultQuirks is the vendor as FACTS.md describes it, with rate limits off.
func DefaultQuirks() Quirks {
	return Quirks{
		TotalResults: "true", WildcardEq: true, CountCap: 100, DefaultCount: 100,
		LockOnCreation: true, PasswordLifeMinutes: 1440, AskPasswordScenario: "ASK_PASSWORD",
		RefuseDeleteShared: true, DroppedScopes: []string{}, SwitchWithoutAccess: 500,
		InviteStatus: 200, NextInviteErrors: []string{}, EmptyInvitations: "null",
		BatchLosesStore: true, InvitationLifeMinutes: 72 * 60,
		UserShareLagMS: 1000, TooManyBody: "html",
	}
}

func (q Quirks) check() error {
	var c stage.Check
	c.OneOf("total_results", q.TotalResults, "true", "page", "larger")
	c.OneOf("empty_invitations", q.EmptyInvitations, "null", "absent", "list")
	c.OneOf("too_many_body", q.TooManyBody, "html", "text", "json")
	c.Either("invite_status", q.InviteStatus, 200, 201)
	c.Either("switch_without_access", q.SwitchWithoutAccess, 500, 200)
	for _, code := range q.NextInviteErrors {
		_, row := guestRows()[code]
		_, whole := guestErrors()[code]
		c.Unless(row || whole, "next_invite_errors: unknown code %q", code)
	}
	return c.Err()
}

func (q Quirks) clone() Quirks {
	q.DroppedScopes = slices.Clone(q.DroppedScopes)
	q.NextInviteErrors = slices.Clone(q.NextInviteErrors)
	return q
}
