package mail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"regexp"
	"strings"

	"usher/identity"
	"usher/internal/redact"
)

// The points of a delivery, in their order. Beyond phaseData the server may
// have taken the message.
const (
	phaseConnect   = "connect"
	phaseGreeting  = "greeting"
	phaseTLS       = "tls"
	phaseHello     = "hello"
	phaseLogin     = "login"
	phaseSender    = "sender"
	phaseRecipient = "recipient"
	phaseData      = "data"
	phaseAnswer    = "answer"
)

// Error is why a mail was not sent, or is not known to have been. Its text is
// for the log: it holds neither the link nor an address.
type Error struct {
	Phase    string        // where it ended
	Code     identity.Code // as SendInvitation tells
	Reply    int           // the server's reply code; 0: it gave none
	Enhanced string        // its enhanced status code (RFC 3463); may be empty
	Acted    bool          // the mail may be on its way
	Err      error         // the cause where it is not the reply; may be nil

	text string // what the server said, made safe
}

// Error implements error.
func (e *Error) Error() string {
	text := "mail: " + e.Phase
	if e.Reply != 0 {
		text += fmt.Sprintf(": the server answered %d", e.Reply)
	}
	if e.Enhanced != "" {
		text += " " + e.Enhanced
	}
	if e.text != "" {
		text += " " + e.text
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause, if there is one.
func (e *Error) Unwrap() error { return e.Err }

// IdentityCode implements identity.Coder.
func (e *Error) IdentityCode() identity.Code { return e.Code }

// Refused implements providers.Refuser: the server's reply is for good (RFC 5321
// section 4.2.1).
func (e *Error) Refused() bool { return e.Reply >= 500 }

// MayHaveActed reports that the whole message was sent and no answer to it
// came: the mail may be on its way.
func (e *Error) MayHaveActed() bool { return e.Acted }

// failed makes the error of a phase.
func failed(ctx context.Context, phase string, err error) *Error {
	e := &Error{Phase: phase}
	var reply *textproto.Error
	if errors.As(err, &reply) {
		e.Reply, e.Enhanced, e.text = reply.Code, enhanced(reply), said(phase, reply)
		e.Code = judge(phase, e.Reply, e.Enhanced)
	} else {
		e.Code = identity.CodeProviderUnavailable
		e.Err = reason(ctx, phase, err)
		if phase == phaseLogin && !broken(ctx, err) {
			e.Code = identity.CodeProviderCredentials
		}
	}
	// What is neither an acceptance nor a refusal settles nothing.
	if phase == phaseAnswer && (e.Reply < 400 || e.Reply > 599) {
		e.Code, e.Acted = identity.CodeProviderTimeout, true
	}
	switch {
	case errors.Is(err, asciiOnly):
		e.Code = identity.CodeEmailNotDeliverable
		e.Err = identity.FieldError(e.Code, "/email", "The mail server takes no address with letters beyond ASCII before the @.")
	case e.Code == identity.CodeEmailNotDeliverable:
		e.Err = identity.FieldError(e.Code, "/email", "The mail server refuses this address.")
	}
	return e
}

// judge turns a reply into a code (RFC 5321 section 4.2, RFC 4954 section 6).
func judge(phase string, reply int, status string) identity.Code {
	switch {
	case reply == 530 || reply == 534 || reply == 535 || reply == 538:
		return identity.CodeProviderCredentials
	case reply >= 400 && reply < 500:
		return identity.CodeProviderUnavailable
	}
	switch phase {
	case phaseGreeting, phaseHello, phaseTLS:
		return identity.CodeProviderUnavailable
	case phaseLogin:
		return identity.CodeProviderCredentials
	case phaseRecipient:
		return identity.CodeEmailNotDeliverable
	}
	// Some servers look at the recipient when they have the message.
	if phase == phaseAnswer && (strings.HasPrefix(status, "5.1.") || status == "5.2.1" || status == "5.2.2") {
		return identity.CodeEmailNotDeliverable
	}
	return identity.CodeProviderError
}

var statusCode = regexp.MustCompile(`^[45]\.\d{1,3}\.\d{1,3}\b`)

func enhanced(reply *textproto.Error) string { return statusCode.FindString(reply.Msg) }

// said is the server's text where it can hold no secret: a server may repeat
// what it was sent, and that is the password at login and the link at the end.
func said(phase string, reply *textproto.Error) string {
	if phase == phaseLogin || phase == phaseAnswer {
		return ""
	}
	text := strings.TrimPrefix(reply.Msg, enhanced(reply))
	return redact.Excerpt([]byte(strings.Join(strings.Fields(text), " ")))
}

// reason is the cause to show where there is no reply.
func reason(ctx context.Context, phase string, err error) error {
	var own notice
	var protocol textproto.ProtocolError
	switch {
	case errors.As(err, &own):
		return own
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &protocol):
		return notice("the server does not speak SMTP") // its own text quotes the server
	case phase == phaseLogin && !broken(ctx, err):
		return notice("the exchange failed")
	default:
		return err
	}
}

// broken reports whether the connection failed, and not what was said on it.
func broken(ctx context.Context, err error) bool {
	var network net.Error
	var protocol textproto.ProtocolError
	return ctx.Err() != nil || errors.Is(err, tooMuch) || errors.As(err, &network) || errors.As(err, &protocol) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// notice is a cause that usher states itself.
type notice string

const (
	asciiOnly notice = "the server does not offer SMTPUTF8"
	tooMuch   notice = "the server says too much"
)

// Error implements error.
func (n notice) Error() string { return string(n) }
