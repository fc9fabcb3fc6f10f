package workos

import (
	"strconv"
	"time"

	"usher/identity"
	"usher/providers/workos/internal"
)

// margin is how much later than here the vendor may begin to count a life: the
// call takes a while, and clocks differ.
const margin = time.Minute

// days is how many days an invitation is to live. The vendor takes whole days
// and counts them from when it makes the invitation, so an expiry that is asked
// for is never met to the moment. It is not exceeded: the last day that would go
// beyond it is left off, and what is left off is reported. Less than a day
// cannot be had. Without an expiry of the caller's, an invitation that is sent
// again lives as long as it did before.
func (s *sending) days() (int, error) {
	if at := s.request.ExpiresAt; at != nil {
		n := int(at.Sub(s.deps.Now().Add(margin)) / day)
		if n < 1 || n > maxDays {
			return 0, identity.FieldError(identity.CodeNotCarried, "/expires_at",
				"The identity provider of this organization counts the life of an invitation in whole days, from 1 to 30: let it live for a day and a minute at least.")
		}
		return n, nil
	}
	if n, err := strconv.Atoi(s.request.Reference[refDays]); err == nil && n >= 1 && n <= maxDays {
		return n, nil
	}
	return s.settings.InviteDays, nil
}

// lifeOf is the life of an invitation in days, or 0 if it is not known.
func lifeOf(row *internal.Invitation) int {
	if row.ExpiresAt == nil || row.CreatedAt.IsZero() {
		return 0
	}
	n := int(row.ExpiresAt.Sub(row.CreatedAt).Round(day) / day)
	if n > maxDays {
		return 0
	}
	return n
}
