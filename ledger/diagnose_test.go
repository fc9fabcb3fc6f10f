package ledger

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// What Postgres says is told apart by its code, and what is lost is told apart
// from what is refused.
func TestDiagnosesOfPostgres(t *testing.T) {
	t.Parallel()
	d, err := parseURL("postgres://usher:geheim@db.example:5433/ledger?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	state := func(code string) error { return &pgconn.PgError{Code: code, Message: "m"} }
	for _, tc := range []struct {
		err     error
		problem string
		lost    bool
	}{
		{state("28P01"), "refuses the user or the password", false},
		{state("28000"), "refuses the user or the password", false},
		{state("3D000"), "does not exist", false},
		{state("42501"), "cannot be changed by this user", false},
		{state("25006"), "cannot be written", false},
		{state("53100"), "cannot grow", false},
		{state("53300"), "has no connection free", false},
		{state("55P03"), "is being changed by another usher", false},
		{state("40001"), "cannot be used", false},
		{state("57P01"), "cannot be reached", true},
		{state("57P03"), "cannot be reached", true},
		{state("25P03"), "cannot be reached", true},
		{state("08006"), "cannot be reached", true},
		{io.ErrUnexpectedEOF, "cannot be reached", true},
		{&net.OpError{Op: "read", Err: errors.New("reset")}, "cannot be reached", true},
		{errors.New("else"), "cannot be used", false},
	} {
		wrapped := fmt.Errorf("about it: %w", tc.err)
		got := d.diagnose(wrapped)
		if want := "ledger postgres://usher@db.example:5433/ledger " + tc.problem + ": "; !strings.HasPrefix(got.Error(), want) {
			t.Errorf("%v: %v, want %s", tc.err, got, want)
		}
		if d.lost(wrapped) != tc.lost {
			t.Errorf("%v: lost %v", tc.err, !tc.lost)
		}
	}
}

// A server that says nothing any more is given up; whoever bounds the waiting
// otherwise is obeyed.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := &dialer{patience: 50 * time.Millisecond}
	c, err := d.dial(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var late net.Error
	if _, err := c.Read(make([]byte, 1)); !errors.As(err, &late) || !late.Timeout() {
		t.Errorf("got %v, want a time-out", err)
	}
	d.patience = time.Hour
	if err := c.SetDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.As(err, &late) || !late.Timeout() {
		t.Errorf("past the deadline that was set: %v", err)
	}
	if _, err := c.Write([]byte("x")); !errors.As(err, &late) || !late.Timeout() {
		t.Errorf("past the deadline that was set: %v", err)
	}
}
