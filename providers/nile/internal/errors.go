package internal

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"usher/identity"
	"usher/internal/httpx"
)

// The operations whose refusals mean something of their own.
const (
	OpSignIn = "sign in"
	OpMe     = "get own user"
	OpInvite = "create invite"
	OpAccept = "accept invite"
)

// Reason is why the vendor refused a call, as far as its text or its lack of one
// tells (FACTS.md sections 2, 3, 5 and 6).
type Reason string

// The reasons that are known. The empty one is a text that is not.
const (
	ReasonSignIn      Reason = "sign-in refused"
	ReasonNoSession   Reason = "no session"
	ReasonNotAMember  Reason = "user is not a member of the tenant"
	ReasonNoTenant    Reason = "no such tenant"
	ReasonForm        Reason = "form token refused"
	ReasonAddress     Reason = "address refused"
	ReasonMember      Reason = "already a member"
	ReasonNoTemplate  Reason = "no template for the mail"
	ReasonNoMail      Reason = "no mail server configured"
	ReasonUndelivered Reason = "mail server refused the recipient"
	ReasonNoInvite    Reason = "no such invite"
	ReasonExpired     Reason = "invite expired"
	ReasonInviterLeft Reason = "inviter left the tenant"
	ReasonCallback    Reason = "callback address refused"
	ReasonOrigin      Reason = "origin refused"
)

// APIError is an answer of the vendor that is not the one asked for. Its text
// is for the log and quotes nothing of the vendor's.
type APIError struct {
	Op     string
	Status int
	Reason Reason
	Why    string // what is wrong with an answer that is no refusal
	Acted  bool   // the vendor may have acted
	Retry  time.Duration
}

// Error implements error.
func (e *APIError) Error() string {
	text := "nile: " + e.Op + ": status " + strconv.Itoa(e.Status)
	for _, part := range []string{string(e.Reason), e.Why} {
		if part != "" {
			text += ": " + part
		}
	}
	return text
}

// MayHaveActed implements providers.Uncertainer.
func (e *APIError) MayHaveActed() bool { return e.Acted }

// RetryAfter implements providers.RetryAfterer.
func (e *APIError) RetryAfter() time.Duration { return e.Retry }

// IdentityCode implements identity.Coder.
func (e *APIError) IdentityCode() identity.Code { return e.Problem().Code }

// Refused implements providers.Refuser: a server that fails, or answers what
// nobody asked for, may do better.
func (e *APIError) Refused() bool { return e.Status/100 == 4 }

// Problem is what an error means to a caller of ours.
type Problem struct {
	Code   identity.Code
	Field  string // JSON pointer; empty: none
	Detail string // one sentence for the caller; empty: the code's own text
}

// texts is the one table from the vendor's texts to reasons. A text that ends in
// a star stands for all that begin with it.
func texts() map[string]Reason {
	return map[string]Reason{
		"Unauthorized.":                                      ReasonNotAMember,
		"Resource not found":                                 ReasonNoTenant,
		"Request blocked":                                    ReasonForm,
		"identifier is required.":                            ReasonAddress,
		"email is not valid.":                                ReasonAddress,
		"User is already a member of the tenant":             ReasonMember,
		"Unable to find email template invite_user":          ReasonNoTemplate,
		"Email sending is not configured for this database.": ReasonNoMail,
		"Can't send mail - all recipients were rejected*":    ReasonUndelivered,
		"Invite not found":                                   ReasonNoInvite,
		"Invite has expired.":                                ReasonExpired,
		"Invalid callback url*":                              ReasonCallback,
		"The request origin is not a well formed URL.":       ReasonOrigin,
	}
}

