package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"usher/sandbox/asgardeo"
	"usher/sandbox/issuer"
	"usher/sandbox/mail"
)

// DefaultTokenLife is how long tokens live unless Options say otherwise.
const DefaultTokenLife = 24 * time.Hour

// Options describe a world. The zero value is usable.
type Options struct {
	// VendorLimits turns the vendors' real rate limits on. Faults are off
	// either way; tests and people turn them on at run time.
	VendorLimits bool
	Host         string           // a loopback IP address; default 127.0.0.1; any other is refused
	BasePort     int              // first of the ports, see the slot constants; 0: any free ports
	TokenLife    time.Duration    // default DefaultTokenLife
	Now          func() time.Time // default time.Now
	Logger       *slog.Logger     // default: discards
}

// The ports with Options.BasePort, counted from it.
const (
	slotIssuer  = 0
	slotMail    = 1
	slotSMTP    = 2
	slotVendors = 10 // the first row of the vendor table, whether it is the only one or not
)

// Sandbox is a running world. It is safe for concurrent use.
type Sandbox struct {
	limits  bool
	now     func() time.Time
	log     *slog.Logger
	issuer  *issuer.Issuer
	mail    *mail.Catcher
	mailURL string
	vendors []*vendor
	env     []EnvVar
	sites   sites

	clientSecret string // of the issuer's service client

	stopWatching func() bool
	closing      sync.Once
	closeErr     error
}

// Start builds a world and returns once every part of it answers. It runs
// until Close is called or ctx ends, whichever comes first. o may be nil.
func Start(ctx context.Context, o *Options) (_ *Sandbox, err error) {
	opts, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Sandbox{limits: opts.VendorLimits, now: opts.Now, log: opts.Logger, clientSecret: secret()}
	s.sites.begin(ctx, opts)
	defer func() {
		if err != nil {
			_ = s.Close() // the first error is the one to tell
		}
	}()
	if err := s.startMail(ctx, opts); err != nil {
		return nil, err
	}
	sender, err := mail.NewSender(s.mail.SMTPAddr(), "no-reply@sandbox.example")
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	for n, row := range vendorTable() {
		v, err := s.startVendor(ctx, row, slotVendors+n, sender)
		if err != nil {
			return nil, fmt.Errorf("sandbox: %s: %w", row.provider, err)
		}
		s.vendors = append(s.vendors, v)
	}
	s.vendors = append(s.vendors, openLocal())
	if err := s.startIssuer(ctx, opts); err != nil {
		return nil, err
	}
	if s.env, err = s.makeEnv(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	watching := make(chan struct{})
	s.stopWatching = context.AfterFunc(ctx, func() {
		<-watching // ctx may end before stopWatching is set
		_ = s.Close()
	})
	close(watching)
	return s, nil
}

func (o *Options) withDefaults() (*Options, error) {
	var d Options
	if o != nil {
		d = *o
	}
	if d.Host == "" {
		d.Host = "127.0.0.1"
	}
	if ip := net.ParseIP(d.Host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("sandbox: %q is not a loopback address; the sandbox is for this machine alone", d.Host)
	}
	if last := d.BasePort + slotVendors + len(vendorTable()); d.BasePort < 0 || last > 65535 {
		return nil, fmt.Errorf("sandbox: base port %d is out of range", d.BasePort)
	}
	if d.TokenLife <= 0 {
		d.TokenLife = DefaultTokenLife
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	return &d, nil
}

// address is where the slot listens.
func (o *Options) address(slot int) string {
	if o.BasePort == 0 {
		return net.JoinHostPort(o.Host, "0")
	}
	return net.JoinHostPort(o.Host, strconv.Itoa(o.BasePort+slot))
}

func (s *Sandbox) startMail(ctx context.Context, o *Options) error {
	var err error
	s.mail, err = mail.Open(ctx, &mail.Options{Listen: o.address(slotSMTP), Now: o.Now, Logger: o.Logger})
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	site, err := s.sites.listen(ctx, slotMail)
	if err != nil {
		return fmt.Errorf("sandbox: mail catcher: %w", err)
	}
	s.mailURL = site.url
	s.sites.serve(site, s.mail)
	return nil
}

// Issuer returns the demo issuer, to mint tokens that Token does not know.
func (s *Sandbox) Issuer() *issuer.Issuer { return s.issuer }

// Mail returns the mail catcher.
func (s *Sandbox) Mail() *mail.Catcher { return s.mail }

// MailURL returns the address of the mail catcher's page, without a trailing
// slash; the JSON list is /api/messages below it.
func (s *Sandbox) MailURL() string { return s.mailURL }

// SMTPAddr returns the host and port that takes mail.
func (s *Sandbox) SMTPAddr() string { return s.mail.SMTPAddr() }

// Asgardeo returns the Asgardeo simulator.
func (s *Sandbox) Asgardeo() *asgardeo.Simulator {
	for _, v := range s.vendors {
		if sim, ok := v.handler.(*asgardeo.Simulator); ok {
			return sim
		}
	}
	return nil
}

// Close stops everything and waits until all is quiet: no listener, no
// goroutine. It may be repeated, and returns the same error each time.
func (s *Sandbox) Close() error {
	s.closing.Do(func() {
		if s.stopWatching != nil {
			s.stopWatching()
		}
		err := s.sites.close()
		if s.mail != nil {
			// After the simulators, which may be sending their last mails.
			err = errors.Join(err, s.mail.Close())
		}
		if err != nil {
			s.closeErr = fmt.Errorf("sandbox: %w", err)
		}
	})
	return s.closeErr
}

// secret returns a fresh random credential.
func secret() string { return rand.Text() + rand.Text() }
