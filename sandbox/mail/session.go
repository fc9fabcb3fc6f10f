package mail

import (
	"errors"
	"io"
	"slices"

	"github.com/emersion/go-smtp"
)

// newSession implements smtp.BackendFunc.
func (c *Catcher) newSession(*smtp.Conn) (smtp.Session, error) {
	return &session{catcher: c}, nil
}

// session is one SMTP connection; go-smtp calls it from one goroutine.
type session struct {
	catcher *Catcher
	from    string
	to      []string
}

// Reset implements smtp.Session.
func (s *session) Reset() { s.from, s.to = "", nil }

// Logout implements smtp.Session.
func (s *session) Logout() error { return nil }

// Mail implements smtp.Session. The empty return path of a bounce is taken.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

// Rcpt implements smtp.Session.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if !slices.Contains(s.to, to) {
		s.to = append(s.to, to)
	}
	return nil
}

// Data implements smtp.Session. The message is kept before the client is told
// that it was taken.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		var refused *smtp.SMTPError
		if !errors.As(err, &refused) {
			s.catcher.log.Debug("mail catcher: cut message", "error", err)
		}
		return err
	}
	m := parse(raw)
	m.At = s.catcher.now().UTC()
	m.From, m.To = s.from, slices.Clone(s.to)
	s.catcher.store.add(m)
	return nil
}
