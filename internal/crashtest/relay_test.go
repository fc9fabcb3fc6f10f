package crashtest

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// What the relay does to a mail.
const (
	mailLostBefore = "connection lost before the mail left"
	mailLostAfter  = "answer lost after the mail left"
	mailRefused    = "refused for now"
	mailBusy       = "recipient refused for now"
)

// relay stands between the gateways and the mail catcher. It knows what came
// through, and does to mails what it is told to.
type relay struct {
	listener net.Listener
	next     string

	mu        sync.Mutex
	armed     map[int]string // what is done to which mail from now
	mails     int            // that were begun, since it was armed
	delivered map[string]int // by recipient
	lost      map[string]int // answers that did not get back, by recipient
	faults    map[string]int // by what was done
}

func newRelay(t *testing.T, next string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: l, next: next, delivered: map[string]int{}, lost: map[string]int{}, faults: map[string]int{}}
	var conversations sync.WaitGroup
	conversations.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conversations.Go(func() { r.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		conversations.Wait()
	})
	return r
}

func (r *relay) port() int { return r.listener.Addr().(*net.TCPAddr).Port }

// arm says what is done to the mails to come.
func (r *relay) arm(faults map[int]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.armed, r.mails = faults, 0
}

func (r *relay) seen() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mails
}

// begin returns what is done to the next mail.
func (r *relay) begin() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	fault := r.armed[r.mails]
	r.mails++
	if fault != "" {
		r.faults[fault]++
	}
	return fault
}

func (r *relay) note(counts map[string]int, recipients []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, to := range recipients {
		counts[to]++
	}
}

// conversation is one connection of a gateway.
type conversation struct {
	*relay
	client, server *bufio.Reader
	toClient       io.Writer
	toServer       io.Writer
	fault          string
	recipients     []string
}

var errCut = errors.New("cut")

func (r *relay) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", r.next)
	if err != nil {
		return
	}
	defer server.Close()
	c := &conversation{relay: r, client: bufio.NewReader(client), server: bufio.NewReader(server), toClient: client, toServer: server}
	if _, err := c.reply(); err != nil {
		return
	}
	for c.step() == nil {
	}
}

// step carries one command and its answer.
func (c *conversation) step() error {
	line, err := c.client.ReadString('\n')
	if err != nil {
		return err
	}
	verb := strings.ToUpper(strings.TrimSpace(line))
	switch {
	case strings.HasPrefix(verb, "MAIL FROM:"):
		c.fault, c.recipients = c.begin(), nil
		if c.fault == mailRefused {
			return c.answer("451 4.3.0 try again later")
		}
	case strings.HasPrefix(verb, "RCPT TO:"):
		if c.fault == mailBusy {
			return c.answer("450 4.2.1 mailbox busy")
		}
		_, rest, _ := strings.Cut(line, "<")
		to, _, _ := strings.Cut(rest, ">")
		c.recipients = append(c.recipients, to)
	}
	if _, err := io.WriteString(c.toServer, line); err != nil {
		return err
	}
	code, err := c.reply()
	if err == nil && verb == "DATA" && strings.HasPrefix(code, "354") {
		err = c.text()
	}
	return err
}

// text carries the mail itself.
func (c *conversation) text() error {
	var text strings.Builder
	for line := ""; line != ".\r\n"; {
		var err error
		if line, err = c.client.ReadString('\n'); err != nil {
			return err
		}
		text.WriteString(line)
	}
	if c.fault == mailLostBefore {
		c.note(c.lost, c.recipients)
		return errCut
	}
	if _, err := io.WriteString(c.toServer, text.String()); err != nil {
		return err
	}
	answer, err := c.line()
	if err != nil {
		return err
	}
	if strings.HasPrefix(answer, "250") {
		c.note(c.delivered, c.recipients)
	}
	if c.fault == mailLostAfter {
		c.note(c.lost, c.recipients)
		return errCut
	}
	_, err = io.WriteString(c.toClient, answer)
	return err
}

// reply carries an answer of one or more lines and returns the last.
func (c *conversation) reply() (string, error) {
	for {
		line, err := c.line()
		if err != nil {
			return "", err
		}
		if _, err := io.WriteString(c.toClient, line); err != nil {
			return "", err
		}
		if len(line) < 4 || line[3] != '-' {
			return line, nil
		}
	}
}

func (c *conversation) line() (string, error) { return c.server.ReadString('\n') }

func (c *conversation) answer(text string) error {
	_, err := io.WriteString(c.toClient, text+"\r\n")
	return err
}
