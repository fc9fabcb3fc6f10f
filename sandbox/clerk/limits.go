package clerk

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// limitClass is a route's own limit, on top of the general one.
type limitClass int

const (
	general limitClass = iota
	unlimited
	perObject
	perOrgInvite
	perOrgBulk
	perAppInvite
	perAppBulk
)

// bucket counts the calls of one window.
type bucket struct {
	ends  time.Time
	count int
}

// limit counts a call and refuses it above the limits of FACTS.md section 3,
// which are the instance's, not an organization's.
func (s *Simulator) limit(c *call, rt *route) *failure {
	if !s.q.RateLimits || rt.limit == unlimited {
		return nil
	}
	all := 100
	if s.o.Production {
		all = 1000
	}
	f := s.count("all", all, 10*time.Second)
	if f != nil {
		return f
	}
	switch rt.limit {
	case perObject:
		return s.count("object "+strings.TrimSuffix(c.r.URL.Path, "/metadata"), 10, 10*time.Second)
	case perOrgInvite:
		return s.count("organization invitations", 250, time.Hour)
	case perOrgBulk:
		return s.count("organization invitations bulk", 50, time.Hour)
	case perAppInvite:
		return s.count("invitations", 100, time.Hour)
	case perAppBulk:
		return s.count("invitations bulk", 25, time.Hour)
	}
	return nil
}

func (s *Simulator) count(name string, allowed int, window time.Duration) *failure {
	now := s.clock.Now()
	for other, b := range s.buckets {
		if !b.ends.After(now) {
			delete(s.buckets, other)
		}
	}
	b, ok := s.buckets[name]
	if !ok {
		b.ends = now.Add(window)
	}
	b.count++
	s.buckets[name] = b
	if b.count <= allowed {
		return nil
	}
	f := refuse("too_many_requests", "Too many requests. Please try again later.")
	switch s.q.TooManyBody {
	case "html":
		f.kind, f.body = typeHTML, []byte("<html><body><h1>429 Too Many Requests</h1></body></html>\n")
	case "text":
		f.kind, f.body = typeText, []byte(http.StatusText(f.status)+"\n")
	}
	if s.q.NoRetryAfter {
		return f
	}
	return f.with("Retry-After", strconv.Itoa(int(math.Ceil(b.ends.Sub(now).Seconds()))))
}

// countMail refuses a mail above a development instance's monthly quota
// (FACTS.md sections 2 and 11, trap 25), and counts it otherwise.
func (s *Simulator) countMail(mails int) *failure {
	if s.o.Production || !s.q.RateLimits {
		return nil
	}
	if month := s.clock.Now().Format("2006-01"); month != s.mailMonth {
		s.mailMonth, s.mailCount = month, 0
	}
	if s.mailCount+mails > s.q.MonthlyMails {
		return refuse("dev_monthly_email_limit_exceeded", "The development instance has sent all its e-mails of this month.")
	}
	s.mailCount += mails
	return nil
}
