package internal

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"usher/identity"
	"usher/internal/httpx"
)

// The vendor's codes that the adapter branches on (FACTS.md section 2).
const (
	CodeNotUnique     = "organization_invitation_not_unique"
	CodeDuplicate     = "duplicate_record"
	CodeAlreadyMember = "already_a_member_in_organization"
	CodeNotPending    = "organization_invitation_not_pending"
	CodeNoInvitation  = "organization_invitation_not_found"
	CodeNotFound      = "resource_not_found"
	CodeNoOrg         = "organization_not_found_or_unauthorized"
)

// APIError is an answer of the vendor that is not the one asked for. Its text
// is for the log and quotes nothing of the vendor's but a code, the name of a
// parameter and the id of a trace.
type APIError struct {
	Op      string
	Status  int
	Code    string   // empty: the answer is not one of the interface
	Param   string   // the parameter at fault, where it is named
	Emails  []string // the addresses at fault, where they are named; never logged
	TraceID string
	Why     string // what is wrong with an answer that is no refusal
	Acted   bool   // the vendor may have acted
	Retry   time.Duration
}

// Error implements error.
func (e *APIError) Error() string {
	text := "clerk: " + e.Op + ": status " + strconv.Itoa(e.Status)
	for _, part := range []string{e.Code, e.Param, e.Why} {
		if part != "" {
			text += ": " + part
		}
	}
	if e.TraceID != "" {
		text += " (trace " + e.TraceID + ")"
	}
	return text
}

// MayHaveActed implements providers.Uncertainer.
func (e *APIError) MayHaveActed() bool { return e.Acted }

// RetryAfter implements providers.RetryAfterer.
func (e *APIError) RetryAfter() time.Duration { return e.Retry }

// IdentityCode implements identity.Coder.
func (e *APIError) IdentityCode() identity.Code { return e.Problem().Code }

// Exhausted implements providers.Exhauster. The other limits are of accounts and
// of what a plan includes: who has an account, or asks for less, may be taken.
func (e *APIError) Exhausted() bool {
	switch e.Code {
	case "organization_membership_quota_exceeded", "insufficient_seats", "dev_monthly_email_limit_exceeded":
		return true
	default:
		return false
	}
}

// Refused implements providers.Refuser: a server that fails, or answers what
// nobody asked for, may do better.
func (e *APIError) Refused() bool { return e.Status/100 == 4 }

// IsDuplicate reports the refusal of a second pending invitation of an address.
// The status is not looked at: it has been seen to vary (FACTS.md section 4.6).
func (e *APIError) IsDuplicate() bool { return e.Code == CodeNotUnique || e.Code == CodeDuplicate }

// IsGone reports that the vendor has no such invitation, or none that is
// pending: it answers 404 for both.
func (e *APIError) IsGone() bool {
	return e.Code == CodeNotPending || e.Code == CodeNoInvitation || e.Code == CodeNotFound
}

// Problem is what an error means to a caller of ours.
type Problem struct {
	Code   identity.Code
	Field  string // JSON pointer; empty: none
	Detail string // one sentence for the caller; empty: the code's own text
}

// codes is the one table from the vendor's own codes to ours.
func codes() map[string]Problem {
	const (
		ours     = "The identity provider did not understand a request of the gateway."
		inviter  = "The identity provider takes the gateway for a person without the right to invite."
		noInvite = "The identity provider has no such invitation, or it is not pending."
	)
	return map[string]Problem{
		CodeNotUnique:     {identity.CodeInvitePending, "", "The identity provider has a pending invitation for this address already."},
		CodeDuplicate:     {identity.CodeInvitePending, "", "The identity provider has a pending invitation for this address already."},
		CodeAlreadyMember: {identity.CodeAlreadyMember, "", "The person is a member of the organization already."},
		CodeNotPending:    {identity.CodeNotFound, "", noInvite},
		CodeNoInvitation:  {identity.CodeNotFound, "", noInvite},
		CodeNotFound:      {identity.CodeNotFound, "", "The identity provider does not know the organization or the invitation."},
		CodeNoOrg:         {identity.CodeNotFound, "", "The identity provider does not know the organization."},

		"organization_membership_quota_exceeded": {identity.CodeQuotaExceeded, "", "The organization has as many members and open invitations as the identity provider allows it."},
		"insufficient_seats":                     {identity.CodeQuotaExceeded, "", "The organization's plan at the identity provider has no seat left."},
		"unsupported_subscription_plan_features": {identity.CodeQuotaExceeded, "", "The plan at the identity provider does not include this."},
		"user_quota_exceeded":                    {identity.CodeQuotaExceeded, "", "The plan at the identity provider allows no more accounts."},
		"dev_monthly_email_limit_exceeded":       {identity.CodeQuotaExceeded, "", "The development instance at the identity provider has sent all the mails of this month."},

		"not_allowed_access":                        {identity.CodeEmailNotDeliverable, "/email", "The identity provider's restrictions do not let this address in."},
		"exclusive_organization_membership":         {identity.CodeConflict, "", "The identity provider does not let this person join the organization."},
		"organization_membership_managed_by_scim":   {identity.CodeConflict, "", "The membership is managed by the organization's directory."},
		"invitations_not_supported":                 {identity.CodeUnsupported, "", "The instance at the identity provider does not invite by e-mail."},
		"invitations_not_supported_in_organization": {identity.CodeUnsupported, "", "The organization cannot invite by e-mail at the identity provider."},
		"organization_not_enabled_in_instance":      {identity.CodeProviderError, "", "Organizations are switched off at the identity provider."},

		"clerk_key_invalid":                   {Code: identity.CodeProviderCredentials},
		"authentication_invalid":              {Code: identity.CodeProviderCredentials},
		"could_not_authenticate_request":      {Code: identity.CodeProviderCredentials},
		"authorization_header_format_invalid": {Code: identity.CodeProviderCredentials},
		"authorization_invalid":               {Code: identity.CodeProviderCredentials},
		"not_a_member_in_organization":        {identity.CodeProviderError, "", inviter},
		"missing_organization_permission":     {identity.CodeProviderError, "", inviter},
		"not_an_admin_in_organization":        {identity.CodeProviderError, "", inviter},

		"conflict":             {Code: identity.CodeProviderUnavailable},
		"resource_locked":      {Code: identity.CodeProviderUnavailable},
		"too_many_requests":    {Code: identity.CodeProviderRateLimited},
		"service_unavailable":  {Code: identity.CodeProviderUnavailable},
		"internal_clerk_error": {Code: identity.CodeProviderError},
		"api_version_invalid":  {identity.CodeProviderError, "", ours},
		"request_body_invalid": {identity.CodeProviderError, "", ours},
		"bulk_size_exceeded":   {identity.CodeProviderError, "", ours},
		"form_param_unknown":   {identity.CodeProviderError, "", ours},
		"form_param_missing":   {identity.CodeProviderError, "", ours},
		"form_param_nil":       {identity.CodeProviderError, "", ours},
		"form_param_duplicate": {identity.CodeProviderError, "", ours},
		"request_body_too_large": {identity.CodeNotCarried, "/metadata",
			"The identity provider does not take that much."},
	}
}

