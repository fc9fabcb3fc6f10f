package internal

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"usher/identity"
	"usher/internal/httpx"
	"usher/internal/redact"
)

// The vendor's codes that the adapter branches on (FACTS.md sections 4 to 6).
const (
	CodeAlreadyMember  = "OUI-10032"
	CodeAlreadyInvited = "OUI-10018"
	CodeUnknownUser    = "OUI-10011"
	CodeUnknownInvite  = "OUI-60001"
	CodeSeveralInvites = "OUI-60003"
	CodeUnknownRole    = "OUI-60013"
	CodeUserLimit      = "userLimitReached"
)

// Reason is why an organization_switch was refused. The token endpoint has no
// codes for these, only texts (FACTS.md section 1.2); they are recognised in
// one place, reasonOf.
type Reason string

// The reasons.
const (
	ReasonUnknownOrganization Reason = "unknown organization"
	ReasonDisabled            Reason = "organization disabled"
	ReasonNotShared           Reason = "application not shared"
	ReasonBadSource           Reason = "source token refused"
)

func reasonOf(description string) Reason {
	text := strings.ToLower(description)
	switch {
	case strings.Contains(text, "invalid organization id"), strings.Contains(text, "same branch"):
		return ReasonUnknownOrganization
	case strings.Contains(text, "deactivated"):
		return ReasonDisabled
	case strings.Contains(text, "not shared"):
		return ReasonNotShared
	case strings.Contains(text, "invalid token"):
		return ReasonBadSource
	default:
		return ""
	}
}

// The operations whose name changes what an answer means.
const (
	OpToken      = "get token"
	OpSwitch     = "switch organization"
	OpIntrospect = "introspect token"
	OpCreateUser = "create user"
)

// APIError is an answer of the vendor that is not the one asked for. Its text
// is for the log: it may quote the vendor, shortened and without secrets.
type APIError struct {
	Op      string
	Status  int    // HTTP status; 200 or 201 for a refusal of one row
	Code    string // OUI-…, scimType or OAuth error; empty if there is none
	Reason  Reason // of a refused organization_switch
	Message string
	TraceID string
	Caller  bool // the call was made with the caller's own credential
	Acted   bool // the vendor may have acted
	Retry   time.Duration
}

