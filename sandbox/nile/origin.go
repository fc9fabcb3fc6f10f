package nile

import (
	"net/http"
	"net/url"
	"strings"
)

// originOf reads for whom an answer is meant and whether cookies carry the
// __Secure- prefix, in the vendor's order (FACTS.md section 2).
func originOf(r *http.Request, base string) (origin string, secure bool) {
	h := r.Header
	switch {
	case h.Get("nile-origin") != "":
		origin = h.Get("nile-origin")
	case h.Get("nile.origin") != "":
		origin = h.Get("nile.origin")
	default:
		origin = base
		if u, err := url.Parse(h.Get("Location")); err == nil && u.Host != "" {
			origin = u.Scheme + "://" + u.Host
		}
	}
	for _, name := range []string{"nile-secure-cookies", "nile.secure_cookies"} {
		if _, sent := h[http.CanonicalHeaderKey(name)]; sent {
			return origin, h.Get(name) == "true"
		}
	}
	return origin, strings.HasPrefix(origin, "https://")
}

func wellFormed(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Scheme != "" && u.Host != ""
}

// authURL is where the application's sign-in routes are: what links and
// locations start with.
func (c *call) authURL() string {
	u, err := url.Parse(c.origin)
	if err != nil || strings.Trim(u.Path, "/") == "" {
		return c.site() + "/api/auth"
	}
	return c.site() + strings.TrimSuffix(u.Path, "/")
}

// site is the origin without a path.
func (c *call) site() string { return siteOf(c.origin) }

func siteOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	return strings.ToLower(u.Scheme + "://" + u.Host)
}

// allowed is where the sign-in library sends a browser that asks for target:
// to the origin unless the target is on it.
func (c *call) allowed(target string) string {
	switch {
	case strings.HasPrefix(target, "/"):
		return c.site() + target
	case siteOf(target) == c.site():
		return target
	}
	return c.site()
}

// normal writes an absolute URL as JavaScript's URL does, as far as
// applications use them.
func normal(u *url.URL) string {
	n := *u
	n.Scheme, n.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	if n.Path == "" && n.Host != "" {
		n.Path = "/"
	}
	return n.String()
}

// parameter is one name and value of a query, whose order is kept.
type parameter struct{ name, value string }

func parseQuery(raw string) []parameter {
	var out []parameter
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		out = append(out, parameter{unescape(name), unescape(value)})
	}
	return out
}

// unescape leaves what is not encoded well as it is.
func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

func encodeQuery(query []parameter) string {
	var b strings.Builder
	for _, p := range query {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(escape(p.name) + "=" + escape(p.value))
	}
	return b.String()
}

// escape is form encoding as browsers do it.
func escape(s string) string {
	return strings.NewReplacer("~", "%7E", "%2A", "*").Replace(url.QueryEscape(s))
}