// params is what a refused value means, by the name of its parameter.
func params() map[string]Problem {
	return map[string]Problem{
		"email_address":    {identity.CodeEmailNotDeliverable, "/email", "The identity provider does not take this address."},
		"role":             {identity.CodeUnknownRole, "/roles/0", "The organization has no such role at the identity provider."},
		"redirect_url":     {identity.CodeNotCarried, "/redirect_url", "The identity provider does not lead to this page."},
		"expires_in_days":  {identity.CodeNotCarried, "/expires_at", "The identity provider does not take this life of an invitation."},
		"private_metadata": {identity.CodeNotCarried, "/metadata", "The identity provider does not take this metadata."},
		"public_metadata":  {identity.CodeNotCarried, "/metadata", "The identity provider does not take this metadata."},
	}
}

// Problem returns what the error means: by the parameter that is at fault, by
// the vendor's code, then by status. An answer without a code is not one of the
// interface, so a 404 of that kind is a wrong base URL and never "not found".
func (e *APIError) Problem() Problem {
	if at, ok := params()[e.Param]; ok && (e.Code == CodeNotFound || strings.HasPrefix(e.Code, "form_param_") && !misunderstood(e.Code)) {
		return at
	}
	if p, ok := codes()[e.Code]; ok {
		return p
	}
	switch {
	case e.Status == http.StatusPaymentRequired:
		return Problem{identity.CodeQuotaExceeded, "", "The plan at the identity provider does not allow this."}
	case e.Status == http.StatusNotFound && e.Code == "":
		return Problem{Code: identity.CodeProviderError}
	default:
		return Problem{Code: httpx.StatusCode(e.Status)}
	}
}

// misunderstood reports the refusals that are about what the gateway sends, not
// about a value that its caller chose.
func misunderstood(code string) bool {
	return codes()[code].Code == identity.CodeProviderError
}

// envelope is the vendor's one shape of errors.
type envelope struct {
	Errors []struct {
		Code string `json:"code"`
		Meta struct {
			Param  string   `json:"param_name"`
			Emails []string `json:"email_addresses"`
		} `json:"meta"`
	} `json:"errors"`
	TraceID string `json:"clerk_trace_id"`
}

// newError reads an answer that is an error. now is for Retry-After.
func newError(call httpx.Call, answer *httpx.Response, now time.Time) *APIError {
	e := &APIError{
		Op: call.Op, Status: answer.Status, Acted: httpx.ActedStatus(call.Method, answer.Status),
		Retry: httpx.RetryAfter(answer.Header, now),
	}
	var body envelope
	if json.Unmarshal(answer.Body, &body) != nil || len(body.Errors) == 0 {
		e.Why = "the answer is not an error of the interface"
		return e
	}
	first := body.Errors[0]
	e.Code, e.Param, e.TraceID = short(first.Code), short(first.Meta.Param), short(body.TraceID)
	e.Emails = first.Meta.Emails
	if e.Param == "" && len(first.Meta.Emails) > 0 {
		e.Param = "email_address"
	}
	return e
}

// short keeps what should be a code, a name or an id from being anything else.
func short(s string) string {
	const longest = 64
	if len(s) > longest || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '@' || r == '/' }) {
		return ""
	}
	return s
}
