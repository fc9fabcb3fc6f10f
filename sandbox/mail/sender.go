package mail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"
)

// Outgoing is a mail to send. To and Subject are required, and one of the
// bodies.
type Outgoing struct {
	Kind    string // goes out as KindHeader; empty: no such header
	To      string // one bare address, no display name
	Subject string
	Text    string
	HTML    string
}

// senderTimeout bounds one delivery where the context does not.
const senderTimeout = 10 * time.Second

// Sender delivers mail by SMTP, one connection a mail. It is safe for
// concurrent use.
type Sender struct {
	host string
	port int
	from string
}

// NewSender returns a sender that delivers to the SMTP server at address, in
// the name of from.
func NewSender(address, from string) (*Sender, error) {
	host, p, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("mail sender: %w", err)
	}
	port, err := strconv.Atoi(p)
	if err != nil {
		return nil, fmt.Errorf("mail sender: port: %w", err)
	}
	if _, err := bareAddress(from); err != nil {
		return nil, fmt.Errorf("mail sender: from: %w", err)
	}
	return &Sender{host: host, port: port, from: from}, nil
}

// Send delivers one mail; it returns once the server has taken it. Line breaks
// and other control characters in what becomes a header are refused.
func (s *Sender) Send(ctx context.Context, o Outgoing) error {
	m, err := s.compose(o)
	if err != nil {
		return fmt.Errorf("send mail: %w", err)
	}
	client, err := gomail.NewClient(s.host,
		gomail.WithPort(s.port), gomail.WithTLSPolicy(gomail.NoTLS), gomail.WithHELO("sandbox.localhost"),
		gomail.WithTimeout(senderTimeout), gomail.WithoutNoop(),
	)
	if err != nil {
		return fmt.Errorf("send mail: %w", err)
	}
	if err := client.DialAndSendWithContext(ctx, m); err != nil {
		return fmt.Errorf("send mail: %w", err)
	}
	return nil
}

func (s *Sender) compose(o Outgoing) (*gomail.Msg, error) {
	to, err := bareAddress(o.To)
	if err != nil {
		return nil, err
	}
	if err := headerText("subject", o.Subject); err != nil {
		return nil, err
	}
	if err := headerText("kind", o.Kind); err != nil {
		return nil, err
	}
	if o.Subject == "" || (o.Text == "" && o.HTML == "") {
		return nil, errors.New("subject or body is missing")
	}
	m := gomail.NewMsg()
	m.FromMailAddress(&mail.Address{Address: s.from})
	m.ToMailAddress(&mail.Address{Address: to})
	m.Subject(o.Subject)
	if o.Kind != "" {
		m.SetGenHeader(KindHeader, o.Kind)
	}
	m.SetDate()
	m.SetMessageID()
	switch {
	case o.Text == "":
		m.SetBodyString(gomail.TypeTextHTML, o.HTML)
	default:
		m.SetBodyString(gomail.TypeTextPlain, o.Text)
		if o.HTML != "" {
			m.AddAlternativeString(gomail.TypeTextHTML, o.HTML)
		}
	}
	return m, nil
}

// bareAddress checks that s is one address and nothing else.
func bareAddress(s string) (string, error) {
	a, err := mail.ParseAddress(s)
	if err != nil {
		return "", fmt.Errorf("address: %w", err)
	}
	if a.Name != "" || a.Address != s || strings.ContainsFunc(s, unicode.IsControl) {
		return "", errors.New("address: not a bare address")
	}
	return s, nil
}

func headerText(what, s string) error {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("%s: control characters or no UTF-8", what)
	}
	return nil
}
