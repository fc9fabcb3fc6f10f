package roster_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
	"pgregory.net/rapid"

	"usher/identity"
	"usher/invites"
	"usher/invites/roster"
)

// line is a row as a program writes it.
type line struct {
	Email       string         `json:"email"`
	Roles       []string       `json:"roles"`
	GivenName   string         `json:"given_name,omitempty"`
	FamilyName  string         `json:"family_name,omitempty"`
	Locale      string         `json:"locale,omitempty"`
	RedirectURL string         `json:"redirect_url,omitempty"`
	Message     string         `json:"message,omitempty"`
	ExpiresAt   *time.Time     `json:"expires_at,omitempty"`
	Metadata    map[string]any `json:"metadata,omitempty"`
	Notify      *bool          `json:"notify,omitempty"`
}

func lineOf(q invites.SendRequest) line {
	return line{q.Email, q.Roles, q.GivenName, q.FamilyName, q.Locale, q.RedirectURL, q.Message, q.ExpiresAt, q.Metadata, q.Notify}
}

func ndjsonOf(requests []invites.SendRequest) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	for _, q := range requests {
		if err := encoder.Encode(lineOf(q)); err != nil {
			panic(err)
		}
	}
	return out.Bytes()
}

// keys are those of the metadata columns that csvOf writes.
var keys = []string{"team", "Team", "cost centre", "a.b", "=x"}

func csvOf(requests []invites.SendRequest, comma rune, crlf bool) []byte {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	w.Comma, w.UseCRLF = comma, crlf
	header := []string{"notify", "expires_at", "email", "roles", "given_name", "family_name", "locale", "redirect_url", "message"}
	for _, key := range keys {
		header = append(header, "metadata."+key)
	}
	table := [][]string{header}
	for _, q := range requests {
		notify, at := "", ""
		if q.Notify != nil {
			notify = fmt.Sprint(*q.Notify)
		}
		if q.ExpiresAt != nil {
			at = q.ExpiresAt.Format(time.RFC3339Nano)
		}
		cells := []string{notify, at, q.Email, strings.Join(q.Roles, "|"), q.GivenName, q.FamilyName, q.Locale, q.RedirectURL, q.Message}
		for _, key := range keys {
			text, _ := q.Metadata[key].(string)
			cells = append(cells, text)
		}
		table = append(table, cells)
	}
	if err := w.WriteAll(table); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// requests draws what both formats can say.
func requests(t *rapid.T) []invites.SendRequest {
	word := rapid.StringMatching(`[a-z0-9._+-]{1,12}`)
	text := rapid.OneOf(rapid.Just(""), rapid.StringMatching(`[ -~äß語😀",;\t\n=|]{0,20}[a-z"]`))
	one := rapid.Custom(func(t *rapid.T) invites.SendRequest {
		q := invites.SendRequest{
			Email: word.Draw(t, "local") + "@" + word.Draw(t, "domain"), Roles: rapid.SliceOfN(word, 1, 4).Draw(t, "roles"),
			GivenName: text.Draw(t, "given"), FamilyName: text.Draw(t, "family"), Message: text.Draw(t, "message"),
			Locale: rapid.SampledFrom([]string{"", "de-AT"}).Draw(t, "locale"), RedirectURL: rapid.SampledFrom([]string{"", "https://a.example/?b=c,d;e"}).Draw(t, "url"),
		}
		if rapid.Bool().Draw(t, "expires") {
			at := time.Unix(rapid.Int64Range(0, 1<<35).Draw(t, "at"), 0).UTC()
			q.ExpiresAt = &at
		}
		if notify := rapid.SampledFrom([]string{"", "true", "false"}).Draw(t, "notify"); notify != "" {
			value := notify == "true"
			q.Notify = &value
		}
		for _, key := range keys {
			if value := text.Draw(t, key); value != "" {
				if q.Metadata == nil {
					q.Metadata = map[string]any{}
				}
				q.Metadata[key] = value
			}
		}
		return q
	})
	return rapid.SliceOfN(one, 1, 8).Draw(t, "requests")
}

// What is written is what is read, in every way of writing it.
func TestWriteAndRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := requests(t)
		format, text := roster.NDJSON, ndjsonOf(want)
		if rapid.Bool().Draw(t, "csv") {
			format = roster.CSV
			text = csvOf(want, rapid.SampledFrom([]rune(",;\t")).Draw(t, "comma"), rapid.Bool().Draw(t, "crlf"))
		}
		var err error
		switch rapid.SampledFrom([]string{"", "mark", "utf-16"}).Draw(t, "encoding") {
		case "mark":
			text = append([]byte("\ufeff"), text...)
		case "utf-16":
			if text, err = unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().Bytes(text); err != nil {
				t.Fatal(err)
			}
		}
		rows, err := readAll(bytes.NewReader(text), format, nil)
		if err != io.EOF || len(rows) != len(want) {
			t.Fatalf("got %d of %d rows of\n%s\n%v", len(rows), len(want), text, err)
		}
		for n, row := range rows {
			if row.Err != nil || row.Number != n+1 || !reflect.DeepEqual(row.Request, want[n]) {
				t.Fatalf("got  %+v\nwant %+v", row, want[n])
			}
		}
	})
}

