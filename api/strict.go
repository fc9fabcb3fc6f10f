package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"usher/identity"
)

// maxDepth is how deep a body may nest.
const maxDepth = 20

// maxSafeInteger is the largest integer that every JSON reader keeps exactly
// (RFC 7493 section 2.2).
const maxSafeInteger = 1 << 53

// checkJSON refuses a body that two readers could understand differently. What
// remains is I-JSON (RFC 7493): UTF-8 without a byte order mark, no name twice
// in an object, no half a character, no number that a reader would change,
// nothing after the value, and no more than maxDepth levels.
func checkJSON(body []byte) error {
	if !utf8.Valid(body) {
		return badRequest("", "The body is not valid UTF-8.")
	}
	c := &jsonChecker{decoder: json.NewDecoder(bytes.NewReader(body))}
	c.decoder.UseNumber()
	if err := c.value(); err != nil {
		return c.explain(err)
	}
	if _, err := c.decoder.Token(); !errors.Is(err, io.EOF) {
		return badRequest("", "Something follows the JSON value of the body.")
	}
	return nil
}

// jsonChecker walks through a body once, remembering where it is.
type jsonChecker struct {
	decoder *json.Decoder
	path    []string
}

func (c *jsonChecker) value() error {
	token, err := c.decoder.Token()
	if err != nil {
		return err
	}
	switch t := token.(type) {
	case json.Delim:
		if len(c.path) >= maxDepth {
			return badRequest("", "The body nests deeper than %d levels.", maxDepth)
		}
		if t == '{' {
			return c.object()
		}
		return c.array()
	case string:
		return c.text(t)
	case json.Number:
		return c.number(t.String())
	}
	return nil
}

func (c *jsonChecker) object() error {
	seen := map[string]bool{}
	for c.decoder.More() {
		token, err := c.decoder.Token()
		if err != nil {
			return err
		}
		name, ok := token.(string)
		if !ok {
			return badRequest("", "The body is not valid JSON.")
		}
		c.path = append(c.path, escape(name))
		if seen[name] {
			return c.bad("The field is there twice.")
		}
		seen[name] = true
		if err := c.text(name); err != nil {
			return err
		}
		if err := c.value(); err != nil {
			return err
		}
		c.path = c.path[:len(c.path)-1]
	}
	_, err := c.decoder.Token()
	return err
}

func (c *jsonChecker) array() error {
	for n := 0; c.decoder.More(); n++ {
		c.path = append(c.path, strconv.Itoa(n))
		if err := c.value(); err != nil {
			return err
		}
		c.path = c.path[:len(c.path)-1]
	}
	_, err := c.decoder.Token()
	return err
}

// text refuses the replacement character: it is what a reader makes of an
// escape that is half a character, and what damaged text is full of.
func (c *jsonChecker) text(s string) error {
	if strings.ContainsRune(s, utf8.RuneError) {
		return c.bad("The text contains something that is not a character.")
	}
	return nil
}

func (c *jsonChecker) number(literal string) error {
	f, err := strconv.ParseFloat(literal, 64)
	whole := !strings.ContainsAny(literal, ".eE")
	if err != nil || whole && (f > maxSafeInteger || f < -maxSafeInteger) {
		return c.bad("The number is too large to be kept exactly.")
	}
	return nil
}

func (c *jsonChecker) bad(detail string) error {
	return badRequest(cut("/"+strings.Join(c.path, "/")), "%s", detail)
}

// explain says where a body stops being JSON without quoting it.
func (c *jsonChecker) explain(err error) error {
	var known *identity.Error
	if errors.As(err, &known) {
		return known
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return badRequest("", "The body is not valid JSON at byte %d.", syntax.Offset)
	}
	return badRequest("", "The body is not valid JSON: it ends too early.")
}
