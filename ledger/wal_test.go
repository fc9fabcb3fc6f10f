package ledger

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"usher/identity"
)

// withShortLog opens a ledger whose log may have fifty pages.
func withShortLog(t *testing.T) *Ledger {
	t.Helper()
	l := opened(t)
	l.wal.most, l.wal.due = 50, 50
	return l
}

// addOrganizations records n of them, one by one.
func addOrganizations(t *testing.T, l *Ledger, prefix string, n int) {
	t.Helper()
	for n := range n {
		err := l.Write(t.Context(), func(tx *Tx) error {
			name := fmt.Sprint(prefix, "-", n)
			return tx.InsertOrganization(&identity.Organization{Slug: name, Name: name, Connection: "c", ProviderID: name})
		})
		if err != nil {
			t.Error(err)
			return
		}
	}
}

// shortened waits until nobody shortens the log.
func shortened(l *Ledger) {
	for working := true; working; runtime.Gosched() {
		<-l.turn.line.wait(false)
		working = l.wal.working
		l.turn.line.next()
	}
}

func logSize(t *testing.T, l *Ledger) int {
	t.Helper()
	info, err := os.Stat(l.db.(*file).path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Size() / 4096)
}

func TestLogStaysShort(t *testing.T) {
	t.Parallel()
	l := withShortLog(t)
	var writers sync.WaitGroup
	for n := range 4 {
		writers.Go(func() { addOrganizations(t, l, fmt.Sprint("o", n), 250) })
	}
	writers.Wait()
	shortened(l)
	// All that was written is some 4000 pages.
	if size := logSize(t, l); size > 1000 {
		t.Errorf("the log has grown to %d pages", size)
	}
	if l.wal.pages > 1000 {
		t.Errorf("%d pages were counted and the log was not shortened", l.wal.pages)
	}
}

func TestLogIsShortenedBesideReaders(t *testing.T) {
	t.Parallel()
	l := withShortLog(t)
	addOrganizations(t, l, "before", 5)
	reader, err := l.read.db.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	count := func() (n int) {
		if err := reader.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM organizations").Scan(&n); err != nil {
			t.Error(err)
		}
		return n
	}
	first := count()
	addOrganizations(t, l, "beside", 100)
	shortened(l)
	if again := count(); again != first {
		t.Errorf("the reader saw %d organizations and then %d", first, again)
	}
	grown := logSize(t, l)
	if grown < 100 {
		t.Errorf("the log began anew at %d pages, while somebody read from it", grown)
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	for n := range 20 {
		addOrganizations(t, l, fmt.Sprint("after", n), 10)
		shortened(l)
	}
	if size := logSize(t, l); size > grown+200 {
		t.Errorf("the log has %d pages, and had %d when the reader left", size, grown)
	}
}

// TestLogBesideManyReaders has somebody read at any time, none of them for long.
func TestLogBesideManyReaders(t *testing.T) {
	t.Parallel()
	l := withShortLog(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	began := make(chan struct{})
	var readers sync.WaitGroup
	count := func(reader *sql.Tx) error {
		return reader.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM organizations").Scan(new(int))
	}
	readers.Go(func() {
		var before *sql.Tx
		for n := 0; ctx.Err() == nil; n++ {
			reader, err := l.read.db.BeginTx(context.WithoutCancel(ctx), &sql.TxOptions{ReadOnly: true})
			for n := 0; n < 30 && err == nil; n++ { // commits go by meanwhile
				err = count(reader)
			}
			if before != nil {
				err = errors.Join(err, before.Rollback())
			}
			if before = reader; err != nil {
				t.Error(err)
			}
			if n == 0 {
				close(began)
			}
		}
		if err := before.Rollback(); err != nil {
			t.Error(err)
		}
	})
	<-began
	addOrganizations(t, l, "o", 500)
	stop()
	readers.Wait()
	shortened(l)
	if size := logSize(t, l); size > 1500 { // of more than 4000 that were written
		t.Errorf("the log has grown to %d pages", size)
	}
}

func TestLogThatCannotBeShortened(t *testing.T) {
	t.Parallel()
	l := withShortLog(t)
	var told bytes.Buffer // read once nobody shortens the log
	l.log = slog.New(slog.NewTextHandler(&told, nil))
	if err := l.wal.db.Close(); err != nil {
		t.Fatal(err)
	}
	addOrganizations(t, l, "o", 200)
	shortened(l)
	said := strings.Count(told.String(), "could not be shortened")
	if said < 2 || said > 60 {
		t.Errorf("it was said %d times:\n%s", said, told.String())
	}
}

// TestLogOfAKilledProcess has what the log holds already counted.
func TestLogOfAKilledProcess(t *testing.T) {
	t.Parallel()
	l := opened(t)
	addOrganizations(t, l, "o", 20)
	path := filepath.Join(t.TempDir(), "usher.db")
	for _, suffix := range []string{"", "-wal"} {
		text, err := os.ReadFile(l.db.(*file).path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+suffix, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	copied, err := Open(t.Context(), "sqlite:"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := copied.Close(); err != nil {
		t.Error(err)
	}
	if want := logSize(t, l); copied.wal.pages < want {
		t.Errorf("%d pages of %d are counted", copied.wal.pages, want)
	}
}
