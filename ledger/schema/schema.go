// Package schema holds the history of the ledger's tables: one SQL file a
// step, in goose's format, the same for every database. A file that was
// released is never edited; changes are new files.
package schema

import (
	"embed"
	"io/fs"
)

//go:embed *.sql
var files embed.FS

// FS returns the SQL files.
func FS() fs.FS { return files }
