package internal

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"usher/identity"
	"usher/internal/httpx"
	"usher/internal/redact"
)

// The vendor's codes that the adapter branches on (FACTS.md section 2).
const (
	CodeAlreadyInvited = "email_already_invited_to_organization"
	CodeAlreadyMember  = "user_already_organization_member"
	CodeNotPending     = "invite_not_pending"
	CodeExpired        = "invite_expired"
	CodeRevoked        = "invite_revoked"
)

// The operations.
const (
	OpSend    = "send invitation"
	OpGet     = "get invitation"
	OpList    = "list invitations"
	OpResend  = "resend invitation"
	OpRevoke  = "revoke invitation"
	OpMembers = "list memberships"
	OpUsers   = "find users"
	OpUser    = "get user"
	OpRoles   = "list roles"
	OpEvents  = "list events"
)

// APIError is an answer of the vendor that is not the one asked for. Its text
// is for the log: it may quote the vendor, shortened and without secrets.
type APIError struct {
	Op        string
	Status    int
	Code      string   // empty: the answer has none
	Fields    []string // the fields it names
	Message   string
	RequestID string
	JSON      bool // it is the vendor's own shape, not some gateway's page
	Acted     bool // the vendor may have acted
	Retry     time.Duration
}

// Error implements error.
func (e *APIError) Error() string {
	text := "workos: " + e.Op + ": status " + strconv.Itoa(e.Status)
	for _, part := range []string{e.Code, e.Message} {
		if part != "" {
			text += ": " + part
		}
	}
	if e.RequestID != "" {
		text += " (request " + e.RequestID + ")"
	}
	return text
}

// MayHaveActed implements providers.Uncertainer.
func (e *APIError) MayHaveActed() bool { return e.Acted }

// RetryAfter implements providers.RetryAfterer.
func (e *APIError) RetryAfter() time.Duration { return e.Retry }

// IdentityCode implements identity.Coder.
func (e *APIError) IdentityCode() identity.Code { return e.Problem().Code }

// Exhausted implements providers.Exhauster: each invitation is a mail.
func (e *APIError) Exhausted() bool { return e.Code == "daily_quota_exceeded" }

// Refused implements providers.Refuser: a server that fails, or answers what
// nobody asked for, may do better.
func (e *APIError) Refused() bool { return e.Status/100 == 4 }

// Gone reports that the vendor does not have what a call was about.
func (e *APIError) Gone() bool { return e.Status == http.StatusNotFound && e.JSON }

