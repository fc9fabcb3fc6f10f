package internal

import "testing"

func TestSameID(t *testing.T) {
	t.Parallel()
	const id = "0b7f2f0e-0d3c-4b13-9ad1-3d9a5e3d1a01"
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{id, id, true},
		{id, "0B7F2F0E-0D3C-4B13-9AD1-3D9A5E3D1A01", true},
		{id, "0b7f2f0e-0d3c-4b13-9ad1-3d9a5e3d1a02", false},
		{"tenant", "tenant", true},
		{"tenant", "Tenant", false},
		{"", "", false}, // nobody's
		{id, "", false},
		{"", id, false},
	} {
		if got := SameID(c.a, c.b); got != c.want {
			t.Errorf("SameID(%q, %q) = %v", c.a, c.b, got)
		}
	}
}
