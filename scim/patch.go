package scim

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	filter "github.com/scim2/filter-parser/v2"
)

// Operation is one change of a PATCH (RFC 7644 section 3.5.2).
type Operation struct {
	Op    string `json:"op"` // add, replace or remove
	Path  string `json:"path,omitempty"`
	Value any    `json:"value,omitempty"`
}

// Add returns the operation that adds a value; an empty path adds the
// attributes of an object.
func Add(path string, value any) Operation { return Operation{Op: "add", Path: path, Value: value} }

// Replace returns the operation that replaces a value.
func Replace(path string, value any) Operation {
	return Operation{Op: "replace", Path: path, Value: value}
}

// Remove returns the operation that removes what a path selects; see Select.
func Remove(path string) Operation { return Operation{Op: "remove", Path: path} }

// Patch is the PATCH message.
type Patch struct {
	Operations []Operation
}

// NewPatch returns the message with these operations, in their order.
func NewPatch(operations ...Operation) Patch { return Patch{Operations: operations} }

// MarshalJSON implements json.Marshaler.
func (p Patch) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Schemas    []string    `json:"schemas"`
		Operations []Operation `json:"Operations"`
	}{[]string{SchemaPatchOp}, p.Operations})
}

// Validate checks a message that is about to be written: every operation is
// one of the three, has what it needs, and a path that can be read.
func (p Patch) Validate() error {
	if len(p.Operations) == 0 {
		return errors.New("scim: a patch needs an operation")
	}
	for n, o := range p.Operations {
		if err := o.validate(); err != nil {
			return fmt.Errorf("scim: operation %d of the patch: %w", n, err)
		}
	}
	return nil
}

func (o Operation) validate() error {
	switch o.Op {
	case "add", "replace":
		if o.Value == nil {
			return fmt.Errorf("%s needs a value", o.Op)
		}
	case "remove":
		if o.Path == "" {
			return errors.New("remove needs a path")
		}
	default:
		return fmt.Errorf("%q is not an operation", o.Op)
	}
	if o.Path == "" {
		return nil
	}
	if _, err := filter.ParsePath([]byte(o.Path)); err != nil && !wordsPath().MatchString(o.Path) {
		return errors.New("the path cannot be read")
	}
	return nil
}

// wordsPath is a path of the Words dialect, whose values have no quotes.
func wordsPath() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z]+\[value eq [A-Za-z0-9_-]+\]$`)
}

// Select returns the path of the one value of a multi-valued attribute, as in
// `members[value eq "…"]`. The attribute is one of members, users, groups,
// roles and emails. A value that cannot be carried is refused with ErrValue.
func Select(d Dialect, attribute, value string) (string, error) {
	if !slices.Contains([]string{"members", "users", "groups", "roles", "emails"}, attribute) {
		return "", fmt.Errorf("scim: no selection from attribute %q", attribute)
	}
	if d == Words {
		path := attribute + "[value eq " + value + "]"
		if !wordsPath().MatchString(path) || !isWord(value) {
			return "", ErrValue
		}
		return path, nil
	}
	if !plain(value) || strings.Contains(value, "]") {
		return "", ErrValue
	}
	path := attribute + `[value eq "` + value + `"]`
	parsed, err := filter.ParsePath([]byte(path))
	if err != nil || parsed.SubAttribute != nil || parsed.AttributePath.String() != attribute {
		return "", ErrValue
	}
	comparison, ok := parsed.ValueExpression.(*filter.AttributeExpression)
	if !ok || comparison.AttributePath.String() != "value" || comparison.Operator != filter.EQ || comparison.CompareValue != value {
		return "", ErrValue
	}
	return path, nil
}
