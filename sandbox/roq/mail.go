package roq

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	graphql "github.com/graph-gophers/graphql-go"

	"usher/sandbox/stage"
)

// Kinds of mail the simulator sends.
const (
	MailInvitation    = "invitation"     // sending and resending
	MailResetPassword = "reset_password" // sendUserResetPasswordMail
	MailConfirmation  = "confirmation"   // sendUserConfirmationMail
	MailTemplate      = "template"       // sendMail
)

// mailInvite puts an invitation's mail into the outbox, in German where the
// locale asks for it: FACTS.md section 4.1 names two that need no set-up.
func (s *Simulator) mailInvite(c *call, i *invite) {
	subject, text := "You have been invited", "You have been invited to join "+s.tenantName(i.tenant)+"."
	if i.locale != nil && *i.locale == "de-DE" {
		subject, text = "Sie sind eingeladen", "Sie sind eingeladen, "+s.tenantName(i.tenant)+" beizutreten."
	}
	for _, name := range slices.Sorted(maps.Keys(i.variables)) {
		text += fmt.Sprintf("\n%s: %v", name, i.variables[name])
	}
	c.outbox = append(c.outbox, stage.NewMail(MailInvitation, i.email, subject, text, pageLink(c, pageAccept, i.token)))
}

func (s *Simulator) tenantName(id *string) string {
	if id != nil {
		if t := s.tenant(*id); t != nil {
			return t.name
		}
	}
	return "us"
}

func pageLink(c *call, page, token string) string {
	return c.base + page + "?token=" + url.QueryEscape(token)
}

// mailUser puts a mail with a link for a user into the outbox.
func (s *Simulator) mailUser(c *call, u *user, kind, subject, text, page string) {
	token := newToken()
	s.codes[token] = &accountCode{user: u.id, kind: kind, expires: s.now().Add(24 * time.Hour)}
	c.outbox = append(c.outbox, stage.NewMail(kind, u.email, subject, text, pageLink(c, page, token)))
}

// userMailArgs are those of both mails to a user; the variant of a template
// makes no difference here.
type userMailArgs struct {
	UserID     graphql.ID
	VariantKey *string
}

// SendUserResetPasswordMail implements the mutation.
func (r *root) SendUserResetPasswordMail(ctx context.Context, a userMailArgs) (bool, error) {
	c, u, err := r.userFor(ctx, "sendUserResetPasswordMail", string(a.UserID))
	if err != nil {
		return false, err
	}
	r.s.mailUser(c, u, MailResetPassword, "Reset your password", "A new password was asked for.", pageReset)
	return true, nil
}

// SendUserConfirmationMail implements the mutation.
func (r *root) SendUserConfirmationMail(ctx context.Context, a userMailArgs) (bool, error) {
	c, u, err := r.userFor(ctx, "sendUserConfirmationMail", string(a.UserID))
	if err != nil {
		return false, err
	}
	r.s.mailUser(c, u, MailConfirmation, "Confirm your address", "Please confirm that this address is yours.", pageConfirm)
	return true, nil
}

type mailInput struct {
	Key, Locale string
	Emails      []string
	Data        *[]struct{ Key, Value string }
}

type mailsSent struct{ MailsSent struct{ Count int32 } }

// SendMail implements the mutation. Templates are not simulated: each key has one.
func (r *root) SendMail(ctx context.Context, a struct{ Mail mailInput }) (mailsSent, error) {
	var out mailsSent
	c, err := r.may(ctx, "sendMail")
	if err != nil {
		return out, err
	}
	if err := checkFilled("key", a.Mail.Key); err != nil {
		return out, err
	}
	lines := []string{"Template " + a.Mail.Key + " (" + a.Mail.Locale + ")"}
	if a.Mail.Data != nil {
		for _, v := range *a.Mail.Data {
			lines = append(lines, v.Key+": "+v.Value)
		}
	}
	for n, to := range a.Mail.Emails {
		if err := checkEmail(fmt.Sprintf("emails.%d", n), to); err != nil {
			return out, err
		}
	}
	for _, to := range a.Mail.Emails {
		c.outbox = append(c.outbox, stage.NewMail(MailTemplate, to, a.Mail.Key, strings.Join(lines, "\n"), ""))
	}
	out.MailsSent.Count = int32(len(a.Mail.Emails))
	return out, nil
}
