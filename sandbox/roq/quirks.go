package roq

import (
	"slices"

	"usher/sandbox/stage"
)

// Quirks are the switches of the simulator, one for each thing that FACTS.md
// calls inferred or unknown. DefaultQuirks gives the likelier behaviour. GET and
// PATCH /_sandbox/quirks read and change them at run time.
type Quirks struct {
	// Tokens (FACTS.md section 3).
	TokenStatus      int  `json:"token_status"`       // of a token call that succeeds: 201, or 200
	TokenLifeSeconds int  `json:"token_life_seconds"` // of access tokens for which nothing else was asked
	AuthAsHTTP       bool `json:"auth_as_http"`       // GraphQL calls without authority answer 401 in the form of the token calls, not in GraphQL's

	// The envelope (section 6).
	ErrorStatusAsHTTP bool   `json:"error_status_as_http"` // resolver errors carry their statusCode as HTTP status instead of 200
	ValidationStatus  int    `json:"validation_status"`    // HTTP status of documents and variables that do not fit the schema: 400, or 200
	VariableErrorCode string `json:"variable_error_code"`  // extensions.code of such variables: GRAPHQL_VALIDATION_FAILED or BAD_USER_INPUT
	V1Only            bool   `json:"v1_only"`              // an older instance: no sendUserInvitesV2 and acceptUserInviteV2 (section 11)

	// Sending (sections 4.1 and 4.2).
	BulkLimit          int      `json:"bulk_limit"`            // invitations in one call; 0: no limit (section 7)
	InvitedCode        string   `json:"invited_code"`          // errorCode of a second invitation: USER_INVITE_ALREADY_EXIST, USER_ALREADY_INVITED or USER_INVITE_ALREADY_SENT
	InvitedStatuses    []string `json:"invited_statuses"`      // invitations of these statuses stand in the way of a new one
	InvitedAnywhere    bool     `json:"invited_anywhere"`      // also those of other tenants
	UserExistsInTenant bool     `json:"user_exists_in_tenant"` // only users of the tenant stand in the way, not all of the environment
	CaseSensitiveEmail bool     `json:"case_sensitive_email"`  // addresses that differ in case are different
	SameAddressTwice   bool     `json:"same_address_twice"`    // an address given twice in one call is invited twice, instead of failing the second time
	InvalidEmailAsRow  bool     `json:"invalid_email_as_row"`  // an address that is none fails alone, instead of the call
	UnknownRole        string   `json:"unknown_role"`          // role keys that do not exist: "row" or "call" fails, or they are let through: "ignore"
	InviterBindsAdmin  bool     `json:"inviter_binds_admin"`   // the inviter's inviteRoleKeys bind a service account too
	InviterTenant      string   `json:"inviter_tenant"`        // an inviter of another tenant than the one given: "given" or "inviter" counts, or the row is refused: "refuse"
	RoleKeysAtOnce     bool     `json:"role_keys_at_once"`     // the answer of the sending has roleKeys already, instead of null (section 4.3)
	VariablesInData    bool     `json:"variables_in_data"`     // injectableVariables are kept as data
	V1StatusIgnored    bool     `json:"v1_status_ignored"`     // the status that the older form can give has no effect
	RowsReversed       bool     `json:"rows_reversed"`         // success and errors are in another order than the input
	NullLists          bool     `json:"null_lists"`            // an empty success or errors is null
	PlainRowErrors     bool     `json:"plain_row_errors"`      // error of a row is text, not JSON in text

	// The life of an invitation (section 4.4).
	InviteLifeMinutes int  `json:"invite_life_minutes"`
	ExpiryJobMinutes  int  `json:"expiry_job_minutes"`  // status expired is set by a job that runs this often; 0: seen at once; -1: never, only the token ends
	CancelExpired     bool `json:"cancel_expired"`      // what has expired can be canceled
	ResendKeepsStatus bool `json:"resend_keeps_status"` // resending mails again and neither renews nor makes pending
	ResendNewToken    bool `json:"resend_new_token"`    // the mail's token is a new one and the old one is dead
	ResendNewTokenID  bool `json:"resend_new_token_id"` // userTokenId changes when resending
	AcceptByStatus    bool `json:"accept_by_status"`    // accepting what is expired or accepted fails with USER_INVITE_ACCEPTANCE_FAILED instead of the token's codes
	AcceptWithoutUser bool `json:"accept_without_user"` // accepting by the API makes no user and leaves acceptedByUserId null; the hosted page makes one all the same

	// Lists, users and tenants (sections 4.5 and 5).
	ListCap           int  `json:"list_cap"` // rows of one answer
	SearchIgnoresCase bool `json:"search_ignores_case"`
	ShowDeactivated   bool `json:"show_deactivated"` // users lists deactivated users without being asked to
	TenantsInactive   bool `json:"tenants_inactive"` // isTenantsActive answers false
}

// DefaultQuirks is the vendor as FACTS.md finds it likely.
func DefaultQuirks() Quirks {
	return Quirks{
		TokenStatus: 201, TokenLifeSeconds: 3600,
		ValidationStatus: 400, VariableErrorCode: codeValidation,
		BulkLimit: 10, InvitedCode: codeInviteExists, InvitedStatuses: []string{pending}, UnknownRole: "row", InviterTenant: "given",
		InviteLifeMinutes: 24 * 60, ListCap: 1000,
	}
}

func (q Quirks) check() error {
	var c stage.Check
	least := func(name string, value, least int) {
		c.Unless(value >= least, "%s: less than %d", name, least)
	}
	c.OneOf("variable_error_code", q.VariableErrorCode, codeValidation, codeBadInput)
	c.OneOf("invited_code", q.InvitedCode, codeInviteExists, codeAlreadyInvited, codeAlreadySent)
	c.OneOf("unknown_role", q.UnknownRole, "row", "call", "ignore")
	c.OneOf("inviter_tenant", q.InviterTenant, "given", "inviter", "refuse")
	for _, status := range q.InvitedStatuses {
		c.OneOf("invited_statuses", status, pending, accepted, canceled, expired)
	}
	c.Either("token_status", q.TokenStatus, 201, 200)
	c.Either("validation_status", q.ValidationStatus, 400, 200)
	least("token_life_seconds", q.TokenLifeSeconds, 1)
	least("bulk_limit", q.BulkLimit, 0)
	least("invite_life_minutes", q.InviteLifeMinutes, 1)
	least("expiry_job_minutes", q.ExpiryJobMinutes, -1)
	least("list_cap", q.ListCap, 1)
	return c.Err()
}

func (q Quirks) clone() Quirks {
	q.InvitedStatuses = slices.Clone(q.InvitedStatuses)
	return q
}
