package workos

import (
	"net/http"
	"slices"
	"strings"
)

// AddKey makes an API key valid. With groups (the Group… constants) it is for
// those routes alone, and 403 elsewhere.
func (s *Simulator) AddKey(key string, groups ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apiKeys[key] = slices.Clone(groups)
}

// RevokeKey makes an API key invalid: 401 from now on.
func (s *Simulator) RevokeKey(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.apiKeys, key)
}

// authorize checks a call's API key (FACTS.md sections 1, 2 and 13.11).
func (s *Simulator) authorize(c *call, rt *route) (reply, bool) {
	if rt.group == "" {
		return reply{}, true
	}
	scheme, key, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	groups, known := s.apiKeys[strings.TrimSpace(key)]
	switch {
	case !known || !strings.EqualFold(scheme, "Bearer"):
		return messageReply(http.StatusUnauthorized, "Unauthorized"), false
	case len(groups) > 0 && !slices.Contains(groups, rt.group):
		return messageReply(http.StatusForbidden, "Forbidden"), false
	}
	c.key = strings.TrimSpace(key)
	return reply{}, true
}
