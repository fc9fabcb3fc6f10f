package stage

import (
	"log/slog"
	"net/http"
	"time"

	"usher/sandbox/fault"
)

// Front is how a simulator is reached: behind its fault injector, on the
// injector's clock. A simulator embeds it.
type Front struct {
	injector *fault.Injector
	handler  http.Handler
}

// Actor is what the admin surface asks of a simulator with quirks of type Q and
// a dump of type S.
type Actor[Q, S any] interface {
	Quirks() Q
	PatchQuirks(patch []byte) error
	State() S
}

// NewFront puts an injector before serve. The hooks of o are the actor's.
func NewFront[Q, S any](a Actor[Q, S], serve http.HandlerFunc, o fault.Options) *Front {
	o.Quirks = func() any { return a.Quirks() }
	o.PatchQuirks = a.PatchQuirks
	o.State = func() any { return a.State() }
	i := fault.New(&o)
	return &Front{injector: i, handler: i.Wrap(serve)}
}

// ServeHTTP serves the vendor's API, the people's pages and the admin surface.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.handler.ServeHTTP(w, r) }

// Injector is the fault injector before the simulator: faults, calls, clock.
func (f *Front) Injector() *fault.Injector { return f.injector }

// Now is the simulated time.
func (f *Front) Now() time.Time { return f.injector.Clock().Now() }

// Logger is log, or one that tells nobody where it is nil.
func Logger(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}
