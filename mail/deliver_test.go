package mail

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"usher/identity"
	"usher/internal/testclock"
)

// outcome is what a caller branches on.
type outcome struct {
	phase string
	code  identity.Code
	acted bool
	reply int
}

// outcomeOf reads an error, and checks that it gives no secret away.
func outcomeOf(t *testing.T, err error) outcome {
	t.Helper()
	if err == nil {
		return outcome{}
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("%T is no *Error: %v", err, err)
	}
	for _, secret := range []string{"S3cr3t", "hunter2", "aHVudGVy", "bob@", "bob%40"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error holds %q: %v", secret, err)
		}
	}
	if got := identity.CodeOf(err); got != e.Code {
		t.Errorf("CodeOf = %s, the error's own is %s", got, e.Code)
	}
	return outcome{e.Phase, e.Code, e.MayHaveActed(), e.Reply}
}

const (
	unavailable = identity.CodeProviderUnavailable
	refused     = identity.CodeProviderError
	undelivered = identity.CodeEmailNotDeliverable
	credentials = identity.CodeProviderCredentials
	timeout     = identity.CodeProviderTimeout
)

// Whatever the server does at any point, the outcome tells whether the mail may
// be on its way. Wrong one way, people get no mail; wrong the other way, two.
func TestOutcomeOfEachPhase(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		point, does string
		want        outcome
	}{
		{"greeting", cut, outcome{phaseGreeting, unavailable, false, 0}},
		{"greeting", "554 5.3.2 no service", outcome{phaseGreeting, unavailable, false, 554}},
		{"greeting", "421 4.3.2 later", outcome{phaseGreeting, unavailable, false, 421}},
		{"greeting", "HTTP/1.1 400 Bad Request", outcome{phaseGreeting, unavailable, false, 0}},
		{"EHLO", cut, outcome{phaseHello, unavailable, false, 0}},
		{"EHLO", "421 4.3.2 later", outcome{phaseHello, unavailable, false, 421}},
		{"MAIL", cut, outcome{phaseSender, unavailable, false, 0}},
		{"MAIL", "451 4.3.0 later", outcome{phaseSender, unavailable, false, 451}},
		{"MAIL", "530 5.7.0 log in first", outcome{phaseSender, credentials, false, 530}},
		{"MAIL", "550 5.7.1 not your sender", outcome{phaseSender, refused, false, 550}},
		{"RCPT", cut, outcome{phaseRecipient, unavailable, false, 0}},
		{"RCPT", "450 4.2.1 <bob@example.com>: greylisted", outcome{phaseRecipient, unavailable, false, 450}},
		{"RCPT", "550 5.1.1 <bob@example.com>: no such user", outcome{phaseRecipient, undelivered, false, 550}},
		{"RCPT", "553 no such name", outcome{phaseRecipient, undelivered, false, 553}},
		{"RCPT", "530 5.7.0 log in first", outcome{phaseRecipient, credentials, false, 530}},
		{"RCPT", "252 2.1.5 cannot tell, will try", outcome{}},
		{"DATA", cut, outcome{phaseData, unavailable, false, 0}},
		{"DATA", "452 4.3.1 full", outcome{phaseData, unavailable, false, 452}},
		{"DATA", "554 5.5.1 no", outcome{phaseData, refused, false, 554}},
		{"DATA", "250 what?", outcome{phaseData, refused, false, 250}},
		{"end", cut, outcome{phaseAnswer, timeout, true, 0}},
		{"end", "said " + secretLink, outcome{phaseAnswer, timeout, true, 0}},
		{"end", "354 what?", outcome{phaseAnswer, timeout, true, 354}},
		{"end", "451 4.7.1 " + secretLink + " later", outcome{phaseAnswer, unavailable, false, 451}},
		{"end", "421 4.3.2 later", outcome{phaseAnswer, unavailable, false, 421}},
		{"end", "554 5.7.1 spam: " + secretLink, outcome{phaseAnswer, refused, false, 554}},
		{"end", "550 5.1.1 no such user", outcome{phaseAnswer, undelivered, false, 550}},
		{"end", "552 5.2.2 mailbox full", outcome{phaseAnswer, undelivered, false, 552}},
		{"end", "251 fine", outcome{}},
		{"QUIT", cut, outcome{}},
		{"QUIT", "500 what?", outcome{}},
	} {
		t.Run(test.point+" "+strings.Map(wordsOnly, test.does), func(t *testing.T) {
			t.Parallel()
			server := (&scripted{script: map[string]string{test.point: test.does}}).start(t)
			err := newSender(t, options(t, server.address)).SendInvitation(deadline(t), invitation())
			if got := outcomeOf(t, err); got != test.want {
				t.Errorf("got %+v, want %+v: %v", got, test.want, err)
			}
		})
	}
}

