package clerk

import (
	"strconv"
	"time"

	"usher/identity"
	"usher/providers/clerk/internal"
)

const (
	day = 24 * time.Hour
	// margin is how much later than here the vendor may begin to count a life:
	// the call takes a while, and clocks differ.
	margin = time.Minute
)

// days is how many days an invitation is to live. The vendor takes whole days
// and counts them from when it creates the invitation, so an expiry that is
// asked for is never met to the moment. It is not exceeded: the last day that
// would go beyond it is left off, and what is left off is reported (see sent).
// Less than a day cannot be had.
//
// Without an expiry of the caller's, an invitation that is sent again lives as
// long as it did before.
func (s *sending) days() (int, error) {
	if at := s.request.ExpiresAt; at != nil {
		n := int(at.Sub(s.deps.Now().Add(margin)) / day)
		if n < 1 {
			return 0, identity.FieldError(identity.CodeNotCarried, "/expires_at",
				"The identity provider of this organization counts the life of an invitation in whole days: let it live for a day and a minute at least.")
		}
		return min(n, maxInviteDays), nil
	}
	if n, err := strconv.Atoi(s.request.Reference[refDays]); err == nil && n >= 1 && n <= maxInviteDays {
		return n, nil
	}
	return s.settings.InviteDays, nil
}

// lifeOf is the life of an invitation in days, or 0.
func lifeOf(row *internal.Invitation) int {
	if row.ExpiresAt == nil || row.CreatedAt == 0 {
		return 0
	}
	return int(row.ExpiresAt.Time().Sub(row.CreatedAt.Time()).Round(day) / day)
}

// expiry is when an invitation expires, or nil.
func expiry(row *internal.Invitation) *time.Time {
	if row.ExpiresAt == nil {
		return nil
	}
	at := row.ExpiresAt.Time()
	return &at
}
