package mail

import (
	"bytes"
	"errors"
	"fmt"
	"net/mail"
	"regexp"
	"strconv"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"usher/identity"
)

// inviteHeader names the header that holds usher's id of the invitation.
const inviteHeader = "X-Usher-Invite"

// inviteID is what may be part of a Message-ID.
var inviteID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// compose renders an invitation and makes the message. No error holds the
// link.
func (s *Sender) compose(to identity.Address, i Invitation) ([]byte, error) {
	if !inviteID.MatchString(i.InviteID) || i.Attempt < 0 {
		return nil, errors.New("the id or the attempt of the invitation is malformed")
	}
	if err := checkLink(i.Link); err != nil {
		return nil, err
	}
	set := s.settings.templates.choose(i.Locale)
	body, problems := set.render(set.view(i))
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	m.FromMailAddress(s.settings.from)
	if s.settings.replyTo != nil {
		m.ReplyToMailAddress(s.settings.replyTo)
	}
	m.ToMailAddress(&mail.Address{Address: to.Local + "@" + to.Domain})
	m.Subject(body.subject)
	m.SetDateWithValue(s.now().UTC())
	m.SetMessageIDWithValue(i.InviteID + "." + strconv.Itoa(i.Attempt) + "@" + s.settings.domain)
	m.SetGenHeader(inviteHeader, i.InviteID)
	m.SetGenHeader(gomail.HeaderContentLang, set.tag.String())
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834
	m.SetGenHeader(gomail.HeaderXAutoResponseSuppress, "All")
	m.SetBodyString(gomail.TypeTextPlain, body.text)
	m.AddAlternativeString(gomail.TypeTextHTML, body.html)
	var raw bytes.Buffer
	if _, err := m.WriteTo(&raw); err != nil {
		return nil, fmt.Errorf("the message: %s", conceal(err, i.Link))
	}
	return raw.Bytes(), nil
}

// conceal takes the link out of a text about a failure.
func conceal(err error, link string) string {
	return strings.ReplaceAll(err.Error(), link, "[link]")
}
