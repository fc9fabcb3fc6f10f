package roq

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// dateForm is how dates are written: milliseconds and Z (FACTS.md section 2).
const dateForm = "2006-01-02T15:04:05.000Z"

// date is the scalar Date. As an input it tells null from absent.
type date struct {
	at   time.Time
	set  bool // named in the input
	null bool
}

// ImplementsGraphQLType implements decode.Unmarshaler.
func (date) ImplementsGraphQLType(name string) bool { return name == "Date" }

// UnmarshalGraphQL implements decode.Unmarshaler.
func (d *date) UnmarshalGraphQL(input any) error {
	d.set, d.null = true, input == nil
	if d.null {
		return nil
	}
	text, ok := input.(string)
	if !ok {
		return fmt.Errorf("a Date is text, not %T", input)
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return fmt.Errorf("%q is no Date", text)
	}
	d.at = at.UTC()
	return nil
}

// Nullable lets the engine hand over null.
func (*date) Nullable() {}

// MarshalJSON implements json.Marshaler.
func (d date) MarshalJSON() ([]byte, error) {
	return json.Marshal(d.at.UTC().Format(dateForm))
}

func dateOf(at time.Time) date { return date{at: at} }

func dateOrNil(at time.Time) *date {
	if at.IsZero() {
		return nil
	}
	return &date{at: at}
}

// jsonObject is the scalar JsonObject: an object, never a list or a bare value
// (FACTS.md section 2).
type jsonObject struct {
	value map[string]any // nil for null
	set   bool
}

// ImplementsGraphQLType implements decode.Unmarshaler.
func (jsonObject) ImplementsGraphQLType(name string) bool { return name == "JsonObject" }

// UnmarshalGraphQL implements decode.Unmarshaler.
func (o *jsonObject) UnmarshalGraphQL(input any) error {
	o.set = true
	if input == nil {
		return nil
	}
	value, ok := input.(map[string]any)
	if !ok {
		return errors.New("JsonObject cannot represent a value that is not an object")
	}
	o.value = value
	return nil
}

// Nullable lets the engine hand over null.
func (*jsonObject) Nullable() {}

// MarshalJSON implements json.Marshaler.
func (o jsonObject) MarshalJSON() ([]byte, error) { return json.Marshal(o.value) }

func objectOrNil(value map[string]any) *jsonObject {
	if value == nil {
		return nil
	}
	return &jsonObject{value: value}
}
