package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// procedure is the block of docs/operations.md under a mark.
func procedure(t *testing.T, mark string) string {
	t.Helper()
	_, rest, ok := strings.Cut(read(t, operations), "<!-- "+mark+" -->\n")
	if !ok {
		t.Fatalf("%s has no block %s", operations, mark)
	}
	return blocks(rest, "sh")[0]
}

// keeping is a sandbox, and a gateway before it whose ledger is backed up and
// restored.
type keeping struct {
	t       *testing.T
	dir     string
	ledger  string // its URL
	env     map[string]string
	gateway *child
}

// keep starts both. ledger is empty for a file in the folder.
func keep(t *testing.T, ledger string) *keeping {
	t.Helper()
	k := &keeping{t: t, dir: t.TempDir()}
	if ledger == "" {
		ledger = "sqlite:" + filepath.Join(k.dir, "usher.db")
	}
	k.ledger = ledger
	env := filepath.Join(k.dir, "usher.env")
	held, err := net.Listen("tcp", "127.0.0.1:0") // until the sandbox has its own ports
	if err != nil {
		t.Fatal(err)
	}
	box := start(t, k.dir, "sandbox", "--listen", held.Addr().String(), "--env-file", env, "--config-out", "usher.yaml", "--ledger", ledger)
	box.waitFor("the sandbox is up", func() bool { _, err := os.Stat(env); return err == nil })
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	k.env = sourced(t.Fatalf, env)
	restored := read(t, "deploy", "restored.sql")
	if err := os.WriteFile(filepath.Join(k.dir, "restored.sql"), []byte(restored), 0o600); err != nil {
		t.Fatal(err)
	}
	k.serve()
	return k
}

func (k *keeping) serve() {
	k.t.Helper()
	k.gateway = start(k.t, k.dir, "serve", "-c", "usher.yaml")
	k.gateway.waitFor("the gateway is ready", func() bool { return get(k.env["USHER_URL"]+"/readyz") == http.StatusOK })
}

// kill ends the gateway as a power failure does.
func (k *keeping) kill() {
	k.t.Helper()
	k.gateway.signal(os.Kill)
	k.gateway.code()
}

// shell runs lines as a person would, with usher at hand.
func (k *keeping) shell(lines string, env ...string) string {
	k.t.Helper()
	cmd := exec.CommandContext(k.t.Context(), "sh", "-eu", "-c", lines)
	cmd.Dir = k.dir
	cmd.Env = append(os.Environ(), append(env, "PATH="+filepath.Dir(usher(k.t))+string(os.PathListSeparator)+os.Getenv("PATH"))...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		k.t.Fatalf("%s\nends with %v:\n%s", lines, err, out)
	}
	return string(out)
}

func (k *keeping) invites() string {
	return k.env["USHER_URL"] + "/v1/organizations/acme-nile/invites"
}

// send invites somebody and returns the invite's id.
func (k *keeping) send(email string) string {
	k.t.Helper()
	got := send(k.t, k.invites(), k.env["USHER_TOKEN"], fmt.Sprintf(`{"email":%q,"roles":["member"]}`, email))
	var sent struct{ ID, State string }
	if err := json.Unmarshal([]byte(got.body), &sent); err != nil || got.status != http.StatusCreated || sent.State != "pending" {
		k.t.Fatalf("sending to %s: %+v", email, got)
	}
	return sent.ID
}

// ask reads as USHER_TOKEN, and decodes what is found.
func (k *keeping) ask(address string, into any) int {
	k.t.Helper()
	request, err := http.NewRequestWithContext(k.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		k.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+k.env["USHER_TOKEN"])
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		k.t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		k.t.Fatal(err)
	}
	return answer.StatusCode
}

type keptInvite struct {
	ID, State   string
	StateReason string `json:"state_reason"`
}

// invite is the newest of an address.
func (k *keeping) invite(email string) keptInvite {
	k.t.Helper()
	var found struct{ Data []keptInvite }
	status := k.ask(k.invites()+"?refresh=true&email="+url.QueryEscape(email), &found)
	if status != http.StatusOK || len(found.Data) == 0 {
		k.t.Fatalf("invites of %s: %d %+v", email, status, found)
	}
	return found.Data[0]
}

