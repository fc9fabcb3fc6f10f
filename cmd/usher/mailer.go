package main

import (
	"context"
	"time"

	"usher/mail"
	"usher/providers"
)

// mailer mails invitations for adapters.
type mailer struct{ sender *mail.Sender }

// openMailer returns what adapters mail with; nil where no mail server is
// configured. No connection is made.
func (g *gateway) openMailer() (providers.Mailer, error) {
	if g.config.Mail == nil {
		return nil, nil
	}
	sender, err := mail.New(mail.Options{Config: *g.config.Mail, Now: g.now, Logger: g.log})
	if err != nil {
		return nil, err
	}
	return mailer{sender}, nil
}

// MailInvitation implements providers.Mailer.
func (m mailer) MailInvitation(ctx context.Context, r providers.InviteRequest, expiresAt *time.Time) error {
	return m.sender.SendInvitation(ctx, mail.Invitation{
		To: r.Address.Typed, Link: r.Link, Organization: r.Organization, Inviter: r.Inviter.Email,
		GivenName: r.GivenName, FamilyName: r.FamilyName, Locale: r.Locale, Message: r.Message,
		Roles: r.Roles, ExpiresAt: expiresAt, InviteID: r.InviteID, Attempt: r.Attempt,
	})
}
