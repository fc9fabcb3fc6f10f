package oidc

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// Whatever is presented, it is refused or it is the one spelling of a token.
func FuzzToken(f *testing.F) {
	f.Add(compact([]byte(`{"alg":"RS256","kid":"k","typ":"at+jwt"}`), []byte(`{"iss":"https://issuer.example","sub":"a"}`), func([]byte) []byte { return []byte("x") }))
	a, err := New([]IssuerConfig{{Name: "i", Issuer: "https://issuer.example", JWKSURL: "http://127.0.0.1:1/jwks", Audiences: []string{"a"}}}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = a.Close() })
	f.Add(sealedWith(nileHeader, ""))
	f.Fuzz(func(t *testing.T, raw string) {
		if p, err := a.Authenticate(t.Context(), raw); err == nil || p != nil {
			t.Fatalf("accepted: %+v", p)
		}
		parsed, refused := parseToken(raw)
		if refused != nil {
			return
		}
		if s := shapeOf(raw); s != shapeOther {
			t.Errorf("%q is a JWT, and of shape %d", raw, s)
		}
		parts := strings.Split(raw, ".")
		head, err := decodePart(parts[0])
		if err != nil {
			t.Fatal(err)
		}
		if parts[0] != encode(head) || parts[1] != encode(parsed.payload) {
			t.Errorf("%q has another spelling", raw)
		}
		if strings.ContainsAny(raw, " =\r\n\t+/") || parsed.header.alg == "" || len(parsed.header.kid) > maxKeyID {
			t.Errorf("%q should not do", raw)
		}
	})
}

// decodeObject agrees with a reader that takes the text token by token and
// minds every name; and nothing that is done with claims minds what they are.
func FuzzClaims(f *testing.F) {
	f.Add([]byte(`{"sub":"a","exp":1,"aud":["x"],"org_id":{"id":[1]},"scope":"a b","roles":["r"],"aut":"APPLICATION"}`))
	m, err := newMapping(asgardeoConfig().withDefaults(), []string{"c"})
	if err != nil {
		f.Fatal(err)
	}
	p := newPolicy(asgardeoConfig().withDefaults())
	now := time.Unix(1900000000, 0)
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decodeObject(b)
		want, wantErr := slowObject(b)
		if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(got, want) {
			t.Fatalf("%q is %v (%v), read slowly %v (%v)", b, got, err, want, wantErr)
		}
		if err != nil {
			return
		}
		_ = p.check(&token{header: header{alg: "RS256", typ: "at+jwt"}, claims: got}, now)
		if m.principal(got, now) == nil {
			t.Error("no principal")
		}
	})
}

func FuzzPath(f *testing.F) {
	f.Add(`a.b\.c`)
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePath(s)
		if err != nil || p == nil {
			return
		}
		escape := strings.NewReplacer(`\`, `\\`, `.`, `\.`)
		var names []string
		for _, name := range p {
			if name == "" {
				t.Errorf("%q has an empty name", s)
			}
			names = append(names, escape.Replace(name))
		}
		if again := strings.Join(names, "."); again != s && again != noClaim {
			t.Errorf("%q reads as %q", s, again)
		}
	})
}

func slowObject(b []byte) (map[string]any, error) {
	if !utf8.Valid(b) {
		return nil, errors.New("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	v, err := slowValue(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more")
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("not an object")
	}
	return object, nil
}

func slowValue(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	open, ok := t.(json.Delim)
	if !ok {
		return t, nil
	}
	if depth++; depth > maxDepth {
		return nil, errors.New("too deep")
	}
	object, list := map[string]any{}, []any{}
	for d.More() {
		var name string
		if open == '{' {
			t, err := d.Token()
			if err != nil {
				return nil, err
			}
			if name, ok = t.(string); !ok {
				return nil, errors.New("no name")
			}
			if _, ok := object[name]; ok {
				return nil, errors.New("twice")
			}
		}
		v, err := slowValue(d, depth)
		if err != nil {
			return nil, err
		}
		if open == '{' {
			object[name] = v
		} else {
			list = append(list, v)
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if open == '{' {
		return object, nil
	}
	return list, nil
}
