package mail

import (
	"context"
	"strconv"
	"sync"
)

// store keeps the newest messages, up to a number and a size.
type store struct {
	maxCount int
	maxBytes int64

	mu       sync.Mutex
	messages []*Message // oldest first; number of the first is first
	first    int64
	bytes    int64
	changed  chan struct{} // closed and renewed with each message, closed for good in the end
	closed   bool
}

func newStore(maxCount int, maxBytes int64) *store {
	return &store{maxCount: maxCount, maxBytes: maxBytes, first: 1, changed: make(chan struct{})}
}

// add gives m its id and keeps it.
func (s *store) add(m *Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.ID = strconv.FormatInt(s.first+int64(len(s.messages)), 10)
	s.messages = append(s.messages, m)
	s.bytes += m.size
	for len(s.messages) > s.maxCount || (s.bytes > s.maxBytes && len(s.messages) > 1) {
		s.bytes -= s.messages[0].size
		s.messages[0] = nil
		s.messages = s.messages[1:]
		s.first++
	}
	if !s.closed {
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

func (s *store) list(f Filter) []*Message {
	s.mu.Lock()
	all := s.messages[:len(s.messages):len(s.messages)]
	kept := make([]*Message, len(all))
	copy(kept, all)
	s.mu.Unlock()
	selected := []*Message{}
	for _, m := range kept {
		if f.Match(m) {
			selected = append(selected, m)
		}
	}
	return selected
}

func (s *store) get(id string) *Message {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != id {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n < s.first || n >= s.first+int64(len(s.messages)) {
		return nil
	}
	return s.messages[n-s.first]
}

func (s *store) wait(ctx context.Context, match func(*Message) bool) (*Message, error) {
	var seen int64 // the number after the last one asked about
	for {
		s.mu.Lock()
		from := max(seen, s.first)
		end := s.first + int64(len(s.messages))
		var fresh []*Message
		if from < end {
			fresh = append(fresh, s.messages[from-s.first:]...)
		}
		changed, closed := s.changed, s.closed
		s.mu.Unlock()
		for _, m := range fresh {
			if match(m) {
				return m, nil
			}
		}
		seen = end
		if closed {
			return nil, ErrClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *store) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.first += int64(len(s.messages))
	s.messages, s.bytes = nil, 0
}

// close ends all waiting.
func (s *store) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.changed)
	}
}
