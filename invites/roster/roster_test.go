package roster_test

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"usher/identity"
	"usher/invites"
	"usher/invites/roster"
)

// readAll reads a file to its end and returns its rows and what ended it.
func readAll(in io.Reader, f roster.Format, o *roster.Options) ([]roster.Row, error) {
	var rows []roster.Row
	for r := roster.NewReader(in, f, o); ; {
		row, err := r.Next()
		if err != nil {
			if _, again := r.Next(); !reflect.DeepEqual(again, err) {
				return rows, fmt.Errorf("after %w comes %w", err, again)
			}
			return rows, err
		}
		rows = append(rows, *row)
	}
}

func request(email string, roles ...string) invites.SendRequest {
	return invites.SendRequest{Email: email, Roles: roles}
}

// mistakes are the rows that are wrong, one a line: number, line, address, field, detail.
func mistakes(t *testing.T, rows []roster.Row) string {
	t.Helper()
	var out strings.Builder
	for _, row := range rows {
		var err *identity.Error
		switch {
		case row.Err == nil:
		case !errors.As(row.Err, &err) || err.Code != identity.CodeInvalidRequest:
			t.Errorf("row %d: %#v", row.Number, row.Err)
		default:
			fmt.Fprintf(&out, "%d %d [%s] %s: %s\n", row.Number, row.Line, row.Request.Email, err.Field, err.Detail)
		}
	}
	return out.String()
}

func full() invites.SendRequest {
	at, notify := time.Date(2030, 1, 31, 12, 0, 0, 0, time.UTC), false
	return invites.SendRequest{
		Email: "jane@example.com", Roles: []string{"member", "admin"}, GivenName: "Jané", FamilyName: "O'Neil, jr", Locale: "en-GB",
		RedirectURL: "https://app.example.com/x", Message: "Hi,\n\"you\"", ExpiresAt: &at, Metadata: map[string]any{"Cost Centre": "=1+1"}, Notify: &notify,
	}
}

func TestEveryField(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		format roster.Format
		text   string
	}{
		"NDJSON": {roster.NDJSON, `{"email":"jane@example.com","roles":["member","admin"],"given_name":"Jané","family_name":"O'Neil, jr","locale":"en-GB",` +
			`"redirect_url":"https://app.example.com/x","message":"Hi,\n\"you\"","expires_at":"2030-01-31T12:00:00Z","metadata":{"Cost Centre":"=1+1"},"notify":false}`},
		"CSV": {roster.CSV, "email,roles,given_name,family_name,locale,redirect_url,message,expires_at,metadata.Cost Centre,notify\r\n" +
			`jane@example.com,"member, admin",Jané,"O'Neil, jr",en-GB,https://app.example.com/x,"Hi,` + "\r\n" + `""you""",2030-01-31T12:00:00Z,=1+1,NO` + "\r\n"},
		"CSV in another order": {roster.CSV, "Notify; EMAIL ;METADATA.Cost Centre;given_name;Family_Name;Role;locale;redirect_url;expires_at;message\n" +
			`0; jane@example.com ;=1+1;Jané;O'Neil, jr;member|admin; en-GB;https://app.example.com/x;2030-01-31T12:00:00Z;"Hi,` + "\n" + `""you"""`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, err := readAll(iotest.OneByteReader(strings.NewReader(tt.text)), tt.format, nil)
			if err != io.EOF || len(rows) != 1 || rows[0].Err != nil || !reflect.DeepEqual(rows[0].Request, full()) {
				t.Errorf("got %+v, %v", rows, err)
			}
		})
	}
}

func TestNotGiven(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		format roster.Format
		text   string
	}{
		"absent":      {roster.NDJSON, `{"roles":["member"],"email":"a@b.example"}`},
		"null":        {roster.NDJSON, `{"email":"a@b.example","roles":["member"],"given_name":null,"family_name":null,"locale":null,"redirect_url":null,"message":null,"expires_at":null,"metadata":null,"notify":null}`},
		"no column":   {roster.CSV, "email\tROLES\na@b.example\tmember"},
		"empty cells": {roster.CSV, "email,roles,given_name,family_name,locale,redirect_url,message,expires_at,metadata.x,notify,\na@b.example,member,\"\",, ,,,,,,"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, err := readAll(strings.NewReader(tt.text), tt.format, nil)
			if err != io.EOF || len(rows) != 1 || rows[0].Err != nil || !reflect.DeepEqual(rows[0].Request, request("a@b.example", "member")) {
				t.Errorf("got %+v, %v", rows, err)
			}
		})
	}
}

