package main

import (
	"context"
	"io"
	"log/slog"
	"runtime/debug"
	"time"
)

type serveCmd struct{ configFile }

// Help implements kong.HelpProvider.
func (c *serveCmd) Help() string {
	return `The first SIGINT (Ctrl-C) or SIGTERM lets requests under way finish, up to shutdown_grace; the second ends at once. Work that was cut is settled at the next start.

SIGHUP opens the file of the audit record anew, where there is one.

An issuer that cannot be reached is a warning in the log: only its tokens fail until it is back.

Examples:

    usher config example > usher.yaml     # then edit it
    usher config check usher.yaml
    usher serve -c usher.yaml`
}

// Run serves until a signal.
func (c *serveCmd) Run(ctx context.Context, s *shell) error {
	loaded, err := c.load(s)
	if err != nil {
		return err
	}
	soft, hard, stop := interrupts(ctx)
	defer stop()
	stderr := &lockedWriter{w: s.stderr}
	log := newLogger(stderr, loaded.Log.Level, loaded.Log.Format)
	g, err := openGateway(soft, loaded, log, stderr)
	if err != nil {
		return ended(soft, err)
	}
	defer g.reopenOnHangup()()
	debug.FreeOSMemory() // what starting took is not needed any more
	return g.serve(soft, hard, func() error {
		log.Info("usher is ready", "listen", g.listener.Addr().String(), "public_url", loaded.PublicURL, "version", programVersion())
		return nil
	})
}

// ended drops the error of a start that a signal cut short.
func ended(soft context.Context, err error) error {
	if soft.Err() != nil {
		return nil
	}
	return err
}

// newLogger writes the log in the configured form.
func newLogger(w io.Writer, level, format string) *slog.Logger {
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err != nil {
		least = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: least}
	if format == "text" {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

// timeText is a time as the API writes it; nil stays nil.
func timeText(t *time.Time) *string {
	if t == nil {
		return nil
	}
	text := t.UTC().Format(time.RFC3339)
	return &text
}
