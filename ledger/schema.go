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
	"github.com/pressly/goose/v3/database"

	"usher/ledger/schema"
)

const versionTable = "ledger_schema"

// Up creates the ledger at url if it is not there, brings its schema up to
// this binary's and returns what it applied; nothing where it was up already.
// It refuses while a process has the ledger open.
func Up(ctx context.Context, url string) ([]SchemaVersion, error) {
	return change(ctx, url, (*goose.Provider).Up)
}

// Down takes the whole schema away, and with it everything the ledger holds;
// it returns what it took away, newest first. It refuses while a process has
// the ledger open.
func Down(ctx context.Context, url string) ([]SchemaVersion, error) {
	return change(ctx, url, func(p *goose.Provider, ctx context.Context) ([]*goose.MigrationResult, error) {
		return p.DownTo(ctx, 0)
	})
}

func change(
	ctx context.Context, url string, run func(*goose.Provider, context.Context) ([]*goose.MigrationResult, error),
) (_ []SchemaVersion, err error) {
	f, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	lock, err := f.lock()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlockFile(lock)) }()
	if err := f.mustBeWritable(); err != nil {
		return nil, err
	}
	db, err := f.connect(modeWrite, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := f.versions(ctx, db); err != nil {
		return nil, err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, schema.FS(),
		goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, err
	}
	results, err := run(p, ctx)
	if err != nil {
		return nil, f.diagnose(err)
	}
	known, err := f.versions(ctx, db)
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
	f, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	if !f.exists() {
		return knownVersions()
	}
	db, err := f.connect(modeLook, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return f.versions(ctx, db)
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
func (f *file) versions(ctx context.Context, db *sql.DB) ([]SchemaVersion, error) {
	known, err := knownVersions()
	if err != nil {
		return nil, err
	}
	tables, err := f.tables(ctx, db)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(tables, versionTable) {
		if len(tables) > 0 {
			return nil, &FileError{Path: f.path, Problem: "is a database of something else", Remedy: "name another file"}
		}
		return known, nil
	}
	store, err := database.NewStore(database.DialectSQLite3, versionTable)
	if err != nil {
		return nil, err
	}
	newest := known[len(known)-1].Version
	switch latest, err := store.GetLatestVersion(ctx, db); {
	case err != nil && !errors.Is(err, database.ErrVersionNotFound):
		return nil, f.diagnose(err)
	case err == nil && latest > newest:
		return nil, &FileError{
			Path: f.path, Problem: fmt.Sprintf("has schema version %d and this usher knows up to %d", latest, newest),
			Remedy: "run the newer usher, or restore the ledger from a backup of before",
		}
	}
	for i := range known {
		applied, err := store.GetMigration(ctx, db, known[i].Version)
		switch {
		case errors.Is(err, database.ErrVersionNotFound):
		case err != nil:
			return nil, f.diagnose(err)
		case applied.IsApplied:
			at := applied.Timestamp.UTC()
			known[i].AppliedAt = &at
		}
	}
	return known, nil
}

func (f *file) mustBeUp(ctx context.Context, db *sql.DB) error {
	all, err := f.versions(ctx, db)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(v SchemaVersion) bool { return v.AppliedAt == nil }) {
		return &FileError{Path: f.path, Problem: "does not have this usher's schema", Remedy: remedyUp}
	}
	return nil
}
