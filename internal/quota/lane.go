package quota

import (
	"container/list"
	"time"
)

// kind is what calls have in common that wait in one lane.
type kind struct {
	mask       uint64 // the classes they count in
	background bool
}

// lane is where calls of one kind wait, so that a class that is used up holds
// back nobody else.
type lane struct {
	kind
	budgets []Budget
	after   time.Time // the store need not be asked before
	turns   list.List // of *queue; the first is served next
	queues  map[string]*queue
}

// queue is an organization's part of a lane. It exists while somebody waits.
type queue struct {
	organization string
	waiters      list.List // of *waiter
	turn         *list.Element
}

// waiter is one call that waits. place is nil once it has been served.
type waiter struct {
	queue   *queue
	place   *list.Element
	outcome chan outcome // holds one
}

type outcome struct {
	slot Slot
	err  error
}

func (l *lane) empty() bool { return l.turns.Len() == 0 }

// join puts a call at the end of its organization's queue.
func (l *lane) join(organization string) *waiter {
	q, ok := l.queues[organization]
	if !ok {
		q = &queue{organization: organization}
		q.turn = l.turns.PushBack(q)
		l.queues[organization] = q
	}
	w := &waiter{queue: q, outcome: make(chan outcome, 1)}
	w.place = q.waiters.PushBack(w)
	return w
}

// next takes out the call whose turn it is. Its organization comes again after
// all others.
func (l *lane) next() *waiter {
	q := l.turns.Front().Value.(*queue)
	w := q.waiters.Front().Value.(*waiter)
	l.turns.MoveToBack(q.turn)
	l.leave(w)
	return w
}

// leave takes out a call; false if it was served already.
func (l *lane) leave(w *waiter) bool {
	if w.place == nil {
		return false
	}
	q := w.queue
	q.waiters.Remove(w.place)
	w.place = nil
	if q.waiters.Len() == 0 {
		l.turns.Remove(q.turn)
		delete(l.queues, q.organization)
	}
	return true
}
