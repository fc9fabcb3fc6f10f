package nile

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
)

// claims is what a password session's token holds. Nobody but the server can
// read it: the token is encrypted, not signed (FACTS.md section 2).
type claims struct {
	Email   string `json:"email"`
	Subject string `json:"sub"`
	ID      string `json:"id"`
	Issued  int64  `json:"iat"`
	Expires int64  `json:"exp"`
	Unique  string `json:"jti"`
}

// seal makes a password session's token. It fails for no user.
func (s *Simulator) seal(u *user) (token string, expires time.Time) {
	now := s.clock.Now()
	expires = now.Add(sessionLife).Truncate(time.Second)
	e, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: s.key}, nil)
	if err != nil {
		return "", expires
	}
	sealed, err := e.Encrypt(encode(claims{Email: u.email, Subject: u.id, ID: u.id, Issued: now.Unix(), Expires: expires.Unix(), Unique: uuid.NewString()}))
	if err != nil {
		return "", expires
	}
	token, err = sealed.CompactSerialize()
	if err != nil {
		return "", expires
	}
	return token, expires
}

// open reads a token that seal made and that has not expired. Sign-out does
// not end it, nor does the user's deletion.
func (s *Simulator) open(token string) (claims, bool) {
	sealed, err := jose.ParseEncryptedCompact(token, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		return claims{}, false
	}
	plain, err := sealed.Decrypt(s.key)
	if err != nil {
		return claims{}, false
	}
	var c claims
	if json.Unmarshal(plain, &c) != nil || c.Expires <= s.clock.Now().Unix() {
		return claims{}, false
	}
	return c, true
}

// startSession makes an opaque session and returns its token.
func (s *Simulator) startSession(u *user) (string, time.Time) {
	token, expires := uuid.NewString(), s.clock.Now().Add(sessionLife)
	s.sessions[token] = &session{user: u.id, expires: expires}
	return token, expires
}

func (s *Simulator) session(token string) *session {
	found := s.sessions[token]
	if found == nil || !found.expires.After(s.clock.Now()) {
		return nil
	}
	return found
}

// caller is the user of a call's session outside /auth/: by the cookie of the
// right name, else by a bearer token, which must be a password session's.
func (s *Simulator) caller(c *call) string {
	token := c.cookie(c.named(cookieSession))
	if got, ok := s.open(token); ok {
		return got.ID
	}
	if found := s.session(token); found != nil && !s.q.OpaqueSessionsFail {
		return found.user
	}
	if bearer, ok := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer "); ok && token == "" {
		got, _ := s.open(bearer)
		return got.ID
	}
	return ""
}

// getSession tells who is signed in, by the cookie alone: {} when nobody is.
// It renews what it finds.
func (s *Simulator) getSession(c *call) reply {
	s.begin(c, "")
	token := c.cookie(c.named(cookieSession))
	if got, ok := s.open(token); ok {
		u := s.userByID(got.ID)
		if u == nil {
			return answer(200, struct{}{})
		}
		fresh, expires := s.seal(u)
		p := answer(200, current{passwordUser{ID: got.ID, Email: got.Email}, stamp(expires)})
		p.cookie = c.sessionCookie(fresh, expires)
		return p
	}
	found := s.session(token)
	if found == nil {
		return answer(200, struct{}{})
	}
	u := s.userByID(found.user)
	if u == nil {
		return answer(200, struct{}{})
	}
	p := answer(200, current{magicUser{u.id, u.name, u.picture, u.email, stampOf(u.verified)}, stamp(found.expires)})
	p.cookie = c.sessionCookie(token, found.expires)
	return p
}

// current is a session as /auth/session shows it.
type current struct {
	User    any   `json:"user"`
	Expires stamp `json:"expires"`
}

// passwordUser and magicUser are the two forms of a session's user (FACTS.md
// section 2). emailVerified of the first is null whatever the truth is.
type passwordUser struct {
	ID       string `json:"id"`
	Email    string `json:"email"`
	Verified *stamp `json:"emailVerified"`
}

type magicUser struct {
	ID       string  `json:"id"`
	Name     *string `json:"name"`
	Image    *string `json:"image"`
	Email    string  `json:"email"`
	Verified *stamp  `json:"emailVerified"`
}
