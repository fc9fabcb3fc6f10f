package mail

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"usher/identity"
	"usher/internal/loopback"
)

// Invitation is what one mail says.
type Invitation struct {
	To           string // a bare address, as it was typed
	Link         string // the address that accepts: a secret; http or https, in ASCII
	Organization string // its name for people
	Inviter      string // e-mail address of who invites; empty: not told
	Locale       string // BCP 47, or a list as in Accept-Language; no match: the default
	Message      string // plain text; empty: none

	GivenName, FamilyName string
	Roles                 []string
	ExpiresAt             *time.Time // nil: does not expire

	// InviteID and Attempt make the Message-ID, so that a mail can be traced.
	// Each mail of an invitation needs an attempt of its own.
	InviteID string
	Attempt  int
}

// Options describe a Sender. Config is what an operator sets.
type Options struct {
	Config
	RootCAs *x509.CertPool   // who may sign the server's certificate; nil: as the system says
	Now     func() time.Time // dates the mails; default time.Now
	Logger  *slog.Logger     // default: discards
}

// Sender sends mails, one connection each. It is safe for concurrent use.
type Sender struct {
	settings *settings
	roots    *x509.CertPool
	now      func() time.Time
	log      *slog.Logger
	dial     func(ctx context.Context, network, address string) (net.Conn, error)
}

// New checks the settings and reads all templates. Its error holds every
// problem, each with the key it is about. Nothing is connected to.
func New(o Options) (*Sender, error) {
	set, problems := o.settle()
	if len(problems) > 0 {
		return nil, fmt.Errorf("mail: %w", errors.Join(problems...))
	}
	s := &Sender{settings: set, roots: o.RootCAs, now: o.Now, log: o.Logger, dial: (&net.Dialer{}).DialContext}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if set.TLS == TLSNone && !loopback.Is(set.Host) {
		s.log.Warn("mail: links to accept go to the mail server in clear", "host", set.Host)
	}
	return s, nil
}

// SendInvitation mails one invitation; it returns once the server has taken
// the message. ctx and the configured timeout cut it at any point. The error is
// an *Error. Codes: email_not_deliverable (the address is malformed, the server
// refuses it, or it needs SMTPUTF8, which the server does not offer),
// provider_rejected_credentials, provider_unavailable (unreachable, no TLS as
// configured, or a temporary refusal), provider_error (the server refuses the
// sender or the message), internal (the invitation cannot be made into a mail)
// and provider_timeout, the only one after which the mail may be on its way.
func (s *Sender) SendInvitation(ctx context.Context, i Invitation) error {
	to, err := identity.ParseEmail(i.To)
	if err != nil {
		return &Error{Phase: "check", Code: identity.CodeEmailNotDeliverable, Err: err}
	}
	raw, err := s.compose(to, i)
	if err != nil {
		return &Error{Phase: "compose", Code: identity.CodeInternal, Err: err}
	}
	if err := s.deliver(ctx, to, raw); err != nil {
		return err
	}
	s.log.DebugContext(ctx, "mail: the server has taken it", "invite_id", i.InviteID, "attempt", i.Attempt)
	return nil
}