// Rows keep their number and their line, whatever lies between them.
func TestNumbersAndLines(t *testing.T) {
	t.Parallel()
	ndjson := func(email string) string { return `{"email":"` + email + `","roles":["member"]}` }
	for name, tt := range map[string]struct {
		format roster.Format
		text   string
		lines  []int
	}{
		"LF":                 {roster.NDJSON, ndjson("1@x.example") + "\n" + ndjson("2@x.example") + "\n", []int{1, 2}},
		"CRLF":               {roster.NDJSON, ndjson("1@x.example") + "\r\n" + ndjson("2@x.example") + "\r\n", []int{1, 2}},
		"CR":                 {roster.NDJSON, ndjson("1@x.example") + "\r" + ndjson("2@x.example") + "\r", []int{1, 2}},
		"no end":             {roster.NDJSON, ndjson("1@x.example") + "\n" + ndjson("2@x.example"), []int{1, 2}},
		"BOM":                {roster.NDJSON, "\ufeff" + ndjson("1@x.example"), []int{1}},
		"blank lines":        {roster.NDJSON, "\n \t\n" + ndjson("1@x.example") + "\r\n\r\n\n" + ndjson("2@x.example") + "\n\n", []int{3, 6}},
		"CSV":                {roster.CSV, "email,role\n1@x.example,member\n2@x.example,member\n", []int{2, 3}},
		"CSV with BOM, CRLF": {roster.CSV, "\ufeffemail,role\r\n1@x.example,member\r\n2@x.example,member", []int{2, 3}},
		"CSV with CR":        {roster.CSV, "email,role\r1@x.example,member\r\r2@x.example,member\r", []int{2, 4}},
		"quoted line breaks": {roster.CSV, "role,message,email\nmember,\"\r\n\n\r\n\",1@x.example\nmember,,2@x.example", []int{2, 6}},
		"blank rows":         {roster.CSV, "\n\nemail,role\n\n,\n1@x.example,member\n,,,,,\n\" \",\n2@x.example,member\n,", []int{6, 9}},
		"UTF-16 LE":          {roster.CSV, utf16("\xff\xfe", "email\trole\r\n1@x.example\tmember\r\n", false), []int{2}},
		"UTF-16 BE":          {roster.CSV, utf16("\xfe\xff", "email,role\r\n1@x.example,member\r\n", true), []int{2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, err := readAll(strings.NewReader(tt.text), tt.format, nil)
			if err != io.EOF || len(rows) != len(tt.lines) {
				t.Fatalf("got %+v, %v", rows, err)
			}
			for n, row := range rows {
				want := request(fmt.Sprintf("%d@x.example", n+1), "member")
				row.Request.Message = ""
				if row.Err != nil || row.Number != n+1 || row.Line != tt.lines[n] || !reflect.DeepEqual(row.Request, want) {
					t.Errorf("got %+v", row)
				}
			}
		})
	}
}

// utf16 encodes a text of characters below 256.
func utf16(mark, text string, bigEndian bool) string {
	var out strings.Builder
	out.WriteString(mark)
	for _, r := range text {
		if bigEndian {
			out.Write([]byte{0, byte(r)})
		} else {
			out.Write([]byte{byte(r), 0})
		}
	}
	return out.String()
}

