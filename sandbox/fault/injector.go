package fault

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Header marks an answer that was injected; its value is the rule's id. Real
// vendors never send it, so a contract check may leave such answers out.
const Header = "X-Sandbox-Fault"

// keptCalls bounds the call list; the oldest are forgotten first.
const keptCalls = 20000

// Options belong to the simulator that is wrapped. All but Clock may be left
// out; the routes of an absent hook answer 404.
type Options struct {
	Clock *Clock // nil: a new one over time.Now
	// Quirks returns the simulator's switches as they are.
	Quirks func() any
	// PatchQuirks changes the switches named in a JSON object, refusing unknown ones.
	PatchQuirks func([]byte) error
	// State returns the simulator's dump.
	State func() any
	// Extra are admin routes of the simulator's own, by "POST /_sandbox/name".
	Extra map[string]http.HandlerFunc
	// Sleep waits for a delay or until ctx ends; nil means a real timer.
	Sleep func(context.Context, time.Duration) error
}

// Call is one request that was served, as GET /_sandbox/calls shows it. Query
// values that can be secret are replaced.
type Call struct {
	N      int       `json:"n"`
	Method string    `json:"method"`
	Path   string    `json:"path"`
	Query  string    `json:"query,omitempty"`
	Status int       `json:"status"` // 0: the connection was dropped without an answer
	At     time.Time `json:"at"`
	Acted  bool      `json:"acted"` // the handler behind ran
	Fault  string    `json:"fault,omitempty"`
}

// Injector is the middleware and its admin surface. It is safe for concurrent use.
type Injector struct {
	o       Options
	mu      sync.Mutex
	rules   []*Rule
	lastID  int
	calls   []Call
	lastN   int
	release chan struct{}
}

// New returns an Injector without faults; o may be nil.
func New(o *Options) *Injector {
	i := &Injector{release: make(chan struct{})}
	if o != nil {
		i.o = *o
	}
	if i.o.Clock == nil {
		i.o.Clock = NewClock(nil)
	}
	if i.o.Sleep == nil {
		i.o.Sleep = Sleep
	}
	return i
}

// Sleep waits for d or until ctx ends, whichever comes first.
func Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Clock is the clock that POST /_sandbox/clock advances.
func (i *Injector) Clock() *Clock { return i.o.Clock }

// Add registers a fault and returns its id. Faults are tried in the order they were added.
func (i *Injector) Add(f Fault) (string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	r, err := newRule("fault-"+strconv.Itoa(i.lastID+1), f)
	if err != nil {
		return "", err
	}
	i.lastID++
	i.rules = append(i.rules, r)
	return r.ID, nil
}

// Rules lists the faults, used-up ones too.
func (i *Injector) Rules() []Rule {
	i.mu.Lock()
	defer i.mu.Unlock()
	out := make([]Rule, 0, len(i.rules))
	for _, r := range i.rules {
		out = append(out, *r)
	}
	return out
}

// Clear removes every fault and drops the connections that hang.
func (i *Injector) Clear() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.rules = nil
	close(i.release)
	i.release = make(chan struct{})
}

// Calls returns the finished calls, oldest first. Calls to the admin surface are not among them.
func (i *Injector) Calls() []Call {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.calls)
}

// ForgetCalls empties the call list; numbers go on.
func (i *Injector) ForgetCalls() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.calls = nil
}

// Wrap returns next behind the faults and the admin surface.
func (i *Injector) Wrap(next http.Handler) http.Handler {
	admin := i.admin()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/_sandbox/") {
			admin.ServeHTTP(w, r)
			return
		}
		i.serve(w, r, next)
	})
}

func (i *Injector) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	call := Call{Method: r.Method, Path: r.URL.Path, Query: redact(r.URL.RawQuery), At: i.o.Clock.Now()}
	watch := &watcher{ResponseWriter: w}
	defer func() {
		call.Status = watch.status
		i.record(call)
	}()
	rule, release := i.take(r)
	if rule == nil {
		call.Acted = true
		next.ServeHTTP(watch, r)
		return
	}
	call.Fault = rule.ID
	if i.o.Sleep(r.Context(), time.Duration(rule.Do.DelayMS)*time.Millisecond) != nil {
		drop(watch)
	}
	if !rule.Do.replaces() {
		call.Acted = true
		next.ServeHTTP(watch, r)
		return
	}
	if rule.Do.acts() {
		call.Acted = true
		next.ServeHTTP(newRecorder(), r)
	}
	rule.Do.answer(watch, r, rule.ID, release)
}

// take picks the rule that strikes now, counting it.
func (i *Injector) take(r *http.Request) (*Rule, <-chan struct{}) {
	i.mu.Lock()
	rules := slices.Clone(i.rules)
	i.mu.Unlock()
	if len(rules) == 0 {
		return nil, nil
	}
	body := peek(r)
	// A server notices that a client went away only once the body is read.
	defer body()
	for _, rule := range rules {
		if !rule.matches(r, body) {
			continue
		}
		i.mu.Lock()
		rule.Seen++
		strikes := rule.Seen > rule.Skip && (rule.Times < 0 || rule.Hits < rule.Times)
		if strikes {
			rule.Hits++
		}
		struck, release := *rule, i.release
		i.mu.Unlock()
		if strikes {
			return &struck, release
		}
	}
	return nil, nil
}

func (i *Injector) record(c Call) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.lastN++
	c.N = i.lastN
	if len(i.calls) >= keptCalls {
		i.calls = slices.Delete(i.calls, 0, keptCalls/10)
	}
	i.calls = append(i.calls, c)
}

// redact replaces query values that open something.
func redact(raw string) string {
	if raw == "" {
		return ""
	}
	q, err := url.ParseQuery(raw)
	if err != nil {
		return "unreadable"
	}
	for name := range q {
		switch strings.ToLower(name) {
		case "code", "confirmation", "confirmationcode", "token", "invitation_token", "access_token", "refresh_token", "client_secret", "password", "key", "api_key", "ticket":
			q.Set(name, "redacted")
		}
	}
	return q.Encode()
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) //nolint:errcheck // the client is gone
}
