package ijson_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"usher/identity"
	"usher/internal/ijson"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, field, detail string }{
		"a value of every kind":  {`{"a":[1,-0.5,1e3,true,null,"x\n",{"b":{}}],"A":""}`, "", ""},
		"blanks around":          {" \r\n{ \"a\" : 1 }\t\n", "", ""},
		"the largest integers":   {`[9007199254740992,-9007199254740992]`, "", ""},
		"a surrogate pair":       {`"\ud83d\ude00"`, "", ""},
		"nothing":                {"", "", "The line is not valid JSON: it ends too early."},
		"cut":                    {`{"a":`, "", "The line is not valid JSON: it ends too early."},
		"no JSON":                {`{"a":secret}`, "", "The line is not valid JSON at byte 4."},
		"two values":             {`{} {}`, "", "Something follows the JSON value of the line."},
		"rubbish behind":         {`{}x`, "", "Something follows the JSON value of the line."},
		"a byte order mark":      {"\ufeff{}", "", "The line is not valid JSON at byte 1."},
		"not UTF-8":              {"\"\xff\"", "", "The line is not valid UTF-8."},
		"a name twice":           {`{"a":{"b/c":1,"b/c":2}}`, "/a/b~1c", "The field is there twice."},
		"a name twice, escaped":  {`{"a":1,"\u0061":2}`, "/a", "The field is there twice."},
		"half a character":       {`{"a":[0,"\ud800"]}`, "/a/1", "The text contains something that is not a character."},
		"half a one in a name":   {`{"\udc00":1}`, "/\ufffd", "The text contains something that is not a character."},
		"too large an integer":   {`{"a":9007199254740994}`, "/a", "The number is too large to be kept exactly."},
		"too large a number":     {`{"a":1e999}`, "/a", "The number is too large to be kept exactly."},
		"as deep as can be":      {strings.Repeat("[", 20) + strings.Repeat("]", 20), "", ""},
		"too deep":               {strings.Repeat(`[`, 21) + strings.Repeat(`]`, 21), "", "The line nests deeper than 20 levels."},
		"far too deep":           {strings.Repeat(`{"a":`, 100_000), "", "The line nests deeper than 20 levels."},
		"a long name that fails": {`{"` + strings.Repeat("ü", 200) + `":1e999}`, "/" + strings.Repeat("ü", 99) + "…", "The number is too large to be kept exactly."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := ijson.Check("The line", []byte(tt.text))
			if tt.detail == "" {
				if err != nil {
					t.Errorf("got %v", err)
				}
				return
			}
			var got *identity.Error
			want := identity.Error{Code: identity.CodeInvalidRequest, Field: tt.field, Detail: tt.detail}
			if !errors.As(err, &got) || !reflect.DeepEqual(*got, want) {
				t.Errorf("got %#v, want %#v", got, want)
			}
		})
	}
}

// What passes decodes, and encodes and decodes to the same again.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5,"x",null,true,{"b":{}}]}`, `{"a":1,"a":2}`, `"\ud800"`, "\xff", `[[[[[[]]]]]]`, `9007199254740993`, `{}{}`, ``} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		err := ijson.Check("The text", text)
		var known *identity.Error
		if err != nil {
			if !errors.As(err, &known) || known.Detail == "" || len(known.Field) > 210 {
				t.Fatalf("%#v", err)
			}
			return
		}
		var first, second any
		if err := json.Unmarshal(text, &first); err != nil {
			t.Fatalf("passes and does not decode: %v", err)
		}
		again, err := json.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(again, &second); err != nil || !reflect.DeepEqual(first, second) {
			t.Fatalf("%q became %q", text, again)
		}
	})
}
