package nile

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

const verificationLife = 4 * time.Hour

// requestReset mails a link to set a new password with, or hands it out as
// JSON to who asks with ?json=true: whoever has a CSRF pair takes over any
// account so, as at the vendor. An unknown address is answered 200.
func (s *Simulator) requestReset(c *call) reply {
	var in struct {
		Email    any `json:"email"`
		Callback any `json:"callbackUrl"`
		Redirect any `json:"redirectUrl"`
	}
	if p, ok := c.readJSON(&in); !ok {
		return p
	}
	email, _ := in.Email.(string)
	if email == "" {
		return text(http.StatusBadRequest, "Email is required")
	}
	if _, ok := s.csrfToken(c); !ok {
		return empty(http.StatusNotFound)
	}
	u := s.userByEmail(email)
	if u == nil {
		return empty(http.StatusOK)
	}
	template, ok := s.template(MailPasswordReset)
	switch {
	case !ok:
		return text(http.StatusNotFound, "Unable to find email template "+MailPasswordReset)
	case s.q.NoEmailServer:
		return text(http.StatusBadRequest, `{"message":"Server is not configured to send emails."}`)
	}
	base := ""
	if u := c.callbackCookie(); u != nil {
		base = strings.TrimSuffix(u.String(), "/")
	}
	callback, isText := in.Callback.(string)
	if !isText {
		callback = base + "/api/auth/reset-password"
	}
	target, isText := in.Redirect.(string)
	if !isText {
		target = base
	}
	if !strings.HasPrefix(target, "http") {
		if base == "" {
			return text(http.StatusBadRequest, `{"message":"Invalid redirect"}`)
		}
		target = base + target
	}
	link := target + "?" + encodeQuery([]parameter{{"token", s.newVerification(email, verificationLife)}, {"identifier", email}, {"callbackUrl", callback}})
	if c.query("json") == "true" {
		return rows(http.StatusCreated, map[string]string{"url": link})
	}
	c.mail = &outgoing{
		mail:   s.compose(MailPasswordReset, template, email, textOf(u.name), "", link),
		failed: func(err error) reply { return text(http.StatusInternalServerError, err.Error()) },
	}
	return empty(http.StatusCreated)
}

// openReset turns a link into a cookie that lets its holder set a password.
// A link that is no good is answered 200 without one.
func (s *Simulator) openReset(c *call) reply {
	token, email, callback := c.query("token"), c.query("identifier"), c.query("callbackUrl")
	p := empty(http.StatusOK)
	v := s.tokens[email]
	if v == nil || v.token != token || !v.expires.After(s.clock.Now()) || callback == "" {
		return p
	}
	if c.query("redirect") != "false" {
		p.location = callback
	}
	p.cookie = c.plainCookie(cookieReset, url.QueryEscape(token+"|"+s.resetProof(token, email)), "; max-age=14400")
	return p
}

func (s *Simulator) resetProof(token, email string) string { return hash(token + email + s.secret) }

// resetPassword sets a password by the cookie of openReset, for a user without
// one too, and signs in. The body's address may differ in case from the link's.
func (s *Simulator) resetPassword(c *call) reply {
	token, proof, _ := strings.Cut(unescape(c.cookie(c.named(cookieReset))), "|")
	if token == "" {
		return text(http.StatusBadRequest, "Missing token")
	}
	var in struct {
		Email    string `json:"email"`
		Password string `json:"password"`
	}
	if p, ok := c.readJSON(&in); !ok {
		return p
	}
	email := ""
	for address, v := range s.tokens {
		if v.token == token {
			email = address
		}
	}
	switch {
	case email == "" || proof != s.resetProof(token, email) || !strings.EqualFold(strings.TrimSpace(in.Email), email):
		return text(http.StatusBadRequest, "Unable to process request")
	case !s.tokens[email].expires.After(s.clock.Now()):
		return text(http.StatusBadRequest, "Token expired")
	}
	delete(s.tokens, email)
	u := s.userByEmail(in.Email)
	if u == nil {
		return text(http.StatusBadRequest, "Unable to reset password")
	}
	s.setPassword(c, u, in.Password)
	session, _ := s.seal(u)
	p := empty(http.StatusNoContent)
	p.cookie = c.plainCookie(cookieSession, session, "")
	return p
}

// setPassword also tells the user by mail, who has a name; whether that mail
// goes out changes nothing.
func (s *Simulator) setPassword(c *call, u *user, password string) {
	u.password = password
	if template, ok := s.template(MailPasswordAlert); ok && !s.q.NoEmailServer && u.name != nil {
		c.mail = &outgoing{mail: s.compose(MailPasswordAlert, template, u.email, *u.name, "", "")}
	}
}

// requestVerification mails a link that proves the address.
func (s *Simulator) requestVerification(c *call) reply {
	form, p, ok := c.form()
	if !ok {
		return p
	}
	token, valid := s.csrfToken(c)
	if !valid || form.Get("csrfToken") != token {
		return text(http.StatusBadRequest, "Request blocked")
	}
	base := c.callbackCookie()
	if base == nil {
		return text(http.StatusBadRequest, "Callback is not a valid url")
	}
	u := s.userByEmail(form.Get("email"))
	if u == nil {
		return empty(http.StatusOK)
	}
	template, found := s.template(MailVerifyEmail)
	switch {
	case !found:
		return text(http.StatusBadRequest, "Unable to send verification email, the 'verify_email' template is missing from auth.email_templates")
	case s.q.NoEmailServer:
		return text(http.StatusBadRequest, "Email sending is not configured")
	}
	target := siteOf(base.String()) + "/api/auth/verify-email"
	if form.Has("redirectUrl") {
		target = form.Get("redirectUrl")
	}
	link := target + "?" + encodeQuery([]parameter{
		{"token", s.newVerification(u.email, verificationLife)}, {"identifier", u.email}, {"callbackUrl", formText(form, "callbackUrl")},
	})
	c.mail = &outgoing{
		mail: s.compose(MailVerifyEmail, template, u.email, textOf(u.name), "", link),
		failed: func(error) reply {
			return text(http.StatusUnauthorized, "An email address that uses SSO must have their email verified in order to use credentials.")
		},
	}
	return empty(http.StatusCreated)
}

// verifyEmail proves an address by a link; a link that is no good is answered
// 200 too.
func (s *Simulator) verifyEmail(c *call) reply {
	p := empty(http.StatusOK)
	email := c.query("identifier")
	v := s.tokens[email]
	if v == nil || v.token != c.query("token") || !v.expires.After(s.clock.Now()) {
		return p
	}
	if u := s.userByEmail(email); u != nil {
		now := s.clock.Now()
		u.verified = &now
	}
	p.location = c.query("callbackUrl")
	return p
}
