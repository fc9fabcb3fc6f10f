package stage_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"usher/sandbox/stage"
)

type quirks struct {
	Mode   string   `json:"mode"`
	Status int      `json:"status"`
	Names  []string `json:"names"`
}

func (q quirks) check() error {
	var c stage.Check
	c.OneOf("mode", q.Mode, "plain", "odd")
	c.Either("status", q.Status, 200, 201)
	c.Unless(len(q.Names) < 3, "names: %d are too many", len(q.Names))
	return c.Err()
}

func (q quirks) clone() quirks {
	q.Names = slices.Clone(q.Names)
	return q
}

func TestPatchQuirks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, patch string
		want        quirks
		refused     string // empty: the patch is taken
	}{
		{"one switch", `{"mode":"odd"}`, quirks{"odd", 200, []string{"a"}}, ""},
		{"a list", `{"names":["b","c"]}`, quirks{"plain", 200, []string{"b", "c"}}, ""},
		{"unknown", `{"mode":"odd","more":1}`, quirks{"plain", 200, []string{"a"}}, `json: unknown field "more"`},
		{"of another type", `{"names":["b"],"status":"x"}`, quirks{"plain", 200, []string{"a"}}, "json: cannot unmarshal"},
		{"makes no sense", `{"mode":"new","status":404,"names":["a","b","c"]}`, quirks{"plain", 200, []string{"a"}},
			"mode: \"new\" is none of [\"plain\" \"odd\"]\nstatus: neither 200 nor 201\nnames: 3 are too many"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			q, changes := quirks{"plain", 200, []string{"a"}}, 0
			s := stage.NewSwitches(&mu, &q, stage.SwitchOptions[quirks]{Check: quirks.check, Clone: quirks.clone, Changed: func() { changes++ }})
			err := s.PatchQuirks([]byte(tt.patch))
			if (err != nil) != (tt.refused != "") || err != nil && !strings.HasPrefix(err.Error(), tt.refused) {
				t.Errorf("error %v, want %q", err, tt.refused)
			}
			if got := s.Quirks(); got.Mode != tt.want.Mode || got.Status != tt.want.Status || !slices.Equal(got.Names, tt.want.Names) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if err == nil && changes != 1 {
				t.Errorf("told of %d changes", changes)
			}
		})
	}
}

// What somebody does to quirks that were read changes nothing.
func TestQuirksAreACopy(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	q := quirks{"plain", 200, []string{"a"}}
	s := stage.NewSwitches(&mu, &q, stage.SwitchOptions[quirks]{Check: quirks.check, Clone: quirks.clone})
	s.Quirks().Names[0] = "b"
	if got := s.Quirks().Names[0]; got != "a" {
		t.Errorf("a switch was changed to %q", got)
	}
}
