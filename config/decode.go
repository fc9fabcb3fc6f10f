package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"usher/identity"
	"usher/providers"
)

// decoder turns a syntax tree into structs by their json tags. It goes on
// after a problem, so that all of them are found, and remembers on which line
// each path stands.
type decoder struct {
	options  *Options
	problems Problems
	lines    map[string]int
}

func (d *decoder) problem(path, format string, args ...any) {
	d.problems = append(d.problems, Problem{File: d.options.File, Line: d.line(path), Path: path, Text: fmt.Sprintf(format, args...)})
}

// line returns where a path stands, or where the nearest thing around it does.
func (d *decoder) line(path string) int {
	for {
		if line, ok := d.lines[path]; ok {
			return line
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return max(1, d.lines[""])
		}
		path = path[:cut]
	}
}

// blamed reports whether a problem is already known of the path or of what it
// stands in.
func (d *decoder) blamed(path string) bool {
	return slices.ContainsFunc(d.problems, func(p Problem) bool {
		rest, found := strings.CutPrefix(path, p.Path)
		return found && p.Path != "" && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// value decodes one node. A node that is empty (key: with nothing after it)
// leaves v as it is.
func (d *decoder) value(n ast.Node, v reflect.Value, path string) {
	if n == nil || n.Type() == ast.NullType {
		return
	}
	if why := unwanted(n); why != "" {
		d.problem(path, "%s", why)
		return
	}
	if v.Type() == reflect.TypeFor[time.Duration]() {
		d.duration(n, v, path)
		return
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if text, ok := d.text(n, path, false); ok {
			if err := u.UnmarshalText([]byte(text)); err != nil {
				d.problem(path, "%v", err)
			}
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Map:
		d.dictionary(n, v, path)
	case reflect.Slice:
		d.list(n, v, path)
	case reflect.String:
		if text, ok := d.text(n, path, secret(v.Type())); ok {
			v.SetString(text)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), path)
	default:
		d.scalar(n, v, path)
	}
}

// secret reports whether a file may be named that holds the value.
func secret(t reflect.Type) bool {
	return t == reflect.TypeFor[identity.Secret]() || t == reflect.TypeFor[LedgerURL]()
}

func (d *decoder) list(n ast.Node, v reflect.Value, path string) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		d.problem(path, "must be a list")
		return
	}
	list := reflect.MakeSlice(v.Type(), len(s.Values), len(s.Values))
	for i, item := range s.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.lines[at] = lineOf(item)
		if item.Type() == ast.NullType {
			d.problem(at, "is empty")
			continue
		}
		d.value(item, list.Index(i), at)
	}
	v.Set(list)
}

func (d *decoder) dictionary(n ast.Node, v reflect.Value, path string) {
	entries, ok := d.mapping(n, path)
	if !ok {
		return
	}
	m := reflect.MakeMapWithSize(v.Type(), len(entries))
	for _, e := range entries {
		value := reflect.New(v.Type().Elem()).Elem()
		d.value(e.value, value, e.path)
		if value.Kind() == reflect.Struct {
			d.absent(e.value, value, e.path)
		}
		m.SetMapIndex(reflect.ValueOf(e.key).Convert(v.Type().Key()), value)
	}
	v.Set(m)
}

// absent checks the required fields of a struct whose node is empty.
func (d *decoder) absent(n ast.Node, v reflect.Value, path string) {
	if n.Type() == ast.NullType {
		d.fields(nil, v, path)
	}
}

// structure decodes a mapping into a struct; keys without a field are
// problems.
func (d *decoder) structure(n ast.Node, v reflect.Value, path string) {
	entries, ok := d.mapping(n, path)
	if !ok {
		return
	}
	known := make([]string, 0, v.NumField())
	for _, f := range fieldsOf(v.Type()) {
		known = append(known, f.Key)
	}
	for _, e := range entries {
		if !slices.Contains(known, e.key) {
			d.problem(e.path, "unknown key%s", suggestion(e.key, known))
		}
	}
	d.fields(entries, v, path)
}

// fields fills a struct from the entries of a mapping: defaults first, then
// what is given, then what must be there.
func (d *decoder) fields(entries []entry, v reflect.Value, path string) {
	for _, f := range fieldsOf(v.Type()) {
		field, at := v.FieldByIndex(f.index), join(path, f.Key)
		setDefault(field, f.Default)
		i := slices.IndexFunc(entries, func(e entry) bool { return e.key == f.Key })
		var node ast.Node
		if i >= 0 {
			node = entries[i].value
		}
		switch {
		case field.Type() == reflect.TypeFor[providers.Config]():
			d.settings(node, v.Addr().Interface().(*Connection), at)
			continue
		case node != nil && node.Type() != ast.NullType:
			d.value(node, field, at)
		case field.Kind() == reflect.Struct:
			d.fields(nil, field, at)
		}
		d.check(f, field, at)
	}
}

// check holds a decoded field against its tags.
func (d *decoder) check(f Field, v reflect.Value, path string) {
	switch {
	case d.blamed(path):
	case f.Required && v.IsZero():
		d.problem(path, "is missing")
	case f.Required && (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.Len() == 0:
		d.problem(path, "needs at least one entry")
	case len(f.Enum) > 0 && !v.IsZero() && !slices.Contains(f.Enum, v.String()):
		d.problem(path, "%q is not one of %s", v.String(), strings.Join(f.Enum, ", "))
	}
}

// settings decodes a connection's settings into what its provider takes. An
// unknown provider is a problem of its own, and its settings are not looked at.
func (d *decoder) settings(n ast.Node, c *Connection, path string) {
	if c.Provider == "" {
		return
	}
	open, ok := d.options.Providers[c.Provider]
	if !ok {
		d.problem(strings.TrimSuffix(path, "settings")+"provider", "%q is not built into this version: %s", c.Provider, strings.Join(d.options.providerNames(), ", "))
		return
	}
	settings := open()
	target := reflect.ValueOf(settings).Elem()
	if n == nil || n.Type() == ast.NullType {
		d.fields(nil, target, path)
	} else {
		d.value(n, target, path)
	}
	c.Settings = settings
}
