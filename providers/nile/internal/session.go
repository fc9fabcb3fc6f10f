package internal

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"usher/identity"
	"usher/internal/httpx"
)

// The vendor's cookies. Where it judges a request secure their names begin with
// the prefix (FACTS.md section 2).
const (
	cookieSession = "nile.session-token"
	cookieCSRF    = "nile.csrf-token"
	cookiePrefix  = "__Secure-"
)

// Credentials are those of the service user.
type Credentials struct {
	Email    string
	Password identity.Secret
}

// Session is the service user's, with the pair of tokens that forms need.
type Session struct {
	UserID  string
	Expires time.Time // zero: the vendor did not say

	session, csrfCookie string // name=value
	csrf                string // what goes into a form
}

func (s *Session) cookies() string { return s.session + "; " + s.csrfCookie }

// SignIn opens a session. That the cookie came is the only sign of success: a
// wrong password is answered 200 as well (FACTS.md section 2).
func (c *Client) SignIn(ctx context.Context, own Credentials) (*Session, error) {
	s := &Session{}
	if err := c.formToken(ctx, s); err != nil {
		return nil, err
	}
	r := request{
		op: OpSignIn, method: http.MethodPost, path: "/auth/callback/credentials", want: http.StatusOK, harmless: true,
		cookies: s.csrfCookie, form: url.Values{
			"email": {own.Email}, "password": {own.Password.Reveal()}, "csrfToken": {s.csrf}, "callbackUrl": {c.origin}, "json": {"true"},
		},
	}
	answer, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	cookie := c.cookie(answer, cookieSession)
	if cookie == nil {
		return nil, noSession(r, answer)
	}
	s.session, s.Expires = cookie.Name+"="+cookie.Value, cookie.Expires
	if s.UserID, err = c.me(ctx, s); err != nil {
		return nil, err
	}
	return s, nil
}

// formToken gets a pair of tokens: one for a cookie and one for forms. It is not
// tied to a session.
func (c *Client) formToken(ctx context.Context, s *Session) error {
	r := request{op: "get form token", method: http.MethodGet, path: "/auth/csrf", want: http.StatusOK}
	answer, err := c.do(ctx, r)
	if err != nil {
		return err
	}
	var body struct {
		Token string `json:"csrfToken"`
	}
	if err := decode(r, answer, &body); err != nil {
		return err
	}
	cookie := c.cookie(answer, cookieCSRF)
	if cookie == nil || !IsToken(body.Token) {
		return unusable(r, answer, "the answer holds no token for forms")
	}
	s.csrfCookie, s.csrf = cookie.Name+"="+cookie.Value, body.Token
	return nil
}

// me returns the id of the session's user. A session that was just opened and is
// refused here has a cookie of a name that the vendor does not look for.
func (c *Client) me(ctx context.Context, s *Session) (string, error) {
	r := request{op: OpMe, method: http.MethodGet, path: "/me", cookies: s.cookies(), want: http.StatusOK}
	answer, err := c.do(ctx, r)
	if err != nil {
		return "", err
	}
	var user User
	if err := decode(r, answer, &user); err != nil {
		return "", err
	}
	if !user.whole() {
		return "", unusable(r, answer, "the answer is no user")
	}
	return user.ID, nil
}

// cookie returns a cookie of an answer by its name with or without the prefix,
// or nil. The value goes back as it came.
func (c *Client) cookie(answer *httpx.Response, name string) *http.Cookie {
	for _, line := range answer.Header.Values("Set-Cookie") {
		cookie, err := http.ParseSetCookie(line)
		if err == nil && strings.TrimPrefix(cookie.Name, cookiePrefix) == name && cookie.Value != "" {
			return cookie
		}
	}
	return nil
}

// noSession is the error of a sign-in that opened none. Where it leads the
// browser tells why.
func noSession(r request, answer *httpx.Response) *APIError {
	var body struct {
		URL string `json:"url"`
	}
	leads := answer.Header.Get("Location")
	if json.Unmarshal(answer.Body, &body) == nil && body.URL != "" {
		leads = body.URL
	}
	if u, err := url.Parse(leads); err == nil && u.Query().Has("error") {
		return &APIError{Op: r.op, Status: answer.Status, Reason: ReasonSignIn}
	}
	return unusable(r, answer, "the answer opens no session")
}

// Refused reports that an answer refused the session or the pair of tokens, so
// that fresh ones may help. Nothing was done then.
func Refused(err error) bool {
	e := AsAPIError(err)
	return e != nil && (e.Reason == ReasonNoSession || e.Reason == ReasonForm)
}
