package ledger

import (
	"context"
	"net"
	"sync"
	"time"
)

// dialer makes connections that notice when a server has gone without a word:
// the system alone would wait for a quarter of an hour.
type dialer struct {
	plain    net.Dialer
	patience time.Duration
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := d.plain.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &patientConn{Conn: c, patience: d.patience}, nil
}

// patientConn bounds each reading and writing that nobody else has bounded.
type patientConn struct {
	net.Conn
	patience time.Duration

	mu      sync.Mutex
	bounded bool // by who uses the connection
}

// Read implements net.Conn.
func (c *patientConn) Read(b []byte) (int, error) {
	if err := c.bound(c.Conn.SetReadDeadline); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

// Write implements net.Conn.
func (c *patientConn) Write(b []byte) (int, error) {
	if err := c.bound(c.Conn.SetWriteDeadline); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

func (c *patientConn) bound(set func(time.Time) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bounded {
		return nil
	}
	return set(time.Now().Add(c.patience))
}

// SetDeadline implements net.Conn.
func (c *patientConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bounded = !t.IsZero()
	return c.Conn.SetDeadline(t)
}
