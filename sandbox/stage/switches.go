package stage

import (
	"bytes"
	"encoding/json"
	"errors"
	"sync"
)

// Switches read and change a simulator's quirks, of type Q, while it runs. The
// simulator keeps the quirks themselves, and reads them under its lock.
type Switches[Q any] struct {
	mu *sync.Mutex
	q  *Q // guarded by mu
	o  SwitchOptions[Q]
}

// SwitchOptions say what Switches have to know of quirks.
type SwitchOptions[Q any] struct {
	Check   func(Q) error // what makes no sense
	Clone   func(Q) Q     // nil: assigning copies
	Changed func()        // called under the lock after each change; may be nil
}

// NewSwitches returns the switches of the quirks at q, which mu guards.
func NewSwitches[Q any](mu *sync.Mutex, q *Q, o SwitchOptions[Q]) *Switches[Q] {
	if o.Clone == nil {
		o.Clone = func(q Q) Q { return q }
	}
	return &Switches[Q]{mu: mu, q: q, o: o}
}

// Quirks returns the switches as they are now.
func (s *Switches[Q]) Quirks() Q {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.o.Clone(*s.q)
}

// SetQuirks lets change work on the switches; they are kept if they make sense.
func (s *Switches[Q]) SetQuirks(change func(*Q)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.o.Clone(*s.q)
	change(&q)
	if err := s.o.Check(q); err != nil {
		return err
	}
	*s.q = q
	if s.o.Changed != nil {
		s.o.Changed()
	}
	return nil
}

// PatchQuirks changes the switches that a JSON object names and refuses
// unknown ones.
func (s *Switches[Q]) PatchQuirks(patch []byte) error {
	var failed error
	err := s.SetQuirks(func(q *Q) {
		d := json.NewDecoder(bytes.NewReader(patch))
		d.DisallowUnknownFields()
		if failed = d.Decode(q); failed != nil {
			*q = *s.q
		}
	})
	return errors.Join(failed, err)
}