// What is wrong with a line is that line's; the one behind it is read.
func TestMistakesInNDJSON(t *testing.T) {
	t.Parallel()
	const rest = `,"roles":["member"]`
	for name, tt := range map[string]struct{ line, want string }{
		"not JSON":             {`{"email":secret@example.com}`, "[] : The line is not valid JSON at byte 8."},
		"cut":                  {`{"email":"jane@example.com"`, "[] : The line is not valid JSON: it ends too early."},
		"a list":               {`["secret@example.com"]`, "[] : The line is not a JSON object."},
		"a text":               {`"secret@example.com"`, "[] : The line is not a JSON object."},
		"null":                 {`null`, "[] : The line is not a JSON object."},
		"CSV":                  {`email,roles`, "[] : The line is not valid JSON at byte 1."},
		"two objects":          {`{"email":"jane@example.com"` + rest + `} {}`, "[] : Something follows the JSON value of the line."},
		"a comma behind":       {`{"email":"jane@example.com"` + rest + `},`, "[] : Something follows the JSON value of the line."},
		"not UTF-8":            {"{\"email\":\"jane\xff@example.com\"" + rest + "}", "[] : The line is not valid UTF-8."},
		"a BOM in the middle":  {" \ufeff{}", "[] : The line is not valid JSON at byte 1."},
		"a name twice":         {`{"email":"a@b.example","\u0065mail":"c@d.example"` + rest + `}`, "[] /email: The field is there twice."},
		"another case":         {`{"Email":"secret@example.com"` + rest + `}`, "[] /Email: The field is not known here."},
		"an unknown field":     {`{"email":"jane@example.com","a/b":1,"z":"secret"` + rest + `}`, "[jane@example.com] /a~1b: The field is not known here."},
		"a long unknown field": {`{"email":"jane@example.com","` + strings.Repeat("x", 500) + `":1` + rest + `}`, "[jane@example.com] /" + strings.Repeat("x", 38) + "…: The field is not known here."},
		"a long name twice":    {`{"metadata":{"` + strings.Repeat("x", 500) + `":1e999}}`, "[] /metadata/" + strings.Repeat("x", 29) + "…: The number is too large to be kept exactly."},
		"no address":           {`{"roles":["member"]}`, "[] /email: The e-mail address is missing."},
		"an empty address":     {`{"email":"","roles":["member"]}`, "[] /email: The e-mail address is missing."},
		"a number as address":  {`{"email":1,"roles":["member"]}`, "[] /email: A text is expected here."},
		"no roles":             {`{"email":"jane@example.com"}`, "[jane@example.com] /roles: At least one role is needed."},
		"null as roles":        {`{"email":"jane@example.com","roles":null}`, "[jane@example.com] /roles: At least one role is needed."},
		"an empty list":        {`{"email":"jane@example.com","roles":[]}`, "[jane@example.com] /roles: At least one role is needed."},
		"a text as roles":      {`{"email":"jane@example.com","roles":"member"}`, "[jane@example.com] /roles: A list of roles is expected here."},
		"null as a role":       {`{"email":"jane@example.com","roles":["member",null]}`, "[jane@example.com] /roles/1: A text is expected here."},
		"an object as name":    {`{"email":"jane@example.com","given_name":{}` + rest + `}`, "[jane@example.com] /given_name: A text is expected here."},
		"no time":              {`{"email":"jane@example.com","expires_at":"tomorrow"` + rest + `}`, "[jane@example.com] /expires_at: An RFC 3339 time is expected here, such as 2030-01-31T12:00:00Z."},
		"a date":               {`{"email":"jane@example.com","expires_at":"2030-01-31"` + rest + `}`, "[jane@example.com] /expires_at: An RFC 3339 time is expected here, such as 2030-01-31T12:00:00Z."},
		"a number as time":     {`{"email":"jane@example.com","expires_at":5` + rest + `}`, "[jane@example.com] /expires_at: A text is expected here."},
		"a list as metadata":   {`{"email":"jane@example.com","metadata":[]` + rest + `}`, "[jane@example.com] /metadata: An object is expected here."},
		"yes as notify":        {`{"email":"jane@example.com","notify":"yes"` + rest + `}`, "[jane@example.com] /notify: true or false is expected here."},
		"two mistakes":         {`{"email":"jane@example.com","notify":1,"roles":1}`, "[jane@example.com] /roles: A list of roles is expected here."},
		"too long to show":     {`{"email":"` + strings.Repeat("x", 255) + `"}`, "[] /roles: At least one role is needed."},
		"not fit to show":      {`{"email":"a\u001b[2J@b.example"}`, "[] /roles: At least one role is needed."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, err := readAll(strings.NewReader(tt.line+"\n"+`{"email":"next@example.com","roles":["x"]}`), roster.NDJSON, nil)
			if err != io.EOF || len(rows) != 2 || rows[1].Err != nil || rows[1].Line != 2 {
				t.Fatalf("got %+v, %v", rows, err)
			}
			if got := mistakes(t, rows); got != "1 1 "+tt.want+"\n" {
				t.Errorf("got  %swant 1 1 %s", got, tt.want)
			}
			if rows[0].Request.Roles != nil {
				t.Errorf("got %+v", rows[0].Request)
			}
		})
	}
}

