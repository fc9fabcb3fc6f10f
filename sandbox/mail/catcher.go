package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/emersion/go-smtp"
)

// Options describe a catcher. The zero value is usable.
type Options struct {
	Listen       string           // SMTP address; default 127.0.0.1:0; only loopback addresses are taken
	MaxMessage   int64            // longest message in bytes; default 1 MiB, longer ones are refused with 552
	MaxMessages  int              // how many are kept; default 10,000
	MaxTotal     int64            // how many bytes of messages are kept; default 128 MiB
	MaxRecipient int              // recipients of one message; default 100
	Now          func() time.Time // default time.Now
	Logger       *slog.Logger     // default: discards
}

// smtpTimeout bounds how long an SMTP client may be silent.
const smtpTimeout = 30 * time.Second

// ErrClosed is returned by Wait once the catcher is closed.
var ErrClosed = errors.New("mail catcher: closed")

// Catcher takes mail over SMTP and shows it. It is an http.Handler, and safe
// for concurrent use.
type Catcher struct {
	store    *store
	server   *smtp.Server
	listener *trackingListener
	handler  http.Handler
	served   chan struct{} // closed when the accept loop has ended
	drain    func() error  // waits for the connections' goroutines
	now      func() time.Time
	log      *slog.Logger
	max      int64
}

// Open starts to take mail. o may be nil. The caller serves the HTTP face, and
// closes the catcher.
func Open(ctx context.Context, o *Options) (*Catcher, error) {
	opts := o.withDefaults()
	if err := checkLoopback(opts.Listen); err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", opts.Listen)
	if err != nil {
		return nil, fmt.Errorf("mail catcher: %w", err)
	}
	c := &Catcher{
		store:    newStore(opts.MaxMessages, opts.MaxTotal),
		listener: &trackingListener{Listener: l, open: map[net.Conn]struct{}{}},
		served:   make(chan struct{}),
		now:      opts.Now,
		log:      opts.Logger,
		max:      opts.MaxMessage,
	}
	c.server = smtp.NewServer(smtp.BackendFunc(c.newSession))
	c.server.Domain = "sandbox.localhost"
	c.server.EnableSMTPUTF8 = true
	c.server.MaxMessageBytes = opts.MaxMessage
	c.server.MaxRecipients = opts.MaxRecipient
	c.server.ReadTimeout = smtpTimeout
	c.server.WriteTimeout = smtpTimeout
	c.server.ErrorLog = slog.NewLogLogger(opts.Logger.Handler(), slog.LevelDebug)
	c.drain = func() error { return c.server.Shutdown(context.WithoutCancel(ctx)) }
	c.handler = c.routes()
	go func() {
		defer close(c.served)
		// It ends with the listener's error, and by nothing else.
		_ = c.server.Serve(c.listener)
	}()
	return c, nil
}

func (o *Options) withDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	if d.Listen == "" {
		d.Listen = "127.0.0.1:0"
	}
	if d.MaxMessage <= 0 {
		d.MaxMessage = 1 << 20
	}
	if d.MaxMessages <= 0 {
		d.MaxMessages = 10_000
	}
	if d.MaxTotal <= 0 {
		d.MaxTotal = 128 << 20
	}
	if d.MaxRecipient <= 0 {
		d.MaxRecipient = 100
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	return d
}

func checkLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("mail catcher: address %q: %w", address, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("mail catcher: %q is not a loopback address", host)
	}
	return nil
}

// SMTPAddr returns the host and port that takes mail.
func (c *Catcher) SMTPAddr() string { return c.listener.Addr().String() }

// Messages returns the kept messages that f selects, oldest first. The caller
// must not change them.
func (c *Catcher) Messages(f Filter) []*Message { return c.store.list(f) }

// Message returns one message, or nil. The caller must not change it.
func (c *Catcher) Message(id string) *Message { return c.store.get(id) }

// Wait returns the oldest kept message that match accepts, and waits for one
// if there is none yet. It ends with ctx's error, or ErrClosed. match is called
// once a message, and must not call the catcher.
func (c *Catcher) Wait(ctx context.Context, match func(*Message) bool) (*Message, error) {
	return c.store.wait(ctx, match)
}

// Clear forgets all messages. Ids are not used again.
func (c *Catcher) Clear() { c.store.clear() }

// Close stops taking mail, cuts the SMTP connections and waits until all is
// quiet. It may be repeated. The kept messages can still be read.
func (c *Catcher) Close() error {
	err := c.listener.cut()
	<-c.served
	c.store.close()
	if e := c.drain(); e != nil && !errors.Is(e, smtp.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	if err != nil {
		return fmt.Errorf("mail catcher: close: %w", err)
	}
	return nil
}
