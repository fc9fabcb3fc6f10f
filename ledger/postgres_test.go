package ledger_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/identity"
	"usher/ledger"
	"usher/ledger/ledgertest"
)

func insert(t *testing.T, l *ledger.Ledger, o *identity.Organization, email string) error {
	t.Helper()
	return l.Write(t.Context(), func(tx *ledger.Tx) error { return tx.InsertInvite(draft(o, email)) })
}

func emails(t *testing.T, l *ledger.Ledger, o *identity.Organization) map[string]int {
	t.Helper()
	all, err := l.Invites(t.Context(), ledger.InviteQuery{OrganizationID: o.ID, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, i := range all {
		got[i.Email]++
	}
	return got
}

// eventually waits for something that another process or server has to do.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if err = try(); err == nil {
			return
		}
		if t.Context().Err() != nil {
			break
		}
	}
	t.Fatalf("%s: %v", what, err)
}

func TestServerErrors(t *testing.T) {
	t.Parallel()
	database := ledgertest.Postgres(t)
	with := func(change func(*url.URL)) string {
		u, err := url.Parse(database)
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword(u.User.Username(), "geheim")
		change(u)
		return u.String()
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	// A user with no right to anything but connecting.
	poor := identity.NewID("usher_poor_")
	ledgertest.OnPostgres(t, database, `CREATE ROLE `+poor+` LOGIN`)
	t.Cleanup(func() { ledgertest.OnPostgres(t, database, `DROP ROLE `+poor) })
	for name, tc := range map[string]struct {
		url                     string
		open, up, problem, hint string
	}{
		"no server":   {url: with(func(u *url.URL) { u.Host = closed.Addr().String() }), problem: "cannot be reached", hint: "see that the server runs"},
		"no user":     {url: with(func(u *url.URL) { u.User = url.UserPassword("nobody", "geheim") }), problem: "refuses the user or the password", hint: "correct them"},
		"no database": {url: with(func(u *url.URL) { u.Path = "/nothing" }), problem: "does not exist", hint: "create the database"},
		"not up":      {url: with(func(*url.URL) {}), problem: "does not have this usher's schema", hint: "run `usher ledger up`", up: "works"},
		"no right":    {url: with(func(u *url.URL) { u.User = url.UserPassword(poor, "geheim") }), problem: "cannot be changed by this user", hint: "make the user the owner", open: "other"},
		"options":     {url: with(func(u *url.URL) { u.RawQuery = "sslmode=what" }), problem: "is not a URL that Postgres has", hint: "write sqlite:"},
		"no name":     {url: "postgres://u:geheim@", problem: "", hint: ""},
		"no URL":      {url: "postgres://u:geh%eim@host/db", problem: "is not a URL that Postgres has", hint: "write sqlite:"},
		"other kind":  {url: "mysql://u:geheim@host/db", problem: "is of a kind that this usher does not have", hint: "write sqlite:"},
	} {
		errs := map[string]error{"open": openError(t, tc.url)}
		if tc.up != "works" {
			errs["up"] = upError(t, tc.url)
		}
		for what, err := range errs {
			known, ok := errors.AsType[*ledger.DatabaseError](err)
			if !ok {
				t.Errorf("%s: %s: got %v, want a *DatabaseError", name, what, err)
				continue
			}
			if text := err.Error(); strings.Contains(text, "geheim") || strings.Contains(text, "eim@") {
				t.Errorf("%s: %s shows the password: %s", name, what, text)
			}
			if what == "open" && tc.open == "other" || tc.problem == "" {
				continue
			}
			if known.Problem != tc.problem || !strings.HasPrefix(known.Remedy, tc.hint) {
				t.Errorf("%s: %s:\n got %s: %s\nwant %s: %s …", name, what, known.Problem, known.Remedy, tc.problem, tc.hint)
			}
		}
	}
}

func TestServerOfSomethingElse(t *testing.T) {
	t.Parallel()
	foreign := ledgertest.Postgres(t)
	ledgertest.OnPostgres(t, foreign, `CREATE TABLE songs (name TEXT)`)
	newer := ledgertest.Postgres(t)
	if err := open(t, newer, nil).Close(); err != nil {
		t.Fatal(err)
	}
	ledgertest.OnPostgres(t, newer, `INSERT INTO ledger_schema (version_id, is_applied) VALUES (4711, TRUE)`)
	readOnly := ledgertest.Postgres(t)
	if err := open(t, readOnly, nil).Close(); err != nil {
		t.Fatal(err)
	}
	for url, problem := range map[string]string{
		foreign: "is a database of something else", newer: "has schema version 4711",
		readOnly + "&default_transaction_read_only=on": "cannot be written",
	} {
		known, ok := errors.AsType[*ledger.DatabaseError](openError(t, url))
		if !ok || !strings.HasPrefix(known.Problem, problem) {
			t.Errorf("got %v, want %s", known, problem)
		}
	}
}

// Text that Postgres cannot keep is refused before it is sent, nothing that is
// there is like it, and the next transaction goes on.
func TestTextsThatPostgresRefuses(t *testing.T) {
	t.Parallel()
	l := open(t, ledgertest.Postgres(t), nil)
	o := organization(t, l)
	for _, text := range []string{"a\x00b", "a\xffb", "\xc3"} {
		var inside error
		err := l.Write(t.Context(), func(tx *ledger.Tx) error {
			i := draft(o, "a@example.com")
			i.Message = text
			inside = tx.InsertInvite(i)
			return nil // what it makes of the error does not matter
		})
		if identity.CodeOf(inside) != identity.CodeInternal || identity.CodeOf(err) != identity.CodeInternal {
			t.Errorf("%q: %v, %v, want internal", text, inside, err)
		}
		if _, err := l.Organization(t.Context(), text); identity.CodeOf(err) != identity.CodeNotFound {
			t.Errorf("organization %q: %v", text, err)
		}
		if _, err := l.Invite(t.Context(), o.ID, text); identity.CodeOf(err) != identity.CodeNotFound {
			t.Errorf("invite %q: %v", text, err)
		}
		if all, err := l.Invites(t.Context(), ledger.InviteQuery{OrganizationID: o.ID, Role: text}); err != nil || len(all) != 0 {
			t.Errorf("invites of role %q: %v, %v", text, all, err)
		}
		access := identity.Access{Claimed: []identity.Alias{{Connection: "one", ProviderID: text}, {Connection: "one", ProviderID: "p"}}}
		page, err := l.Organizations(t.Context(), ledger.OrganizationQuery{Access: access})
		if err != nil || len(page.Items) != 1 {
			t.Errorf("organizations with %q: %+v, %v", text, page, err)
		}
	}
	if got := emails(t, l, o); len(got) != 0 {
		t.Errorf("recorded: %v", got)
	}
	if err := insert(t, l, o, "b@example.com"); err != nil {
		t.Error(err)
	}
}

// A network that is cut and mended costs what was under way, and nothing else.
func TestCutNetwork(t *testing.T) {
	t.Parallel()
	direct := ledgertest.Postgres(t)
	url, p := proxied(t, direct)
	l := open(t, url, nil)
	o := organization(t, l)
	if err := insert(t, l, o, "before@example.com"); err != nil {
		t.Fatal(err)
	}
	emails(t, l, o) // the readers are connected too

	err := l.Write(t.Context(), func(tx *ledger.Tx) error {
		if err := tx.InsertInvite(draft(o, "during@example.com")); err != nil {
			return err
		}
		p.cut()
		_, err := tx.Organization(o.ID)
		return err
	})
	if identity.CodeOf(err) != identity.CodeInternal {
		t.Errorf("cut in the middle: %v", err)
	}
	for range 3 {
		if err := insert(t, l, o, "down@example.com"); identity.CodeOf(err) != identity.CodeInternal {
			t.Errorf("while it is cut: %v", err)
		}
		if err := l.Ready(t.Context()); err == nil {
			t.Error("ready without a server")
		}
	}
	p.mend()
	if err := insert(t, l, o, "after@example.com"); err != nil {
		t.Errorf("once it is mended: %v", err)
	}
	eventually(t, "ready again", func() error { return l.Ready(t.Context()) })
	got := emails(t, l, o)
	if len(got) != 2 || got["before@example.com"] != 1 || got["after@example.com"] != 1 {
		t.Errorf("recorded: %v", got)
	}
}

// A server that ends its connections, as it does when it is restarted, is not
// even noticed by who writes or reads next.
func TestServerEndsConnections(t *testing.T) {
	t.Parallel()
	url := ledgertest.Postgres(t)
	l := open(t, url, nil)
	o := organization(t, l)
	for n := range 3 {
		ledgertest.OnPostgres(t, url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		if err := insert(t, l, o, string(rune('a'+n))+"@example.com"); err != nil {
			t.Errorf("%d: %v", n, err)
		}
	}
	if got := emails(t, l, o); len(got) != 3 {
		t.Errorf("recorded: %v", got)
	}
}

// A commit whose answer is lost has happened, and Write says so.
func TestLostAnswerToCommit(t *testing.T) {
	t.Parallel()
	url, p := proxied(t, ledgertest.Postgres(t))
	l := open(t, url, nil)
	o := organization(t, l)
	for range 5 {
		p.loseAnswerTo("commit")
		email := identity.NewID("") + "@example.com"
		if err := insert(t, l, o, email); err != nil {
			t.Errorf("committed, and Write says: %v", err)
		}
		if got := emails(t, l, o); got[email] != 1 {
			t.Errorf("%s is there %d times", email, got[email])
		}
	}
	if p.lost != 5 {
		t.Errorf("%d answers were lost", p.lost)
	}
}

// A commit that never reached the server has not happened, and Write says so.
func TestLostCommit(t *testing.T) {
	t.Parallel()
	url, p := proxied(t, ledgertest.Postgres(t))
	l := open(t, url, nil)
	o := organization(t, l)
	var once sync.Once
	err := l.Write(t.Context(), func(tx *ledger.Tx) error {
		err := tx.InsertInvite(draft(o, "a@example.com"))
		p.cut()
		once.Do(func() { time.AfterFunc(50*time.Millisecond, p.mend) })
		return err
	})
	if identity.CodeOf(err) != identity.CodeInternal {
		t.Errorf("got %v", err)
	}
	p.mend()
	if got := emails(t, l, o); len(got) != 0 {
		t.Errorf("recorded all the same: %v", got)
	}
}

// An instance that is stuck in a transaction does not hold the others up for
// ever, and is told that it was given up.
func TestStuckInstance(t *testing.T) {
	t.Parallel()
	url := ledgertest.Postgres(t)
	stuck, other := open(t, url, nil), open(t, url, nil)
	o := organization(t, stuck)
	begun, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- stuck.Write(t.Context(), func(tx *ledger.Tx) error {
			if err := tx.InsertInvite(draft(o, "stuck@example.com")); err != nil {
				return err
			}
			close(begun)
			<-t.Context().Done()
			return nil
		})
	}()
	<-begun
	if err := insert(t, other, o, "other@example.com"); err != nil {
		t.Errorf("the other waits for ever: %v", err)
	}
	if got := emails(t, other, o); len(got) != 1 || got["other@example.com"] != 1 {
		t.Errorf("recorded: %v", got)
	}
	_ = done
}

// Two ledgers in two schemas of one database have nothing to do with each other.
func TestTwoSchemas(t *testing.T) {
	t.Parallel()
	url := ledgertest.Postgres(t)
	ledgertest.OnPostgres(t, url, `CREATE SCHEMA one`)
	ledgertest.OnPostgres(t, url, `CREATE SCHEMA two`)
	one, two := open(t, url+"&search_path=one", nil), open(t, url+"&search_path=two", nil)
	o := organization(t, one)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := one.Write(t.Context(), func(*ledger.Tx) error {
		return two.Write(ctx, func(tx *ledger.Tx) error {
			if _, err := tx.Organization(o.ID); identity.CodeOf(err) != identity.CodeNotFound {
				t.Errorf("seen from the other: %v", err)
			}
			return nil
		})
	})
	if err != nil {
		t.Errorf("the other waits for this one: %v", err)
	}
}

// Several processes that start at once bring the schema up once.
func TestUpTogether(t *testing.T) {
	t.Parallel()
	url := ledgertest.Postgres(t)
	var all sync.WaitGroup
	var mu sync.Mutex
	steps := 0
	for range 6 {
		all.Go(func() {
			done, err := ledger.Up(t.Context(), url)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			steps += len(done)
		})
	}
	all.Wait()
	known, err := ledger.Status(t.Context(), url)
	if err != nil || steps != len(known) {
		t.Errorf("%d steps were applied, %v, want %d", steps, err, len(known))
	}
}

// Whatever the server's defaults are, what is committed is on the disk, each
// statement sees what was committed before it, and nobody waits for ever.
func TestServerSettings(t *testing.T) {
	t.Parallel()
	database := ledgertest.Postgres(t)
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(u.Path, "/")
	for setting, value := range map[string]string{"synchronous_commit": "off", "default_transaction_isolation": "'serializable'", "TimeZone": "'Asia/Tokyo'"} {
		ledgertest.OnPostgres(t, database, `ALTER DATABASE `+name+` SET `+setting+` = `+value)
	}
	l := open(t, database, nil)
	for _, tc := range []struct {
		name, want string
		writer     bool
	}{
		{"synchronous_commit", "on", true}, {"default_transaction_isolation", "read committed", true},
		{"default_transaction_read_only", "off", true}, {"default_transaction_read_only", "on", false},
		{"idle_in_transaction_session_timeout", "5s", true}, {"lock_timeout", "20s", true}, {"statement_timeout", "20s", true},
		{"statement_timeout", "20s", false}, {"TimeZone", "UTC", true}, {"application_name", "usher", true},
	} {
		if got, err := l.Setting(t.Context(), tc.name, tc.writer); err != nil || got != tc.want {
			t.Errorf("%s is %s, %v, want %s", tc.name, got, err, tc.want)
		}
	}
}
