package roster

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"usher/identity"
	"usher/internal/ijson"
	"usher/invites"
)

// table is what the header of a CSV file says.
type table struct {
	text    []byte // the header itself
	line    int
	comma   byte
	columns []column
}

// column is what the cells below a header cell are for.
type column struct {
	field string // empty: the header cell is, and so must be those below
	key   string // of metadata
}

// pointer is the JSON pointer of what the cell stands for.
func (c column) pointer() string {
	if c.field == fieldMetadata {
		return "/" + fieldMetadata + "/" + ijson.Escape(c.key)
	}
	return "/" + c.field
}

// header reads the first line that is not blank.
func (r *Reader) header() error {
	for {
		if err := r.lines.next(); err != nil {
			return err
		}
		if len(bytes.TrimSpace(r.lines.text)) > 0 {
			break
		}
	}
	line := r.lines.first
	if !utf8.Valid(r.lines.text) || bytes.ContainsRune(r.lines.text, utf8.RuneError) {
		return broken(line, "the header is not text in UTF-8")
	}
	comma, names, err := separate(r.lines.text)
	if err != nil {
		return broken(line, "the header cannot be read: %v", err)
	}
	r.table = table{text: bytes.Clone(r.lines.text), line: line, comma: comma}
	seen := map[column]bool{}
	for _, name := range names {
		c, known := columnOf(name)
		if !known {
			return headerFault(line, name, "is not known here")
		}
		if c.field != "" && seen[c] {
			return headerFault(line, name, "is there twice")
		}
		seen[c] = true
		r.table.columns = append(r.table.columns, c)
	}
	if !seen[column{field: fieldEmail}] {
		return identity.FieldError(identity.CodeInvalidRequest, "/email", "Line %d: the file needs a header with a column email.", line)
	}
	return nil
}

func headerFault(line int, name, what string) error {
	name = short(strings.TrimSpace(name))
	return identity.FieldError(identity.CodeInvalidRequest, "/"+ijson.Escape(name), "Line %d: the column %q of the header %s.", line, name, what)
}

// separate splits a header at what separates the cells of its file: what leaves
// a column with the name email, or else what makes the most columns.
func separate(text []byte) (comma byte, names []string, err error) {
	for _, candidate := range []byte(",;\t") {
		cells, failure := split(text, candidate, func() ([]byte, error) { return nil, errQuotes("a quoted name must end in its line") })
		switch isEmail := func(s string) bool { c, _ := columnOf(s); return c.field == fieldEmail }; {
		case failure != nil && comma == 0:
			err = failure
		case failure != nil:
		case slices.ContainsFunc(cells, isEmail):
			return candidate, cells, nil
		case len(cells) > len(names):
			comma, names, err = candidate, cells, nil
		}
	}
	return comma, names, err
}

// columnOf reads the name of a column.
func columnOf(name string) (column, bool) {
	name = strings.TrimSpace(name)
	lower := strings.ToLower(name)
	const prefix = fieldMetadata + "."
	switch {
	case name == "":
		return column{}, true
	case lower == "role":
		return column{field: fieldRoles}, true
	case len(name) > len(prefix) && strings.HasPrefix(lower, prefix):
		return column{fieldMetadata, name[len(prefix):]}, true
	default:
		return column{field: lower}, lower != fieldMetadata && slices.Contains(fieldNames(), lower)
	}
}

// errQuotes is a record whose quotes are not as they must be.
type errQuotes string

func (e errQuotes) Error() string { return string(e) }

// record makes a row of a record of CSV.
func (r *Reader) record() (*Row, error) {
	cells, err := split(r.lines.text, r.table.comma, func() ([]byte, error) {
		err := r.lines.more()
		return r.lines.text, err
	})
	first, last := r.lines.first, r.lines.number
	switch quotes, ok := err.(errQuotes); {
	case err == io.EOF:
		return nil, broken(first, "the row that begins here has a quoted cell that never ends")
	case ok && last > first:
		// Whoever goes on behind them may take half a cell for a row.
		return nil, broken(first, "the quotes of the row that begins here cannot be right: %s in line %d", quotes, last)
	case ok:
		return r.complete(invites.SendRequest{}, wrong("", "The quotes of the row cannot be right: %s.", quotes)), nil
	case err != nil:
		return nil, err
	case !slices.ContainsFunc(cells, func(cell string) bool { return strings.TrimSpace(cell) != "" }):
		return nil, nil
	}
	q, err := r.table.decode(cells)
	return r.complete(q, err), nil
}

