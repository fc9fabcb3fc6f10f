package api

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"usher/identity"
	"usher/ledger"
)

// Problem is an RFC 9457 problem document. It shows nothing of a vendor's
// answer and nothing of the request but the names of fields.
type Problem struct {
	_         struct{}       `additionalProperties:"true"`
	Type      string         `json:"type" format:"uri" doc:"Identifies the kind of problem; one for each code." example:"urn:usher:problem:invite_pending"`
	Title     string         `json:"title" doc:"The kind of problem, for people." example:"Invite pending"`
	Status    int            `json:"status" minimum:"400" maximum:"599" doc:"The HTTP status." example:"409"`
	Detail    string         `json:"detail" doc:"What happened this time, for people." example:"The address has a living invite to this organization already."`
	Code      string         `json:"code" doc:"The stable code to branch on. The list grows." example:"invite_pending"`
	RequestID string         `json:"request_id" doc:"Leads to the server's log; also in X-Request-Id." example:"req_0dhvc8ktvk6qe0u1tqfkpd6hgg"`
	Errors    []ProblemError `json:"errors" doc:"The fields at fault; empty where no field is."`
	InviteID  string         `json:"invite_id,omitempty" doc:"The invite this is about." example:"inv_0dhvc8kt7g6qeb8ugt3i8f7m9c"`

	retryAfter time.Duration
	cause      error
}

// ProblemError is one field at fault. Exactly one of Pointer, Parameter and
// Header is there.
type ProblemError struct {
	_         struct{} `additionalProperties:"true"`
	Pointer   *string  `json:"pointer,omitempty" doc:"JSON pointer into the request body (RFC 6901)." example:"/roles/0"`
	Parameter string   `json:"parameter,omitempty" doc:"Name of the path or query parameter." example:"limit"`
	Header    string   `json:"header,omitempty" doc:"Name of the request header." example:"Idempotency-Key"`
	Detail    string   `json:"detail" doc:"What is wrong with it." example:"The organization has no such role."`
}

// Error implements error. It is the text a caller sees.
func (p *Problem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return mediaProblem }

// newProblem returns the document of a code. An empty detail is the code's own.
func newProblem(code identity.Code, detail string) *Problem {
	code, k := kindOf(code)
	if detail == "" {
		detail = k.detail
	}
	return &Problem{
		Type: "urn:usher:problem:" + string(code), Title: k.title, Status: k.status,
		Detail: detail, Code: string(code), Errors: []ProblemError{},
	}
}

// problemOf turns any error into the document that a caller may see.
func problemOf(err error) *Problem {
	var ready *Problem
	if errors.As(err, &ready) {
		return ready
	}
	var known *identity.Error
	if !errors.As(err, &known) {
		known = &identity.Error{Code: identity.CodeOf(err)}
	}
	p := newProblem(known.Code, known.Detail)
	p.cause, p.retryAfter, p.InviteID = err, known.RetryAfter, known.InviteID
	if known.Code == identity.CodeInternal && ledger.Passes(err) {
		p.Detail, p.retryAfter = "The gateway's own record cannot be read or written now. The same request may be tried again, with the same Idempotency-Key.", ledgerAway
	}
	if known.Field != "" {
		p.Errors = append(p.Errors, fieldError(known.Field, p.Detail))
	}
	return p
}

// ledgerAway is after how long a request that the ledger was in the way of may be
// tried again.
const ledgerAway = 5 * time.Second

// fieldError says which part of the request is at fault: "query:x", "path:x"
// and "header:x" name parameters and headers, anything else is a JSON pointer.
// What is none of these leads to the body as a whole.
func fieldError(field, detail string) ProblemError {
	place, name, _ := strings.Cut(field, ":")
	switch {
	case name != "" && (place == "query" || place == "path"):
		return ProblemError{Parameter: name, Detail: detail}
	case name != "" && place == "header":
		return ProblemError{Header: name, Detail: detail}
	case !isPointer(field):
		field = ""
	}
	return ProblemError{Pointer: &field, Detail: detail}
}

// isPointer reports whether a text is a JSON pointer as RFC 6901 has it.
func isPointer(text string) bool {
	_, rest, escaped := strings.Cut(text, "~")
	for escaped {
		if !strings.HasPrefix(rest, "0") && !strings.HasPrefix(rest, "1") {
			return false
		}
		_, rest, escaped = strings.Cut(rest, "~")
	}
	return text == "" || text[0] == '/'
}

// note gives the document its request id and leaves code and cause for the
// request's log line.
func (p *Problem) note(r *request) {
	p.RequestID = r.id
	r.code, r.failure, r.invite = identity.Code(p.Code), p.cause, p.InviteID
}

// headers returns what goes beside the document.
func (p *Problem) headers() map[string]string {
	if p.retryAfter <= 0 {
		return nil
	}
	seconds := int(math.Ceil(p.retryAfter.Seconds()))
	return map[string]string{"Retry-After": strconv.Itoa(seconds)}
}

// humaProblem is the one place where an error of Huma's or of a handler's
// becomes a document. Behind the guard nobody is unauthenticated: a refusal
// of credentials that comes from there is one of ours at the vendor.
func humaProblem(hc huma.Context, status int, msg string, errs ...error) huma.StatusError {
	p := validationProblem(status, msg, errs)
	if status == http.StatusInternalServerError && len(errs) == 1 {
		p = problemOf(errs[0])
	}
	if p.Status == http.StatusUnauthorized {
		cause := p.cause
		p = newProblem(identity.CodeProviderCredentials, "")
		p.cause = cause
	}
	r := requestOf(hc.Context())
	p.note(r)
	r.gone = errors.Is(p.cause, context.Canceled) && hc.Context().Err() != nil
	for name, value := range p.headers() {
		hc.SetHeader(name, value)
	}
	return p
}

func badRequest(field, format string, args ...any) error {
	return identity.FieldError(identity.CodeInvalidRequest, field, format, args...)
}
