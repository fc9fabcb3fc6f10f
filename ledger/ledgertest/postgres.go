package ledgertest

import (
	"context"
	"errors"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"usher/identity"
)

// PostgresEnv names the environment variable with the URL of a Postgres server
// whose user may create databases.
const PostgresEnv = "USHER_TEST_POSTGRES_URL"

// Postgres makes an empty database on the server that the environment names, and
// drops it once the test is over. Without a server the test is skipped.
func Postgres(t testing.TB) string {
	t.Helper()
	server := os.Getenv(PostgresEnv)
	if server == "" {
		t.Skip(PostgresEnv + " is not set")
	}
	created, drop, err := NewPostgres(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := drop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return created
}

// NewPostgres makes an empty database on a server, and returns its URL and what
// drops it. Texts are ordered there as people order them, which is not how Go
// does.
func NewPostgres(ctx context.Context, server string) (created string, drop func(context.Context) error, err error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", nil, errors.New("the server's address is not a URL") // the cause would show it, with its password
	}
	name := identity.NewID("usher_test_")
	if err := onPostgres(ctx, server, `CREATE DATABASE `+name+` TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'`); err != nil {
		return "", nil, err
	}
	u.Path = "/" + name
	return u.String(), func(ctx context.Context) error {
		return onPostgres(ctx, server, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`)
	}, nil
}

// OnPostgres runs one statement.
func OnPostgres(t testing.TB, server, statement string) {
	t.Helper()
	if err := onPostgres(context.WithoutCancel(t.Context()), server, statement); err != nil {
		t.Fatal(err)
	}
}

// HoldWriters keeps every ledger in the database from writing, as a program does
// that holds the writers' lock, until the function returned is called.
func HoldWriters(t testing.TB, server string) (release func()) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	c, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatal(err)
	}
	release = sync.OnceFunc(func() { _ = c.Close(ctx) })
	t.Cleanup(release)
	if _, err := c.Exec(ctx, `SELECT pg_advisory_lock(x'75736801'::int, hashtext(current_schema()))`); err != nil {
		t.Fatal(err)
	}
	return release
}

func onPostgres(ctx context.Context, server, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	c, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, statement)
	return errors.Join(err, c.Close(ctx))
}
