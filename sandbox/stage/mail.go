package stage

import (
	"context"
	"fmt"
	"html"
	"log/slog"
	"slices"
	"sync"
	"time"

	"usher/sandbox/fault"
)

// Mail is one message to a simulated person.
type Mail struct {
	Kind    string // one of the simulator's Mail… constants; goes out as header X-Sandbox-Kind
	From    string // empty where the vendor's own address makes no difference
	To      string
	Subject string
	Text    string // empty where the vendor mails HTML alone
	HTML    string
	Link    string // the page the mail leads to; also in Text and HTML; empty: none
}

// NewMail is a mail of a text and a link below it, which may be empty.
func NewMail(kind, to, subject, text, link string) Mail {
	m := Mail{Kind: kind, To: to, Subject: subject, Link: link, Text: text + "\n", HTML: "<p>" + html.EscapeString(text) + "</p>\n"}
	if link != "" {
		m.Text += "\n" + link + "\n"
		m.HTML += fmt.Sprintf("<p><a href=\"%s\">%s</a></p>\n", html.EscapeString(link), html.EscapeString(subject))
	}
	return m
}

// Mailer delivers mails. Send is called without the simulator's lock, before
// the answer of the call that caused the mail goes out, and may be called
// concurrently.
type Mailer interface {
	Send(ctx context.Context, m Mail) error
}

// SentMail is a mail in a simulator's State: without its text and link, since
// links open accounts.
type SentMail struct {
	Kind  string    `json:"kind"`
	To    string    `json:"to"`
	At    time.Time `json:"at"`
	Error string    `json:"error,omitempty"` // why it was not delivered
}

// Postman delivers a simulator's mails and remembers them. It is safe for
// concurrent use.
type Postman struct {
	vendor string
	clock  *fault.Clock
	mailer Mailer
	log    *slog.Logger

	mu   sync.Mutex
	sent []SentMail
}

// NewPostman returns a vendor's postman. A nil mailer takes every mail; a nil
// logger is told nothing.
func NewPostman(vendor string, clock *fault.Clock, mailer Mailer, log *slog.Logger) *Postman {
	return &Postman{vendor: vendor, clock: clock, mailer: mailer, log: Logger(log)}
}

// Deliver sends what a call left in its outbox. What fails is noted, and fails
// nothing else. The caller does not hold the simulator's lock.
func (p *Postman) Deliver(ctx context.Context, mails []Mail) {
	for _, m := range mails {
		at := p.clock.Now()
		p.Note(ctx, m, at, p.Send(ctx, m))
	}
}

// Send hands a mail to the mailer, and notes nothing.
func (p *Postman) Send(ctx context.Context, m Mail) error {
	if p.mailer == nil {
		return nil
	}
	return p.mailer.Send(ctx, m)
}

// Note remembers a mail and what came of it; nil: it was delivered.
func (p *Postman) Note(ctx context.Context, m Mail, at time.Time, err error) {
	sent := SentMail{Kind: m.Kind, To: m.To, At: at}
	if err != nil {
		sent.Error = err.Error()
		p.log.WarnContext(ctx, p.vendor+" sandbox: mail not delivered", "kind", m.Kind, "error", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent, sent)
}

// Sent lists the mails so far, oldest first, and counts those delivered by kind.
func (p *Postman) Sent() (all []SentMail, delivered map[string]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delivered = map[string]int{}
	for _, m := range p.sent {
		if m.Error == "" {
			delivered[m.Kind]++
		}
	}
	return slices.Clone(p.sent), delivered
}
