// Package audit writes the record of who did what: one JSON object a line, to
// a file that is only ever appended to, or to a stream it shares with others.
//
// It does not decide what is recorded (package api does) and does not look for
// secrets in it. A line is handed to the operating system when Record returns,
// so it outlives the process; it is not forced to disk, so the last lines may
// not outlive a power cut.
package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Entry is one line: one call by an authenticated caller. It holds no token
// and no e-mail address.
type Entry struct {
	Stream    string    `json:"stream"` // always "audit", and always first; Record sets it
	Time      time.Time `json:"time"`   // when the call arrived
	RequestID string    `json:"request_id"`
	Issuer    string    `json:"issuer"`
	Subject   string    `json:"subject"` // as Name writes it
	ClientID  string    `json:"client_id,omitempty"`
	Source    string    `json:"source"` // the address the call came from
	Operation string    `json:"operation"`
	// Organization is the id of the organization that the call was about; empty
	// where it names none, or none that the caller may see.
	Organization string `json:"organization,omitempty"`
	// OrganizationRef is what the call named instead, where that leads nowhere.
	OrganizationRef string `json:"organization_ref,omitempty"`
	// Targets are the ids of what the call was about, by kind: invite, member,
	// connection.
	Targets  map[string]string `json:"targets,omitempty"`
	Roles    []string          `json:"roles,omitempty"` // portable roles that were asked for
	Status   int               `json:"status"`
	Code     string            `json:"code,omitempty"` // the problem code; empty: it was done
	Replayed bool              `json:"replayed"`       // an earlier answer was given again, and nothing done
}

// Log takes entries. It is safe for concurrent use.
type Log struct {
	path string // empty: w is not ours

	mu   sync.Mutex
	w    io.Writer
	file *os.File
	torn bool // the last line may have been written in part
}

// To returns a Log that writes to w, one Write a line, and never closes it.
func To(w io.Writer) *Log { return &Log{w: w} }

// Open returns a Log that appends to a file, which is made with mode 0600 where
// it is not there. Close it when done.
func Open(path string) (*Log, error) {
	l := &Log{path: path}
	if err := l.Reopen(); err != nil {
		return nil, err
	}
	return l, nil
}

// Reopen opens the file anew, so that a rotated one can be let go. The old one
// stays in use where that fails. Without a file it does nothing.
func (l *Log) Reopen() error {
	if l.path == "" {
		return nil
	}
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the audit record: %w", err)
	}
	l.mu.Lock()
	old := l.file
	l.file, l.w, l.torn = f, f, false
	l.mu.Unlock()
	if old == nil {
		return nil
	}
	return old.Close()
}

// Record writes one line.
func (l *Log) Record(e *Entry) error {
	e.Stream = "audit"
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode an audit entry: %w", err)
	}
	line = append(line, '\n')
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.torn {
		line = append([]byte{'\n'}, line...)
	}
	n, err := l.w.Write(line)
	if l.torn = err != nil && (n > 0 || l.torn); err != nil {
		return fmt.Errorf("write an audit entry: %w", err)
	}
	return nil
}

// Close closes the file. Nothing can be recorded afterwards.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
