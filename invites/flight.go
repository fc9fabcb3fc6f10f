package invites

import "sync"

// flights runs one comparison at a time for each id. Whoever asks
// while one is under way gets the next one: what a comparison that began
// before the question shows may be older than what the asker knows.
type flights struct {
	mu      sync.Mutex
	running map[string]*flight
	next    map[string]*flight
	spawn   func(func())
}

type flight struct {
	work func() error
	done chan struct{}
	err  error // valid once done is closed
}

func newFlights(spawn func(func())) *flights {
	return &flights{running: map[string]*flight{}, next: map[string]*flight{}, spawn: spawn}
}

// join returns the comparison that begins after this call.
func (f *flights) join(id string, work func() error) *flight {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running[id] == nil {
		mine := &flight{work: work, done: make(chan struct{})}
		f.running[id] = mine
		f.spawn(func() { f.run(id, mine) })
		return mine
	}
	if f.next[id] == nil {
		f.next[id] = &flight{work: work, done: make(chan struct{})}
	}
	return f.next[id]
}

// idle reports whether no comparison of the id is under way.
func (f *flights) idle(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.running[id] == nil
}

func (f *flight) finish() (err error) {
	defer recovered(&err)
	return f.work()
}

func (f *flights) run(id string, current *flight) {
	for current != nil {
		current.err = current.finish()
		close(current.done)
		f.mu.Lock()
		current = f.next[id]
		delete(f.next, id)
		if current == nil {
			delete(f.running, id)
		} else {
			f.running[id] = current
		}
		f.mu.Unlock()
	}
}
