package scim

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
)

// A page of users is the most that is ever read, so it is decoded once, as a
// whole, into a tree of map[string]any, []any, string, json.Number, bool and
// nil, and the resources are read from that: types that decode themselves, one
// within the other, would have each byte looked at once for every level.

// tree decodes one JSON value.
func tree(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("scim: there is more than one value")
	}
	return v, nil
}

// treeReader is a resource that is read from a tree.
type treeReader interface{ read(v any) error }

var (
	errNoText   = errors.New("scim: a text was expected")
	errNoObject = errors.New("scim: an object was expected")
	errNoConfig = errors.New("scim: this is not a service provider's configuration")
)

// objectOf returns an object's members; nil for null.
func objectOf(v any) (map[string]any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case map[string]any:
		return v, nil
	default:
		return nil, errNoObject
	}
}

// memberOf returns a member; names are compared without case, as those of SCIM
// attributes are (RFC 7643 section 2.1).
func memberOf(o map[string]any, name string) any { return o[keyOf(o, name)] }

// keyOf returns how an object spells a member's name; name itself where it does
// not have it.
func keyOf(o map[string]any, name string) string {
	if _, ok := o[name]; ok {
		return name
	}
	for key := range o {
		if strings.EqualFold(key, name) {
			return key
		}
	}
	return name
}

// textOf returns a string, or the JSON text of a number or truth value.
func textOf(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return strconv.FormatBool(v), nil
	default:
		return "", errNoText
	}
}

// textField is where a member that is a text belongs.
type textField struct {
	name string
	to   *string
}

func texts(o map[string]any, fields ...textField) error {
	for _, f := range fields {
		text, err := textOf(memberOf(o, f.name))
		if err != nil {
			return err
		}
		*f.to = text
	}
	return nil
}

// booleanOf takes true, "true" and "True" for true, anything else for false.
func booleanOf(v any) bool {
	text, err := textOf(v)
	return err == nil && strings.EqualFold(text, "true")
}

// countOf returns an integer that may have been sent as a string or with a
// fraction; nil: it was not sent. What is no number at all counts as 0: nothing
// depends on it.
func countOf(v any) *int {
	if v == nil {
		return nil
	}
	count := 0
	if text, err := textOf(v); err == nil {
		if f, err := strconv.ParseFloat(strings.TrimSpace(text), 64); err == nil && math.Abs(f) <= math.MaxInt32 {
			count = int(f)
		}
	}
	return &count
}

// itemsOf returns a list's items, and a single value as the only one.
func itemsOf(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

// references reads a list of references; those that refer to nothing are left
// out.
func references(v any) ([]Reference, error) {
	var all []Reference
	for _, item := range itemsOf(v) {
		var r Reference
		if err := r.read(item); err != nil {
			return nil, err
		}
		if r.refers() {
			all = append(all, r)
		}
	}
	return all, nil
}

// extensionsOf returns what a resource holds below schema URNs.
func extensionsOf(o map[string]any) map[string]map[string]any {
	var found map[string]map[string]any
	for key, value := range o {
		attributes, ok := value.(map[string]any)
		if !ok || !isURN(key) {
			continue
		}
		if found == nil {
			found = map[string]map[string]any{}
		}
		found[key] = attributes
	}
	return found
}
