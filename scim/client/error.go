package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"usher/identity"
	"usher/internal/httpx"
	"usher/internal/redact"
	"usher/scim"
)

// Error is a service's refusal. It implements identity.Coder,
// providers.Uncertainer and providers.RetryAfterer. Its text is for the log.
type Error struct {
	Op       string
	Status   int
	ScimType string
	// Code is the service's own code where it answers in another envelope than
	// SCIM's, as WSO2's server APIs do on SCIM paths too.
	Code   string
	Detail string

	code  identity.Code
	acted bool
	after time.Duration
}

// Error implements error.
func (e *Error) Error() string {
	text := fmt.Sprintf("scim: %s: status %d", e.Op, e.Status)
	for _, part := range []string{e.ScimType, e.Code, e.Detail} {
		if part != "" {
			text += ": " + part
		}
	}
	return text
}

// IdentityCode implements identity.Coder.
func (e *Error) IdentityCode() identity.Code { return e.code }

// Refused implements providers.Refuser: a server that fails, or answers what
// nobody asked for, may do better.
func (e *Error) Refused() bool { return e.Status/100 == 4 }

// MayHaveActed implements providers.Uncertainer.
func (e *Error) MayHaveActed() bool { return e.acted }

// RetryAfter implements providers.RetryAfterer.
func (e *Error) RetryAfter() time.Duration { return e.after }

// RefusesQuery reports that a service took offence at how a listing was asked
// for: its filter, its sorting or its length. Asked in another way it may answer.
func RefusesQuery(err error) bool {
	var e *Error
	return errors.As(err, &e) && slices.Contains([]int{
		http.StatusBadRequest, http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge, http.StatusNotImplemented,
	}, e.Status)
}

// newError reads a refusal by its content, not by its path: a SCIM error, a
// server API's {code, message, description}, or anything else (FACTS.md of
// asgardeo, section 11).
func newError(op, method string, answer *httpx.Response, now time.Time) *Error {
	e := &Error{
		Op: op, Status: answer.Status,
		acted: httpx.ActedStatus(method, answer.Status), after: httpx.RetryAfter(answer.Header, now),
	}
	var body scim.Error
	var server struct {
		Code                 json.RawMessage
		Message, Description string
	}
	understood := json.Unmarshal(answer.Body, &body) == nil
	if understood {
		e.ScimType, e.Detail = body.ScimType, body.Detail
	}
	if e.Detail == "" && json.Unmarshal(answer.Body, &server) == nil {
		e.Code = strings.Trim(string(server.Code), `"`)
		e.Detail = strings.TrimSpace(server.Message + " " + server.Description)
	}
	if e.Detail == "" {
		e.Detail = string(answer.Body)
	}
	e.ScimType, e.Code, e.Detail = excerpt(e.ScimType), excerpt(e.Code), excerpt(e.Detail)
	e.code = codeOf(answer.Status, e.ScimType)
	if !understood && len(bytes.TrimSpace(answer.Body)) > 0 {
		e.code = gatewayCode(answer.Status)
	}
	return e
}

func excerpt(text string) string { return redact.Excerpt([]byte(text)) }

// gatewayCode is what a status means that came with a page: it is a gateway's
// word, not the service's, so it says nothing about any resource.
func gatewayCode(status int) identity.Code {
	switch code := httpx.StatusCode(status); code {
	case identity.CodeNotFound:
		return identity.CodeProviderError
	default:
		return code
	}
}

// codeOf is the one table from a status and a scimType (RFC 7644 section
// 3.12, table 9) to a problem code. A 400 about our own syntax is not the
// caller's fault.
func codeOf(status int, scimType string) identity.Code {
	kind := strings.ToLower(scimType)
	switch {
	case status == http.StatusConflict, kind == "uniqueness":
		return identity.CodeConflict
	case kind == "userlimitreached":
		return identity.CodeQuotaExceeded
	case status == http.StatusBadRequest:
		switch kind {
		case "", "invalidvalue", "mutability":
			return identity.CodeInvalidRequest
		case "notarget":
			return identity.CodeNotFound
		default:
			return identity.CodeProviderError
		}
	case status == http.StatusPreconditionFailed:
		return identity.CodePreconditionFailed
	case status == http.StatusNotImplemented:
		return identity.CodeUnsupported
	default:
		return httpx.StatusCode(status)
	}
}
