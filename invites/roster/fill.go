package roster

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"usher/internal/ijson"
)

// Fill copies a file as UTF-8 and gives rows that name no role those of the
// options. Every row keeps its number, its line and, if it is wrong, its
// mistake; one that would be too long with them stays as it is. Its errors are
// those of Reader.Next and of out.
func Fill(out io.Writer, in io.Reader, f Format, o *Options) error {
	r := NewReader(in, f, o)
	w := bufio.NewWriter(out)
	written := 0 // lines
	write := func(line int, text []byte) {
		for ; written < line-1; written++ {
			_ = w.WriteByte('\n') // Flush tells
		}
		_, _ = w.Write(append(text, '\n'))
		written += 1 + bytes.Count(text, []byte{'\n'})
	}
	for {
		row, err := r.Next()
		if err == io.EOF {
			return w.Flush()
		}
		if err != nil {
			return err
		}
		if f == CSV && row.Number == 1 {
			write(r.table.line, r.table.filledHeader())
		}
		text, fill := r.lines.text, fillObject
		if f == CSV {
			fill = r.table.fill
		}
		if filled := fill(slices.Clone(text), r.options.Roles); len(filled) <= r.options.MaxRowBytes {
			text = filled
		}
		write(row.Line, slices.Clone(text))
	}
}

// fillObject adds roles to a line of NDJSON that is right but for them.
func fillObject(text []byte, roles []string) []byte {
	var fields map[string]json.RawMessage
	if ijson.Check("The line", text) != nil || json.Unmarshal(text, &fields) != nil {
		return text
	}
	var named []json.RawMessage
	if raw, ok := fields[fieldRoles]; ok && (json.Unmarshal(raw, &named) != nil || len(named) > 0) {
		return text
	}
	var err error
	if fields[fieldRoles], err = json.Marshal(roles); err != nil {
		return text
	}
	var filled bytes.Buffer
	e := json.NewEncoder(&filled)
	e.SetEscapeHTML(false) // that would make it longer than it was
	if err := e.Encode(fields); err != nil {
		return text
	}
	return bytes.TrimSuffix(filled.Bytes(), []byte{'\n'})
}

// rolesAt is the index of the column of roles, -1 for none.
func (t table) rolesAt() int {
	return slices.IndexFunc(t.columns, func(c column) bool { return c.field == fieldRoles })
}

// filledHeader is the header with a column for roles.
func (t table) filledHeader() []byte {
	if t.rolesAt() >= 0 {
		return t.text
	}
	return append(append(slices.Clone(t.text), t.comma), fieldRoles...)
}

// fill adds roles to a record without any.
func (t table) fill(text []byte, roles []string) []byte {
	quoted := `"` + strings.Join(roles, "|") + `"`
	at := t.rolesAt()
	if at < 0 {
		return append(append(text, t.comma), quoted...)
	}
	cells, err := split(text, t.comma, func() ([]byte, error) { return nil, io.EOF })
	if err != nil || len(cells) != len(t.columns) || len(rolesIn(cells[at])) > 0 {
		return text
	}
	for n, cell := range cells {
		cells[n] = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
	}
	cells[at] = quoted
	return []byte(strings.Join(cells, string(t.comma)))
}
