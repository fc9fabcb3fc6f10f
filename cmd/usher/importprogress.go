package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"usher/api"
)

// progress shows how far a batch is: on a terminal in one line that is written
// over, elsewhere in a line for each percent.
type progress struct {
	w     io.Writer
	live  bool
	now   func() time.Time
	shown string
}

func newProgress(s *shell) *progress {
	p := &progress{w: s.stderr, now: time.Now}
	if f, ok := s.stderr.(*os.File); ok && s.env["TERM"] != "dumb" {
		info, err := f.Stat()
		p.live = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

// show writes the present state where it is another. What cannot be shown is
// nothing to fail for.
func (p *progress) show(b *api.Batch) {
	done, percent := b.Counts.Sent+b.Counts.Skipped+b.Counts.Failed+b.Counts.Cancelled, 100
	if b.Counts.Rows > 0 {
		percent = 100 * done / b.Counts.Rows
	}
	if !p.live {
		if state := fmt.Sprint(b.State, percent); state != p.shown {
			p.shown = state
			_, _ = fmt.Fprintf(p.w, "%s %d%%: %s%s\n", b.State, percent, countsText(b), p.left(b, ", finished at about "))
		}
		return
	}
	const width, longest = 20, 79
	bar := strings.Repeat("#", width*percent/100)
	line := []rune(fmt.Sprintf("[%-*s] %d%%%s: %s", width, bar, percent, p.left(b, ", "), countsText(b)))
	if text := string(line[:min(len(line), longest)]); text != p.shown {
		p.shown = text
		_, _ = fmt.Fprintf(p.w, "\r%s\x1b[K", text)
	}
}

// left is when a batch is likely to be finished: in how long on a terminal,
// at what time elsewhere.
func (p *progress) left(b *api.Batch, before string) string {
	switch at := b.EstimatedFinishAt; {
	case at == nil || batchEnded(b):
		return ""
	case p.live:
		return before + max(at.Sub(p.now()), 0).Round(time.Second).String() + " left"
	default:
		return before + at.UTC().Format(time.RFC3339)
	}
}

// end leaves the line that is written over.
func (p *progress) end() {
	if p.live && p.shown != "" {
		_, _ = fmt.Fprintln(p.w)
	}
}