// split takes the cells out of a record that begins with text. more returns the
// text with the next line added to it.
func split(text []byte, comma byte, more func() ([]byte, error)) (cells []string, err error) {
	for at := 0; ; {
		var cell string
		if at < len(text) && text[at] == '"' {
			begin := at + 1
			if text, at, err = closing(text, begin, more); err != nil {
				return nil, err
			}
			cell = strings.ReplaceAll(string(text[begin:at]), `""`, `"`)
			if at++; at < len(text) && text[at] != comma {
				return nil, errQuotes("something follows the closing quote of a cell")
			}
		} else {
			end := at + len(text[at:])
			if n := bytes.IndexByte(text[at:], comma); n >= 0 {
				end = at + n
			}
			if cell = string(text[at:end]); strings.Contains(cell, `"`) {
				return nil, errQuotes("a cell with a quote in it must be quoted, and the quote doubled")
			}
			at = end
		}
		cells = append(cells, cell)
		if at == len(text) {
			return cells, nil
		}
		at++
	}
}

// closing finds the quote that ends a cell, which may be in a later line.
func closing(text []byte, at int, more func() ([]byte, error)) ([]byte, int, error) {
	for {
		n := bytes.IndexByte(text[at:], '"')
		switch at += n; {
		case n < 0:
			at = len(text)
			var err error
			if text, err = more(); err != nil {
				return text, 0, err
			}
		case at+1 < len(text) && text[at+1] == '"':
			at += 2
		default:
			return text, at, nil
		}
	}
}

// decode makes a request of the cells of a row. With an error it returns the
// address if it can.
func (t table) decode(cells []string) (q invites.SendRequest, err error) {
	var faults []error
	if len(cells) != len(t.columns) {
		faults = append(faults, wrong("", "The row has %d cells, and the header has %d.", len(cells), len(t.columns)))
	}
	for n, cell := range cells[:min(len(cells), len(t.columns))] {
		if err := decodeCell(&q, t.columns[n], cell); err != nil {
			faults = append(faults, err)
		}
	}
	if len(faults) == 0 {
		return q, nil
	}
	if len(cells) != len(t.columns) {
		if _, err := identity.ParseEmail(q.Email); err != nil {
			q.Email = "" // a cell that has moved, whatever it is
		}
	}
	return q, faults[0]
}

// yesAndNo are the ways to write true and false in a cell.
func yesAndNo() map[string]bool {
	return map[string]bool{"true": true, "yes": true, "1": true, "false": false, "no": false, "0": false}
}

// decodeCell reads a cell. Blanks around it are nothing that somebody meant,
// but in names and texts for people they are left to them.
func decodeCell(q *invites.SendRequest, c column, cell string) (err error) {
	field, trimmed := c.pointer(), strings.TrimSpace(cell)
	switch {
	case trimmed == "":
		return nil
	case !utf8.ValidString(cell):
		return wrong(field, "The cell is not valid UTF-8.")
	case strings.ContainsRune(cell, utf8.RuneError):
		return wrong(field, "The cell contains something that is not a character.")
	}
	switch c.field {
	case "":
		return wrong("", "A cell has something in it whose column has no name.")
	case fieldRoles:
		q.Roles = rolesIn(cell)
	case fieldExpiresAt:
		q.ExpiresAt, err = parseTime(field, trimmed)
	case fieldNotify:
		notify, known := yesAndNo()[strings.ToLower(trimmed)]
		if !known {
			return wrong(field, "true or false is expected here.")
		}
		q.Notify = &notify
	case fieldMetadata:
		if q.Metadata == nil {
			q.Metadata = map[string]any{}
		}
		q.Metadata[c.key] = cell
	case "given_name", "family_name", "message":
		*textOf(q, c.field) = cell
	default:
		*textOf(q, c.field) = trimmed
	}
	return err
}

// rolesIn are the roles that a cell names; what separates them alone names none.
func rolesIn(cell string) []string {
	return strings.FieldsFunc(cell, func(r rune) bool { return r == '|' || r == ',' || unicode.IsSpace(r) })
}
