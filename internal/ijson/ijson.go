package ijson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"usher/identity"
)

// maxDepth is how deep a value may nest.
const maxDepth = 20

// maxSafeInteger is the largest integer that every JSON reader keeps exactly
// (RFC 7493 section 2.2).
const maxSafeInteger = 1 << 53

// maxPointerBytes is how much is repeated of names that a caller made up.
const maxPointerBytes = 200

// Check returns an *identity.Error with code invalid_request where text is not
// one I-JSON value. what is what texts for people call it, such as "The body".
func Check(what string, text []byte) error {
	c := &checker{what: what, decoder: json.NewDecoder(bytes.NewReader(text))}
	if !utf8.Valid(text) {
		return c.whole("is not valid UTF-8.")
	}
	c.decoder.UseNumber()
	if err := c.value(); err != nil {
		return c.explain(err)
	}
	if _, err := c.decoder.Token(); !errors.Is(err, io.EOF) {
		return identity.Errorf(identity.CodeInvalidRequest, "Something follows the JSON value of %s.", strings.ToLower(what[:1])+what[1:])
	}
	return nil
}

// Escape makes a name a part of a JSON pointer (RFC 6901).
func Escape(name string) string {
	if !strings.ContainsAny(name, "~/") {
		return name
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// Cut keeps a name that a caller made up, or a pointer with one in it, to a
// length worth repeating.
func Cut(s string) string {
	if len(s) <= maxPointerBytes {
		return s
	}
	return strings.ToValidUTF8(s[:maxPointerBytes], "") + "…"
}

// checker walks through a text once, remembering where it is.
type checker struct {
	what    string
	decoder *json.Decoder
	path    []string
}

func (c *checker) value() error {
	token, err := c.decoder.Token()
	if err != nil {
		return err
	}
	switch t := token.(type) {
	case json.Delim:
		if len(c.path) >= maxDepth {
			return c.whole("nests deeper than %d levels.", maxDepth)
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

func (c *checker) object() error {
	seen := map[string]bool{}
	for c.decoder.More() {
		token, err := c.decoder.Token()
		if err != nil {
			return err
		}
		name, ok := token.(string)
		if !ok {
			return c.whole("is not valid JSON.")
		}
		c.path = append(c.path, Escape(name))
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

func (c *checker) array() error {
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
func (c *checker) text(s string) error {
	if strings.ContainsRune(s, utf8.RuneError) {
		return c.bad("The text contains something that is not a character.")
	}
	return nil
}

func (c *checker) number(literal string) error {
	f, err := strconv.ParseFloat(literal, 64)
	whole := !strings.ContainsAny(literal, ".eE")
	if err != nil || whole && (f > maxSafeInteger || f < -maxSafeInteger) {
		return c.bad("The number is too large to be kept exactly.")
	}
	return nil
}

func (c *checker) bad(detail string) error {
	return identity.FieldError(identity.CodeInvalidRequest, Cut("/"+strings.Join(c.path, "/")), "%s", detail)
}

func (c *checker) whole(format string, args ...any) error {
	return identity.Errorf(identity.CodeInvalidRequest, "%s %s", c.what, fmt.Sprintf(format, args...))
}

// explain says where a text stops being JSON without quoting it.
func (c *checker) explain(err error) error {
	var known *identity.Error
	if errors.As(err, &known) {
		return known
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return c.whole("is not valid JSON at byte %d.", syntax.Offset)
	}
	return c.whole("is not valid JSON: it ends too early.")
}
