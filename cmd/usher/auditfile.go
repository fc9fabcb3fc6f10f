package main

import (
	"io"
	"sync"

	"usher/internal/audit"
)

// openAudit opens the record of who did what, where the configuration wants
// one: a file of its own, or stderr.
func (g *gateway) openAudit(stderr io.Writer) (err error) {
	switch {
	case !g.config.Audit.Enabled:
		return nil
	case g.config.Audit.File == "":
		g.audit = audit.To(stderr)
		return nil
	}
	if g.audit, err = audit.Open(g.config.Audit.File); err != nil {
		return err
	}
	g.closers = append(g.closers, g.audit.Close)
	return nil
}

// reopenOnHangup lets SIGHUP open the record's file anew; without one SIGHUP
// stays what the system makes of it. stop must be called.
func (g *gateway) reopenOnHangup() (stop func()) {
	if g.audit == nil || g.config.Audit.File == "" {
		return func() {}
	}
	return hangups(func() {
		if err := g.audit.Reopen(); err != nil {
			g.log.Error("the audit record could not be opened anew, and goes on into the old file", "error", err)
			return
		}
		g.log.Info("the audit record was opened anew", "file", g.config.Audit.File)
	})
}

// lockedWriter lets the log and the record share a stream line by line.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}