func TestMistakesInCSV(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ row, want string }{
		"short":                   {"jane@example.com,member,", "[jane@example.com] : The row has 3 cells, and the header has 6."},
		"long":                    {"jane@example.com,member,,,,,", "[jane@example.com] : The row has 7 cells, and the header has 6."},
		"short, moved":            {"secret,member", "[] : The row has 2 cells, and the header has 6."},
		"no address":              {" ,member,,,,x", "[] /email: The e-mail address is missing."},
		"no roles":                {`jane@example.com,"| ,",,,,`, "[jane@example.com] /roles: At least one role is needed."},
		"not UTF-8":               {"jane@example.com,member,\xfcmit,,,", "[jane@example.com] /given_name: The cell is not valid UTF-8."},
		"no character":            {"jane@example.com,member,\ufffd,,,", "[jane@example.com] /given_name: The cell contains something that is not a character."},
		"no time":                 {"jane@example.com,member,,31.1.2030,,", "[jane@example.com] /expires_at: An RFC 3339 time is expected here, such as 2030-01-31T12:00:00Z."},
		"perhaps":                 {"jane@example.com,member,,,perhaps,", "[jane@example.com] /notify: true or false is expected here."},
		"metadata":                {"jane@example.com,member,,,,\xff", "[jane@example.com] /metadata/a~1b: The cell is not valid UTF-8."},
		"a quote in a cell":       {`jane@example.com,member,5" pipe,,,`, "[] : The quotes of the row cannot be right: a cell with a quote in it must be quoted, and the quote doubled."},
		"text behind a quote":     {`jane@example.com,"member"x,,,,`, "[] : The quotes of the row cannot be right: something follows the closing quote of a cell."},
		"a blank before a quote":  {`jane@example.com, "member",,,,`, "[] : The quotes of the row cannot be right: a cell with a quote in it must be quoted, and the quote doubled."},
		"a formula as an address": {`"=HYPERLINK(""x"")",member,,soon,,`, `[=HYPERLINK("x")] /expires_at: An RFC 3339 time is expected here, such as 2030-01-31T12:00:00Z.`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := "email,roles,given_name,expires_at,notify,metadata.a/b\n" + tt.row + "\nnext@example.com,x,,,,\n"
			rows, err := readAll(strings.NewReader(text), roster.CSV, nil)
			if err != io.EOF || len(rows) != 2 || rows[1].Err != nil || rows[1].Line != 3 {
				t.Fatalf("got %+v, %v", rows, err)
			}
			if got := mistakes(t, rows); got != "1 2 "+tt.want+"\n" {
				t.Errorf("got  %swant 1 2 %s", got, tt.want)
			}
		})
	}
	rows, err := readAll(strings.NewReader("email,role,\na@b.example,x,y\n"), roster.CSV, nil)
	if got := mistakes(t, rows); err != io.EOF || got != "1 2 [a@b.example] : A cell has something in it whose column has no name.\n" {
		t.Errorf("got %s, %v", got, err)
	}
}

