package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/pressly/goose/v3"
	goosedb "github.com/pressly/goose/v3/database"

	"usher/ledger/schema"
)

const versionTable = "ledger_schema"

// instancesVersion is the step with the table of instances.
const instancesVersion = 3

// Up creates the ledger at url if it is not there, brings its schema up to
// this binary's and returns what it applied; nothing where it was up already.
// A file is refused while a process has it open. On Postgres others may go on:
// each step leaves what they know as it was.
func Up(ctx context.Context, url string) ([]SchemaVersion, error) {
	return change(ctx, url, false, (*goose.Provider).Up)
}

// Down takes the whole schema away, and with it everything the ledger holds;
// it returns what it took away, newest first. It refuses while a process has
// the ledger open.
func Down(ctx context.Context, url string) ([]SchemaVersion, error) {
	return change(ctx, url, true, func(p *goose.Provider, ctx context.Context) ([]*goose.MigrationResult, error) {
		return p.DownTo(ctx, 0)
	})
}

func change(
	ctx context.Context, url string, down bool, run func(*goose.Provider, context.Context) ([]*goose.MigrationResult, error),
) (_ []SchemaVersion, err error) {
	d, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	release, err := d.reserve()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release()) }()
	db, err := d.connect(modeSchema, 2)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	leave, err := d.alone(ctx, db)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, leave()) }()
	applied, err := versions(ctx, d, db)
	if err != nil {
		return nil, err
	}
	if down {
		if err := mustBeUnused(ctx, d, db, applied); err != nil {
			return nil, err
		}
	}
	p, err := goose.NewProvider(d.dialect(), db, d.steps(),
		goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, err
	}
	results, err := run(p, ctx)
	if err != nil {
		return nil, d.diagnose(err)
	}
	known, err := versions(ctx, d, db)
	if err != nil {
		return nil, err
	}
	changed := make([]SchemaVersion, 0, len(results))
	for _, r := range results {
		at := slices.IndexFunc(known, func(v SchemaVersion) bool { return v.Version == r.Source.Version })
		changed = append(changed, known[at])
	}
	return changed, nil
}

// Status returns the schema versions this binary knows, oldest first, and
// which of them are applied. It changes nothing, works while a process has
// the ledger open, and finds nothing applied where there is no file yet.
func Status(ctx context.Context, url string) (_ []SchemaVersion, err error) {
	d, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	if !d.present() {
		return knownVersions()
	}
	db, err := d.connect(modeLook, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return versions(ctx, d, db)
}

// knownVersions are the steps this binary has, none applied.
func knownVersions() ([]SchemaVersion, error) {
	names, err := fs.Glob(schema.FS(), "*.sql")
	if err != nil {
		return nil, err
	}
	all := make([]SchemaVersion, 0, len(names))
	for _, name := range names {
		n, err := goose.NumericComponent(name)
		if err != nil {
			return nil, err
		}
		all = append(all, SchemaVersion{Version: n, Name: strings.TrimSuffix(name, ".sql")})
	}
	slices.SortFunc(all, func(a, b SchemaVersion) int { return int(a.Version - b.Version) })
	return all, nil
}

// versions compares what this binary knows with what the database says, and
// refuses databases of somebody else and of a newer usher.
func versions(ctx context.Context, d database, db *sql.DB) ([]SchemaVersion, error) {
	known, err := knownVersions()
	if err != nil {
		return nil, err
	}
	tables, err := d.tables(ctx, db)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(tables, versionTable) {
		if len(tables) > 0 {
			return nil, d.wrong("is a database of something else", "name another one", nil)
		}
		return known, nil
	}
	store, err := goosedb.NewStore(d.dialect(), versionTable)
	if err != nil {
		return nil, err
	}
	newest := known[len(known)-1].Version
	switch latest, err := store.GetLatestVersion(ctx, db); {
	case err != nil && !errors.Is(err, goosedb.ErrVersionNotFound):
		return nil, d.diagnose(err)
	case err == nil && latest > newest:
		return nil, d.wrong(fmt.Sprintf("has schema version %d and this usher knows up to %d", latest, newest),
			"run the newer usher, or restore the ledger from a backup of before", nil)
	}
	for i := range known {
		applied, err := store.GetMigration(ctx, db, known[i].Version)
		switch {
		case errors.Is(err, goosedb.ErrVersionNotFound):
		case err != nil:
			return nil, d.diagnose(err)
		case applied.IsApplied:
			at := applied.Timestamp.UTC()
			known[i].AppliedAt = &at
		}
	}
	return known, nil
}

// livingInstances is asked by who would take everything away.
const livingInstances = `SELECT COUNT(*) FROM instances WHERE alive_until > $1`

// mustBeUnused refuses where somebody else has the ledger open. Where one process
// alone may, nobody does.
func mustBeUnused(ctx context.Context, d database, db *sql.DB, applied []SchemaVersion) error {
	hasInstances := slices.ContainsFunc(applied, func(v SchemaVersion) bool { return v.Version == instancesVersion && v.AppliedAt != nil })
	if !d.shared() || !hasInstances {
		return nil
	}
	now, err := d.time(ctx, db)
	if err != nil {
		return err
	}
	var living int
	if err := db.QueryRowContext(ctx, livingInstances, now).Scan(&living); err != nil {
		return d.diagnose(err)
	}
	if living > 0 {
		return d.wrong("is in use by another usher", "stop that one first", nil)
	}
	return nil
}

func mustBeUp(ctx context.Context, d database, db *sql.DB) error {
	all, err := versions(ctx, d, db)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(v SchemaVersion) bool { return v.AppliedAt == nil }) {
		return d.wrong("does not have this usher's schema", remedyUp, nil)
	}
	return nil
}
