package providers

import (
	"fmt"
	"time"
)

// Faults are what is wrong with the settings of a connection, each with the
// name of its field in front.
type Faults []error

// Add reports a field. The format goes on after its name, such as "is missing".
func (f *Faults) Add(field, format string, args ...any) {
	*f = append(*f, fmt.Errorf("%s: %s", field, fmt.Sprintf(format, args...)))
}

// Check reports a field if there is an error.
func (f *Faults) Check(field string, err error) {
	if err != nil {
		f.Add(field, "%v", err)
	}
}

// Duration returns what a text says, or the preset if it is empty or wrong.
func (f *Faults) Duration(field, text string, preset, least time.Duration) time.Duration {
	if text == "" {
		return preset
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		f.Add(field, "is not a duration such as 500ms, 5s or 72h")
	case d < least:
		f.Add(field, "must not be below %v", least)
	default:
		return d
	}
	return preset
}