// After these nobody can tell where the next row begins, or what it means.
func TestFilesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	const head, row, object = "email,role\n", "a@b.example,x\n", `{"email":"a@b.example","roles":["x"]}` + "\n"
	notText := "invalid_request: Line 1: the file is not text in UTF-8."
	for name, tt := range map[string]struct {
		format roster.Format
		text   string
		rows   int
		want   string
	}{
		"empty":                      {roster.NDJSON, "", 0, "invalid_request: The file is empty."},
		"empty CSV":                  {roster.CSV, "", 0, "invalid_request: The file is empty."},
		"a mark alone":               {roster.CSV, "\ufeff", 0, "invalid_request: The file is empty."},
		"blank lines":                {roster.NDJSON, "\n \n\r\n", 0, "invalid_request: The file is empty."},
		"blank CSV":                  {roster.CSV, "\n\n", 0, "invalid_request: The file is empty."},
		"a header alone":             {roster.CSV, head + "\n,\n", 0, "invalid_request: The file has no rows below its header."},
		"no header":                  {roster.CSV, "\n" + row + row, 0, `invalid_request at /a@b.example: Line 2: the column "a@b.example" of the header is not known here.`},
		"no address column":          {roster.CSV, "role;locale\n", 0, "invalid_request at /email: Line 1: the file needs a header with a column email."},
		"an unknown column":          {roster.CSV, "email,role,Phone/Fax\n", 0, `invalid_request at /Phone~1Fax: Line 1: the column "Phone/Fax" of the header is not known here.`},
		"a long unknown column":      {roster.CSV, "email," + strings.Repeat("ü", 50) + "\n", 0, "invalid_request at /" + strings.Repeat("ü", 39) + "…: Line 1: the column \"" + strings.Repeat("ü", 39) + "…\" of the header is not known here."},
		"metadata without a key":     {roster.CSV, "email,metadata.\n", 0, `invalid_request at /metadata.: Line 1: the column "metadata." of the header is not known here.`},
		"metadata alone":             {roster.CSV, "email,metadata\n", 0, `invalid_request at /metadata: Line 1: the column "metadata" of the header is not known here.`},
		"a column twice":             {roster.CSV, "email,Role,EMAIL\n", 0, `invalid_request at /EMAIL: Line 1: the column "EMAIL" of the header is there twice.`},
		"role and roles":             {roster.CSV, "email,role,roles\n", 0, `invalid_request at /roles: Line 1: the column "roles" of the header is there twice.`},
		"metadata twice":             {roster.CSV, "email,metadata.a,Metadata.a\n", 0, `invalid_request at /Metadata.a: Line 1: the column "Metadata.a" of the header is there twice.`},
		"quotes in the header":       {roster.CSV, "em\"ail,role\n", 0, "invalid_request: Line 1: the header cannot be read: a cell with a quote in it must be quoted, and the quote doubled."},
		"a header that never ends":   {roster.CSV, "\"email\n", 0, "invalid_request: Line 1: the header cannot be read: a quoted name must end in its line."},
		"a header in Latin-1":        {roster.CSV, "email,metadata.\xfc\n", 0, "invalid_request: Line 1: the header is not text in UTF-8."},
		"JSON as CSV":                {roster.CSV, object, 0, "invalid_request: Line 1: the header cannot be read: a cell with a quote in it must be quoted, and the quote doubled."},
		"a spreadsheet":              {roster.CSV, "PK\x03\x04\x14\x00", 0, "invalid_request: The file is not text. A spreadsheet has to be saved as CSV."},
		"an old spreadsheet":         {roster.CSV, "\xd0\xcf\x11\xe0\xa1", 0, "invalid_request: The file is not text. A spreadsheet has to be saved as CSV."},
		"compressed":                 {roster.NDJSON, "\x1f\x8b\x08\x00", 0, "invalid_request: The file is not text but compressed."},
		"UTF-16 without a mark":      {roster.NDJSON, utf16("", object, false), 0, notText},
		"UTF-32":                     {roster.CSV, "\xff\xfe\x00\x00e\x00\x00\x00", 0, notText},
		"a zero byte":                {roster.NDJSON, object + "\x00", 1, "invalid_request: Line 2: the file is not text in UTF-8."},
		"a quote that never ends":    {roster.CSV, head + row + "\"b@b.example,x\n" + row + row, 1, "invalid_request: Line 3: the row that begins here has a quoted cell that never ends."},
		"rows between two quotes":    {roster.CSV, head + "\"a@b.example,x\n" + row + "c@b.example,\"x\"\n", 0, "invalid_request: Line 2: the quotes of the row that begins here cannot be right: something follows the closing quote of a cell in line 4."},
		"too many rows":              {roster.NDJSON, object + object + object + "\n" + object, 3, "payload_too_large: Line 5: the file has more than 3 rows."},
		"too many wrong rows":        {roster.CSV, head + ",x\n,x\n,x\n,x\n", 3, "payload_too_large: Line 5: the file has more than 3 rows."},
		"a long line":                {roster.NDJSON, object + strings.Repeat("x", 201), 1, "payload_too_large: Line 2: it has more than 200 bytes."},
		"a long header":              {roster.CSV, strings.Repeat("x", 201), 0, "payload_too_large: Line 1: it has more than 200 bytes."},
		"a long quoted cell":         {roster.CSV, head + "\"" + strings.Repeat("x\n", 1000), 0, "payload_too_large: Line 2: the row that begins here has more than 200 bytes: a closing quote may be missing."},
		"many short rows are no one": {roster.CSV, head + row + row + row + strings.Repeat("\n", 500), 3, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, err := readAll(strings.NewReader(tt.text), tt.format, &roster.Options{MaxRows: 3, MaxRowBytes: 200})
			if len(rows) != tt.rows || err == nil || err.Error() != tt.want {
				t.Errorf("got %d rows, %v; want %d, %s", len(rows), err, tt.rows, tt.want)
			}
		})
	}
}

