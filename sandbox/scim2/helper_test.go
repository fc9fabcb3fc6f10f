package scim2_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

// outline names what an object holds, and one level below.
func outline(v any) string {
	m, _ := v.(object)
	var out []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		inner := m[name]
		if list, ok := inner.([]any); ok && len(list) > 0 {
			inner = list[0]
		}
		if part, ok := inner.(object); ok {
			name += "(" + strings.Join(slices.Sorted(maps.Keys(part)), " ") + ")"
		}
		out = append(out, name)
	}
	return strings.Join(out, " ")
}

// encoded is a body as text, with the names of ids still in it.
func encoded(t *testing.T, body any) string {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
