package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Redacted returns the configuration as YAML with every default filled in and
// every secret replaced by "[redacted]", for people to look at.
func (c *Config) Redacted() ([]byte, error) {
	return yaml.MarshalWithOptions(plain(reflect.ValueOf(c)), yaml.IndentSequence(true))
}

// String implements fmt.Stringer without showing secrets.
func (c *Config) String() string {
	text, err := c.Redacted()
	if err != nil {
		return "configuration: " + err.Error()
	}
	return string(text)
}

// plain turns a value into what YAML can write, in the order of the fields.
func plain(v reflect.Value) any {
	switch {
	case v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return plain(v.Elem())
	case v.Type() == reflect.TypeFor[time.Duration](), secret(v.Type()):
		return fmt.Sprint(v.Interface())
	}
	switch v.Kind() {
	case reflect.Struct:
		var m yaml.MapSlice
		for _, f := range fieldsOf(v.Type()) {
			if field := v.FieldByIndex(f.index); f.Default != "" || !empty(field) {
				m = append(m, yaml.MapItem{Key: f.Key, Value: plain(field)})
			}
		}
		return m
	case reflect.Map:
		m := yaml.MapSlice{}
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, key := range keys {
			m = append(m, yaml.MapItem{Key: key.String(), Value: plain(v.MapIndex(key))})
		}
		return m
	case reflect.Slice:
		list := make([]any, 0, v.Len())
		for i := range v.Len() {
			list = append(list, plain(v.Index(i)))
		}
		return list
	default:
		return v.Interface()
	}
}

// empty reports whether a key need not be shown: nothing is set, and nothing
// would be without it.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Bool:
		return false
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	default:
		return v.IsZero()
	}
}