// Of a file that ends anywhere, nothing but the last row is lost or changed.
func TestFilesThatAreCut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := requests(t)
		format, text := roster.NDJSON, ndjsonOf(want)
		if rapid.Bool().Draw(t, "csv") {
			format, text = roster.CSV, csvOf(want, ',', false)
		}
		text = text[:rapid.IntRange(0, len(text)).Draw(t, "length")]
		rows, _ := readAll(bytes.NewReader(text), format, nil)
		for n, row := range rows {
			if n < len(rows)-1 && !reflect.DeepEqual(row.Request, want[n]) {
				t.Fatalf("row %d of %d: got  %+v\nwant %+v", n, len(rows), row, want[n])
			}
		}
	})
}

// checkRead holds the reading of any bytes to what callers build on.
func checkRead(t *testing.T, text []byte, format roster.Format) []roster.Row {
	rows, end := readAll(bytes.NewReader(text), format, &roster.Options{MaxRows: 50, MaxRowBytes: 500})
	var known *identity.Error
	switch end := end.(type) {
	case *identity.Error:
		known = end
	default:
		if end != io.EOF || len(rows) == 0 {
			t.Fatalf("%d rows end with %v", len(rows), end)
		}
	}
	if known != nil && (known.Code != identity.CodeInvalidRequest && known.Code != identity.CodePayloadTooLarge || !strings.HasSuffix(known.Detail, ".")) {
		t.Fatalf("the file: %#v", known)
	}
	before := 0
	for n, row := range rows {
		if row.Number != n+1 || row.Line <= before || len(rows) > 50 {
			t.Fatalf("row %d: %+v after line %d", n, row, before)
		}
		before = row.Line
		if !utf8.ValidString(row.Request.Email) || strings.ContainsRune(row.Request.Email, 0) {
			t.Fatalf("the address %q", row.Request.Email)
		}
		if row.Err == nil {
			if row.Request.Email == "" || len(row.Request.Roles) == 0 {
				t.Fatalf("%+v", row)
			}
			continue
		}
		err, ok := row.Err.(*identity.Error)
		if !ok || err.Code != identity.CodeInvalidRequest || err.Detail == "" || utf8.RuneCountInString(err.Field) > 40 || len(err.Detail) > 150 {
			t.Fatalf("row %d: %#v", row.Number, row.Err)
		}
	}
	return rows
}

// checkAgain holds what was read to what comes back when it is written.
func checkAgain(t *testing.T, rows []roster.Row) {
	var good []invites.SendRequest
	for _, row := range rows {
		if row.Err == nil {
			good = append(good, row.Request)
		}
	}
	if len(good) == 0 {
		return
	}
	again, err := readAll(bytes.NewReader(ndjsonOf(good)), roster.NDJSON, nil)
	if err != io.EOF || len(again) != len(good) {
		t.Fatalf("got %d of %d rows, %v", len(again), len(good), err)
	}
	for n := range good {
		if a, b := ndjsonOf(good[n:n+1]), ndjsonOf([]invites.SendRequest{again[n].Request}); again[n].Err != nil || !bytes.Equal(a, b) {
			t.Fatalf("%s became %s, %v", a, b, again[n].Err)
		}
	}
}

