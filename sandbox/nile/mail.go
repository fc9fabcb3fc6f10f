package nile

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"usher/sandbox/stage"
)

// Kinds of mail, which are the names of their templates (FACTS.md section 7).
const (
	MailInvite        = "invite_user"
	MailMagicLink     = "email_invitation"
	MailPasswordReset = "password_reset"
	MailPasswordAlert = "password_alert"
	MailVerifyEmail   = "verify_email"
)

const fallbackSender = "noreply@thenile.dev"

// Template is a row of auth.email_templates. Placeholders are ${name}.
type Template struct {
	Subject string
	Body    string // HTML
	Sender  string // empty: the variable sender
}

// outgoing is the mail that a call wants sent, and what the call answers when
// the relay refuses it; nil failed: the same as otherwise.
type outgoing struct {
	mail   stage.Mail
	failed func(error) reply
}

// SetTemplate replaces a template, by the name of its kind.
func (s *Simulator) SetTemplate(kind string, t Template) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.templates[kind] = t
}

// SetVariable sets a row of auth.template_variables; app_name and sender are
// there from the start.
func (s *Simulator) SetVariable(name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.variables[name] = value
}

func defaultTemplates() map[string]Template {
	return map[string]Template{
		MailInvite:        {"Join ${tenant_name} on ${app_name}", `<p>Hello ${user.email}</p><a href="${api_url}">Accept the invitation to ${tenant_name}</a>`, "${sender}"},
		MailMagicLink:     {"Sign in to ${app_name}", `<a href="${api_url}">Sign in</a>`, "${sender}"},
		MailPasswordReset: {"Reset your password for ${app_name}", `<p>Hello ${user.email}</p><a href="${api_url}">Set a new password</a>`, "${sender}"},
		MailPasswordAlert: {"Your password for ${app_name} was changed", `<p>Hello ${user.name}, your password was changed.</p>`, "${sender}"},
		MailVerifyEmail:   {"Confirm your address for ${app_name}", `<p>Hello ${user.email}</p><a href="${api_url}">Confirm your address</a>`, "${sender}"},
	}
}

func (s *Simulator) template(kind string) (Template, bool) {
	t, ok := s.templates[kind]
	return t, ok && !slices.Contains(s.q.MissingTemplates, kind)
}

// compose fills a template in. A placeholder without a value stays as it is, and
// nothing is escaped: a tenant's name goes in as it is. The mail has no link
// where its URL could not be read, and shows ${api_url}.
func (s *Simulator) compose(kind string, t Template, to, name, tenant, link string) stage.Mail {
	link = rewritten(link)
	values := maps.Clone(s.variables)
	if t.Sender == "" {
		t.Sender = "${sender}"
	}
	from := fill(t.Sender, values)
	if !isAddress(from) {
		from = fallbackSender
	}
	for k, v := range map[string]string{"user.name": name, "user.email": to, "sender": from, "api_url": link, "tenant_name": tenant} {
		values[k] = v
	}
	local, domain, _ := strings.Cut(to, "@")
	return stage.Mail{Kind: kind, From: from, To: local + "@" + strings.ToLower(domain), Subject: fill(t.Subject, values), HTML: fill(t.Body, values), Link: link}
}

func fill(s string, values map[string]string) string {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if values[name] != "" {
			s = strings.ReplaceAll(s, "${"+name+"}", values[name])
		}
	}
	return s
}

// rewritten is the link as the vendor puts it into a mail: read as a URL and
// written anew, nothing when it is none.
func rewritten(link string) string {
	u, err := url.Parse(link)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return ""
	}
	query := encodeQuery(parseQuery(u.RawQuery))
	u.RawQuery, u.Fragment = "", ""
	if query != "" {
		query = "?" + query
	}
	return normal(u) + query
}

// isAddress is the vendor's rule for senders and invitees (FACTS.md section 5).
func isAddress(s string) bool {
	return regexp.MustCompile(`^[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}$`).MatchString(s)
}

// deliver sends what a call wants sent and returns the call's answer. The
// caller does not hold the lock. A caller that goes away does not stop a mail.
func (s *Simulator) deliver(ctx context.Context, c *call, p reply) reply {
	if c.mail == nil {
		return p
	}
	ctx = context.WithoutCancel(ctx)
	m := c.mail.mail
	err := s.relay(ctx, m)
	s.post.Note(ctx, m, s.clock.Now(), err)
	if err != nil && c.mail.failed != nil {
		return c.mail.failed(err)
	}
	return p
}

// relayError is a relay's refusal in its own words, which are the answer.
type relayError string

func (e relayError) Error() string { return string(e) }

func (s *Simulator) relay(ctx context.Context, m stage.Mail) error {
	q := s.Quirks()
	if err := s.o.Sleep.Pause(ctx, q.MailDelayMS); err != nil {
		return fmt.Errorf("wait for the relay: %w", err)
	}
	switch {
	case q.SMTPError != "":
		return relayError(q.SMTPError)
	case slices.Contains(q.RejectedRecipients, m.To):
		return relayError("Can't send mail - all recipients were rejected: 550 mailbox unavailable")
	}
	return s.post.Send(ctx, m)
}
