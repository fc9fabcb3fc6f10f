package workos

import (
	"context"
	"fmt"
	"html"
	"time"
)

// MailInvitation is the kind of mail that sending and resending an invitation causes.
const MailInvitation = "invitation"

// Mail is one message to a simulated person.
type Mail struct {
	Kind    string // MailInvitation; goes out as header X-Sandbox-Kind
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

// SentMail is a mail as State shows it, without its link.
type SentMail struct {
	Kind  string    `json:"kind"`
	To    string    `json:"to"`
	At    time.Time `json:"at"`
	Error string    `json:"error,omitempty"` // why it was not delivered
}

// mailInvitation puts an invitation's mail into a call's outbox, unless the
// environment mails itself (FACTS.md section 6.2).
func (s *Simulator) mailInvitation(c *call, i *invitation) {
	if s.q.InvitationMailOff {
		return
	}
	what := "our application"
	if o := s.organization(i.organization); o != nil {
		what = o.name
	}
	text := "You have been invited to join " + what + "."
	if u := s.user(i.inviter); u != nil {
		text = u.email + " has invited you to join " + what + "."
	}
	link := s.invitationLink(c.base, i)
	s.mailed[s.day()]++
	c.outbox = append(c.outbox, Mail{
		Kind: MailInvitation, To: i.email, Subject: "You have been invited to join " + what, Link: link,
		Text: text + "\n\n" + link + "\n",
		HTML: fmt.Sprintf("<p>%s</p>\n<p><a href=\"%s\">Accept invitation</a></p>\n", html.EscapeString(text), html.EscapeString(link)),
	})
}

// deliver sends what a call left in its outbox. The caller does not hold the lock.
func (s *Simulator) deliver(ctx context.Context, mails []Mail) {
	for _, m := range mails {
		sent := SentMail{Kind: m.Kind, To: m.To, At: s.clock.Now()}
		if s.o.Mail != nil {
			if err := s.o.Mail.Send(ctx, m); err != nil {
				sent.Error = err.Error()
				s.log.WarnContext(ctx, "workos sandbox: mail not delivered", "kind", m.Kind, "error", err)
			}
		}
		s.mu.Lock()
		s.mails = append(s.mails, sent)
		s.mu.Unlock()
	}
}
