package mail

import (
	"context"
	"crypto/tls"
	"net"
	"strconv"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"usher/identity"
)

// quitWait bounds how long the server's good-bye is waited for; the outcome is
// known by then.
const quitWait = time.Second

// maxReplies bounds what a server may say on one connection.
const maxReplies = 1 << 20

// delivery is one connection with one mail on it. It uses go-mail's SMTP client
// and not its sender: that one does not tell whether the end of a message left,
// and calls a message that was taken failed when the command after it fails.
type delivery struct {
	settings *settings
	client   *smtp.Client
	conn     net.Conn
}

// deliver hands the message to the server. Its error is an *Error.
func (s *Sender) deliver(ctx context.Context, to identity.Address, raw []byte) error {
	ctx, cancel := context.WithTimeout(ctx, s.settings.Timeout)
	defer cancel()
	address := net.JoinHostPort(s.settings.Host, strconv.Itoa(s.settings.Port))
	conn, err := s.dial(ctx, "tcp", address)
	if err != nil {
		return failed(ctx, phaseConnect, err)
	}
	defer func() { _ = conn.Close() }()
	// The end of ctx reaches whatever is being read or written.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	d := &delivery{settings: s.settings, conn: &bounded{Conn: conn, left: maxReplies}}
	phase, err := d.run(ctx, s.tlsConfig(), to, raw)
	if err == nil {
		d.quit(stop)
		return nil
	}
	failure := failed(ctx, phase, err) // before the good-bye, which ctx may end in
	if !broken(ctx, err) {
		d.quit(stop)
	}
	return failure
}

// quit says good-bye. Nothing depends on it, and it is left out once ctx has
// ended.
func (d *delivery) quit(stop func() bool) {
	if d.client != nil && stop() && d.conn.SetDeadline(time.Now().Add(quitWait)) == nil {
		_ = d.client.Quit()
	}
}

func (s *Sender) tlsConfig() *tls.Config {
	return &tls.Config{ServerName: s.settings.Host, RootCAs: s.roots, MinVersion: tls.VersionTLS12}
}

// run goes through all phases, and tells in which one it ended.
func (d *delivery) run(ctx context.Context, config *tls.Config, to identity.Address, raw []byte) (string, error) {
	if d.settings.TLS == TLSImplicit {
		protected := tls.Client(d.conn, config)
		if err := protected.HandshakeContext(ctx); err != nil {
			return phaseTLS, err
		}
		d.conn = protected
	}
	client, err := smtp.NewClient(d.conn, d.settings.Host)
	if err != nil {
		return phaseGreeting, err
	}
	d.client = client
	if err := client.Hello(d.settings.Hello); err != nil {
		return phaseHello, err
	}
	if d.settings.TLS == TLSStart {
		if offered, _ := client.Extension("STARTTLS"); !offered {
			return phaseTLS, notice("the server does not offer STARTTLS")
		}
		if err := client.StartTLS(config); err != nil {
			return phaseTLS, err
		}
	}
	if err := d.login(); err != nil {
		return phaseLogin, err
	}
	return d.transaction(to, raw)
}

// transaction sends the mail itself.
func (d *delivery) transaction(to identity.Address, raw []byte) (string, error) {
	international := !ascii(to.Local)
	if offered, _ := d.client.Extension("SMTPUTF8"); international && !offered {
		return phaseRecipient, asciiOnly
	}
	d.client.SkipSMTPUTF8(!international)
	if err := d.client.Mail("<" + d.settings.from.Address + ">"); err != nil {
		return phaseSender, err
	}
	if err := d.client.Rcpt("<" + to.Local + "@" + to.Domain + ">"); err != nil {
		return phaseRecipient, err
	}
	return d.message(raw)
}

// message sends the message and waits for the answer. Its last write is what
// parts "not sent" from "perhaps sent": unless all of it was handed over, the
// server cannot have seen the end of the message (RFC 5321 section 4.1.1.4).
func (d *delivery) message(raw []byte) (string, error) {
	text := d.client.Text
	id, err := text.Cmd("DATA")
	if err != nil {
		return phaseData, err
	}
	text.StartResponse(id)
	defer text.EndResponse(id)
	if _, _, err := text.ReadResponse(354); err != nil {
		return phaseData, err
	}
	w := text.DotWriter()
	if _, err := w.Write(raw); err != nil {
		return phaseData, err
	}
	if err := w.Close(); err != nil {
		return phaseData, err
	}
	if _, _, err := text.ReadResponse(2); err != nil {
		return phaseAnswer, err
	}
	return "", nil
}

// bounded is a connection that ends when the server has said too much.
type bounded struct {
	net.Conn
	left int
}

// Read implements net.Conn.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, tooMuch
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
