package nile

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	cookieSession  = "nile.session-token"
	cookieCSRF     = "nile.csrf-token"
	cookieCallback = "nile.callback-url"
	cookieReset    = "nile.reset"
	cookieTenant   = "nile.tenant-id" // never takes the prefix

	sessionLife = 30 * 24 * time.Hour
)

// named gives a cookie the prefix that this request's cookies have.
func (c *call) named(cookie string) string {
	if c.secure {
		return "__Secure-" + cookie
	}
	return cookie
}

// cookie returns a cookie's value as sent, empty when there is none.
func (c *call) cookie(name string) string {
	for _, header := range c.r.Header.Values("Cookie") {
		for part := range strings.SplitSeq(header, ";") {
			if n, value, _ := strings.Cut(strings.TrimSpace(part), "="); n == name {
				return value
			}
		}
	}
	return ""
}

// setCookie formats a cookie of the sign-in library. middle stands between
// Path and HttpOnly.
func (c *call) setCookie(name, value, middle string) string {
	out := c.named(name) + "=" + value + "; Path=/"
	if middle != "" {
		out += "; " + middle
	}
	out += "; HttpOnly"
	if c.secure {
		out += "; Secure"
	}
	return out + "; SameSite=Lax"
}

func (c *call) sessionCookie(token string, expires time.Time) string {
	return c.setCookie(cookieSession, token, "Expires="+expires.UTC().Format(http.TimeFormat))
}

// plainCookie formats a cookie of the routes outside the sign-in library,
// whose attributes are spelt oddly.
func (c *call) plainCookie(name, value, more string) string {
	secure := "false"
	if c.secure {
		secure = "true"
	}
	return c.named(name) + "=" + value + "; httpOnly=true; sameSite=lax; path=/; secure=" + secure + more
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// csrfToken returns the token of a valid CSRF cookie, or nothing. The pair is
// of this server and of nobody in particular (FACTS.md section 2).
func (s *Simulator) csrfToken(c *call) (string, bool) {
	token, sum, ok := strings.Cut(unescape(c.cookie(c.named(cookieCSRF))), "|")
	if !ok || token == "" || sum != hash(token+s.secret) {
		return "", false
	}
	return token, true
}

// begin is what every call of the sign-in library does first: it gives a CSRF
// pair to who has none and remembers the callback URL. It returns the token,
// and where the caller is to end up.
func (s *Simulator) begin(c *call, callback string) (token, target string) {
	token, ok := s.csrfToken(c)
	if !ok {
		token = newToken()
		c.cookies = append(c.cookies, c.setCookie(cookieCSRF, escape(token+"|"+hash(token+s.secret)), ""))
	}
	before := unescape(c.cookie(c.named(cookieCallback)))
	target = c.callback(callback)
	if target != before {
		c.cookies = append(c.cookies, c.setCookie(cookieCallback, escape(target), ""))
	}
	return token, target
}

// callback is where a caller ends up who asks for this: there, else where he
// asked for before, else the origin.
func (c *call) callback(asked string) string {
	if asked != "" {
		return c.allowed(asked)
	}
	if before := unescape(c.cookie(c.named(cookieCallback))); before != "" {
		return c.allowed(before)
	}
	return c.allowed(c.site())
}

// callbackCookie is what the routes outside the sign-in library read: the
// remembered callback URL, nil when there is none that is absolute.
func (c *call) callbackCookie() *url.URL {
	u, err := url.Parse(unescape(c.cookie(c.named(cookieCallback))))
	if err != nil || u.Scheme == "" || u.Host == "" {
		return nil
	}
	return u
}

// endSession takes the session cookie back.
func (c *call) endSession() string {
	out := c.named(cookieSession) + "=; Max-Age=0; Path=/; HttpOnly"
	if c.secure {
		out += "; Secure"
	}
	return out + "; SameSite=Lax"
}
