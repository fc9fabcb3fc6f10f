package scim2

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/elimity-com/scim/schema"
)

const (
	readOnly  = "readOnly"
	immutable = "immutable"
)

// decode reads a body that has to be one JSON object.
func decode(body []byte) (map[string]any, *problem) {
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(&m); err != nil || m == nil {
		return nil, bad(invalidSyntax, "The body is not a JSON object.")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, bad(invalidSyntax, "The body is more than one JSON value.")
	}
	return m, nil
}

// field reads a member of a message; its name is compared without case.
func field(m map[string]any, name string) any {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if strings.EqualFold(key, name) {
			return m[key]
		}
	}
	return nil
}

// message reads a protocol message, which says what it is in its schemas (RFC
// 7644 section 3.1).
func (s *Simulator) message(body []byte, urn string) (map[string]any, *problem) {
	m, p := decode(body)
	if p != nil {
		return nil, p
	}
	names, ok := texts(field(m, "schemas"))
	if !s.q.LenientSchemas && (!ok || len(names) != 1 || !strings.EqualFold(names[0], urn)) {
		return nil, bad(invalidSyntax, "schemas has to be %s.", urn)
	}
	return m, nil
}

// texts reads a list of strings.
func texts(v any) ([]string, bool) {
	list, ok := v.([]any)
	if !ok {
		return nil, false
	}
	out := []string{}
	for _, item := range list {
		text, ok := item.(string)
		if !ok {
			return nil, false
		}
		out = append(out, text)
	}
	return out, true
}

// resource reads the body of a POST or PUT: checked against its schemas, and
// shaped.
func (s *Simulator) resource(k *kind, body []byte) (map[string]any, *problem) {
	m, p := decode(body)
	if p != nil {
		return nil, p
	}
	if p := s.checkSchemas(k, field(m, "schemas")); p != nil {
		return nil, p
	}
	return s.shape(k, m)
}

// checkSchemas wants the schema of the resource among known ones (RFC 7643
// section 3).
func (s *Simulator) checkSchemas(k *kind, v any) *problem {
	if s.q.LenientSchemas {
		return nil
	}
	names, ok := texts(v)
	if !ok || !slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, k.core.ID) }) {
		return bad(invalidSyntax, "schemas has to name %s.", k.core.ID)
	}
	for _, name := range names {
		if !strings.EqualFold(name, k.core.ID) && !k.extends(name) {
			return bad(invalidValue, "The schema %s is not known here.", name)
		}
	}
	return nil
}

// shape turns what a client sent into what is stored: names as the schema
// spells them, values of its types, without what is unassigned (null and empty
// lists, RFC 7643 section 2.5) and what clients cannot write (RFC 7644 section
// 3.3). What is required has to be there.
func (s *Simulator) shape(k *kind, body map[string]any) (map[string]any, *problem) {
	out := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(body)) {
		if k.extends(key) {
			continue
		}
		if p := s.shapeOne(k.attributes, out, key, body[key]); p != nil {
			return nil, p
		}
	}
	for key, v := range body {
		if !k.extends(key) || v == nil {
			continue
		}
		m, ok := v.(map[string]any)
		if !ok {
			return nil, bad(invalidSyntax, "%s has to be an object.", k.extension.ID)
		}
		part := map[string]any{}
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if p := s.shapeOne(k.extension.Attributes, part, key, m[key]); p != nil {
				return nil, p
			}
		}
		if len(part) > 0 {
			out[k.extension.ID] = part
		}
	}
	for _, a := range k.core.Attributes {
		if a.Required() && (out[a.Name()] == nil || out[a.Name()] == "") {
			return nil, bad(invalidValue, "Attribute %s is required.", a.Name())
		}
	}
	return out, nil
}

func (s *Simulator) shapeOne(attributes schema.Attributes, out map[string]any, key string, v any) *problem {
	a, ok := attributes.ContainsAttribute(key)
	switch {
	case strings.EqualFold(key, "schemas"):
		return nil
	case !ok && s.q.UnknownAttributes == "refuse":
		return bad(invalidSyntax, "Attribute %s is not known.", key)
	case !ok || a.Mutability() == readOnly:
		return nil
	}
	if _, twice := out[a.Name()]; twice {
		return bad(invalidSyntax, "Attribute %s is there twice.", a.Name())
	}
	shaped, p := s.value(a, v)
	if p == nil && shaped != nil {
		out[a.Name()] = shaped
	}
	return p
}

// value shapes the value of an attribute; nil means unassigned.
func (s *Simulator) value(a schema.CoreAttribute, v any) (any, *problem) {
	if !a.MultiValued() || v == nil {
		return s.single(a, v)
	}
	list, ok := v.([]any)
	if !ok {
		return nil, bad(invalidValue, "Attribute %s has to be a list.", a.Name())
	}
	var out []any
	primary := 0
	for _, item := range list {
		one, p := s.single(a, item)
		if p != nil {
			return nil, p
		}
		if one == nil {
			continue
		}
		if m, ok := one.(map[string]any); ok && m["primary"] == true {
			primary++
		}
		out = append(out, one)
	}
	if primary > 1 {
		return nil, bad(invalidValue, "Attribute %s has more than one primary value.", a.Name())
	}
	if out == nil {
		return nil, nil
	}
	return out, nil
}

// single shapes one value by the attribute's type (RFC 7643 section 2.3).
func (s *Simulator) single(a schema.CoreAttribute, v any) (any, *problem) {
	if v == nil {
		return nil, nil
	}
	switch a.AttributeType() {
	case "complex":
		return s.complex(a, v)
	case "boolean":
		if text, ok := v.(string); ok && s.q.LenientBooleans && (strings.EqualFold(text, "true") || strings.EqualFold(text, "false")) {
			return strings.EqualFold(text, "true"), nil
		}
		if _, ok := v.(bool); !ok {
			return nil, bad(invalidValue, "Attribute %s has to be true or false.", a.Name())
		}
		return v, nil
	}
	text, ok := v.(string)
	if !ok {
		return nil, bad(invalidValue, "Attribute %s has to be a string.", a.Name())
	}
	if a.AttributeType() == "binary" {
		if _, err := base64.StdEncoding.DecodeString(text); err != nil {
			return nil, bad(invalidValue, "Attribute %s has to be base64.", a.Name())
		}
	}
	return text, nil
}

func (s *Simulator) complex(a schema.CoreAttribute, v any) (any, *problem) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, bad(invalidValue, "Attribute %s has to be an object.", a.Name())
	}
	out := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if p := s.shapeOne(a.SubAttributes(), out, key, m[key]); p != nil {
			return nil, p
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}
