package clerk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// kind is the JSON type of a parameter.
type kind int

const (
	kindText kind = iota
	kindTexts
	kindInt
	kindBool
	kindObject
)

// field is one parameter of a request's body.
type field struct {
	name     string
	kind     kind
	required bool
	null     bool     // null is taken
	min, max int      // of an integer; max 0: none
	oneOf    []string // of a text, or of the members of a list
}

func need(name string) field        { return field{name: name, required: true} }
func text(name string) field        { return field{name: name, null: true} }
func plain(name string) field       { return field{name: name} }
func texts(name string) field       { return field{name: name, kind: kindTexts} }
func boolean(name string) field     { return field{name: name, kind: kindBool, null: true} }
func object(name string) field      { return field{name: name, kind: kindObject} }
func objectOrNil(name string) field { return field{name: name, kind: kindObject, null: true} }

func integer(name string, low, high int) field {
	return field{name: name, kind: kindInt, null: true, min: low, max: high}
}

// body is what a request's parameters are; null values are kept as nil.
type body map[string]any

// read takes a body apart: unknown parameters are told first, then missing
// ones, then those of another type or form (FACTS.md section 14).
func (c *call) read(fields ...field) (body, *failure) {
	raw, f := c.decode()
	if f != nil {
		return nil, f
	}
	if raw == nil {
		raw = map[string]any{}
	}
	m, ok := raw.(map[string]any)
	if !ok {
		return nil, refuse("request_body_invalid", "The request's body has to be a JSON object.")
	}
	return m, checkAll([]body{m}, fields)
}

// readAll is read for a body that is a list.
func (c *call) readAll(fields ...field) ([]body, *failure) {
	raw, f := c.decode()
	if f != nil {
		return nil, f
	}
	list, ok := raw.([]any)
	if !ok {
		return nil, refuse("request_body_invalid", "The request's body has to be a JSON array.")
	}
	all := make([]body, 0, len(list))
	for _, one := range list {
		m, ok := one.(map[string]any)
		if !ok {
			return nil, refuse("request_body_invalid", "The request's body has to be an array of objects.")
		}
		all = append(all, m)
	}
	return all, checkAll(all, fields)
}

func (c *call) decode() (any, *failure) {
	if len(bytes.TrimSpace(c.body)) == 0 {
		return nil, nil
	}
	var raw any
	d := json.NewDecoder(bytes.NewReader(c.body))
	d.UseNumber()
	if err := d.Decode(&raw); err != nil {
		return nil, refuse("request_body_invalid", "The request's body is not JSON.")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, refuse("request_body_invalid", "The request's body is more than one JSON value.")
	}
	return raw, nil
}

func checkAll(all []body, fields []field) *failure {
	for _, check := range []func(body, []field) []apiError{unknownParams, missingParams, wrongParams} {
		var errs []apiError
		for _, b := range all {
			errs = append(errs, check(b, fields)...)
		}
		if len(errs) > 0 {
			return &failure{status: statuses()[errs[0].Code], errors: errs}
		}
	}
	return nil
}

func unknownParams(b body, fields []field) (errs []apiError) {
	for name := range b {
		if !slices.ContainsFunc(fields, func(f field) bool { return f.name == name }) {
			errs = append(errs, newError("form_param_unknown", name+" is not a parameter of this request.", "param_name", name))
		}
	}
	return errs
}

func missingParams(b body, fields []field) (errs []apiError) {
	for _, f := range fields {
		if !f.required {
			continue
		}
		switch v, ok := b[f.name]; {
		case !ok:
			errs = append(errs, newError("form_param_missing", f.name+" is required.", "param_name", f.name))
		case v == nil, v == "":
			errs = append(errs, newError("form_param_nil", f.name+" must not be empty.", "param_name", f.name))
		}
	}
	return errs
}

func wrongParams(b body, fields []field) (errs []apiError) {
	for _, f := range fields {
		v, ok := b[f.name]
		if !ok || v == nil && f.null {
			continue
		}
		if code, why := f.wrong(v); code != "" {
			errs = append(errs, newError(code, f.name+" "+why+".", "param_name", f.name))
		}
	}
	return errs
}

// wrong says what is wrong with a value; an empty code if nothing is.
func (f field) wrong(v any) (code, why string) {
	if v == nil {
		return "form_param_nil", "must not be null"
	}
	switch f.kind {
	case kindText:
		t, ok := v.(string)
		if !ok {
			return "form_param_type_invalid", "has to be a string"
		}
		return f.outside(t)
	case kindTexts:
		list, ok := v.([]any)
		if !ok {
			return "form_param_type_invalid", "has to be a list of strings"
		}
		for _, one := range list {
			t, ok := one.(string)
			if !ok {
				return "form_param_type_invalid", "has to be a list of strings"
			}
			if code, why := f.outside(t); code != "" {
				return code, why
			}
		}
	case kindInt:
		number, _ := v.(json.Number)
		n, err := strconv.Atoi(number.String())
		if err != nil {
			return "form_param_type_invalid", "has to be an integer"
		}
		if n < f.min || f.max > 0 && n > f.max {
			return "form_param_value_invalid", "is out of range"
		}
	case kindBool:
		if _, ok := v.(bool); !ok {
			return "form_param_type_invalid", "has to be a boolean"
		}
	case kindObject:
		if _, ok := v.(map[string]any); !ok {
			return "form_param_type_invalid", "has to be an object"
		}
	}
	return "", ""
}

func (f field) outside(t string) (code, why string) {
	if len(f.oneOf) > 0 && !slices.Contains(f.oneOf, t) {
		return "form_param_value_invalid", fmt.Sprintf("has to be one of %q", f.oneOf)
	}
	return "", ""
}

// given tells whether a parameter is there and not null.
func (b body) given(name string) bool { return b[name] != nil }

// has tells whether a parameter is there, null or not.
func (b body) has(name string) bool { _, ok := b[name]; return ok }

func (b body) text(name string) string { t, _ := b[name].(string); return t }

// pointer is a text that may be absent: null and "" are.
func (b body) pointer(name string) *string {
	if t := b.text(name); t != "" {
		return &t
	}
	return nil
}

// isTrue is a boolean, or or where it is absent or null.
func (b body) isTrue(name string, or bool) bool {
	if v, ok := b[name].(bool); ok {
		return v
	}
	return or
}

// number is an integer, or or where it is absent or null.
func (b body) number(name string, or int) int {
	if n, ok := b[name].(json.Number); ok {
		v, _ := strconv.Atoi(n.String()) // checked by read
		return v
	}
	return or
}

func (b body) texts(name string) []string {
	list, _ := b[name].([]any)
	out := make([]string, 0, len(list))
	for _, one := range list {
		t, _ := one.(string)
		out = append(out, t)
	}
	return out
}

// object is a JSON object, an empty one where it is absent or null.
func (b body) object(name string) map[string]any {
	if m, ok := b[name].(map[string]any); ok {
		return m
	}
	return map[string]any{}
}