// A file that breaks off has not come to its end.
func TestErrorsOfTheReaderBelow(t *testing.T) {
	t.Parallel()
	cause := errors.New("connection reset")
	for name, tt := range map[string]struct {
		format roster.Format
		text   string
		rows   int
	}{
		"at once":          {roster.NDJSON, "", 0},
		"in the mark":      {roster.CSV, "\xef", 0},
		"in the header":    {roster.CSV, "email,ro", 0},
		"behind CR":        {roster.CSV, "email,role\r", 0},
		"in a row":         {roster.CSV, "email,role\na@b.example,x\nc@d.example,x", 1},
		"in a quote":       {roster.CSV, "email,role\na@b.example,x\n\"c@d", 1},
		"in an object":     {roster.NDJSON, `{"email":"a@b.example","roles":["x"]}` + "\n" + `{"email`, 1},
		"behind an object": {roster.NDJSON, `{"email":"a@b.example","roles":["x"]}`, 0},
	} {
		in := io.MultiReader(strings.NewReader(tt.text), iotest.ErrReader(cause))
		if rows, err := readAll(in, tt.format, nil); err != cause || len(rows) != tt.rows {
			t.Errorf("%s: got %+v, %v", name, rows, err)
		}
	}
}

func TestRolesForRowsWithoutAny(t *testing.T) {
	t.Parallel()
	o := &roster.Options{Roles: []string{"member", "reader"}}
	for format, text := range map[roster.Format]string{
		roster.CSV:    "email,roles\na@b.example,\nc@d.example,admin\n",
		roster.NDJSON: `{"email":"a@b.example"}` + "\n" + `{"email":"c@d.example","roles":["admin"]}`,
	} {
		rows, err := readAll(strings.NewReader(text), format, o)
		if err != io.EOF || len(rows) != 2 || !reflect.DeepEqual(rows[0].Request, request("a@b.example", "member", "reader")) ||
			!reflect.DeepEqual(rows[1].Request, request("c@d.example", "admin")) {
			t.Errorf("got %+v, %v", rows, err)
		}
	}
}

func TestFormatOf(t *testing.T) {
	t.Parallel()
	for contentType, want := range map[string]roster.Format{
		"application/x-ndjson": roster.NDJSON, "application/jsonl": roster.NDJSON, "Application/X-NDJSON; charset=UTF-8": roster.NDJSON,
		"text/csv": roster.CSV, "text/csv; charset=utf-8; header=present": roster.CSV,
		"text/csv; header=absent": "", "text/csv; charset=iso-8859-1": "", "application/json": "", "text/plain": "", "": "", ";;": "",
	} {
		got, err := roster.FormatOf(contentType)
		if got != want || (err == nil) != (want != "") || want == "" && identity.CodeOf(err) != identity.CodeUnsupportedMediaType {
			t.Errorf("%q: got %q, %v", contentType, got, err)
		}
		if want != "" {
			if again, err := roster.FormatOf(got.MediaType()); again != want || err != nil {
				t.Errorf("%s: got %q, %v", got.MediaType(), again, err)
			}
		}
	}
}
