package scim

import (
	"maps"
	"slices"
)

// writer collects a resource as it is written: no nulls, nothing empty, and
// the URN of every schema that is used.
type writer struct {
	all     map[string]any
	schemas []string
}

func newWriter(core string) *writer {
	return &writer{all: map[string]any{}, schemas: []string{core}}
}

func (w *writer) text(key, value string) {
	if value != "" {
		w.all[key] = value
	}
}

func (w *writer) extensions(all map[string]map[string]any) {
	for _, urn := range slices.Sorted(maps.Keys(all)) {
		attributes := maps.Clone(all[urn])
		maps.DeleteFunc(attributes, func(_ string, value any) bool { return value == nil })
		if len(attributes) > 0 {
			w.all[urn] = attributes
			w.schemas = append(w.schemas, urn)
		}
	}
}

func (w *writer) finished() map[string]any {
	w.all["schemas"] = w.schemas
	return w.all
}
