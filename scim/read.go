package scim

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// The types here read what services really send where a word of SCIM is
// meant. None of them is ever written.

// text reads a string, or the JSON text of a number or truth value.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(raw []byte) error {
	switch {
	case len(raw) == 0 || string(raw) == "null":
		*t = ""
		return nil
	case raw[0] == '"':
		return json.Unmarshal(raw, (*string)(t))
	case raw[0] == '{' || raw[0] == '[':
		return errNoText
	default:
		*t = text(raw)
		return nil
	}
}

// number reads an integer that may have been sent as a string or with a
// fraction. What is no number at all counts as 0: nothing depends on it.
type number int

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(raw []byte) error {
	*n = 0
	value, err := strconv.ParseFloat(strings.TrimSpace(string(bytes.Trim(raw, `"`))), 64)
	if err == nil && math.Abs(value) <= math.MaxInt32 {
		*n = number(value)
	}
	return nil
}

// list reads a list, and a single value as a list of one.
type list[T any] []T

// UnmarshalJSON implements json.Unmarshaler.
func (l *list[T]) UnmarshalJSON(raw []byte) error {
	*l = nil
	if string(raw) == "null" {
		return nil
	}
	if raw[0] == '[' {
		return json.Unmarshal(raw, (*[]T)(l))
	}
	var one T
	if err := json.Unmarshal(raw, &one); err != nil {
		return err
	}
	*l = list[T]{one}
	return nil
}

func isURN(key string) bool {
	const prefix = "urn:"
	return len(key) > len(prefix) && strings.EqualFold(key[:len(prefix)], prefix)
}
