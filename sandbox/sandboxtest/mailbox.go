package sandboxtest

import (
	"context"
	"sync"
	"testing"

	"usher/sandbox/stage"
)

// Mailbox is a stage.Mailer that keeps what it gets, or fails.
type Mailbox struct {
	Fail error // refuses every mail; nil: they are taken

	mu  sync.Mutex
	all []stage.Mail
}

// Send implements stage.Mailer.
func (b *Mailbox) Send(_ context.Context, m stage.Mail) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.Fail != nil {
		return b.Fail
	}
	b.all = append(b.all, m)
	return nil
}

// Mails lists those that were taken and are wanted, oldest first.
func (b *Mailbox) Mails(want func(stage.Mail) bool) (out []stage.Mail) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.all {
		if want(m) {
			out = append(out, m)
		}
	}
	return out
}

// All lists the mails that were taken, oldest first.
func (b *Mailbox) All() []stage.Mail { return b.Mails(func(stage.Mail) bool { return true }) }

// Kind lists those of a kind.
func (b *Mailbox) Kind(kind string) []stage.Mail {
	return b.Mails(func(m stage.Mail) bool { return m.Kind == kind })
}

// To lists those to an address.
func (b *Mailbox) To(address string) []stage.Mail {
	return b.Mails(func(m stage.Mail) bool { return m.To == address })
}

// Last is the newest of some mails; the test ends where there is none.
func Last(t *testing.T, mails []stage.Mail) stage.Mail {
	t.Helper()
	if len(mails) == 0 {
		t.Fatal("no such mail")
	}
	return mails[len(mails)-1]
}
