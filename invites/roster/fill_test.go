package roster_test

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"usher/identity"
	"usher/invites/roster"
)

func TestFill(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		format     roster.Format
		text, want string
	}{
		"NDJSON": {
			roster.NDJSON,
			"\ufeff\r\n" + `{"email":"a@b.example"}` + "\r\n\n" + `{"email":"c@d.example","roles":["x"]}` + "\nnonsense\n" + `{"email":"e@f.example","roles":null}` + "\n" + `{"roles":[]}`,
			"\n" + `{"email":"a@b.example","roles":["m","n"]}` + "\n\n" + `{"email":"c@d.example","roles":["x"]}` + "\nnonsense\n" + `{"email":"e@f.example","roles":["m","n"]}` + "\n" + `{"roles":["m","n"]}` + "\n",
		},
		"CSV without a column": {
			roster.CSV, "\nemail;message\r\na@b.example;\"x\r\ny\"\r\n;\n\xff;\n" + `5" pipe;` + "\n",
			"\nemail;message;roles\na@b.example;\"x\ny\";\"m|n\"\n\n\xff;;\"m|n\"\n" + `5" pipe;;"m|n"` + "\n",
		},
		"CSV with a column": {
			roster.CSV, "Role,email,message\n,a@b.example,\"x\n\"\"\"\nx,c@d.example,\n| ,e@f.example,\n,short\n",
			"Role,email,message\n\"m|n\",\"a@b.example\",\"x\n\"\"\"\nx,c@d.example,\n\"m|n\",\"e@f.example\",\"\"\n,short\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := roster.Fill(&out, strings.NewReader(tt.text), tt.format, &roster.Options{Roles: []string{"m", "n"}}); err != nil || out.String() != tt.want {
				t.Errorf("got %v,\n%q, want\n%q", err, out.String(), tt.want)
			}
		})
	}
	err := roster.Fill(io.Discard, strings.NewReader("email\n"), roster.CSV, nil)
	if identity.CodeOf(err) != identity.CodeInvalidRequest {
		t.Errorf("got %v", err)
	}
	full := errors.New("disk full")
	if err := roster.Fill(broken{full}, strings.NewReader("email\na@b.example\n"), roster.CSV, nil); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

type broken struct{ err error }

func (b broken) Write([]byte) (int, error) { return 0, b.err }

// A filled file reads like the file itself with the same roles as an option,
// whatever is wrong with it.
func TestFillChangesNothingElse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		requests := requests(t)
		for n := range requests {
			if rapid.Bool().Draw(t, "without roles") {
				requests[n].Roles = nil
			}
		}
		format, text := roster.NDJSON, ndjsonOf(requests)
		if rapid.Bool().Draw(t, "csv") {
			format, text = roster.CSV, csvOf(requests, rapid.SampledFrom([]rune(",;\t")).Draw(t, "comma"), rapid.Bool().Draw(t, "crlf"))
		}
		if rapid.Bool().Draw(t, "spoil") {
			at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
			text = slices.Insert(text, at, []byte(rapid.SampledFrom([]string{"\n", `"`, ",", "\xff", "x", "\r"}).Draw(t, "with"))...)
		}
		o := &roster.Options{Roles: []string{"m"}}
		want, wantErr := readAll(bytes.NewReader(text), format, o)
		var out bytes.Buffer
		err := roster.Fill(&out, bytes.NewReader(text), format, o)
		if wantErr != io.EOF {
			if !reflect.DeepEqual(err, wantErr) {
				t.Fatalf("got %v, want %v", err, wantErr)
			}
			return
		}
		got, gotErr := readAll(&out, format, nil)
		if err != nil || gotErr != io.EOF || len(got) != len(want) {
			t.Fatalf("%v, %v, %d rows, want %d, of\n%s", err, gotErr, len(got), len(want), text)
		}
		for n := range want {
			a, b := got[n], want[n]
			if (a.Err == nil) != (b.Err == nil) || a.Number != b.Number || a.Line != b.Line || b.Err == nil && !reflect.DeepEqual(a.Request, b.Request) {
				t.Fatalf("got  %+v\nwant %+v\nof\n%s", a, b, text)
			}
		}
	})
}

// A row that has no room for roles is wrong by itself: the file can be read as before.
func TestFillOfLongRows(t *testing.T) {
	t.Parallel()
	note := func(n int, with string) string { return strings.Repeat(with, n-len(with)) }
	for name, tt := range map[string]struct {
		format   roster.Format
		row      string
		mistaken bool
	}{
		"NDJSON":                    {roster.NDJSON, `{"email":"a@b.example","message":"` + note(roster.DefaultMaxRowBytes-36, "x") + `"}`, true},
		"NDJSON with signs of HTML": {roster.NDJSON, `{"email":"a@b.example","message":"` + note(roster.DefaultMaxRowBytes/2, "&") + `"}`, false},
		"CSV":                       {roster.CSV, "a@b.example," + note(roster.DefaultMaxRowBytes-12, "x"), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := tt.row + "\n"
			if tt.format == roster.CSV {
				text = "email,message\n" + text
			}
			o := &roster.Options{Roles: []string{"member"}}
			if _, err := readAll(strings.NewReader(text), tt.format, o); err != io.EOF {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := roster.Fill(&out, strings.NewReader(text), tt.format, o); err != nil {
				t.Fatal(err)
			}
			rows, err := readAll(&out, tt.format, nil)
			if err != io.EOF || len(rows) != 1 || (rows[0].Err != nil) != tt.mistaken {
				t.Errorf("%d rows, %v", len(rows), err)
			}
		})
	}
}