// AsAPIError returns the vendor's own answer in err, or nil.
func AsAPIError(err error) *APIError {
	var e *APIError
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// Is reports whether err is a refusal with one of the vendor's codes.
func Is(err error, codes ...string) bool {
	e := AsAPIError(err)
	return e != nil && slices.Contains(codes, e.Code)
}

// IsGone reports whether err says that the vendor does not have the thing.
func IsGone(err error) bool {
	e := AsAPIError(err)
	return e != nil && e.Gone()
}

// Problem is what an error means to a caller of ours.
type Problem struct {
	Code   identity.Code
	Field  string // JSON pointer; empty: none
	Detail string // one sentence for the caller; empty: the code's own text
}

// codes is the one table from the vendor's own codes to ours. Its conflicts are
// answers of 400, so the status says little (FACTS.md section 13.4).
func codes() map[string]Problem {
	const (
		life    = "The identity provider lets an invitation live for 1 to 30 days."
		noRole  = "The organization has no such role at the identity provider."
		pending = "The invitation is not pending at the identity provider."
		mails   = "The plan at the identity provider allows no more mails today."
	)
	return map[string]Problem{
		CodeAlreadyInvited:          {identity.CodeInvitePending, "", "The identity provider has a pending invitation for this person already."},
		CodeAlreadyMember:           {identity.CodeAlreadyMember, "", "The person is a member of the organization already."},
		"email_already_invited":     {identity.CodeConflict, "/email", "The identity provider has an invitation for this address that leads into no organization."},
		"user_already_exists":       {identity.CodeConflict, "/email", "The identity provider has an account of this address and does not invite it."},
		"expires_in_days_too_short": {identity.CodeNotCarried, "/expires_at", life},
		"expires_in_days_too_long":  {identity.CodeNotCarried, "/expires_at", life},
		"invalid_role":              {identity.CodeUnknownRole, "/roles/0", noRole},
		"organization_blocked_from_sending_invites": {identity.CodeConflict, "",
			"The identity provider has blocked the organization from sending invitations."},
		"email_domain_not_deliverable": {identity.CodeEmailNotDeliverable, "/email", "The identity provider cannot deliver mail to this domain."},
		CodeNotPending:                 {identity.CodeInviteNotPending, "", pending},
		CodeExpired:                    {identity.CodeInviteNotPending, "", pending},
		CodeRevoked:                    {identity.CodeInviteNotPending, "", pending},
		"invite_accepted":              {identity.CodeAlreadyMember, "", "The person has accepted the invitation already."},
		"daily_quota_exceeded":         {identity.CodeQuotaExceeded, "", mails},
		"rate_limit_exceeded":          {Code: identity.CodeProviderRateLimited},
	}
}

// Problem returns what the error means: by the vendor's code, then by what the
// answer names, then by status.
func (e *APIError) Problem() Problem {
	if p, ok := codes()[e.Code]; ok {
		return p
	}
	switch {
	case e.Status == http.StatusUnprocessableEntity && slices.Contains(e.Fields, "email"):
		return Problem{identity.CodeEmailNotDeliverable, "/email", "The identity provider does not take this address."}
	case !e.Gone() && (e.Status == http.StatusNotFound || e.Status == http.StatusGone):
		// Some other server: the base URL is wrong, or something is in between.
		return Problem{Code: identity.CodeProviderError}
	case e.Gone() && (e.Op == OpGet || e.Op == OpResend || e.Op == OpRevoke):
		return Problem{identity.CodeNotFound, "", "The identity provider has no such invitation."}
	case e.Gone() && e.Op != OpUsers && e.Op != OpUser && e.Op != OpEvents:
		return Problem{identity.CodeNotFound, "", "The identity provider does not know the organization."}
	}
	return Problem{Code: httpx.StatusCode(e.Status)}
}

// envelope is every shape of error that the vendor has (FACTS.md section 2).
type envelope struct {
	Code       string          `json:"code"`
	Message    string          `json:"message"`
	Errors     json.RawMessage `json:"errors"`
	OAuthError string          `json:"error"`
	OAuthText  string          `json:"error_description"`
}

// fields reads which fields the answer names: objects with a field, or texts.
func (e envelope) fields() []string {
	var names []string
	var entries []json.RawMessage
	if json.Unmarshal(e.Errors, &entries) != nil {
		return nil
	}
	for _, entry := range entries {
		var named struct {
			Field string `json:"field"`
		}
		if json.Unmarshal(entry, &named) == nil && named.Field != "" {
			names = append(names, named.Field)
		}
	}
	return names
}

// short keeps what should be a code or an id from being anything else.
func short(s string) string {
	const longest = 64
	if len(s) > longest || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return s
}

// newError reads an answer that is an error.
func (c *Client) newError(r *request, answer *httpx.Response) *APIError {
	e := &APIError{
		Op: r.op, Status: answer.Status, Acted: httpx.ActedStatus(r.method, answer.Status),
		RequestID: short(answer.Header.Get("X-Request-Id")),
	}
	var body envelope
	if json.Unmarshal(answer.Body, &body) == nil {
		e.Code, e.Message, e.Fields = body.Code, body.Message, body.fields()
		if e.Code == "" {
			e.Code = body.OAuthError
		}
		if e.Message == "" {
			e.Message = body.OAuthText
		}
		e.JSON = e.Code != "" || e.Message != ""
	} else {
		e.Message = "the answer is not JSON"
	}
	e.Message = redact.Excerpt([]byte(strings.ReplaceAll(e.Message, c.key.Reveal(), "[key]")))
	e.Code = short(e.Code)
	e.Retry = retryAfter(e.Status, httpx.RetryAfter(answer.Header, c.now()))
	return e
}

// window is what the vendor counts invitations by (FACTS.md section 4).
const window = 10 * time.Second

// retryAfter is when to try again: what the vendor said, or once its window is
// over. It need not say (FACTS.md section 4).
func retryAfter(status int, said time.Duration) time.Duration {
	if status == http.StatusTooManyRequests && said <= 0 {
		return window
	}
	return said
}

// unusable is a success that does not hold what it must.
func unusable(r request, why string) *APIError {
	return &APIError{Op: r.op, Status: http.StatusOK, Message: why, Acted: r.method != http.MethodGet}
}
