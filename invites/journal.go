package invites

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"usher/identity"
	"usher/ledger"
	"usher/providers"
)

// journal is the ledger's record of one attempt's steps, as an adapter sees it.
type journal struct {
	ledger  *ledger.Ledger
	invite  string
	attempt int

	mu        sync.Mutex
	steps     map[string]providers.Step
	unwritten []ledger.Step // done, and not in the ledger yet
}

func (s *Service) newJournal(i *identity.Invite) *journal {
	return &journal{ledger: s.ledger, invite: i.ID, attempt: i.Attempt, steps: map[string]providers.Step{}}
}

// openJournal returns the journal of an attempt with what is recorded of it.
func (s *Service) openJournal(ctx context.Context, i *identity.Invite) (*journal, error) {
	j := s.newJournal(i)
	return j, j.read(ctx)
}

// read reads what is recorded.
func (j *journal) read(ctx context.Context) error {
	recorded, err := j.ledger.Steps(ctx, j.invite, j.attempt)
	if err != nil {
		return err
	}
	for _, step := range recorded {
		j.steps[step.Name] = providers.Step{Begun: step.Begun, Done: step.Done, Result: step.Result}
	}
	return nil
}

// Step implements providers.Journal.
func (j *journal) Step(name string) providers.Step {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.steps[name]
}

// Begin implements providers.Journal. After an error nothing may be sent.
func (j *journal) Begin(ctx context.Context, name string) error {
	err := j.ledger.Write(context.WithoutCancel(ctx), func(tx *ledger.Tx) error {
		if err := j.flush(tx); err != nil {
			return err
		}
		return tx.BeginStep(j.invite, j.attempt, name)
	})
	if err != nil {
		return &identity.Error{Code: identity.CodeInternal, Op: "record step " + name, Err: err}
	}
	j.flushed()
	if err := inTime(j.ledger, name); err != nil {
		return err
	}
	j.set(name, providers.Step{Begun: true})
	return nil
}

// errLate is why nothing is sent though its step is recorded.
var errLate = errors.New("invites: it took too long to go on")

// inTime fails where recording a step took so long that others may think by now that
// nobody works on the invite.
func inTime(l *ledger.Ledger, name string) error {
	if l.Alive() {
		return nil
	}
	return &identity.Error{Code: identity.CodeInternal, Op: "record step " + name, Err: errLate}
}

// whileAlive returns a context whose calls are not sent if this instance has not been
// alive all the time since: others may have sent by then what they found left.
func (s *Service) whileAlive(ctx context.Context) context.Context {
	lapses := s.ledger.Lapses()
	return providers.While(ctx, func() error {
		if !s.ledger.Alive() || s.ledger.Lapses() != lapses {
			return errLate
		}
		return nil
	})
}

// unrecorded reports that nothing was sent, since its step could not be recorded for
// now, or not in time.
func unrecorded(err error) bool { return ledger.Passes(err) || errors.Is(err, errLate) }

// Done implements providers.Journal. The completion is written with whatever
// is recorded next, the beginning of another step or the outcome: after a
// crash in between the step reads as begun, and the vendor is asked about it.
func (j *journal) Done(_ context.Context, name string, result map[string]string) error {
	j.set(name, providers.Step{Begun: true, Done: true, Result: result})
	j.mu.Lock()
	defer j.mu.Unlock()
	j.unwritten = append(j.unwritten, ledger.Step{Name: name, Result: result})
	return nil
}

// Undo implements providers.Journal. After an error the ledger says that the
// vendor may have acted, which is safe and not true.
func (j *journal) Undo(ctx context.Context, name string) error {
	err := j.ledger.Write(context.WithoutCancel(ctx), func(tx *ledger.Tx) error {
		if err := tx.Hold(j.invite); err != nil { // the step is somebody else's by now
			return err
		}
		return tx.UndoStep(j.invite, j.attempt, name)
	})
	if err != nil {
		return &identity.Error{Code: identity.CodeInternal, Op: "take back step " + name, Unknown: true, Err: err}
	}
	j.forget(name)
	return nil
}

// forget makes a step one that was never begun.
func (j *journal) forget(name string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.steps[name] = providers.Step{}
	j.unwritten = slices.DeleteFunc(j.unwritten, func(s ledger.Step) bool { return s.Name == name })
}

func (j *journal) set(name string, step providers.Step) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.steps[name] = step
}

// flush writes the completions that are not written yet. flushed is to be
// called once the transaction is committed. A nil journal has none.
func (j *journal) flush(tx *ledger.Tx) error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, step := range j.unwritten {
		if err := tx.DoneStep(j.invite, j.attempt, step.Name, step.Result); err != nil {
			return err
		}
	}
	return nil
}

func (j *journal) flushed() {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.unwritten = nil
}

// untouched reports that nothing of this attempt to send has reached the vendor.
func (j *journal) untouched() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for name, step := range j.steps {
		if step.Begun && name != stepRevoke && !strings.HasPrefix(name, providers.AcceptPrefix) {
			return false
		}
	}
	return true
}

// overtaken is about, for who was recording what came of its work and finds that
// somebody else has taken the invite over in the meantime: that one settles it.
func overtaken(err error, invite string) error {
	if isCode(err, identity.CodeConflict) {
		return stillUncertain(invite, err)
	}
	return about(err, invite)
}

// isCode reports whether err carries a problem code.
func isCode(err error, code identity.Code) bool { return identity.CodeOf(err) == code }

// about returns err with the invite it is about.
func about(err error, invite string) error {
	var known *identity.Error
	if !errors.As(err, &known) {
		return &identity.Error{Code: identity.CodeInternal, InviteID: invite, Err: err}
	}
	named := *known
	named.InviteID = invite
	return &named
}
