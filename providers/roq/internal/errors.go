package internal

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"usher/identity"
	"usher/internal/httpx"
	"usher/internal/redact"
)

// The vendor's codes that the adapter branches on (FACTS.md sections 3 to 6).
const (
	CodeInviteExists   = "USER_INVITE_ALREADY_EXIST"
	CodeUserExists     = "USER_ALREADY_EXISTS"
	CodeNotResent      = "USER_INVITE_RESENDING_FAILED"
	CodeNotCanceled    = "USER_INVITE_CANCELLATION_FAILED"
	CodeUnknownInvite  = "USER_INVITATION_NOT_FOUND"
	CodeUnknownMeaning = "GRAPHQL_VALIDATION_FAILED"
	codeBulkLimit      = "BULK_USER_INVITE_LIMIT_EXCEEDED"
)

// OpToken is the operation whose refusal is always about our credentials.
const OpToken = "get token"

// APIError is an answer of the vendor that is not the one asked for. Its text
// is for the log: it may quote the vendor, shortened and without secrets.
type APIError struct {
	Op     string
	Status int    // HTTP status; 200 for a refusal of one row
	Inner  int    // the status that the error itself names; 0: none
	Code   string // the vendor's; empty if there is none
	Kind   string // the class of errors that GraphQL knows it as; empty if there is none
	// Property is the input field that a check of the vendor's refused.
	Property string
	// Row is the place of the input in a list, from 1; 0: it is in none.
	Row int
	// InviteStatus is the status for which an invitation could not be sent
	// again or canceled.
	InviteStatus string
	Message      string
	Acted        bool // the vendor may have acted
	Retry        time.Duration
}

// Error implements error.
func (e *APIError) Error() string {
	text := "roq: " + e.Op + ": status " + strconv.Itoa(e.Status)
	for _, part := range []string{e.Kind, e.Code, e.Property, e.Message} {
		if part != "" {
			text += ": " + part
		}
	}
	switch {
	case e.Op == OpSend && e.Code == CodeUnknownMeaning:
		text += " (an older instance needs the setting operations: v1)"
	case e.Code == codeBulkLimit:
		text += " (the setting bulk_size is more than the instance takes)"
	}
	return text
}

// MayHaveActed implements providers.Uncertainer.
func (e *APIError) MayHaveActed() bool { return e.Acted }

// RetryAfter implements providers.RetryAfterer.
func (e *APIError) RetryAfter() time.Duration { return e.Retry }

// IdentityCode implements identity.Coder.
func (e *APIError) IdentityCode() identity.Code { return e.Problem().Code }

// Refused implements providers.Refuser: a server that fails may do better. An
// answer of 200 can hold a failure.
func (e *APIError) Refused() bool { return e.refusal() || e.Status/100 == 4 }

// Problem is what an error means to a caller of ours.
type Problem struct {
	Code   identity.Code
	Field  string // JSON pointer; empty: none
	Detail string // one sentence for the caller; empty: the code's own text
}

// codes is the one table from the vendor's own codes to ours. Each of them
// says that nothing was done.
func codes() map[string]Problem {
	const (
		ours    = "The identity provider refused a request of the gateway."
		pending = "The identity provider has an invitation for this person already."
	)
	credentials := Problem{Code: identity.CodeProviderCredentials}
	misunderstood := Problem{identity.CodeProviderError, "", ours}
	return map[string]Problem{
		CodeInviteExists:           {identity.CodeInvitePending, "", pending},
		"USER_ALREADY_INVITED":     {identity.CodeInvitePending, "", pending},
		"USER_INVITE_ALREADY_SENT": {identity.CodeInvitePending, "", pending},
		CodeUserExists:             {identity.CodeAlreadyMember, "", "The person has an account at the identity provider already."},

		CodeNotResent:                   {identity.CodeInviteNotPending, "", "The identity provider does not send this invitation again."},
		CodeNotCanceled:                 {identity.CodeInviteNotPending, "", "The identity provider does not withdraw this invitation."},
		"USER_INVITE_ACCEPTANCE_FAILED": {identity.CodeInviteNotPending, "", ""},
		"USER_INVITE_ALREADY_ACCEPTED":  {identity.CodeAlreadyMember, "", "The invitation was accepted already."},
		CodeUnknownInvite:               {identity.CodeNotFound, "", "The identity provider has no such invitation."},
		"EXPIRED_USER_TOKEN":            {identity.CodeInviteExpired, "", ""},
		"INVALID_USER_TOKEN":            {identity.CodeNotFound, "", "The identity provider has no such invitation."},
		"USER_TOKEN_NOT_FOUND_IN_DB":    {identity.CodeNotFound, "", "The identity provider has no such invitation."},

		"INVALID_UUID": {identity.CodeNotFound, "", "The identity provider knows nothing under such an id."},
		"IS_UUID":      {identity.CodeNotFound, "", "The identity provider knows nothing under such an id."},
		"NOT_FOUND":    {identity.CodeNotFound, "", ""},
		"IS_EMAIL":     {identity.CodeEmailNotDeliverable, "/email", "The identity provider refuses this address."},
		"IS_NOT_EMPTY": misunderstood,

		"INVALID_CREDENTIALS":    credentials,
		"INVALID_TOKEN":          credentials,
		"MISSING_AUTH":           credentials,
		"INVALID_AUTH_HEADER":    credentials,
		"UNAUTHORIZED_EXCEPTION": credentials,
		"UNAUTHORIZED":           credentials,
		"UNAUTHENTICATED":        credentials,
		"FORBIDDEN":              {identity.CodeProviderCredentials, "", "The identity provider does not let the gateway do this."},

		codeBulkLimit:          misunderstood,
		"BAD_USER_INPUT":       misunderstood,
		CodeUnknownMeaning:     misunderstood,
		"GRAPHQL_PARSE_FAILED": misunderstood,
	}
}

