package roster

import (
	"fmt"
	"io"
	"mime"
	"strings"

	"usher/identity"
	"usher/invites"
)

// Format is how a file of invitations is written.
type Format string

// The formats.
const (
	NDJSON Format = "ndjson"
	CSV    Format = "csv"
)

// FormatOf returns the format that a Content-Type names.
// Codes: unsupported_media_type.
func FormatOf(contentType string) (Format, error) {
	media, parameters, err := mime.ParseMediaType(contentType)
	charset, set := parameters["charset"]
	switch {
	case err != nil:
	case set && !strings.EqualFold(charset, "utf-8"):
	case media == "application/x-ndjson", media == "application/jsonl":
		return NDJSON, nil
	case media == "text/csv" && !strings.EqualFold(parameters["header"], "absent"):
		return CSV, nil
	}
	return "", identity.Errorf(identity.CodeUnsupportedMediaType, "Files of invitations are application/x-ndjson or text/csv in UTF-8, the latter with a header.")
}

// MediaType is the format's Content-Type.
func (f Format) MediaType() string {
	if f == CSV {
		return "text/csv"
	}
	return "application/x-ndjson"
}

// The bounds of a file unless Options say otherwise.
const (
	DefaultMaxRows     = 100_000
	DefaultMaxRowBytes = 64 << 10
)

// Options configures NewReader. A nil pointer means all defaults.
type Options struct {
	MaxRows     int // defaults to DefaultMaxRows
	MaxRowBytes int // of one row, or of the header; defaults to DefaultMaxRowBytes
	// Roles are given to rows that name none. Nil: naming none is a mistake.
	Roles []string
}

// Row is one row of a file.
type Row struct {
	Number int // counted from 1, without the header and blank lines
	Line   int // where the row begins in the file, counted from 1
	// Request is what the row asks for. Of a row that is wrong it holds the
	// address alone, as far as that could be read, so that people recognize it.
	Request invites.SendRequest
	// Err is nil or an *identity.Error with code invalid_request. Its Field is
	// the JSON pointer of the field at fault, for CSV that of the field that the
	// column stands for. It repeats little of the row: a name that is not known.
	Err error
}

// Reader reads the rows of one file. It is for one goroutine.
type Reader struct {
	options Options
	format  Format
	in      io.Reader
	lines   *lines // nil before the first row
	table   table  // of CSV
	// parse makes a row of the current line and, in CSV, of those that belong to
	// it; nil where there is nothing in it. Its error ends the reading.
	parse func() (*Row, error)

	rows int
	err  error // final
}

// NewReader returns a reader of a file. o may be nil.
func NewReader(in io.Reader, f Format, o *Options) *Reader {
	r := &Reader{in: in, format: f}
	if o != nil {
		r.options = *o
	}
	if r.options.MaxRows <= 0 {
		r.options.MaxRows = DefaultMaxRows
	}
	if r.options.MaxRowBytes <= 0 {
		r.options.MaxRowBytes = DefaultMaxRowBytes
	}
	r.parse = r.object
	if f == CSV {
		r.parse = r.record
	}
	return r
}

// Next returns the next row, io.EOF after the last one, or what ends the
// reading: an *identity.Error with code invalid_request or payload_too_large,
// whose Detail names the line, or the error of the underlying reader as it is.
// A file without any row is an error, not an early end.
func (r *Reader) Next() (*Row, error) {
	if r.err != nil {
		return nil, r.err
	}
	row, err := r.next()
	if err == io.EOF && r.rows == 0 {
		err = r.nothing()
	}
	r.err = err
	return row, err
}

func (r *Reader) next() (*Row, error) {
	if r.lines == nil {
		text, err := decoded(r.in)
		if err != nil {
			return nil, err
		}
		r.lines = newLines(text, r.options.MaxRowBytes)
		if r.format == CSV {
			if err := r.header(); err != nil {
				return nil, err
			}
		}
	}
	for {
		if err := r.lines.next(); err != nil {
			return nil, err
		}
		row, err := r.parse()
		switch {
		case err != nil:
			return nil, err
		case row == nil:
			continue
		case r.rows == r.options.MaxRows:
			return nil, tooLarge(r.lines.first, "the file has more than %d rows", r.options.MaxRows)
		}
		r.rows++
		row.Number, row.Line = r.rows, r.lines.first
		return row, nil
	}
}

// nothing says why a file has no rows.
func (r *Reader) nothing() error {
	if len(r.table.columns) > 0 {
		return identity.Errorf(identity.CodeInvalidRequest, "The file has no rows below its header.")
	}
	return identity.Errorf(identity.CodeInvalidRequest, "The file is empty.")
}

// broken is a mistake that ends the reading.
func broken(line int, format string, args ...any) error {
	return identity.Errorf(identity.CodeInvalidRequest, "Line %d: %s.", line, fmt.Sprintf(format, args...))
}

func tooLarge(line int, format string, args ...any) error {
	return identity.Errorf(identity.CodePayloadTooLarge, "Line %d: %s.", line, fmt.Sprintf(format, args...))
}

// wrong is a mistake in a row. Names that somebody made up are kept short in
// its pointer.
func wrong(field, format string, args ...any) error {
	return identity.FieldError(identity.CodeInvalidRequest, short(field), format, args...)
}

// short keeps a name from a file to a length worth repeating.
func short(name string) string {
	const most = 40
	if runes := []rune(name); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return name
}