// Error implements error.
func (e *APIError) Error() string {
	text := "asgardeo: " + e.Op + ": status " + strconv.Itoa(e.Status)
	for _, part := range []string{e.Code, e.Message} {
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

// Refused implements providers.Refuser: a server that fails may do better.
func (e *APIError) Refused() bool { return e.Status < http.StatusInternalServerError }

// Problem is what an error means to a caller of ours.
type Problem struct {
	Code   identity.Code
	Field  string // JSON pointer; empty: none
	Detail string // one sentence for the caller; empty: the code's own text
}

// codes is the one table from the vendor's own codes to ours.
func codes() map[string]Problem {
	const ours = "The identity provider did not understand a request of the gateway."
	return map[string]Problem{
		CodeAlreadyMember:  {identity.CodeAlreadyMember, "", "The person is a member of the organization already."},
		CodeAlreadyInvited: {identity.CodeInvitePending, "", "The identity provider has a pending invitation for this person already."},
		CodeSeveralInvites: {identity.CodeInvitePending, "", "The identity provider has pending invitations for this person already."},
		CodeUnknownUser:    {identity.CodeProviderError, "", "The identity provider does not know the account it was asked to invite."},
		"OUI-10030":        {identity.CodeEmailNotDeliverable, "/email", "The account at the identity provider has no e-mail address."},
		"OUI-10031":        {identity.CodeRoleNotGrantable, "/roles", "The identity provider does not let this person have a role of its console."},
		CodeUnknownInvite:  {identity.CodeNotFound, "", "The identity provider has no such invitation."},
		"OUI-60002":        {identity.CodeNotFound, "", "The identity provider has no such invitation."},
		"OUI-60004":        {identity.CodeProviderError, "", ours},
		"OUI-60005":        {identity.CodeProviderError, "", ours},
		"OUI-60006":        {identity.CodeProviderError, "", ours},
		"OUI-60007":        {identity.CodeProviderError, "", ours},
		"OUI-60009":        {identity.CodeProviderError, "", ours},
		"OUI-60010":        {identity.CodeInviteExpired, "", "The invitation has expired or is gone."},
		"OUI-60012":        {identity.CodeAlreadyMember, "", "The person is a member of the organization already."},
		CodeUnknownRole:    {identity.CodeUnknownRole, "/roles", "The organization has no such role at the identity provider."},
		"OUI-60014":        {identity.CodeProviderError, "", ours},
		"OUI-65001":        {identity.CodeProviderError, "", ""},
		"OUI-65005":        {identity.CodeProviderError, "", ""},
		CodeUserLimit:      {identity.CodeQuotaExceeded, "", "The plan at the identity provider allows no more accounts."},
	}
}

// Problem returns what the error means: by the vendor's code, then by the
// reason of a refused switch, then by operation and status.
func (e *APIError) Problem() Problem {
	if p, ok := codes()[e.Code]; ok {
		return p
	}
	switch e.Reason {
	case ReasonUnknownOrganization:
		return Problem{identity.CodeNotFound, "", "The identity provider does not know the organization."}
	case ReasonDisabled:
		return Problem{identity.CodeConflict, "", "The organization is switched off at the identity provider."}
	case ReasonNotShared:
		return Problem{identity.CodeProviderCredentials, "", "The gateway's application is not shared with this organization at the identity provider."}
	}
	refused := e.Status == http.StatusBadRequest || e.Status == http.StatusConflict
	switch {
	case e.Op == OpCreateUser && e.Status == http.StatusConflict:
		return Problem{identity.CodeConflict, "/email", "Another account at the identity provider holds this address."}
	case e.Op == OpCreateUser && refused:
		return Problem{identity.CodeEmailNotDeliverable, "/email",
			"The identity provider makes no account for this address: it refuses the address, it belongs to another account, or a name is demanded."}
	case (e.Op == OpToken || e.Op == OpSwitch || e.Op == OpIntrospect) && refused:
		return Problem{Code: identity.CodeProviderCredentials}
	case e.Status == http.StatusForbidden && e.Caller:
		return Problem{identity.CodePermissionDenied, "", "The identity provider does not let you do this in the organization."}
	}
	return Problem{Code: statusCode(e.Status)}
}

// statusCode is the table of last resort. A 404 is never "not found": no
// address used here names a single thing, so it means a wrong base URL or an
// interface that is not offered (FACTS.md section 11).
func statusCode(status int) identity.Code {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return identity.CodeProviderCredentials
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return identity.CodeProviderTimeout
	case http.StatusTooManyRequests:
		return identity.CodeProviderRateLimited
	case http.StatusServiceUnavailable:
		return identity.CodeProviderUnavailable
	default:
		return identity.CodeProviderError
	}
}

// envelope is every error shape the vendor has: server APIs, SCIM, OAuth, and
// the authentication layer's variants with numbers (FACTS.md section 11).
type envelope struct {
	Code        json.RawMessage `json:"code"`
	Message     string          `json:"message"`
	Description string          `json:"description"`
	TraceID     string          `json:"traceId"`
	ScimType    string          `json:"scimType"`
	Detail      string          `json:"detail"`
	OAuthError  string          `json:"error"`
	OAuthText   string          `json:"error_description"`
}

// short keeps what should be a code or an id from being anything else.
func short(s string) string {
	const longest = 64
	if len(s) > longest || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return s
}

// newError reads an answer that is an error. now is for Retry-After.
func newError(r *request, answer *httpx.Response, now time.Time) *APIError {
	e := &APIError{Op: r.op, Status: answer.Status, Acted: !r.harmless && httpx.ActedStatus(r.method, answer.Status)}
	if answer.Status < 400 {
		e.Acted = !r.harmless && r.method != http.MethodGet
	}
	var body envelope
	if json.Unmarshal(answer.Body, &body) == nil {
		e.Code, e.TraceID = strings.Trim(string(body.Code), `"`), body.TraceID
		e.Message = join(body.Message, body.Description, body.Detail, body.OAuthText)
		if body.ScimType != "" {
			e.Code = body.ScimType
		}
		if body.OAuthError != "" {
			e.Code = body.OAuthError
		}
	} else {
		e.Message = "the answer is not JSON"
	}
	if r.op == OpSwitch {
		e.Reason = reasonOf(body.OAuthText)
	}
	e.Message, e.Code, e.TraceID = redact.Excerpt([]byte(e.Message)), short(e.Code), short(e.TraceID)
	e.Retry = retryAfter(e.Status, httpx.RetryAfter(answer.Header, now), now)
	return e
}

// retryAfter is when to try again: what the vendor said, or the next minute
// after a rate limit, which is counted by the minute (FACTS.md section 12).
func retryAfter(status int, said time.Duration, now time.Time) time.Duration {
	if status == http.StatusTooManyRequests && said <= 0 {
		return now.Truncate(time.Minute).Add(time.Minute).Sub(now)
	}
	return said
}

func join(parts ...string) string {
	var kept []string
	for _, part := range parts {
		if part != "" {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, ": ")
}
