package clerk

import (
	"context"
	"fmt"
	"html"
	"time"
)

// Kinds of mail the simulator sends.
const (
	MailOrganizationInvitation = "organization_invitation"
	MailInvitation             = "invitation" // to the application
)

// Mail is one message to a simulated person.
type Mail struct {
	Kind    string // one of the Mail… constants; goes out as header X-Sandbox-Kind
	To      string
	Subject string
	Text    string
	HTML    string
	Link    string // the page the mail leads to; also in Text and HTML
}

// Mailer delivers mails. Send is called without the simulator's lock, before
// the answer of the call that caused the mail goes out, and may be called
// concurrently. An error never fails that call; it is noted in State.
type Mailer interface {
	Send(ctx context.Context, m Mail) error
}

// SentMail is a mail in State: without its text, since links open accounts.
type SentMail struct {
	Kind  string    `json:"kind"`
	To    string    `json:"to"`
	At    time.Time `json:"at"`
	Error string    `json:"error,omitempty"` // why it was not delivered
}

func newMail(kind, to, subject, text, link string) Mail {
	return Mail{
		Kind: kind, To: to, Subject: subject, Link: link,
		Text: text + "\n\n" + link + "\n",
		HTML: fmt.Sprintf("<p>%s</p>\n<p><a href=\"%s\">%s</a></p>\n", html.EscapeString(text), html.EscapeString(link), html.EscapeString(subject)),
	}
}

// deliver sends what a call left in its outbox. The caller does not hold the lock.
func (s *Simulator) deliver(ctx context.Context, mails []Mail) {
	for _, m := range mails {
		sent := SentMail{Kind: m.Kind, To: m.To, At: s.clock.Now()}
		if s.o.Mail != nil {
			if err := s.o.Mail.Send(ctx, m); err != nil {
				sent.Error = err.Error()
				s.log.WarnContext(ctx, "clerk sandbox: mail not delivered", "kind", m.Kind, "error", err)
			}
		}
		s.mu.Lock()
		s.mails = append(s.mails, sent)
		s.mu.Unlock()
	}
}