func FuzzNDJSON(f *testing.F) {
	for _, seed := range []string{
		`{"email":"a@b.example","roles":["x"],"metadata":{"a":1}}` + "\n\n" + `{"email":"a@b.example","roles":["x"],"notify":null}`,
		"\ufeff{}\r\n[]\r{\"a\":1,\"a\":2}", "\xff\xfe{\x00}\x00", "{\"email\":\"\xff\"}", "PK\x03\x04", "\x00",
		`{"email":"a@b.example","roles":["x"],"expires_at":"2030-01-31T12:00:00.5+01:00"}`, strings.Repeat("{}\n", 60), strings.Repeat("[", 600),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) { checkAgain(t, checkRead(t, text, roster.NDJSON)) })
}

func FuzzCSV(f *testing.F) {
	for _, seed := range []string{
		"email,roles,metadata.x,expires_at,notify\na@b.example,\"x,y\",\"\"\"\n\",2030-01-31T12:00:00Z,yes\n", "email;role\r\na@b.example;x\r;;\r\n",
		"\xff\xfee\x00m\x00a\x00i\x00l\x00\n\x00a\x00@\x00", "\ufeffEMAIL\trole\na\tb\tc", "email\n\"a\n\"b", "email,role\n\xff,x\n=cmd|' /C calc'!A0,x", "email,,\n,,",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) { checkAgain(t, checkRead(t, text, roster.CSV)) })
}

// generated is a file of n rows that is never in memory as a whole.
type generated struct {
	format roster.Format
	rows   int
	made   int
	rest   []byte
}

func (g *generated) Read(p []byte) (int, error) {
	if len(g.rest) == 0 {
		if g.made > g.rows {
			return 0, io.EOF
		}
		switch {
		case g.format == roster.NDJSON && g.made > 0:
			g.rest = fmt.Appendf(nil, `{"email":"person.%d@example.com","roles":["member"],"given_name":"P","metadata":{"team":"t%d"}}`+"\n", g.made, g.made)
		case g.format == roster.CSV && g.made > 0:
			g.rest = fmt.Appendf(nil, "person.%d@example.com,member,P,t%d\n", g.made, g.made)
		case g.format == roster.CSV:
			g.rest = []byte("email,roles,given_name,metadata.team\n")
		}
		g.made++
		return g.Read(p)
	}
	n := copy(p, g.rest)
	g.rest = g.rest[n:]
	return n, nil
}

// drain reads a file of so many rows and returns the most heap that was live
// along the way.
func drain(t testing.TB, format roster.Format, rows int, measure bool) (most uint64) {
	r := roster.NewReader(&generated{format: format, rows: rows}, format, &roster.Options{MaxRows: rows})
	for n := 0; ; n++ {
		row, err := r.Next()
		if err == io.EOF && n == rows {
			return most
		}
		if err != nil || row.Err != nil {
			t.Fatalf("row %d: %v, %+v", n, err, row)
		}
		if measure && n%(rows/10) == 0 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
	}
}

// Reading a hundred thousand rows holds no more than reading one. It is alone
// in the process while it measures.
func TestMemory(t *testing.T) {
	for _, format := range []roster.Format{roster.NDJSON, roster.CSV} {
		var before runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		const bound = 1 << 20
		if most := drain(t, format, roster.DefaultMaxRows, true); most > before.HeapAlloc+bound {
			t.Errorf("%s: %d bytes more are live than before", format, most-before.HeapAlloc)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	for _, format := range []roster.Format{roster.NDJSON, roster.CSV} {
		b.Run(string(format), func(b *testing.B) {
			b.ReportAllocs()
			drain(b, format, b.N, false)
		})
	}
}
