// Package schema holds the history of the ledger's tables: one SQL file a
// step, in goose's format, the same for every database. A file that was
// released is never edited; changes are new files.
package schema

import (
	"bytes"
	"embed"
	"io/fs"
	"regexp"
	"strings"
)

//go:embed *.sql
var files embed.FS

// FS returns the SQL files.
func FS() fs.FS { return files }

// Collated returns the SQL files with a clause behind the type of every text
// column, for a database whose order of texts depends on how it was set up.
func Collated(clause string) fs.FS { return collated{files, clause} }

type collated struct {
	fs.FS
	clause string
}

// textColumn is a column's name and type, in a table or added to one.
var textColumn = regexp.MustCompile(`(?m)^(\s*(?:ALTER TABLE \w+ ADD COLUMN )?\w+\s+TEXT)\b`)

// Open implements fs.FS.
func (c collated) Open(name string) (fs.File, error) {
	f, err := c.FS.Open(name)
	if err != nil || !strings.HasSuffix(name, ".sql") {
		return f, err
	}
	text, err := fs.ReadFile(c.FS, name)
	if err != nil {
		return nil, err
	}
	return collatedFile{f, bytes.NewReader(textColumn.ReplaceAll(text, []byte("${1} "+c.clause)))}, nil
}

type collatedFile struct {
	fs.File
	text *bytes.Reader
}

// Read implements fs.File.
func (f collatedFile) Read(b []byte) (int, error) { return f.text.Read(b) }
