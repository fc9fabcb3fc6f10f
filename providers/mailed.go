package providers

import (
	"context"
	"errors"
	"time"

	"usher/identity"
)

// StepMail is the one step of a sending that consists of usher's own mail.
const StepMail = "mail"

// Mail is the sending of an invitation that no vendor keeps: the step StepMail,
// which is to mail the link. A mail that may have gone out is never mailed
// again under the same journal: nobody can be asked about it. Codes: those of
// Mailer; provider_timeout for such a mail.
func Mail(ctx context.Context, m Mailer, r InviteRequest, expiresAt *time.Time) error {
	step := r.Journal.Step(StepMail)
	switch {
	case step.Done:
		return nil
	case step.Begun:
		return &identity.Error{
			Code: identity.CodeProviderTimeout, Op: "mail", Unknown: true,
			Detail: "The mail may have gone out, and no mail server can be asked about it.",
		}
	}
	if err := r.Journal.Begin(ctx, StepMail); err != nil {
		return err
	}
	err := m.MailInvitation(ctx, r, expiresAt)
	if err == nil {
		return r.Journal.Done(ctx, StepMail, nil)
	}
	var uncertain Uncertainer
	if !errors.As(err, &uncertain) || uncertain.MayHaveActed() {
		return err
	}
	if undo := r.Journal.Undo(ctx, StepMail); undo != nil {
		return undo
	}
	return err
}

// SettleMail says what became of a sending by Mail.
func SettleMail(j Journal, sent *Sent) *Settlement {
	step := j.Step(StepMail)
	switch {
	case step.Done:
		return &Settlement{Verdict: VerdictSent, Sent: sent}
	case step.Begun:
		return &Settlement{Verdict: VerdictUnknown}
	default:
		return &Settlement{Verdict: VerdictNotSent}
	}
}
