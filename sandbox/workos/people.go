package workos

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// The refusals of section 6.3.
const (
	invitationInvalid  = "invitation_invalid"
	invitationMismatch = "invitation_cannot_be_used_for_email"
)

// usable finds the pending invitation of a token that somebody with an address
// may use; code says why there is none.
func (s *Simulator) usable(token, email string) (i *invitation, code string) {
	i = find(s.invitations, func(i *invitation) bool { return i.token == token && token != "" })
	if i == nil || s.state(i) != statusPending || i.organization != "" && s.membership(i.membership) == nil {
		return nil, invitationInvalid
	}
	if !s.fits(i, email) {
		return nil, invitationMismatch
	}
	return i, ""
}

// fits is the rule of FACTS.md section 6.3: any address for the application;
// for an organization the same one or, if it is not of a public mail service,
// one of the same domain.
func (s *Simulator) fits(i *invitation, email string) bool {
	if i.organization == "" || s.same(i.email, email) {
		return true
	}
	domain := emailDomain(i.email)
	return domain == emailDomain(email) && !slices.Contains(consumerDomains(), domain)
}

// consumerDomains are some public mail services; the vendor's list is not known.
func consumerDomains() []string {
	return strings.Fields(`gmail.com googlemail.com outlook.com hotmail.com live.com msn.com yahoo.com ymail.com icloud.com me.com
		mac.com aol.com proton.me protonmail.com gmx.com gmx.de gmx.net web.de mail.com zoho.com yandex.com qq.com 163.com`)
}

// join is what an invited person does on the page: he signs up, or in, with an
// address, and accepts.
func (s *Simulator) join(token, email, password string) (*user, *invitation, string) {
	i, code := s.usable(token, email)
	if code == "" && !isEmail(email) {
		code = invitationMismatch
	}
	if code != "" {
		return nil, nil, code
	}
	u := s.userByEmail(email)
	if u == nil {
		if s.q.LowerEmails {
			email = strings.ToLower(email)
		}
		u = s.addUser(&user{email: email})
	}
	if password != "" && u.password == "" {
		u.password = password
	}
	// Who has the link has the mail, if it went to this address.
	u.verified = u.verified || s.same(i.email, u.email)
	u.stub, u.updated = false, s.clock.Now()
	s.emit("user.updated", "", viewUser(u))
	s.accept(i, u)
	return u, i, ""
}

// Accept plays the invitee: somebody with an e-mail address (empty: the
// invited one) follows an invitation's link, signs up and accepts. It returns
// the id of the user, or an error with the vendor's code.
func (s *Simulator) Accept(link, email string) (string, error) {
	u, err := url.Parse(link)
	if err != nil {
		return "", fmt.Errorf("accept invitation: %w", err)
	}
	token := u.Query().Get("invitation_token")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	if i := find(s.invitations, func(i *invitation) bool { return i.token == token }); i != nil && email == "" {
		email = i.email
	}
	who, _, code := s.join(token, email, "")
	if code != "" {
		return "", errors.New("accept invitation: " + code)
	}
	return who.id, nil
}
