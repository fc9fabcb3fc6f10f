package config

import (
	"encoding"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"time"

	"usher/identity"
	"usher/providers"
)

// The texts a schema accepts beside the values themselves: ${NAME} may stand
// in any text.
const (
	patternReference = `\$\{[A-Za-z_][A-Za-z0-9_]*\}`
	patternDuration  = `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$|` + patternReference
)

type schema = map[string]any

// Schema returns the JSON Schema (2020-12) of a configuration, for editors and
// for checks outside usher. It knows the shape; which names must refer to one
// another only Load knows.
func Schema(table map[string]func() providers.Config) ([]byte, error) {
	root := structSchema(reflect.TypeFor[Config](), table)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "usher configuration"
	text, err := json.MarshalIndent(root, "", "  ")
	return append(text, '\n'), err
}

func structSchema(t reflect.Type, table map[string]func() providers.Config) schema {
	properties, required := schema{}, []string{}
	s := schema{"type": "object", "additionalProperties": false, "properties": properties}
	for _, f := range fieldsOf(t) {
		if f.Type == reflect.TypeFor[providers.Config]() {
			properties[f.Key] = schema{"type": "object", "description": f.Help}
			s["allOf"] = settingsSchemas(f.Key, table)
			properties["provider"].(schema)["enum"] = slices.Sorted(maps.Keys(table))
			continue
		}
		properties[f.Key] = fieldSchema(f, table)
		if f.Required {
			required = append(required, f.Key)
		}
	}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

// settingsSchemas makes settings depend on the provider beside them.
func settingsSchemas(key string, table map[string]func() providers.Config) []schema {
	var rules []schema
	for _, name := range slices.Sorted(maps.Keys(table)) {
		rules = append(rules, schema{
			"if":   schema{"properties": schema{"provider": schema{"const": name}}},
			"then": schema{"properties": schema{key: structSchema(reflect.TypeOf(table[name]()).Elem(), table)}},
		})
	}
	return rules
}

func fieldSchema(f Field, table map[string]func() providers.Config) schema {
	s := typeSchema(f.Type, table)
	s["description"] = f.Help
	if f.Default != "" {
		s["default"] = defaultValue(f)
	}
	if len(f.Enum) > 0 {
		delete(s, "type")
		s["anyOf"] = []schema{{"enum": f.Enum}, {"type": "string", "pattern": patternReference}}
	}
	if f.Required {
		switch f.Type.Kind() {
		case reflect.Slice:
			s["minItems"] = 1
		case reflect.Map:
			s["minProperties"] = 1
		case reflect.String:
			s["minLength"] = 1
		}
	}
	return s
}

// defaultValue is a default as the schema shows it.
func defaultValue(f Field) any {
	v := reflect.New(f.Type).Elem()
	if f.Type == reflect.TypeFor[time.Duration]() {
		return f.Default
	}
	setDefault(v, f.Default)
	return v.Interface()
}

func typeSchema(t reflect.Type, table map[string]func() providers.Config) schema {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return schema{"type": "string", "pattern": patternDuration}
	case t == reflect.TypeFor[identity.Permission]():
		return schema{"type": "string", "enum": identity.Permissions()}
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return schema{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Struct:
		return structSchema(t, table)
	case reflect.Map:
		return schema{"type": "object", "additionalProperties": typeSchema(t.Elem(), table)}
	case reflect.Slice:
		return schema{"type": "array", "items": typeSchema(t.Elem(), table)}
	case reflect.Pointer:
		return typeSchema(t.Elem(), table)
	case reflect.Bool:
		return schema{"type": "boolean"}
	case reflect.Int, reflect.Int32, reflect.Int64:
		return schema{"type": "integer"}
	case reflect.Float64:
		return schema{"type": "number"}
	default:
		return schema{"type": "string"}
	}
}