// Problem returns what the error means: by the input that was refused, then by
// the vendor's code, then by the status.
func (e *APIError) Problem() Problem {
	switch {
	case e.Property == "email":
		return codes()["IS_EMAIL"]
	case e.Code == CodeNotResent && e.InviteStatus == StatusAccepted:
		return codes()["USER_INVITE_ALREADY_ACCEPTED"]
	}
	if p, ok := e.known(); ok {
		return p
	}
	status := e.Status
	if e.Inner != 0 {
		status = e.Inner
	}
	switch {
	case e.Op == OpToken && (status == http.StatusBadRequest || status == http.StatusUnprocessableEntity):
		return Problem{Code: identity.CodeProviderCredentials}
	case status == http.StatusNotFound || status == http.StatusGone:
		// Nothing is addressed by a path: the base URL is wrong.
		return Problem{Code: identity.CodeProviderError}
	default:
		return Problem{Code: httpx.StatusCode(status)}
	}
}

// Unauthorized reports that the access token was not taken, so that a fresh one
// may help. Nothing was done.
func (e *APIError) Unauthorized() bool {
	tokens := []string{"INVALID_TOKEN", "MISSING_AUTH", "INVALID_AUTH_HEADER", "UNAUTHORIZED_EXCEPTION", "UNAUTHORIZED", "UNAUTHENTICATED"}
	return !e.Acted && (e.Status == http.StatusUnauthorized || e.Inner == http.StatusUnauthorized ||
		slices.Contains(tokens, e.Code) || slices.Contains(tokens, e.Kind))
}

// envelope is the answer to a GraphQL call, or the error of what stands before
// it (FACTS.md sections 3 and 6).
type envelope struct {
	Data    json.RawMessage `json:"data"`
	Errors  []graphQLError  `json:"errors"`
	Message json.RawMessage `json:"message"`
}

func (e *envelope) empty() bool { return len(e.Data) == 0 || string(e.Data) == "null" }

type graphQLError struct {
	Message    string          `json:"message"`
	Extensions json.RawMessage `json:"extensions"`
}

// response is the vendor's own part of an error; a refused row has the same.
type response struct {
	StatusCode json.RawMessage `json:"statusCode"`
	ErrorCode  string          `json:"errorCode"`
	Message    string          `json:"message"`
	Variables  map[string]any  `json:"variables"`
}

// property returns the input that a check refused, or "".
func (r *response) property() string {
	if failed, _ := r.Variables["isValidationError"].(bool); !failed {
		return ""
	}
	name, _ := r.Variables["property"].(string)
	return Short(name)
}

// row returns the place in a list of the input that a check refused, from 1; 0:
// it is not named.
func (r *response) row() int {
	path, _ := r.Variables["propertyPath"].(string)
	if r.property() == "" {
		return 0
	}
	for _, part := range slices.Backward(strings.Split(path, ".")) {
		if n, err := strconv.ParseUint(part, 10, 16); err == nil {
			return int(n) + 1
		}
	}
	return 0
}

// read takes what one error says; whatever is of another shape is left out.
func (g *graphQLError) read(into *APIError) {
	var extensions struct {
		Code     string          `json:"code"`
		Response json.RawMessage `json:"response"`
	}
	_ = json.Unmarshal(g.Extensions, &extensions)
	var r response
	_ = json.Unmarshal(extensions.Response, &r)
	into.Inner, _ = strconv.Atoi(strings.Trim(string(r.StatusCode), `"`))
	into.Code, into.Kind, into.Property, into.Row = Short(r.ErrorCode), Short(extensions.Code), r.property(), r.row()
	status, _ := r.Variables["userInviteStatus"].(string)
	into.InviteStatus = Short(status)
	into.Message = excerpt(g.Message)
}

// known returns the row of an error in the table.
func (e *APIError) known() (Problem, bool) {
	if p, ok := codes()[e.Code]; ok {
		return p, true
	}
	p, ok := codes()[e.Kind]
	return p, ok
}

// refusal reports that an error says that nothing was done.
func (e *APIError) refusal() bool {
	_, known := e.known()
	return known || (e.Inner >= 400 && e.Inner < 500 && e.Inner != http.StatusRequestTimeout)
}

// newError reads an answer that is an error. body is nil if it is not JSON.
func newError(call httpx.Call, writes bool, answer *httpx.Response, body *envelope, now time.Time) *APIError {
	e := &APIError{Op: call.Op, Status: answer.Status, Retry: httpx.RetryAfter(answer.Header, now)}
	e.Acted = writes && httpx.ActedStatus(call.Method, answer.Status)
	switch {
	case body == nil:
		e.Message = "the answer is not JSON"
	case len(body.Errors) > 0:
		refused := body.empty()
		for n := range body.Errors {
			one := &APIError{}
			body.Errors[n].read(one)
			refused = refused && one.refusal()
			if n == 0 {
				e.Inner, e.Code, e.Kind, e.Property, e.Row = one.Inner, one.Code, one.Kind, one.Property, one.Row
				e.InviteStatus, e.Message = one.InviteStatus, one.Message
			}
		}
		atServer := answer.Status >= 500 || answer.Status == http.StatusRequestTimeout
		e.Acted = writes && (!refused || atServer)
	case answer.Status < 300:
		e.Message = "the answer holds neither data nor errors"
	default:
		e.Message = excerpt(strings.Trim(string(body.Message), `"`))
	}
	return e
}

func excerpt(text string) string { return redact.Excerpt([]byte(text)) }

// Short keeps what should be a code or a name from being anything else.
func Short(s string) string {
	const longest = 64
	if len(s) > longest || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return s
}
