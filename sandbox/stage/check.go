package stage

import (
	"errors"
	"fmt"
	"slices"
)

// Check collects what makes no sense in quirks. The zero value is ready.
type Check struct{ errs []error }

// OneOf wants value among those allowed.
func (c *Check) OneOf(name, value string, allowed ...string) {
	c.Unless(slices.Contains(allowed, value), "%s: %q is none of %q", name, value, allowed)
}

// Either wants value to be a or b.
func (c *Check) Either(name string, value, a, b int) {
	c.Unless(value == a || value == b, "%s: neither %d nor %d", name, a, b)
}

// Unless notes an error, made as by fmt.Errorf, where something does not hold.
func (c *Check) Unless(holds bool, format string, args ...any) {
	if !holds {
		c.errs = append(c.errs, fmt.Errorf(format, args...))
	}
}

// Err is everything noted, nil for nothing.
func (c *Check) Err() error { return errors.Join(c.errs...) }