func wordsOnly(r rune) rune {
	if r == '/' {
		return '_'
	}
	return r
}

// cancelledWhereItHangs returns a context that is cancelled once the server is
// silent and the connection is the sender's.
func cancelledWhereItHangs(t *testing.T, server *scripted, s *Sender) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	endedWhereItHangs(t, server, s, cancel)
	return ctx
}

// endedWhereItHangs ends a context once the server goes silent.
func endedWhereItHangs(t *testing.T, server *scripted, s *Sender, end func()) {
	t.Helper()
	t.Cleanup(end)
	connected, dial := make(chan struct{}), s.dial
	s.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		close(connected)
		return conn, err
	}
	go func() {
		<-connected
		<-server.reached
		end()
	}()
}

// A server that goes silent holds nobody longer than the caller's context, and
// the end of the context says the same as a cut connection.
func TestContextCutsEachPhase(t *testing.T) {
	t.Parallel()
	ends := map[string]func(t *testing.T, server *scripted, s *Sender) context.Context{
		"cancelled": cancelledWhereItHangs,
		"expired": func(t *testing.T, server *scripted, s *Sender) context.Context {
			ctx, expire := testclock.Expiring(t.Context())
			endedWhereItHangs(t, server, s, expire)
			return ctx
		},
	}
	for point, want := range map[string]outcome{
		"greeting": {phaseGreeting, unavailable, false, 0}, "EHLO": {phaseHello, unavailable, false, 0},
		"AUTH": {phaseLogin, unavailable, false, 0}, "MAIL": {phaseSender, unavailable, false, 0},
		"RCPT": {phaseRecipient, unavailable, false, 0}, "DATA": {phaseData, unavailable, false, 0},
		"end": {phaseAnswer, timeout, true, 0},
	} {
		for how, end := range ends {
			t.Run(point+" "+how, func(t *testing.T) {
				t.Parallel()
				server := (&scripted{script: map[string]string{point: hang}, extensions: []string{"AUTH PLAIN"}}).start(t)
				o := options(t, server.address)
				o.Username, o.Password = "usher", "hunter2"
				sender := newSender(t, o)
				ctx := end(t, server, sender)
				err := sender.SendInvitation(ctx, invitation())
				if got := outcomeOf(t, err); got != want {
					t.Errorf("got %+v, want %+v: %v", got, want, err)
				}
				if !errors.Is(err, ctx.Err()) {
					t.Errorf("the error is not that of the context: %v", err)
				}
			})
		}
	}
}

// A handshake that never ends is cut too.
func TestContextCutsTLSHandshake(t *testing.T) {
	t.Parallel()
	for _, mode := range []TLSMode{TLSImplicit, TLSStart} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			server := &scripted{extensions: []string{"STARTTLS"}, script: map[string]string{"STARTTLS": hang}}
			if mode == TLSImplicit {
				server.script = map[string]string{"greeting": hang}
			}
			server.start(t)
			o := options(t, server.address)
			o.TLS = mode
			sender := newSender(t, o)
			err := sender.SendInvitation(cancelledWhereItHangs(t, server, sender), invitation())
			if got, want := outcomeOf(t, err), (outcome{phaseTLS, unavailable, false, 0}); got != want {
				t.Errorf("got %+v, want %+v: %v", got, want, err)
			}
		})
	}
}

// The configured timeout holds where the context has none.
func TestTimeout(t *testing.T) {
	t.Parallel()
	server := (&scripted{script: map[string]string{"end": hang}}).start(t)
	o := options(t, server.address)
	o.Timeout = minTimeout
	err := newSender(t, o).SendInvitation(t.Context(), invitation())
	if got, want := outcomeOf(t, err), (outcome{phaseAnswer, timeout, true, 0}); got != want {
		t.Errorf("got %+v, want %+v: %v", got, want, err)
	}
}

// through puts something between the sender and its server.
func through(s *Sender, wrap func(net.Conn) net.Conn) {
	dial := s.dial
	s.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return wrap(conn), nil
	}
}

// lossy fails the write that holds the end of the message, after all but its
// last byte.
type lossy struct{ net.Conn }

func (l lossy) Write(p []byte) (int, error) {
	if !bytes.HasSuffix(p, []byte("\r\n.\r\n")) {
		return l.Conn.Write(p)
	}
	n, err := l.Conn.Write(p[:len(p)-1])
	if err == nil {
		err = &net.OpError{Op: "write", Net: "tcp", Err: errors.New("lost")}
	}
	return n, err
}