// problems is the one table from reasons to our codes.
func problems() map[Reason]Problem {
	const (
		organization = "The identity provider does not know the organization, or the connection's user is not a member of it."
		mail         = "The identity provider could not mail the invitation."
		invitation   = "The identity provider has no such invitation."
	)
	return map[Reason]Problem{
		ReasonSignIn:      {Code: identity.CodeProviderCredentials},
		ReasonNoSession:   {Code: identity.CodeProviderCredentials},
		ReasonNotAMember:  {identity.CodeNotFound, "", organization},
		ReasonNoTenant:    {identity.CodeNotFound, "", organization},
		ReasonForm:        {identity.CodeProviderError, "", "The identity provider refused a request of the gateway."},
		ReasonAddress:     {identity.CodeEmailNotDeliverable, "/email", "The identity provider does not take this address."},
		ReasonMember:      {identity.CodeAlreadyMember, "", "The person is a member of the organization already."},
		ReasonNoTemplate:  {identity.CodeProviderError, "", mail},
		ReasonNoMail:      {identity.CodeProviderError, "", mail},
		ReasonUndelivered: {identity.CodeEmailNotDeliverable, "/email", "The identity provider's mail server refuses this address."},
		ReasonNoInvite:    {identity.CodeNotFound, "", invitation},
		ReasonInviterLeft: {identity.CodeNotFound, "", invitation},
		ReasonExpired:     {identity.CodeInviteExpired, "", "The invitation has expired."},
		ReasonCallback:    {identity.CodeNotCarried, "/redirect_url", "The identity provider does not lead to this page."},
		ReasonOrigin:      {identity.CodeProviderError, "", "The identity provider refuses the connection's origin."},
	}
}

// Problem returns what the error means: by its reason, then by its status. An
// absence counts only where the vendor says what is absent: a 404 of another
// kind is a wrong base URL.
func (e *APIError) Problem() Problem {
	if p, ok := problems()[e.Reason]; ok {
		return p
	}
	switch {
	case e.Status == http.StatusNotFound || e.Status == http.StatusGone:
		return Problem{Code: identity.CodeProviderError}
	case e.Status == http.StatusBadRequest && e.Op == OpInvite:
		return Problem{identity.CodeProviderError, "", "The identity provider did not send the invitation."}
	default:
		return Problem{Code: httpx.StatusCode(e.Status)}
	}
}

// Unwritten reports a refusal of an invitation that came before its row was
// written (FACTS.md section 5 has the order). After any other refusal there may
// be a row, or one with a new token, that nobody was mailed about.
func (e *APIError) Unwritten() bool {
	switch e.Reason {
	case ReasonNoSession, ReasonNotAMember, ReasonNoTenant, ReasonForm, ReasonAddress, ReasonMember, ReasonOrigin, ReasonSignIn:
		return true
	default:
		return e.Status == http.StatusTooManyRequests
	}
}

// newError reads an answer that is an error. now is for Retry-After.
func newError(r request, answer *httpx.Response, now time.Time) *APIError {
	return &APIError{
		Op: r.op, Status: answer.Status, Reason: reasonOf(r.op, answer),
		Acted: !r.harmless && httpx.ActedStatus(r.method, answer.Status), Retry: httpx.RetryAfter(answer.Header, now),
	}
}

func reasonOf(op string, answer *httpx.Response) Reason {
	if answer.Status >= http.StatusInternalServerError || answer.Status == http.StatusTooManyRequests {
		return ""
	}
	text := strings.TrimSpace(string(answer.Body))
	if text == "" {
		return silent(op, answer)
	}
	for known, reason := range texts() {
		if beginning, open := strings.CutSuffix(known, "*"); text == known || open && strings.HasPrefix(text, beginning) {
			return reason
		}
	}
	if op == OpSignIn && answer.Status == http.StatusUnauthorized {
		return ReasonSignIn // a wrong password, or a second factor
	}
	return ""
}

// silent is why the vendor refused without a word.
func silent(op string, answer *httpx.Response) Reason {
	switch {
	case answer.Status == http.StatusUnauthorized && op == OpSignIn:
		return ReasonSignIn
	case answer.Status == http.StatusUnauthorized:
		return ReasonNoSession
	case answer.Status == http.StatusNotFound && op == OpAccept:
		return ReasonInviterLeft
	case answer.Status == http.StatusNotFound && op == OpMe:
		return ReasonNoSession // the user was deleted
	case answer.Status == http.StatusNotFound:
		return ReasonNoTenant
	case answer.Status == http.StatusBadRequest && op == OpAccept && leadsToMember(answer.Header.Get("Location")):
		return ReasonMember
	default:
		return ""
	}
}

// leadsToMember reads the address to which the vendor leads a browser whose
// invitation it did not accept. What it says there is encoded twice.
func leadsToMember(location string) bool {
	u, err := url.Parse(location)
	if err != nil {
		return false
	}
	why, err := url.QueryUnescape(u.Query().Get("error"))
	return err == nil && texts()[why] == ReasonMember
}