// mails is how many went to an address.
func (k *keeping) mails(email string) int {
	k.t.Helper()
	var all []struct{ To []string }
	if status := k.ask(k.env["USHER_MAIL_URL"], &all); status != http.StatusOK {
		k.t.Fatalf("the mail catcher answers %d", status)
	}
	n := 0
	for _, m := range all {
		if len(m.To) == 1 && m.To[0] == email {
			n++
		}
	}
	return n
}

// hold lets the vendor take what it is asked for, and never answer, until the
// function returned is called.
func (k *keeping) hold() (release func()) {
	k.t.Helper()
	origin, _, _ := strings.Cut(k.env["USHER_SANDBOX_NILE_URL"], "/v2/")
	faults := origin + "/_sandbox/faults"
	if got := send(k.t, faults, "", `{"match":{"method":"POST","path":"/invite$"},"do":{"hang":true}}`); got.status != http.StatusCreated {
		k.t.Fatalf("the fault answers %+v", got)
	}
	return func() {
		request, err := http.NewRequestWithContext(k.t.Context(), http.MethodDelete, faults, nil)
		if err != nil {
			k.t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			k.t.Fatal(err)
		}
		answer.Body.Close()
	}
}

// file hands a batch in and returns its address.
func (k *keeping) file(emails ...string) string {
	k.t.Helper()
	text := "email,roles\n"
	for _, e := range emails {
		text += e + ",member\n"
	}
	request, err := http.NewRequestWithContext(k.t.Context(), http.MethodPost, strings.TrimSuffix(k.invites(), "s")+"-batches", strings.NewReader(text))
	if err != nil {
		k.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "text/csv")
	request.Header.Set("Authorization", "Bearer "+k.env["USHER_TOKEN"])
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		k.t.Fatal(err)
	}
	defer answer.Body.Close()
	var made struct{ ID string }
	if err := json.NewDecoder(answer.Body).Decode(&made); err != nil || answer.StatusCode != http.StatusAccepted {
		k.t.Fatalf("the batch answers %d %v", answer.StatusCode, err)
	}
	return request.URL.String() + "/" + made.ID
}

func (k *keeping) batch(address string) string {
	k.t.Helper()
	var b struct{ State string }
	if status := k.ask(address, &b); status != http.StatusOK {
		k.t.Fatalf("%s answers %d", address, status)
	}
	return b.State
}

// backUpAndRestore lives through the loss of a ledger: it is backed up while
// invitations go out and a batch is open, goes on, and is lost.
func (k *keeping) backUpAndRestore(backUp, restore func()) {
	t := k.t
	t.Helper()
	before := k.send("before@example.com")
	release := k.hold()
	batch := k.file("row1@example.com", "row2@example.com", "row3@example.com", "row4@example.com", "row5@example.com", "row6@example.com")
	k.gateway.waitFor("rows are being sent", func() bool {
		var b struct{ Counts map[string]int }
		return k.ask(batch, &b) == http.StatusOK && b.Counts["sending"] > 0
	})
	backUp()
	release()
	k.gateway.waitFor("the batch is done", func() bool { return k.batch(batch) == "done" })
	after := k.send("after@example.com")
	// Unsent in the backup, and gone at the vendor.
	gone := k.invite("row1@example.com")
	if got := send(t, k.invites()+"/"+gone.ID+"/revoke", k.env["USHER_TOKEN"], ""); got.status != http.StatusOK {
		t.Fatalf("revoking answers %+v", got)
	}
	k.kill()

	restore()
	k.serve()
	var row keptInvite
	if status := k.ask(k.invites()+"/"+before, &row); status != http.StatusOK || row.State != "pending" {
		t.Errorf("the invite of before the backup: %d %+v", status, row)
	}
	if status := k.ask(k.invites()+"/"+after, &row); status != http.StatusNotFound {
		t.Errorf("the invite of after the backup answers %d", status)
	}
	if row := k.invite("after@example.com"); row.State != "pending" || row.StateReason != "adopted" || row.ID == after {
		t.Errorf("the invite of after the backup is not adopted: %+v", row)
	}
	k.gateway.waitFor("the batch has ended", func() bool { return k.batch(batch) == "cancelled" })
	for n := range 6 {
		email := fmt.Sprintf("row%d@example.com", n+1)
		var row keptInvite
		k.gateway.waitFor(email+" is settled", func() bool {
			row = k.invite(email)
			return row.State != "sending" && row.State != "uncertain"
		})
		if (row.State == "pending") == (row.ID == gone.ID) {
			t.Errorf("%s is %+v", email, row)
		}
		if sent := k.mails(email); sent != 1 {
			t.Errorf("%s got %d mails", email, sent)
		}
	}
	k.send("again@example.com")
}

