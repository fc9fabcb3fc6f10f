package ledgertest

import (
	"context"
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
// drops it once the test is over. Texts are ordered there as people order them,
// which is not how Go does. Without a server the test is skipped.
func Postgres(t testing.TB) string {
	t.Helper()
	server := os.Getenv(PostgresEnv)
	if server == "" {
		t.Skip(PostgresEnv + " is not set")
	}
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(PostgresEnv + " is not a URL")
	}
	name := identity.NewID("usher_test_")
	OnPostgres(t, server, `CREATE DATABASE `+name+` TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'`)
	t.Cleanup(func() { OnPostgres(t, server, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`) })
	u.Path = "/" + name
	return u.String()
}

// OnPostgres runs one statement.
func OnPostgres(t testing.TB, server, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	c, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, statement); err != nil {
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
