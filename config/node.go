package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// entry is one key of a mapping with its value.
type entry struct {
	key   string
	path  string
	value ast.Node
}

// mapping lists the entries of a mapping node. A key that is there twice is a
// problem; the first one counts.
func (d *decoder) mapping(n ast.Node, path string) ([]entry, bool) {
	var values []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	default:
		d.problem(path, "must be a mapping of keys to values")
		return nil, false
	}
	var entries []entry
	for _, v := range values {
		if _, ok := v.Key.(ast.ScalarNode); !ok || v.Key.Type() == ast.MergeKeyType {
			d.lines[join(path, "?")] = lineOf(v.Key)
			d.problem(join(path, "?"), "keys must be plain words; anchors, aliases and merge keys are not supported")
			continue
		}
		key := v.Key.GetToken().Value
		at := join(path, key)
		if slices.ContainsFunc(entries, func(e entry) bool { return e.key == key }) {
			d.problems = append(d.problems, Problem{
				File: d.options.File, Line: lineOf(v.Key), Path: at,
				Text: fmt.Sprintf("is there twice, first on line %d", d.lines[at]),
			})
			continue
		}
		d.lines[at] = lineOf(v.Key)
		entries = append(entries, entry{key: key, path: at, value: v.Value})
	}
	return entries, true
}

func lineOf(n ast.Node) int {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 1
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// unwanted names what YAML has and a configuration does not need.
func unwanted(n ast.Node) string {
	switch n.Type() {
	case ast.AnchorType, ast.AliasType, ast.MergeKeyType:
		return "anchors, aliases and merge keys are not supported: write the value out"
	case ast.TagType:
		return "tags such as !!str are not supported"
	default:
		return ""
	}
}

func (d *decoder) scalar(n ast.Node, v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			d.problem(path, "must be true or false")
			return
		}
		v.SetBool(b.Value)
	case reflect.Int, reflect.Int32, reflect.Int64:
		i, ok := n.(*ast.IntegerNode)
		if !ok {
			d.problem(path, "must be a whole number")
			return
		}
		number, err := strconv.ParseInt(fmt.Sprint(i.Value), 10, v.Type().Bits())
		if err != nil {
			d.problem(path, "is a number out of range")
			return
		}
		v.SetInt(number)
	case reflect.Float64:
		number, err := strconv.ParseFloat(n.GetToken().Value, 64)
		if n.Type() != ast.IntegerType && n.Type() != ast.FloatType || err != nil {
			d.problem(path, "must be a number such as 0.5")
			return
		}
		v.SetFloat(number)
	default:
		d.problem(path, "cannot be configured: a field of kind %s", v.Kind())
	}
}

func (d *decoder) duration(n ast.Node, v reflect.Value, path string) {
	const want = "must be a duration such as 30s or 5m"
	if _, ok := n.(*ast.StringNode); !ok {
		d.problem(path, want)
		return
	}
	text, ok := d.text(n, path, false)
	if !ok {
		return
	}
	value, err := time.ParseDuration(text)
	if err != nil {
		d.problem(path, want)
		return
	}
	v.SetInt(int64(value))
}

// setDefault sets a field to the text of its default tag. Tags are constants,
// so one that does not fit shows in the first test.
func setDefault(v reflect.Value, text string) {
	if text == "" {
		return
	}
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		value, _ := time.ParseDuration(text)
		v.SetInt(int64(value))
	case v.Kind() == reflect.String:
		v.SetString(text)
	case v.Kind() == reflect.Bool:
		v.SetBool(text == "true")
	case v.CanFloat():
		value, _ := strconv.ParseFloat(text, 64)
		v.SetFloat(value)
	case v.CanInt():
		value, _ := strconv.ParseInt(text, 10, 64)
		v.SetInt(value)
	}
}