// What docs/operations.md says on backing up and restoring a ledger in a file
// is done here, word for word, while the ledger is written to.
func TestBackupOfSQLite(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("sqlite3"); err != nil {
		t.Skip("there is no sqlite3")
	}
	k := keep(t, "")
	var name string
	k.backUpAndRestore(func() {
		// Others write meanwhile.
		var stop atomic.Bool
		var writers sync.WaitGroup
		defer writers.Wait()
		defer stop.Store(true)
		writers.Go(func() {
			for n := 0; !stop.Load(); n++ {
				send(t, strings.Replace(k.invites(), "nile", "workos", 1), k.env["USHER_TOKEN"], fmt.Sprintf(`{"email":"busy%d@example.com","roles":["member"]}`, n))
			}
		})
		if said := k.shell(procedure(t, "backup-sqlite")); !strings.HasPrefix(said, "ok\n") || strings.Contains(said, "pending") {
			t.Errorf("the backup says\n%s", said)
		}
		found, err := filepath.Glob(filepath.Join(k.dir, "backup-*.db"))
		if err != nil || len(found) != 1 {
			t.Fatalf("backups: %q, %v", found, err)
		}
		if info, err := os.Stat(found[0]); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the backup's rights: %v, %v", info.Mode(), err)
		}
		name = filepath.Base(found[0])
	}, func() {
		if said := k.shell(procedure(t, "restore-sqlite"), "backup="+name); !strings.Contains(said, "The ledger is up already.") {
			t.Errorf("the restore says\n%s", said)
		}
	})
}

// The same on Postgres.
func TestBackupOfPostgres(t *testing.T) {
	t.Parallel()
	server := os.Getenv("USHER_TEST_POSTGRES_URL")
	if server == "" {
		t.Skip("USHER_TEST_POSTGRES_URL names no server")
	}
	for _, tool := range []string{"pg_dump", "pg_restore", "psql"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("there is no %s", tool)
		}
	}
	databases := regexp.MustCompile(`/[^/?]*(\?|$)`)
	fresh := func(name string) string {
		name = fmt.Sprintf("usher_backup_%s_%d_%d", name, os.Getpid(), time.Now().UnixNano())
		admin := func(sql string) {
			if out, err := exec.Command("psql", "--quiet", "--command="+sql, server).CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", sql, err, out)
			}
		}
		admin("CREATE DATABASE " + name)
		t.Cleanup(func() { admin("DROP DATABASE " + name + " WITH (FORCE)") })
		return databases.ReplaceAllString(server, "/"+name+"$1")
	}
	lost, restored := fresh("lost"), fresh("restored")
	k := keep(t, lost)
	k.backUpAndRestore(func() {
		k.shell(procedure(t, "backup-postgres"), "LEDGER_URL="+lost)
	}, func() {
		k.shell(procedure(t, "restore-postgres"), "RESTORED_URL="+restored)
		file := filepath.Join(k.dir, "usher.yaml")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.ReplaceAll(string(text), lost, restored)
		if changed == string(text) {
			t.Fatalf("the configuration does not name the ledger:\n%s", text)
		}
		if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
	})
}
