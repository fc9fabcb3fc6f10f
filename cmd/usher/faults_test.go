package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"usher/ledger/ledgertest"
)

// keyed invites somebody under a key.
func (k *keeping) keyed(email, key string) (got answered, retryAfter string) {
	body := fmt.Sprintf(`{"email":%q,"roles":["member"]}`, email)
	request, err := http.NewRequestWithContext(k.t.Context(), http.MethodPost, k.invites(), strings.NewReader(body))
	if err != nil {
		return answered{err: err}, ""
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+k.env["USHER_TOKEN"])
	request.Header.Set("Idempotency-Key", key)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return answered{err: err}, ""
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answered{status: answer.StatusCode, body: string(text), err: err}, answer.Header.Get("Retry-After")
}

// trouble is what can be the matter with a ledger's database while usher runs.
type trouble struct {
	name   string
	ledger func(t *testing.T) string // "": SQLite
	reads  bool                      // reading goes on
	begin  func(k *keeping) (end func())
}

// Whatever is the matter with the ledger while invitations are at the vendor and a
// batch is being sent: who asks for more is told to come again, and once it is over
// everything goes on by itself, is recorded as it happened, and nobody was mailed
// twice.
func TestTroubleWithTheLedger(t *testing.T) {
	t.Parallel()
	var way *relay
	for _, tc := range append(troubleOfFiles(),
		trouble{name: "SQLite is locked by another program", reads: true, begin: func(k *keeping) func() { return k.lockFile() }},
		trouble{
			name: "Postgres is locked by another program", reads: true, ledger: func(t *testing.T) string { return ledgertest.Postgres(t) },
			begin: func(k *keeping) func() { return ledgertest.HoldWriters(k.t, k.ledger) },
		},
		trouble{
			name: "Postgres is restarted", ledger: func(t *testing.T) string {
				var address string
				address, way = relayed(t, ledgertest.Postgres(t))
				return address
			},
			begin: func(*keeping) func() { way.close(); return way.open },
		},
	) {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			ledger := ""
			if tc.ledger != nil {
				ledger = tc.ledger(t)
			}
			tc.live(keep(t, ledger))
		})
	}
}

func (tc *trouble) live(k *keeping) {
	t := k.t
	k.send("control@example.com")
	mails := k.mails("control@example.com")
	origin, _, _ := strings.Cut(k.env["USHER_SANDBOX_NILE_URL"], "/v2/")
	vendor := &house{faults: origin + "/_sandbox/faults"}
	all := `{"match":{"method":"POST","path":"/invite$"},"times":-1,"do":{"hang":true}}`
	if got := send(t, vendor.faults, "", all); got.status != http.StatusCreated {
		t.Fatalf("the fault answers %+v", got)
	}
	rows := []string{"row1@example.com", "row2@example.com", "row3@example.com", "row4@example.com", "row5@example.com", "row6@example.com"}
	batch := k.file(rows...)
	held := make(chan answered, 1)
	go func() {
		got, _ := k.keyed("held@example.com", "held")
		held <- got
	}()
	k.gateway.waitFor("all are at the vendor", func() bool {
		var b struct{ Counts map[string]int }
		var found struct{ Data []keptInvite }
		return k.ask(batch, &b) == http.StatusOK && b.Counts["sending"] > 0 &&
			k.ask(k.invites()+"?email=held%40example.com", &found) == http.StatusOK && len(found.Data) == 1
	})

	end := tc.begin(k)
	got, retryAfter := k.keyed("during@example.com", "during")
	if got.err != nil || got.status != http.StatusInternalServerError || retryAfter == "" ||
		!strings.Contains(got.body, `"code":"internal"`) || !strings.Contains(got.body, "record cannot be read or written now") {
		t.Errorf("a sending meanwhile: %+v, Retry-After %q", got, retryAfter)
	}
	ready := http.StatusServiceUnavailable
	if tc.reads {
		ready = http.StatusOK
	}
	k.gateway.waitFor("readiness is told", func() bool { return get(k.env["USHER_URL"]+"/readyz") == ready })
	var found struct{ Data []keptInvite }
	if status := k.ask(k.invites(), &found); (status == http.StatusOK) != tc.reads {
		t.Errorf("reading meanwhile answers %d", status)
	}
	vendor.letGo(t)
	if got := <-held; got.err != nil || got.status < 500 {
		t.Errorf("what was at the vendor: %+v", got)
	}
	end()

	for _, name := range []string{"held", "during"} {
		k.gateway.waitFor("the key of "+name+" gets through", func() bool {
			got, _ = k.keyed(name+"@example.com", name)
			return got.status == http.StatusCreated
		})
		var sent struct{ State string }
		if err := json.Unmarshal([]byte(got.body), &sent); err != nil || sent.State != "pending" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	k.gateway.waitFor("the batch is done", func() bool { return k.batch(batch) == "done" })
	for _, email := range append(rows, "held@example.com", "during@example.com") {
		if i := k.invite(email); i.State != "pending" {
			t.Errorf("%s: %+v", email, i)
		}
		if n := k.mails(email); n != mails {
			t.Errorf("%d mails to %s, where one invitation makes %d", n, email, mails)
		}
	}
	if k.gateway.output.String() == "" || !strings.Contains(k.gateway.output.String(), "ledger ") {
		t.Error("the log does not say what is the matter with the ledger")
	}
}

// lockFile keeps everybody else from writing to the SQLite file.
func (k *keeping) lockFile() (unlock func()) {
	k.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(k.dir, "usher.db"))
	if err != nil {
		k.t.Fatal(err)
	}
	ctx := context.WithoutCancel(k.t.Context())
	c, err := db.Conn(ctx)
	if err != nil {
		k.t.Fatal(err)
	}
	for _, statement := range []string{`PRAGMA busy_timeout = 60000`, `BEGIN IMMEDIATE`} {
		if _, err := c.ExecContext(ctx, statement); err != nil {
			k.t.Fatal(err)
		}
	}
	unlock = sync.OnceFunc(func() {
		_, _ = c.ExecContext(ctx, `ROLLBACK`)
		_, _ = c.Close(), db.Close()
	})
	k.t.Cleanup(unlock)
	return unlock
}

// relay stands before a server that can be away.
type relay struct {
	t              *testing.T
	server, listen string

	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]bool
	all      sync.WaitGroup
}

// relayed returns the address of a database by way of a relay.
func relayed(t *testing.T, database string) (string, *relay) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{t: t, server: u.Host, listen: "127.0.0.1:0", conns: map[net.Conn]bool{}}
	r.open()
	t.Cleanup(func() {
		r.close()
		r.all.Wait()
	})
	u.Host = r.listen
	return u.String(), r
}

func (r *relay) open() {
	l, err := net.Listen("tcp", r.listen)
	if err != nil {
		r.t.Error(err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.listener, r.listen = l, l.Addr().String()
	r.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.all.Go(func() { r.serve(l, c) })
		}
	})
}

func (r *relay) serve(l net.Listener, client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", r.server)
	if err != nil {
		return
	}
	defer server.Close()
	r.mu.Lock()
	away := r.listener != l
	r.conns[client], r.conns[server] = true, true
	r.mu.Unlock()
	if away {
		return
	}
	done := make(chan struct{}, 2)
	forward := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		done <- struct{}{}
	}
	go forward(server, client)
	go forward(client, server)
	<-done
}

// close refuses connections and cuts those that are there.
func (r *relay) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.listener != nil {
		_ = r.listener.Close()
	}
	r.listener = nil
	for c := range r.conns {
		_ = c.Close()
	}
	clear(r.conns)
}
