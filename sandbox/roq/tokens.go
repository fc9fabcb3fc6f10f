package roq

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// claims are the payload of an access token (FACTS.md section 3).
type claims struct {
	Environment  string `json:"roqEnvironmentId"`
	User         string `json:"roqUserId"`
	Notification string `json:"notificationToken"`
	Issued       int64  `json:"iat"`
	Expires      int64  `json:"exp"`
}

// sign makes the access token of a user, or of the service account.
func (s *Simulator) sign(userID string, life time.Duration) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: s.key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", err
	}
	now := s.clock.Now()
	return jwt.Signed(signer).Claims(claims{s.o.EnvironmentID, userID, newUUID(), now.Unix(), now.Add(life).Unix()}).Serialize()
}

// bearer reads the header roq-platform-authorization and returns whose token
// it is: the service account's (nil), or an active user's.
func (s *Simulator) bearer(c *call) (*user, *failure) {
	header := c.r.Header.Get("roq-platform-authorization")
	if header == "" {
		return nil, unauthorized(codeMissingAuth, messageMissingHeader)
	}
	value, ok := strings.CutPrefix(header, "Bearer ")
	if !ok {
		return nil, unauthorized(codeInvalidAuthHeader, messageInvalidToken)
	}
	invalid := unauthorized(codeInvalidToken, messageInvalidToken)
	token, err := jwt.ParseSigned(value, []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		return nil, invalid
	}
	var got claims
	if token.Claims(s.key, &got) != nil || got.Environment != s.o.EnvironmentID || got.Expires <= s.clock.Now().Unix() {
		return nil, invalid
	}
	if got.User == s.accountID {
		return nil, nil
	}
	u := s.user(got.User)
	if u == nil || !u.active {
		return nil, invalid
	}
	return u, nil
}

// credentials reads the header roq-platform-server-authorization.
func (s *Simulator) credentials(c *call) *failure {
	header := c.r.Header.Get("roq-platform-server-authorization")
	if header == "" {
		return unauthorized(codeMissingAuth, messageMissingHeader)
	}
	plain := http.Request{Header: http.Header{"Authorization": {header}}}
	environment, key, ok := plain.BasicAuth()
	switch {
	case !ok:
		return unauthorized(codeInvalidAuthHeader, messageCredentials)
	case environment != s.o.EnvironmentID || key != s.o.APIKey:
		return unauthorized(codeInvalidCredentials, messageCredentials)
	}
	return nil
}

// tokenRequest is the body of both token calls; what only log-ins add is taken
// and has no effect.
type tokenRequest struct {
	Email         *string `json:"email"`
	EnvironmentID *string `json:"environmentId"`
	APIKey        *string `json:"apiKey"`
	UserID        *string `json:"userId"`
	ExpiresIn     any     `json:"expiresIn"`
}

func (s *Simulator) readTokenRequest(c *call) (tokenRequest, reply, bool) {
	var in tokenRequest
	if err := json.Unmarshal(c.body, &in); err != nil {
		return in, httpError(http.StatusBadRequest, "The request body cannot be read"), false
	}
	if in.EnvironmentID == nil || in.APIKey == nil || *in.EnvironmentID != s.o.EnvironmentID || *in.APIKey != s.o.APIKey {
		return in, httpError(http.StatusUnauthorized, messageCredentials), false
	}
	return in, reply{}, true
}

func (s *Simulator) serviceAccountToken(c *call) reply {
	in, refusal, ok := s.readTokenRequest(c)
	switch {
	case !ok:
		return refusal
	case in.Email == nil || *in.Email != ServiceAccount:
		return httpError(http.StatusUnauthorized, messageCredentials)
	}
	return s.grant(s.accountID, s.tokenLife())
}

func (s *Simulator) userToken(c *call) reply {
	actor, failed := s.bearer(c)
	switch {
	case failed != nil:
		return httpError(failed.status, failed.message)
	case actor != nil:
		return httpError(http.StatusForbidden, "Forbidden resource")
	}
	in, refusal, ok := s.readTokenRequest(c)
	if !ok {
		return refusal
	}
	if in.UserID == nil || !isUUID(*in.UserID) {
		return httpError(http.StatusBadRequest, messageInvalidUUID)
	}
	u := s.user(*in.UserID)
	if u == nil {
		return httpError(http.StatusNotFound, "User with id "+*in.UserID+" not found")
	}
	if !u.active {
		return httpError(http.StatusUnauthorized, "User is deactivated")
	}
	life := s.tokenLife()
	if in.ExpiresIn != nil {
		if life, ok = lifeOf(in.ExpiresIn); !ok {
			return httpError(http.StatusBadRequest, "expiresIn is no length of time")
		}
	}
	return s.grant(u.id, life)
}

func (s *Simulator) grant(userID string, life time.Duration) reply {
	token, err := s.sign(userID, life)
	if err != nil {
		return httpError(http.StatusInternalServerError, messageInternal)
	}
	return jsonReply(s.q.TokenStatus, map[string]any{"accessToken": token})
}

func (s *Simulator) tokenLife() time.Duration {
	return time.Duration(s.q.TokenLifeSeconds) * time.Second
}

// lifeOf reads expiresIn: seconds, as a number or as text, or text with a unit.
func lifeOf(v any) (time.Duration, bool) {
	switch v := v.(type) {
	case float64:
		return time.Duration(v * float64(time.Second)), v > 0
	case string:
		number, unit := v, time.Second
		for suffix, u := range map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour} {
			if rest, ok := strings.CutSuffix(v, suffix); ok {
				number, unit = rest, u
			}
		}
		n, err := strconv.Atoi(number)
		return time.Duration(n) * unit, err == nil && n > 0
	}
	return 0, false
}
