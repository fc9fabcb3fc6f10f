package ledger_test

import (
	"bytes"
	"errors"
	"net"
	"net/url"
	"sync"
	"testing"
)

// proxy stands between a ledger and its server, and can be told to fail as a
// network does.
type proxy struct {
	t      *testing.T
	server string
	listen net.Listener

	mu      sync.Mutex
	open    map[net.Conn]bool
	down    bool   // connections are cut, and new ones refused
	swallow []byte // the next message with these bytes reaches the server, and its answer is lost with the connection
	lost    int    // how often that has happened
}

// proxied returns the URL of a database by way of a proxy.
func proxied(t *testing.T, database string) (string, *proxy) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{t: t, server: u.Host, listen: l, open: map[net.Conn]bool{}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.cut()
		all.Wait()
	})
	u.Host = l.Addr().String()
	return u.String(), p
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer server.Close()
	p.mu.Lock()
	down := p.down
	p.open[client], p.open[server] = true, true
	p.mu.Unlock()
	if down {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.forward(server, client, true) })
	both.Go(func() { p.forward(client, server, false) })
	both.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, client)
	delete(p.open, server)
}

// forward copies until one side ends, and ends the other.
func (p *proxy) forward(to, from net.Conn, fromClient bool) {
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if fromClient && p.swallows(b[:n]) {
			_ = from.Close() // nobody is there for the answer
			_, _ = to.Write(b[:n])
			_ = to.(*net.TCPConn).CloseWrite()
			return // the other direction ends once the server has answered
		}
		if n > 0 {
			_, err2 := to.Write(b[:n])
			err = errors.Join(err, err2)
		}
		if err != nil {
			_, _ = to.Close(), from.Close()
			return
		}
	}
}

func (p *proxy) swallows(message []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.swallow == nil || !bytes.Contains(bytes.ToLower(message), p.swallow) {
		return false
	}
	p.swallow = nil
	p.lost++
	return true
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = true
	for c := range p.open {
		_ = c.Close()
	}
}

func (p *proxy) mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = false
}

func (p *proxy) loseAnswerTo(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.swallow = []byte(text)
}
