package config

import (
	"reflect"
	"strings"
)

// Field is one key of the configuration as its struct tags describe it.
type Field struct {
	Key      string
	Help     string   // one or more sentences; foreign structs tell their defaults in it
	Default  string   // empty: none, or told in Help
	Enum     []string // the values allowed; empty: any
	Required bool
	Type     reflect.Type

	index []int
}

// fieldsOf lists the keys of a struct in the order of its fields.
func fieldsOf(t reflect.Type) []Field {
	var fields []Field
	for _, f := range reflect.VisibleFields(t) {
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || f.Anonymous || key == "-" || key == "" {
			continue
		}
		field := Field{
			Key: key, Help: f.Tag.Get("help"), Default: f.Tag.Get("default"),
			Required: f.Tag.Get("required") == "true", Type: f.Type, index: f.Index,
		}
		if enum := f.Tag.Get("enum"); enum != "" {
			field.Enum = strings.Split(enum, ",")
		}
		fields = append(fields, field)
	}
	return fields
}

// suggestion is the end of a sentence about an unknown key: the known key that
// was probably meant, or all of them.
func suggestion(key string, known []string) string {
	best, distance := "", 3
	for _, k := range known {
		if d := edits(key, k); d < distance {
			best, distance = k, d
		}
	}
	if best != "" {
		return ": did you mean " + best + "?"
	}
	return " (known: " + strings.Join(known, ", ") + ")"
}

// edits counts the letters to insert, delete or replace between two words.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
