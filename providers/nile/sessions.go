package nile

import (
	"context"
	"time"

	"usher/identity"
	"usher/providers/nile/internal"
)

// How long a session is used: until shortly before it expires, or at three
// quarters of a shorter life; and briefly if the vendor does not say.
const (
	sessionEarly   = time.Hour
	sessionUnknown = time.Hour
)

// sessions gets and keeps the service user's session. It may be used
// concurrently: one caller signs in, the others wait for it.
type sessions struct {
	client *internal.Client
	own    internal.Credentials
	now    func() time.Time
	turn   chan struct{} // holds one thing while nobody is at it

	// Guarded by turn.
	current *internal.Session
	until   time.Time
}

func newSessions(client *internal.Client, own internal.Credentials, now func() time.Time) *sessions {
	s := &sessions{client: client, own: own, now: now, turn: make(chan struct{}, 1)}
	s.turn <- struct{}{}
	return s
}

// take waits until nobody else is at it. give is to be called afterwards.
func (s *sessions) take(ctx context.Context) (give func(), err error) {
	select {
	case <-s.turn:
		return func() { s.turn <- struct{}{} }, nil
	case <-ctx.Done():
		return nil, &identity.Error{Code: identity.CodeProviderTimeout, Op: "wait for a session", Err: ctx.Err()}
	}
}

// get returns a session to use.
func (s *sessions) get(ctx context.Context) (*internal.Session, error) {
	give, err := s.take(ctx)
	if err != nil {
		return nil, err
	}
	defer give()
	if s.current != nil && s.now().Before(s.until) {
		return s.current, nil
	}
	fresh, err := s.client.SignIn(ctx, s.own)
	if err != nil {
		return nil, err
	}
	s.current, s.until = fresh, s.now().Add(sessionUnknown)
	if !fresh.Expires.IsZero() {
		life := fresh.Expires.Sub(s.now())
		s.until = s.now().Add(life - min(sessionEarly, life/4))
	}
	return fresh, nil
}

// drop forgets a session that the vendor refused.
func (s *sessions) drop(ctx context.Context, refused *internal.Session) {
	give, err := s.take(ctx)
	if err != nil {
		return
	}
	defer give()
	if s.current == refused {
		s.current = nil
	}
}

// use runs a call with a session. One that is refused is replaced, once: nothing
// was done then.
func (p *Provider) use(ctx context.Context, call func(*internal.Session) error) error {
	for try := 0; ; try++ {
		session, err := p.sessions.get(ctx)
		if err != nil {
			return err
		}
		err = call(session)
		if !internal.Refused(err) {
			return err
		}
		p.sessions.drop(ctx, session)
		if try > 0 {
			return err
		}
	}
}
