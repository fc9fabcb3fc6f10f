package audit_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"usher/internal/audit"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func record(t *testing.T, l *audit.Log, id string) {
	t.Helper()
	if err := l.Record(&audit.Entry{RequestID: id}); err != nil {
		t.Fatal(err)
	}
}

// A file is appended to, is its owner's alone, and can be rotated.
func TestFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	for _, id := range []string{"first", "second"} {
		l, err := audit.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		record(t, l, id)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if err := l.Record(&audit.Entry{}); err == nil {
			t.Error("recorded after Close")
		}
	}
	info, err := os.Stat(path)
	if text := read(t, path); err != nil || info.Mode().Perm() != 0o600 || strings.Count(text, "\n") != 2 ||
		!strings.Contains(text, `"first"`) || !strings.Contains(text, `"second"`) {
		t.Errorf("%v, %v, %s", info, err, text)
	}

	l, err := audit.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	record(t, l, "third")
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	record(t, l, "fourth")
	if old, fresh := read(t, path+".1"), read(t, path); !strings.Contains(old, `"third"`) || strings.Contains(old, `"fourth"`) || strings.Count(fresh, "\n") != 1 {
		t.Errorf("old\n%s\nnew\n%s", old, fresh)
	}
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err == nil {
		t.Error("reopened in a folder that is gone")
	}
	record(t, l, "fifth")
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Error(err)
	}
	if _, err := audit.Open(path); err == nil {
		t.Error("opened in a folder that is gone")
	}
}

// A stream is not ours to close or to open.
func TestStream(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	l := audit.To(&b)
	if err := errors.Join(l.Reopen(), l.Close()); err != nil {
		t.Error(err)
	}
	record(t, l, "x")
	if want := `{"stream":"audit","time":"0001-01-01T00:00:00Z","request_id":"x","issuer":"","subject":"","source":"","operation":"","status":0,"replayed":false}` + "\n"; b.String() != want {
		t.Errorf("got %s", b.String())
	}
}

// tearing writes a part of what it gets, a few times.
type tearing struct {
	strings.Builder
	left int
}

func (w *tearing) Write(b []byte) (int, error) {
	if w.left == 0 {
		return w.Builder.Write(b)
	}
	w.left--
	n, _ := w.Builder.Write(b[:10])
	return n, errors.New("no space left on device")
}

// A line that was cut off spoils no other.
func TestTornLine(t *testing.T) {
	t.Parallel()
	w := &tearing{left: 2}
	l := audit.To(w)
	for range 2 {
		if err := l.Record(&audit.Entry{}); err == nil {
			t.Error("no error")
		}
	}
	record(t, l, "whole")
	record(t, l, "another")
	lines := strings.Split(w.String(), "\n")
	if len(lines) != 5 || !strings.HasPrefix(lines[2], `{"stream":"audit"`) || !strings.HasSuffix(lines[2], "}") || !strings.Contains(lines[3], "another") {
		t.Errorf("got %q", lines)
	}
}

func TestConcurrently(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l, err := audit.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				record(t, l, "x")
				if err := l.Reopen(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for line := range strings.Lines(read(t, path)) {
		if !strings.HasPrefix(line, `{"stream"`) || !strings.HasSuffix(line, "}\n") {
			t.Fatalf("got %q", line)
		}
	}
	if n := strings.Count(read(t, path), "\n"); n != 400 {
		t.Errorf("%d lines", n)
	}
}

func TestName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "7f3c2b1a": "7f3c2b1a", "auth0|5f7c8ec7c33c6c004bbafe82": "auth0|5f7c8ec7c33c6c004bbafe82", "Zoë": "Zoë", "svc:backend": "svc:backend",
		"eyJhbGciOiJub25lIn0.e30.": "sha256:", "api_key=x": "sha256:",
		"admin@example.com": "sha256:258d8dc916db8cea2cafb6c3cd0cb0246efe061421dbd83ec3a350428cabda4f",
	} {
		if got := audit.Name(in); got != want && (want != "sha256:" || !strings.HasPrefix(got, want)) {
			t.Errorf("%q became %q", in, got)
		}
	}
}
