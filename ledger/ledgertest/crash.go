package ledgertest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"usher/identity"
	"usher/ledger"
)

// victimEnv holds the ledger's URL in the process that is to be killed.
const victimEnv = "USHER_LEDGERTEST_VICTIM"

// What the victim reports, one a line.
const (
	reportCommit = "ledgertest committed "
	reportHalf   = "ledgertest half "
)

// crash lets another process write, kills it without warning in the middle of
// a transaction, and looks at what is left.
func (s *suite) crash(t *testing.T) {
	w := s.world(t)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	committed, half := slay(t, w.url, 25)
	w.clock.Advance(24 * time.Hour)
	w.open("second")

	equal(t, "interrupted", w.interrupted(), committed)
	for n, id := range committed {
		i := w.read(id)
		equal(t, "state", i.State, identity.StateSending)
		events, err := w.History(t.Context(), id)
		if err != nil || len(events) != 1 {
			t.Errorf("%s: history %v, %v", id, events, err)
		}
		steps, err := w.Steps(t.Context(), id, 1)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "steps", steps, []ledger.Step{{Name: "create", Begun: true}})
		c, _, err := w.ClaimKey(t.Context(), testKey(number(n)), []byte("body"))
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "the claim's invite", c.InviteID, id)
	}
	if _, err := w.Invite(t.Context(), w.org.ID, half); identity.CodeOf(err) != identity.CodeNotFound {
		t.Errorf("the half transaction's invite: %v, want not_found", err)
	}
	c, _, err := w.ClaimKey(t.Context(), testKey(number(len(committed))), []byte("body"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the half transaction's claim has no invite", c.InviteID, "")
	w.insert("half@example.com", identity.StateSending)
}

// slay runs a victim until it has committed n times and is in the middle of
// the next transaction, and kills it there.
func slay(t *testing.T, url string, n int) (committed []string, half string) {
	t.Helper()
	root, _, _ := strings.Cut(t.Name(), "/")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+root+"$")
	cmd.Env = append(os.Environ(), victimEnv+"="+url)
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if id, ok := strings.CutPrefix(lines.Text(), reportCommit); ok {
			committed = append(committed, id)
		}
		if id, ok := strings.CutPrefix(lines.Text(), reportHalf); ok {
			half = id
			break
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Errorf("the victim was gone already: %v", err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the victim has ended by itself")
	}
	if len(committed) != n || half == "" {
		t.Fatalf("the victim has reported %d commits of %d, and the half one as %q", len(committed), n, half)
	}
	return committed, half
}

// victim is the process that is killed: it writes 25 invites, reports each
// after its commit, and waits for its end in the middle of the next.
func victim(t *testing.T, url string) {
	w := &world{t: t, url: url, clock: newClock()}
	w.open("victim")
	org, err := w.Organization(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	w.org = org
	for n := range 26 {
		c, _, err := w.ClaimKey(t.Context(), testKey(number(n)), []byte("body"))
		if err != nil {
			t.Fatal(err)
		}
		i := w.draft("victim"+number(n)+"@example.com", identity.StateSending)
		if n == 25 {
			i.EmailKey = "half@example.com"
		}
		w.clock.Advance(time.Millisecond)
		w.must(func(tx *ledger.Tx) error {
			err := errors.Join(
				tx.InsertInvite(i), tx.AttachInvite(c, i.ID, 1), tx.Lease(i.ID, time.Hour),
				tx.AppendEvent(i.ID, identity.InviteEvent{State: i.State}), tx.BeginStep(i.ID, 1, "create"),
			)
			if err == nil && n == 25 {
				fmt.Println(reportHalf + i.ID)
				_, _ = io.Copy(io.Discard, os.Stdin) // for ever: the killer comes
			}
			return err
		})
		fmt.Println(reportCommit + i.ID)
	}
}