// A message whose end never left was not mailed: the invite is failed and may
// be sent again at once, instead of waiting for a person.
func TestUnsentEndIsNotUncertain(t *testing.T) {
	t.Parallel()
	server := (&scripted{}).start(t)
	s := newSender(t, options(t, server.address))
	through(s, func(conn net.Conn) net.Conn { return lossy{conn} })
	err := s.SendInvitation(deadline(t), invitation())
	if got, want := outcomeOf(t, err), (outcome{phaseData, unavailable, false, 0}); got != want {
		t.Errorf("got %+v, want %+v: %v", got, want, err)
	}
	server.mu.Lock()
	defer server.mu.Unlock()
	if got := server.messages; len(got) != 0 {
		t.Errorf("the server has a message: %q", got)
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	server := (&scripted{}).start(t)
	s := newSender(t, options(t, server.address))
	s.dial = func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	err := s.SendInvitation(deadline(t), invitation())
	if got, want := outcomeOf(t, err), (outcome{phaseConnect, unavailable, false, 0}); got != want {
		t.Errorf("got %+v, want %+v: %v", got, want, err)
	}
}

// endless is a server that never stops talking.
type endless struct{ net.Conn }

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

// A server cannot fill our memory.
func TestTalkativeServer(t *testing.T) {
	t.Parallel()
	server := (&scripted{}).start(t)
	s := newSender(t, options(t, server.address))
	through(s, func(conn net.Conn) net.Conn { return endless{conn} })
	err := s.SendInvitation(deadline(t), invitation())
	if got, want := outcomeOf(t, err), (outcome{phaseGreeting, unavailable, false, 0}); got != want {
		t.Errorf("got %+v, want %+v: %v", got, want, err)
	}
	if !errors.Is(err, tooMuch) {
		t.Errorf("another cause: %v", err)
	}
}

// Without what the operator asked for, nothing about the invitation leaves.
func TestTLS(t *testing.T) {
	t.Parallel()
	good, pool := authority(t, "")
	other, otherPool := authority(t, "mail.example")
	for _, test := range []struct {
		name   string
		mode   TLSMode
		server *scripted
		roots  *x509.CertPool
		reply  int
		why    string // empty: the mail is sent
	}{
		{"starttls", TLSStart, &scripted{cert: good, extensions: []string{"STARTTLS"}}, pool, 0, ""},
		{"implicit", TLSImplicit, &scripted{cert: good, implicit: true}, pool, 0, ""},
		{"starttls, unknown authority", TLSStart, &scripted{cert: good, extensions: []string{"STARTTLS"}}, otherPool, 0, "unknown authority"},
		{"implicit, unknown authority", TLSImplicit, &scripted{cert: good, implicit: true}, otherPool, 0, "unknown authority"},
		{"starttls, another name", TLSStart, &scripted{cert: other, extensions: []string{"STARTTLS"}}, otherPool, 0, "validate certificate for 127.0.0.1"},
		{"implicit, another name", TLSImplicit, &scripted{cert: other, implicit: true}, otherPool, 0, "validate certificate for 127.0.0.1"},
		{"starttls not offered", TLSStart, &scripted{cert: good, extensions: []string{"AUTH PLAIN"}}, pool, 0, "does not offer STARTTLS"},
		{"starttls refused", TLSStart, &scripted{cert: good, extensions: []string{"STARTTLS", "AUTH PLAIN"}, script: map[string]string{"STARTTLS": "454 4.7.0 not now"}}, pool, 454, "4.7.0 not now"},
		{"EHLO unknown", TLSStart, &scripted{cert: good, script: map[string]string{"EHLO": "502 what?"}}, pool, 0, "does not offer STARTTLS"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := test.server
			server.secure = []string{"AUTH PLAIN"}
			if server.implicit {
				server.extensions = server.secure
			}
			server.start(t)
			o := options(t, server.address)
			o.TLS, o.Username, o.Password, o.RootCAs = test.mode, "usher", "hunter2", test.roots
			err := newSender(t, o).SendInvitation(deadline(t), invitation())
			if test.why == "" {
				if err != nil {
					t.Fatal(err)
				}
				server.message(t)
				return
			}
			if got, want := outcomeOf(t, err), (outcome{phaseTLS, unavailable, false, test.reply}); got != want {
				t.Fatalf("got %+v, want %+v: %v", got, want, err)
			}
			if !strings.Contains(err.Error(), test.why) {
				t.Errorf("another cause than %q: %v", test.why, err)
			}
			for _, verb := range []string{"AUTH", "MAIL", "RCPT", "DATA"} {
				if slices.Contains(server.verbs(), verb) {
					t.Errorf("%s was sent: %v", verb, server.verbs())
				}
			}
		})
	}
}
