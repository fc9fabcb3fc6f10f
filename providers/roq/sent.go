package roq

import (
	"time"

	"usher/providers"
	"usher/providers/roq/internal"
)

func resultOf(row *internal.Invite) map[string]string {
	if row == nil {
		return nil
	}
	return map[string]string{refID: row.ID}
}

// sent is the answer for an invitation; row is nil if it is accepted already.
func (s *sending) sent(row *internal.Invite) *providers.Sent {
	return s.sentSince(row, time.Time{})
}

func (s *sending) sentSince(row *internal.Invite, since time.Time) *providers.Sent {
	if row == nil {
		row = &internal.Invite{}
	}
	if since.IsZero() && lastTouched(row).IsZero() {
		since = s.deps.Now()
	}
	sent := &providers.Sent{ProviderID: row.ID, ExpiresAt: s.expiry(row, since), Reference: map[string]string{}, NotCarried: s.notCarried(row)}
	if row.ID != "" {
		sent.Reference[refID] = row.ID
	}
	return sent
}

// notCarried lists what the vendor does not hold: what it shows decides.
func (s *sending) notCarried(row *internal.Invite) []string {
	r, list := s.request, []string{}
	locale, carried := s.settings.locale(r.Locale)
	for _, field := range []struct {
		name string
		lost bool
	}{
		{"given_name", r.GivenName != row.FirstName && r.GivenName != ""},
		{"family_name", r.FamilyName != row.LastName && r.FamilyName != ""},
		{"locale", r.Locale != "" && (!carried || locale != row.Locale)},
		{"metadata", len(r.Metadata) > 0},
	} {
		if field.lost {
			list = append(list, field.name)
		}
	}
	return list
}
