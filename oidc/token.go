package oidc

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

const (
	maxToken = 16 << 10 // bytes of a bearer token; Authenticate enforces it
	maxKeyID = 256      // bytes of a kid
	maxDepth = 16       // levels of JSON
)

// token is a bearer token that has the right form. Nothing in it is verified.
type token struct {
	raw     string
	header  header
	payload []byte
	claims  map[string]any // numbers are json.Number
}

// header is what is used of the JOSE header. jwk, jku, x5c and x5u are not:
// keys come from the issuer alone.
type header struct{ alg, kid, typ string }

// parseToken reads a compact JWS (RFC 7515 section 7.1) with JSON claims. It
// takes no spelling but the canonical one, so that one token is one string.
func parseToken(raw string) (*token, *refusal) {
	if raw == "" {
		return nil, refuse(reasonMissing, "no bearer token")
	}
	parts := strings.Split(raw, ".")
	switch {
	case len(parts) == 5:
		return nil, refuse(reasonMalformed, "the token is encrypted")
	case len(parts) != 3:
		return nil, refuse(reasonMalformed, "the token has %d parts", len(parts))
	}
	var decoded [3][]byte
	for i, part := range parts {
		b, err := decodePart(part)
		if err != nil {
			return nil, refuse(reasonMalformed, "part %d of the token: %w", i+1, err)
		}
		decoded[i] = b
	}
	fields, err := decodeObject(decoded[0])
	if err != nil {
		return nil, refuse(reasonMalformed, "header: %w", err)
	}
	t := &token{raw: raw, payload: decoded[1]}
	if t.header, err = readHeader(fields); err != nil {
		return nil, refuse(reasonMalformed, "header: %w", err)
	}
	if t.claims, err = decodeObject(t.payload); err != nil {
		return nil, refuse(reasonMalformed, "claims: %w", err)
	}
	return t, nil
}

// decodePart decodes base64url without padding, and nothing else: the standard
// decoder would skip line breaks and, unless strict, ignore trailing bits.
func decodePart(s string) ([]byte, error) {
	if s == "" {
		return nil, errors.New("is empty")
	}
	if strings.ContainsAny(s, "\r\n") {
		return nil, errors.New("contains a line break")
	}
	return base64.RawURLEncoding.Strict().DecodeString(s)
}

func readHeader(fields map[string]any) (header, error) {
	for _, name := range []string{"crit", "b64", "zip", "enc"} {
		if _, ok := fields[name]; ok {
			return header{}, errors.New(name + " is not supported")
		}
	}
	if cty, ok := fields["cty"].(string); ok && normalType(cty) == "jwt" {
		return header{}, errors.New("a nested token is not supported")
	}
	var h header
	for _, f := range []struct {
		name string
		to   *string
	}{{"alg", &h.alg}, {"kid", &h.kid}, {"typ", &h.typ}} {
		v, ok := fields[f.name]
		if !ok {
			continue
		}
		if *f.to, ok = v.(string); !ok {
			return header{}, errors.New(f.name + " is not a string")
		}
	}
	switch {
	case h.alg == "":
		return header{}, errors.New("alg is missing")
	case len(h.kid) > maxKeyID:
		return header{}, errors.New("kid is too long")
	case strings.ContainsFunc(h.kid, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return header{}, errors.New("kid contains a control character")
	}
	return h, nil
}

// normalType returns a media type as types are compared: without case and
// without the application/ that RFC 7515 section 4.1.9 lets one leave out.
func normalType(s string) string {
	return strings.TrimPrefix(strings.ToLower(s), "application/")
}

// decodeObject decodes one JSON object and nothing after it. A member named
// twice, on any level, is an error: two readers might take different ones.
func decodeObject(b []byte) (map[string]any, error) {
	if !utf8.Valid(b) {
		return nil, errors.New("is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil {
		return nil, err
	}
	if object == nil {
		return nil, errors.New("is not a JSON object")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("is followed by something else")
	}
	kept, deepest := members(object, 1)
	switch {
	case deepest > maxDepth:
		return nil, errors.New("is nested too deeply")
	case kept != written(b):
		return nil, errors.New("names a member twice")
	}
	return object, nil
}

// members counts the members of all objects in v, and how deep it goes.
func members(v any, depth int) (n, deepest int) {
	deepest = depth
	add := func(child any) {
		m, d := members(child, depth+1)
		n, deepest = n+m, max(deepest, d)
	}
	switch v := v.(type) {
	case map[string]any:
		n = len(v)
		for _, child := range v {
			add(child)
		}
	case []any:
		for _, child := range v {
			add(child)
		}
	default:
		deepest--
	}
	return n, deepest
}

// written counts the members of all objects in a text that is known to be
// JSON: its colons outside strings. If more are written than were kept, some
// had the same name.
func written(text []byte) int {
	n, inString := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			inString = !inString
		case c == '\\' && inString:
			i++
		case c == ':' && !inString:
			n++
		}
	}
	return n
}
