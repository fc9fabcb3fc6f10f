package mail

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// What a scripted server does at a point, instead of saying something.
const (
	cut  = "!cut"  // closes the connection
	hang = "!hang" // is silent until the client has gone
)

// scripted is an SMTP server that follows a test's script: for "greeting", a
// command's first word, or "end" (of the message) it tells what to answer. What
// is not in it is answered as it should be.
type scripted struct {
	script     map[string]string
	extensions []string // of EHLO
	secure     []string // of EHLO after STARTTLS; nil: extensions without STARTTLS
	cert       *tls.Certificate
	implicit   bool
	login      func(c *conversation, line string) // what AUTH does
	reached    chan string                        // gets each point where it hangs

	address string

	mu       sync.Mutex
	commands []string
	messages []string
}

// conversation is one connection to it.
type conversation struct {
	server *scripted
	conn   net.Conn
	r      *bufio.Reader
}

func (s *scripted) start(t *testing.T) *scripted {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address, s.reached = l.Addr().String(), make(chan string, 16)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	return s
}

func (s *scripted) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	// A client that neither speaks nor leaves would hold the test up for ever.
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if s.implicit {
		conn = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*s.cert}})
	}
	c := &conversation{server: s, conn: conn, r: bufio.NewReader(conn)}
	if !c.answer("greeting", "220 scripted ESMTP") {
		return
	}
	for {
		line, err := c.read()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.commands = append(s.commands, line)
		s.mu.Unlock()
		if !c.command(line) {
			return
		}
	}
}

func (c *conversation) read() (string, error) {
	line, err := c.r.ReadString('\n')
	return strings.TrimRight(line, "\r\n"), err
}

func (c *conversation) say(line string) { _, _ = io.WriteString(c.conn, line+"\r\n") }

// answer does what the script says at a point, or else says usual. It reports
// whether the conversation goes on as usual.
func (c *conversation) answer(point, usual string) bool {
	switch what := c.server.script[point]; what {
	case "":
		c.say(usual)
		return true
	case cut:
		return false
	case hang:
		c.server.reached <- point
		_, _ = io.Copy(io.Discard, c.r)
		return false
	default:
		c.say(what)
		return !strings.HasPrefix(what, "421")
	}
}

func (c *conversation) command(line string) bool {
	verb, _, _ := strings.Cut(line, " ")
	s := c.server
	switch verb {
	case "EHLO":
		extensions := s.extensions
		if _, isTLS := c.conn.(*tls.Conn); isTLS && !s.implicit {
			extensions = s.secure
		}
		return c.answer("EHLO", "250-scripted greets you\r\n"+strings.Join(append(prefix("250-", extensions), "250 HELP"), "\r\n"))
	case "STARTTLS":
		if !c.answer("STARTTLS", "220 go on") || s.script["STARTTLS"] != "" {
			return s.script["STARTTLS"] != cut && s.script["STARTTLS"] != hang
		}
		c.conn = tls.Server(c.conn, &tls.Config{Certificates: []tls.Certificate{*s.cert}})
		c.r = bufio.NewReader(c.conn)
		return true
	case "AUTH":
		if s.login != nil {
			s.login(c, line)
			return true
		}
		return c.answer("AUTH", "235 2.7.0 welcome")
	case "DATA":
		if !c.answer("DATA", "354 go on") {
			return false
		}
		return s.script["DATA"] != "" || c.message()
	case "QUIT":
		c.answer("QUIT", "221 bye")
		return false
	default:
		return c.answer(verb, "250 2.0.0 fine")
	}
}

func prefix(with string, all []string) []string {
	var out []string
	for _, s := range all {
		out = append(out, with+s)
	}
	return out
}

// message takes a message up to its end.
func (c *conversation) message() bool {
	var raw strings.Builder
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		raw.WriteString(strings.TrimPrefix(line, "."))
	}
	c.server.mu.Lock()
	c.server.messages = append(c.server.messages, raw.String())
	c.server.mu.Unlock()
	return c.answer("end", "250 2.0.0 queued")
}

// verbs are the first words of all commands so far.
func (s *scripted) verbs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, line := range s.commands {
		verb, _, _ := strings.Cut(line, " ")
		all = append(all, verb)
	}
	return all
}

// said returns the first command with a verb.
func (s *scripted) said(verb string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.commands, func(line string) bool { return strings.HasPrefix(line, verb) })
	if i < 0 {
		return ""
	}
	return s.commands[i]
}

func (s *scripted) message(t *testing.T) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.messages) != 1 {
		t.Fatalf("%d messages came, not one", len(s.messages))
	}
	return s.messages[0]
}

// authority signs one certificate for a name, valid at 127.0.0.1 if the name
// is empty.
func authority(t *testing.T, name string) (*tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "scripted"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	if name == "" {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func fixedNow() time.Time { return time.Date(2026, time.March, 4, 5, 6, 7, 0, time.UTC) }

// options lead to a server without TLS; a test changes what it is about.
func options(t *testing.T, address string) Options {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Now: fixedNow, Config: Config{Host: host, TLS: TLSNone, From: "Acme Team <invitations@acme.example>", Hello: "gateway.example"}}
	if _, err := fmt.Sscan(port, &o.Port); err != nil {
		t.Fatal(err)
	}
	return o
}

func newSender(t *testing.T, o Options) *Sender {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const secretLink = "https://usher.example/v1/invites/callback/hdl_S3cr3tS3cr3tS3cr3t"

func invitation() Invitation {
	at := time.Date(2026, time.March, 11, 5, 6, 0, 0, time.UTC)
	return Invitation{
		To: "bob@example.com", Link: secretLink, Organization: "Acme", Inviter: "ann@acme.example", GivenName: "Bob",
		FamilyName: "Bell", Locale: "en", Message: "See you on Monday.", Roles: []string{"admin", "member"}, ExpiresAt: &at,
		InviteID: "inv_01", Attempt: 1,
	}
}

// deadline ends long after everything that a test expects, so that a fault
// shows as one.
func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}
