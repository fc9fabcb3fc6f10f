package workos

import (
	"net/http"
	"time"
)

// replayLife is how long an answer is kept under its key (FACTS.md section 5).
const replayLife = 24 * time.Hour

// replay is an answer that was given under an Idempotency-Key.
type replay struct {
	reply reply
	at    time.Time
}

// once does a call, or repeats its first answer if the key of a POST was seen
// on this path within a day and Quirks.HonourIdempotencyKey is on.
func (s *Simulator) once(c *call, do func() reply) reply {
	key := c.r.Header.Get("Idempotency-Key")
	if !s.q.HonourIdempotencyKey || c.r.Method != http.MethodPost || key == "" || c.key == "" {
		return do()
	}
	name := c.key + "\n" + c.r.URL.Path + "\n" + key
	if old, found := s.replays[name]; found && s.clock.Now().Before(old.at.Add(replayLife)) {
		return old.reply
	}
	p := do()
	s.replays[name] = replay{reply: p, at: s.clock.Now()}
	return p
}
