package nile

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"time"
)

const magicLinkLife = 24 * time.Hour

type provider struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Type     string `json:"type"`
	SignIn   string `json:"signinUrl"`
	Callback string `json:"callbackUrl"`
}

// signInBroken: an e-mail provider without a server row takes every way of
// signing in down with it (FACTS.md section 7).
func (s *Simulator) signInBroken() bool { return s.q.EmailProvider && s.q.NoEmailServer }

func (s *Simulator) providers(c *call) reply {
	var out struct {
		Credentials *provider `json:"credentials,omitempty"`
		Email       *provider `json:"email,omitempty"`
	}
	one := func(id, name string) *provider {
		return &provider{id, name, id, c.authURL() + "/signin/" + id, c.authURL() + "/callback/" + id}
	}
	if !s.signInBroken() {
		out.Credentials = one("credentials", "credentials")
		if s.q.EmailProvider {
			out.Email = one("email", "Email")
		}
	}
	return answer(http.StatusOK, out)
}

func (s *Simulator) csrf(c *call) reply {
	token, _ := s.begin(c, "")
	return answer(http.StatusOK, map[string]string{"csrfToken": token})
}

// fields reads the body of a sign-in call, JSON or form. Values that are not
// strings are not seen, json:true among them.
func (c *call) fields() map[string]string {
	out := map[string]string{}
	kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	switch {
	case err != nil:
	case kind == "application/json":
		var all map[string]any
		if json.Unmarshal(c.body, &all) == nil {
			for name, value := range all {
				if str, ok := value.(string); ok {
					out[name] = str
				}
			}
		}
	case kind == "application/x-www-form-urlencoded":
		if form, err := url.ParseQuery(string(c.body)); err == nil {
			for name := range form {
				out[name] = form.Get(name)
			}
		}
	}
	return out
}

// redirect is a redirection of the sign-in library as a POST answers it: 200
// with Location, or 200 with the URL as JSON for who asked for that.
func redirect(asJSON bool, target string) reply {
	if asJSON {
		return answer(http.StatusOK, map[string]string{"url": target})
	}
	return reply{status: http.StatusOK, location: target}
}

// blessed reports whether the body repeats the token of a valid CSRF cookie.
func (s *Simulator) blessed(c *call, fields map[string]string) bool {
	token, ok := s.csrfToken(c)
	return ok && fields["csrfToken"] == token
}

// signInNowhere never signs in (FACTS.md section 8).
func (s *Simulator) signInNowhere(c *call) reply {
	f := c.fields()
	s.begin(c, f["callbackUrl"])
	return redirect(f["json"] == "true", c.authURL()+"/signin?csrf=true")
}

// signIn starts a magic link. A password is taken by the callback route alone.
func (s *Simulator) signIn(c *call) reply {
	f := c.fields()
	ok := s.blessed(c, f)
	_, target := s.begin(c, f["callbackUrl"])
	asJSON := f["json"] == "true"
	switch name := c.params["provider"]; {
	case s.signInBroken(), name != "credentials" && (name != "email" || !s.q.EmailProvider):
		return unsupportedAction(http.MethodPost)
	case name == "credentials":
		return redirect(asJSON, c.authURL()+"/signin")
	case !ok:
		return redirect(asJSON, c.authURL()+"/signin?csrf=true")
	}
	email := f["email"]
	if email == "" || s.userByEmail(email) == nil && s.q.MagicLinkMembersOnly {
		return redirect(asJSON, c.authURL()+"/error?error=EmailSignin")
	}
	token := s.newVerification(email, magicLinkLife)
	link := c.authURL() + "/callback/email?" + encodeQuery([]parameter{{"callbackUrl", target}, {"token", token}, {"email", email}})
	c.mail = &outgoing{mail: s.compose(MailMagicLink, s.templates[MailMagicLink], email, "", "", link)}
	return redirect(asJSON, c.authURL()+"/verify-request?provider=email&type=email")
}

// magicLink signs in who holds a link: a GET of a link is a 201.
func (s *Simulator) magicLink(c *call) reply {
	if s.signInBroken() || !s.q.EmailProvider {
		return unsupportedAction(http.MethodGet)
	}
	_, target := s.begin(c, c.query("callbackUrl"))
	u := s.useMagicLink(c.query("email"), c.query("token"))
	if u == nil {
		return reply{status: http.StatusCreated, location: c.authURL() + "/error?error=Verification"}
	}
	token, expires := s.startSession(u)
	return reply{status: http.StatusCreated, location: target, cookie: c.sessionCookie(token, expires)}
}

// useMagicLink spends a link and returns its user, whose address is proven by
// it; nil when the link is no good.
func (s *Simulator) useMagicLink(email, token string) *user {
	v := s.tokens[email]
	if v == nil || v.token != token {
		return nil
	}
	delete(s.tokens, email)
	if !v.expires.After(s.clock.Now()) {
		return nil
	}
	u := s.userByEmail(email)
	if u == nil {
		u = s.addUser(email)
	}
	if u.verified == nil {
		now := s.clock.Now()
		u.verified = &now
	}
	return u
}

func (s *Simulator) newVerification(email string, life time.Duration) string {
	v := &verification{token: newToken(), expires: s.clock.Now().Add(life)}
	s.tokens[email] = v
	return v.token
}

// passwordSignIn: a failure is 200 as well, with another Location and without
// the cookie (FACTS.md section 2).
func (s *Simulator) passwordSignIn(c *call) reply {
	if s.signInBroken() {
		return unsupportedAction(http.MethodPost)
	}
	f := c.fields()
	ok := s.blessed(c, f)
	_, target := s.begin(c, f["callbackUrl"])
	asJSON := f["json"] == "true"
	if !ok {
		return redirect(asJSON, c.authURL()+"/signin?csrf=true")
	}
	u := s.userByEmail(f["email"])
	if u == nil || u.password == "" || f["password"] != u.password {
		p := redirect(asJSON, c.authURL()+"/error?error=Login%20failed.")
		if asJSON {
			p.status = http.StatusUnauthorized
		}
		return p
	}
	if u.multiFactor != nil {
		return s.challenge(*u.multiFactor)
	}
	token, expires := s.seal(u)
	p := redirect(asJSON, target)
	p.cookie = c.sessionCookie(token, expires)
	return p
}

// challenge refuses who must prove a second factor first.
func (s *Simulator) challenge(method string) reply {
	life := 30 * time.Second
	if method == "email" {
		life = 2 * time.Minute
	}
	return answer(http.StatusUnauthorized, map[string]any{"mfa": map[string]any{
		"token": fmt.Sprintf("%.96s", newToken()+newToken()), "expiresAt": stamp(s.clock.Now().Add(life)), "method": method, "scope": "challenge",
	}})
}

// signOut takes the cookie back. An opaque session ends by it, a password
// session does not.
func (s *Simulator) signOut(c *call) reply {
	f := c.fields()
	ok := s.blessed(c, f)
	_, target := s.begin(c, f["callbackUrl"])
	asJSON := f["json"] == "true"
	if !ok {
		return redirect(asJSON, c.authURL()+"/signout?csrf=true")
	}
	delete(s.sessions, c.cookie(c.named(cookieSession)))
	p := redirect(asJSON, target)
	p.cookie = c.endSession()
	return p
}
