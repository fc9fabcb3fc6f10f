package workos

import (
	"fmt"
	"html"

	"usher/sandbox/stage"
)

// MailInvitation is the kind of mail that sending and resending an invitation causes.
const MailInvitation = "invitation"

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
	c.outbox = append(c.outbox, stage.Mail{
		Kind: MailInvitation, To: i.email, Subject: "You have been invited to join " + what, Link: link,
		Text: text + "\n\n" + link + "\n",
		HTML: fmt.Sprintf("<p>%s</p>\n<p><a href=\"%s\">Accept invitation</a></p>\n", html.EscapeString(text), html.EscapeString(link)),
	})
}
