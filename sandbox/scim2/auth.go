package scim2

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	tokenPath = "/token"
	// keptTokens is when issuing starts to drop expired tokens.
	keptTokens       = 4096
	defaultTokenLife = time.Hour
)

// Client may get tokens at /token by the client credentials grant (RFC 6749
// section 4.4).
type Client struct {
	ID        string        // made when empty
	Secret    string        // made when empty
	TokenLife time.Duration // of its tokens; an hour when zero
}

// AddClient registers a client and returns it filled in.
func (s *Simulator) AddClient(c Client) Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.ID == "" {
		c.ID = rand.Text()
	}
	if c.Secret == "" {
		c.Secret = rand.Text() + rand.Text()
	}
	if c.TokenLife == 0 {
		c.TokenLife = defaultTokenLife
	}
	s.clients = append(s.clients, c)
	return c
}

// authorize checks the bearer token (RFC 7644 section 2, RFC 6750).
func (s *Simulator) authorize(r *http.Request) (reply, bool) {
	header := r.Header.Get("Authorization")
	scheme, value, _ := strings.Cut(header, " ")
	if strings.EqualFold(scheme, "Bearer") && s.known(strings.TrimSpace(value)) {
		return reply{}, true
	}
	challenge := `Bearer realm="scim"`
	if header != "" {
		challenge += `, error="invalid_token"`
	}
	return s.fail(&problem{http.StatusUnauthorized, "", "The access token is missing or not valid."}).with("WWW-Authenticate", challenge), false
}

func (s *Simulator) known(token string) bool {
	if subtle.ConstantTimeCompare([]byte(token), []byte(s.o.Token)) == 1 {
		return true
	}
	expires, ok := s.tokens[token]
	return ok && expires.After(s.clock.Now())
}

// token is the token endpoint. Without clients there is none.
func (s *Simulator) token(c *call) reply {
	if len(s.clients) == 0 {
		return s.fail(&problem{http.StatusNotFound, "", "There is no such endpoint."})
	}
	if c.r.Method != http.MethodPost {
		return oauthError(http.StatusMethodNotAllowed, "invalid_request", "The token endpoint takes POST.").with("Allow", http.MethodPost)
	}
	kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	form, parseErr := url.ParseQuery(string(c.body))
	if err != nil || parseErr != nil || kind != "application/x-www-form-urlencoded" {
		return oauthError(http.StatusBadRequest, "invalid_request", "The request has to be a form.")
	}
	client, p := s.client(c.r, form)
	if client == nil {
		return p
	}
	switch form.Get("grant_type") {
	case "client_credentials":
	case "":
		return oauthError(http.StatusBadRequest, "invalid_request", "grant_type is missing.")
	default:
		return oauthError(http.StatusBadRequest, "unsupported_grant_type", "The grant type is not supported.")
	}
	now := s.clock.Now()
	if len(s.tokens) >= keptTokens {
		for value, expires := range s.tokens {
			if !expires.After(now) {
				delete(s.tokens, value)
			}
		}
	}
	value := rand.Text() + rand.Text()
	s.tokens[value] = now.Add(client.TokenLife)
	return oauthReply(http.StatusOK, map[string]any{"access_token": value, "token_type": "Bearer", "expires_in": int(client.TokenLife.Seconds())})
}

// client authenticates a client by Basic or form credentials, never both (RFC
// 6749 section 2.3).
func (s *Simulator) client(r *http.Request, form url.Values) (*Client, reply) {
	id, secret, basic := r.BasicAuth()
	if basic {
		if form.Has("client_secret") {
			return nil, oauthError(http.StatusBadRequest, "invalid_request", "The client authenticates in two ways at once.")
		}
		id, secret = unescaped(id), unescaped(secret)
	} else {
		id, secret = form.Get("client_id"), form.Get("client_secret")
	}
	for i := range s.clients {
		if c := &s.clients[i]; c.ID == id && subtle.ConstantTimeCompare([]byte(c.Secret), []byte(secret)) == 1 {
			return c, reply{}
		}
	}
	return nil, oauthError(http.StatusUnauthorized, "invalid_client", "The client is not known.").with("WWW-Authenticate", `Basic realm="scim"`)
}

// unescaped undoes the form encoding of RFC 6749 section 2.3.1; plain values
// pass unchanged.
func unescaped(v string) string {
	if plain, err := url.QueryUnescape(v); err == nil && strings.Contains(v, "%") {
		return plain
	}
	return v
}

func oauthError(status int, code, description string) reply {
	return oauthReply(status, map[string]any{"error": code, "error_description": description})
}

func oauthReply(status int, m map[string]any) reply {
	body, err := json.Marshal(m)
	if err != nil {
		body = []byte(`{}`)
	}
	return reply{status: status, kind: kindJSON, body: body}.with("Cache-Control", "no-store").with("Pragma", "no-cache")
}
