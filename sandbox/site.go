package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// closeGrace is how long requests under way may take at the end, once their
// contexts are cancelled.
const closeGrace = time.Second

// sites are the world's HTTP servers.
type sites struct {
	opts        *Options
	baseContext func(net.Listener) context.Context           // of every request; ends with cancel
	cancel      context.CancelFunc                           // ends the requests under way
	grace       func() (context.Context, context.CancelFunc) // how long closing may take
	all         []*site
	loops       sync.WaitGroup

	gate   sync.RWMutex // held for reading by each request
	closed bool
}

type site struct {
	url      string
	listener net.Listener
	server   *http.Server
}

func (s *sites) begin(ctx context.Context, o *Options) {
	s.opts = o
	// The end comes with close alone, also when it is ctx that asks for it.
	lasting := context.WithoutCancel(ctx)
	base, cancel := context.WithCancel(lasting)
	s.baseContext = func(net.Listener) context.Context { return base }
	s.cancel = cancel
	s.grace = func() (context.Context, context.CancelFunc) { return context.WithTimeout(lasting, closeGrace) }
}

// listen opens the slot's listener. Its address is known from then on; what
// comes in waits until serve.
func (s *sites) listen(ctx context.Context, slot int) (*site, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.opts.address(slot))
	if err != nil {
		return nil, err
	}
	one := &site{url: "http://" + l.Addr().String(), listener: l}
	s.all = append(s.all, one)
	return one, nil
}

func (s *sites) serve(one *site, h http.Handler) {
	one.server = &http.Server{
		Handler:           s.guard(h),
		BaseContext:       s.baseContext,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(s.opts.Logger.Handler(), slog.LevelDebug),
	}
	s.loops.Go(func() {
		if err := one.server.Serve(one.listener); !errors.Is(err, http.ErrServerClosed) {
			s.opts.Logger.Error("sandbox: a server ended", "url", one.url, "error", err)
		}
	})
}

// guard keeps other machines' pages out: a browser on this machine must not be
// led here by a foreign name (DNS rebinding) or a foreign page's form.
func (s *sites) guard(h http.Handler) http.Handler {
	own := http.NewCrossOriginProtection().Handler(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.gate.RLock()
		defer s.gate.RUnlock()
		switch {
		case s.closed:
			panic(http.ErrAbortHandler) // cuts the connection
		case !loopbackHost(r.Host):
			http.Error(w, "The sandbox answers to loopback names only.", http.StatusMisdirectedRequest)
		default:
			own.ServeHTTP(w, r)
		}
	})
}

func loopbackHost(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// close stops all servers: first their requests' contexts end, then, after a
// short grace, their connections. It returns when no handler runs.
func (s *sites) close() error {
	s.cancel()
	ctx, cancel := s.grace()
	defer cancel()
	var errs []error
	for _, one := range s.all {
		var err error
		if one.server == nil {
			err = one.listener.Close()
		} else if err = one.server.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
			err = one.server.Close()
		}
		if err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, fmt.Errorf("close %s: %w", one.url, err))
		}
	}
	s.gate.Lock()
	s.closed = true
	s.gate.Unlock()
	s.loops.Wait()
	return errors.Join(errs...)
}
