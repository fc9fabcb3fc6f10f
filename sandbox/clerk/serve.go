package clerk

import (
	"crypto/subtle"
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strings"

	"usher/sandbox/stage"
)

const (
	maxBody   = 1 << 20
	apiPrefix = "/v1"
)

// call is one request on its way through the simulator.
type call struct {
	r       *http.Request
	base    string // scheme and host, for links
	version string // the API version it asked for
	params  map[string]string
	body    []byte
	outbox  []stage.Mail // goes out when the lock is free again
}

func (s *Simulator) serve(w http.ResponseWriter, r *http.Request) {
	c := &call{r: r, base: stage.Base(strings.TrimSuffix(s.o.BaseURL, "/"), r)}
	if r.URL.Path == ticketPath {
		s.ticketPage(w, c)
		return
	}
	body, fits := stage.Body(w, r, maxBody)
	if !fits {
		refuse("request_body_too_large", "The request's body is larger than 1048576 bytes.").write(w)
		return
	}
	c.body = body
	s.o.Sleep.BeforeWrite(r, s.Quirks().WriteDelayMS)
	answer, f := s.locked(c)
	s.post.Deliver(r.Context(), c.outbox)
	if f == nil {
		raw, err := json.Marshal(answer)
		if err == nil {
			send(w, http.StatusOK, typeJSON, raw)
			return
		}
		f = refuse("internal_clerk_error", "The answer cannot be written.")
	}
	f.write(w)
}

func (s *Simulator) locked(c *call) (any, *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rt := s.match(c)
	if rt == nil {
		return nil, refuse("resource_not_found", "There is no such endpoint.")
	}
	if f := s.readVersion(c); f != nil {
		return nil, f
	}
	if !rt.public {
		if f := s.authenticate(c); f != nil {
			return nil, f
		}
	}
	if f := s.limit(c, rt); f != nil {
		return nil, f
	}
	if kind, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type")); len(c.body) > 0 && kind != typeJSON {
		return nil, refuse("unsupported_content_type", "The body has to be application/json.")
	}
	if !s.settings.enabled && strings.HasPrefix(rt.pattern, "/organization") {
		return nil, refuse("organization_not_enabled_in_instance", "Organizations are not enabled for this instance.")
	}
	return rt.do(c)
}

// The dated versions of the API, oldest first (FACTS.md section 1).
const (
	versionTokens2    = "2025-04-10" // session tokens of version 2
	versionNoMetadata = "2026-05-12" // PATCH of users and organizations refuses metadata
)

func versions() []string {
	return []string{"2021-02-05", "2024-10-01", "2025-03-12", versionTokens2, "2025-11-10", versionNoMetadata}
}

func (s *Simulator) readVersion(c *call) *failure {
	header, query := c.r.Header.Values("Clerk-API-Version"), c.r.URL.Query()["__clerk_api_version"]
	c.version = s.q.VersionWithoutHeader
	switch asked := append(header, query...); {
	case len(header) > 0 && len(query) > 0:
		return refuse("api_version_invalid", "The API version is given both as a header and as a query parameter.")
	case len(asked) > 0:
		c.version = asked[0]
	}
	if !slices.Contains(versions(), c.version) {
		return refuse("api_version_invalid", "There is no such API version.")
	}
	return nil
}

func (s *Simulator) authenticate(c *call) *failure {
	header := c.r.Header.Get("Authorization")
	if header == "" {
		return refuse("authentication_invalid", "The request has no Authorization header.")
	}
	scheme, key, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || strings.ContainsAny(key, " \t") {
		return refuse("authorization_header_format_invalid", "The Authorization header has to be: Bearer, a space, the secret key.")
	}
	if subtle.ConstantTimeCompare([]byte(key), []byte(s.o.SecretKey)) != 1 {
		return refuse("clerk_key_invalid", "The secret key is invalid.")
	}
	return nil
}
