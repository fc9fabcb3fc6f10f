package providers_test

import (
	"errors"
	"testing"
	"time"

	"usher/providers"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	var f providers.Faults
	f.Check("fine", nil)
	f.Check("bad", errors.New("is missing"))
	f.Add("rows[2]", "must be from 1 to %d", 9)
	for _, tc := range []struct {
		text string
		want time.Duration
	}{
		{"", time.Minute}, {"90s", 90 * time.Second}, {"1s", time.Second}, {"999ms", time.Minute}, {"-2h", time.Minute}, {"soon", time.Minute}, {"5", time.Minute},
	} {
		if got := f.Duration("wait "+tc.text, tc.text, time.Minute, time.Second); got != tc.want {
			t.Errorf("%q: got %v", tc.text, got)
		}
	}
	const want = `bad: is missing
rows[2]: must be from 1 to 9
wait 999ms: must not be below 1s
wait -2h: must not be below 1s
wait soon: is not a duration such as 500ms, 5s or 72h
wait 5: is not a duration such as 500ms, 5s or 72h`
	if got := errors.Join(f...).Error(); got != want {
		t.Errorf("got\n%s", got)
	}
}
