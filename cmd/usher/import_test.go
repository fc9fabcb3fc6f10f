package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"usher/api"
	"usher/identity"
)

// batchText is a batch as a gateway tells it.
func batchText(state, counts string) string {
	return fmt.Sprintf(`{"id":"bat_1","organization_id":"org_1","state":%q,"counts":{%s},"estimated_finish_at":null}`, state, counts)
}

// batchIs answers with a batch, and that it may be asked about again at once.
func batchIs(status int, state, counts string) answer {
	return answer{status: status, body: batchText(state, counts), header: map[string]string{"Retry-After": "0"}}
}

func itemsAre(next string, items ...string) answer {
	return answer{status: 200, body: `{"data":[` + strings.Join(items, ",") + `],"next_cursor":` + next + `}`}
}

const (
	sentItem   = `{"row":1,"line":2,"email":"a@b.example","outcome":"sent","code":null,"field":null,"detail":null,"invite_id":"inv_1"}`
	failedItem = `{"row":2,"line":3,"email":"=cmd|'x'!A0","outcome":"failed","code":"invalid_request","field":"/email","detail":"Why, so.","invite_id":null}`
	twoRows    = "email,role\na@b.example,member\nc@d.example,member\n"
)

// fileOf writes a file to import.
func fileOf(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestImport(t *testing.T) {
	t.Parallel()
	f, url := serve(t, batchIs(202, "running", `"rows":2,"queued":2`), batchIs(200, "running", `"rows":2,"queued":1,"sent":1`),
		batchIs(200, "done", `"rows":2,"sent":1,"skipped":1`))
	got := usherAt(t, url, "", "invite", "import", fileOf(t, "team.csv", twoRows))
	want := result{
		0, "batch bat_1: 2 rows\ndone: 2 rows, 1 sent, 1 skipped\n",
		"running 0%: 2 rows, 2 queued\nrunning 50%: 2 rows, 1 sent, 1 queued\ndone 100%: 2 rows, 1 sent, 1 skipped\n",
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	calls := f.seen()
	key := calls[0].key
	ask := call{"GET", "/v1/organizations/acme/invite-batches/bat_1", "", "Bearer tok-123", ""}
	if want := []call{{"POST", "/v1/organizations/acme/invite-batches", key, "Bearer tok-123", twoRows}, ask, ask}; !reflect.DeepEqual(calls, want) {
		t.Errorf("asked %+v", calls)
	}
}

// One file for one organization has one key, whoever runs the command again.
func TestImportKey(t *testing.T) {
	t.Parallel()
	path := fileOf(t, "team.csv", twoRows)
	key := func(stdin string, args ...string) string {
		t.Helper()
		f, url := serve(t, batchIs(202, "running", `"rows":2`))
		if got := usherAt(t, url, stdin, append([]string{"invite", "import", "--no-wait"}, args...)...); got.code != 0 {
			t.Fatalf("got %+v", got)
		}
		return f.seen()[0].key
	}
	first := key("", path)
	if again, moved := key("", path), key(twoRows, "-"); first != again || first != moved || !strings.HasPrefix(first, "imp_") || len(first) != 68 {
		t.Errorf("the keys are %s, %s, %s", first, again, moved)
	}
	if mine := key("", path, "--key", "mine"); mine != "mine" {
		t.Errorf("got %s", mine)
	}
	seen := map[string]bool{first: true}
	for _, other := range []string{
		key("", path, "-o", "other"), key(twoRows+"e@f.example,member\n", "-"), key(twoRows+"e@f.example,\n", "-", "--role", "x"), key(twoRows+"e@f.example,\n", "-", "--role", "y"),
	} {
		if seen[other] {
			t.Error("another import has the same key")
		}
		seen[other] = true
	}
}

// Lost answers and a gateway that is away are waited for; the file goes out
// under the same key.
func TestImportThroughTrouble(t *testing.T) {
	t.Parallel()
	busy := problem(identity.CodeProviderUnavailable, 503)
	busy.header = map[string]string{"Retry-After": "0"}
	f, url := serve(t, answer{cut: true}, batchIs(202, "running", `"rows":1,"queued":1`),
		answer{cut: true}, answer{cut: true}, answer{cut: true}, busy, busy, busy, problem(identity.CodeRateLimited, 429),
		batchIs(200, "done", `"rows":1,"sent":1`))
	got := usherAt(t, url, "", "invite", "import", fileOf(t, "team.csv", twoRows))
	if got.code != 0 || !strings.HasSuffix(got.stdout, "done: 1 rows, 1 sent\n") {
		t.Errorf("got %+v", got)
	}
	calls := f.seen()
	if len(calls) != 10 || calls[0] != calls[1] || calls[0].key == "" || calls[0].body != twoRows {
		t.Errorf("asked %+v", calls)
	}
	_, url = serve(t, batchIs(202, "running", `"rows":1,"queued":1`), problem(identity.CodeNotFound, 404))
	if got := usherAt(t, url, "", "invite", "import", fileOf(t, "team.csv", twoRows)); got.code != exitNotFound {
		t.Errorf("got %+v", got)
	}
	_, url = serve(t, batchIs(202, "running", `"rows":1,"queued":1`), busy)
	if got := usherAt(t, url, "", "invite", "import", fileOf(t, "team.csv", twoRows), "--timeout", "100ms"); got.code != exitUnavailable {
		t.Errorf("got %+v", got)
	}
}

// However long a batch takes, a gateway that is away is waited for from its last
// answer.
func TestWatchPatience(t *testing.T) {
	t.Parallel()
	busy := problem(identity.CodeProviderUnavailable, 503)
	busy.header = map[string]string{"Retry-After": "0"}
	running := batchIs(200, "running", `"rows":1,"queued":1`)
	f, url := serve(t, running, running, busy, busy, busy, batchIs(200, "done", `"rows":1,"sent":1`))
	w, err := apiFlags{URL: url, Organization: "acme", Timeout: 40 * time.Second}.watch(&shell{env: map[string]string{"USHER_TOKEN": "x"}, stderr: io.Discard}, "")
	if err != nil {
		t.Fatal(err)
	}
	w.now = func() time.Time { return time.Time{}.Add(time.Duration(len(f.seen())) * 10 * time.Second) }
	b, _, err := w.follow(t.Context(), &api.Batch{ID: "bat_1", State: "running"}, http.Header{"Retry-After": {"0"}})
	if err != nil || b.State != "done" {
		t.Errorf("got %+v, %v", b, err)
	}
}

// The results are complete, for one person's eyes, and no formulas.
func TestImportResults(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"out.csv": "row,line,email,outcome,code,field,detail,invite_id\n1,2,a@b.example,sent,,,,inv_1\n2,3,'=cmd|'x'!A0,failed,invalid_request,/email,\"Why, so.\",\n",
		"o.jsonl": sentItem + "\n" + failedItem + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, url := serve(t, batchIs(202, "running", `"rows":2,"queued":2`), batchIs(200, "done", `"rows":2,"sent":1,"failed":1`),
				itemsAre(`"c/1"`, sentItem), itemsAre("null", failedItem), itemsAre("null", failedItem))
			out := fileOf(t, name, "old")
			if err := os.Chmod(out, 0o644); err != nil {
				t.Fatal(err)
			}
			got := usherAt(t, url, "", "invite", "import", fileOf(t, "team.csv", twoRows), "--results", out)
			if got.code != exitFailure || !strings.HasSuffix(got.stderr, "usher: 1 of 2 rows were not sent\n") ||
				!strings.HasSuffix(got.stdout, "line 3, row 2: =cmd|'x'!A0: failed (invalid_request) at /email: Why, so.\ndone: 2 rows, 1 sent, 1 failed\n") {
				t.Errorf("got %+v", got)
			}
			text, err := os.ReadFile(out)
			info, statErr := os.Stat(out)
			if err != nil || statErr != nil || string(text) != want || info.Mode().Perm() != 0o600 {
				t.Errorf("got %v, %v, %v,\n%s", err, statErr, info.Mode(), text)
			}
			const items = "/v1/organizations/acme/invite-batches/bat_1/items?"
			calls := f.seen()
			if len(calls) != 5 || calls[2].uri != items+"limit=200" || calls[3].uri != items+"cursor=c%2F1&limit=200" || calls[4].uri != items+"limit=10&outcome=failed" {
				t.Errorf("asked %+v", calls)
			}
			if left, err := os.ReadDir(filepath.Dir(out)); err != nil || len(left) != 1 {
				t.Errorf("left are %v, %v", left, err)
			}
		})
	}
}

// A file of results that cannot be completed is not begun: the old one stays.
func TestImportResultsBreakOff(t *testing.T) {
	t.Parallel()
	_, url := serve(t, batchIs(202, "done", `"rows":2,"sent":2`), batchIs(200, "done", `"rows":2,"sent":2`), itemsAre(`"c1"`, sentItem), problem(identity.CodeInternal, 500))
	out := fileOf(t, "out.csv", "old")
	got := usherAt(t, url, "", "invite", "import", fileOf(t, "team.csv", twoRows), "--results", out)
	text, err := os.ReadFile(out)
	left, dirErr := os.ReadDir(filepath.Dir(out))
	if got.code != exitFailure || err != nil || string(text) != "old" || dirErr != nil || len(left) != 1 {
		t.Errorf("got %+v, %q, %v, %v, %v", got, text, err, left, dirErr)
	}
}

func TestImportJSON(t *testing.T) {
	t.Parallel()
	running, done := batchText("running", `"rows":2,"queued":2`), batchText("done", `"rows":2,"sent":2`)
	_, url := serve(t, answer{status: 202, body: running, header: map[string]string{"Retry-After": "0"}}, answer{status: 200, body: done})
	if got := usherAt(t, url, "", "invite", "import", fileOf(t, "team.csv", twoRows), "--json"); got.code != 0 || got.stdout != running+"\n"+done+"\n" {
		t.Errorf("got %+v", got)
	}
	_, url = serve(t, answer{status: 202, body: done}, answer{status: 200, body: done})
	if got := usherAt(t, url, "", "invite", "import", fileOf(t, "team.csv", twoRows), "--json"); got.code != 0 || got.stdout != done+"\n"+done+"\n" {
		t.Errorf("one that is done already: got %+v", got)
	}
	f, url := serve(t, answer{status: 202, body: running})
	got := usherAt(t, url, "", "invite", "import", fileOf(t, "team.csv", twoRows), "--no-wait")
	if want := (result{0, "batch bat_1: 2 rows\n", ""}); got != want || len(f.seen()) != 1 {
		t.Errorf("got %+v after %+v", got, f.seen())
	}
}

// Roles for rows without any are in what is handed in, and every line stays
// where it was.
func TestImportRole(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"email\na@b.example\n\nc@d.example\n":                       "email,roles\na@b.example,\"m|n\"\n\nc@d.example,\"m|n\"\n",
		"\n{\"email\":\"a@b.example\"}\n{\"email\":1}\n":            "\n{\"email\":\"a@b.example\",\"roles\":[\"m\",\"n\"]}\n{\"email\":1,\"roles\":[\"m\",\"n\"]}\n",
		"{\"email\":\"a@b.example\",\"roles\":[\"x\"]}\nnonsense\n": "{\"email\":\"a@b.example\",\"roles\":[\"x\"]}\nnonsense\n",
	} {
		f, url := serve(t, batchIs(202, "running", `"rows":2`))
		got := usherAt(t, url, text, "invite", "import", "-", "--no-wait", "--role", "m", "--role", "n")
		if got.code != 0 || f.seen()[0].body != want {
			t.Errorf("got %+v, sent\n%s", got, f.seen()[0].body)
		}
	}
}

// Nothing is sent of a file that cannot be read, or where the results could
// not be written.
func TestImportMistakes(t *testing.T) {
	t.Parallel()
	good := fileOf(t, "team.csv", twoRows)
	for name, tt := range map[string]struct {
		stdin string
		args  []string
		want  string
	}{
		"no header":        {"a@b.example,member\n", []string{"-"}, `Line 1: the column "a@b.example" of the header is not known here.`},
		"a spreadsheet":    {"PK\x03\x04", []string{"-"}, "The file is not text. A spreadsheet has to be saved as CSV."},
		"an empty file":    {"", []string{"-"}, "The file is empty."},
		"the wrong format": {twoRows, []string{"-", "--format", "nonsense"}, "--format must be one of"},
		"no file":          {"", []string{good + ".not"}, "open the file: open " + good + ".not: no such file or directory"},
		"a folder":         {"", []string{filepath.Dir(good)}, "is a directory"},
		"stdin twice":      {twoRows, []string{"-", "--token-file", "-"}, "standard input is either the file or the token"},
		"results, no wait": {"", []string{good, "--no-wait", "--results", "x.csv"}, "--results is written when the batch is finished"},
		"results, dry run": {"", []string{good, "--dry-run", "--results", "x.csv"}, "--results is written when the batch is finished"},
		"results of what":  {"", []string{good, "--results", "x.txt"}, "x.txt ends neither with .csv nor with .ndjson"},
		"results nowhere":  {"", []string{good, "--results", filepath.Join(good, "x.csv")}, "cannot write "},
		"results a folder": {"", []string{good, "--results", folderOf(t, "x.csv")}, "it is a folder"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, url := serve(t, batchIs(202, "running", `"rows":2`))
			got := usherAt(t, url, tt.stdin, append([]string{"invite", "import"}, tt.args...)...)
			if got.code != exitUsage || !strings.Contains(got.stderr, tt.want) || strings.Count(got.stderr, "\n") != 1 || got.stdout != "" || len(f.seen()) != 0 {
				t.Errorf("got %+v after %+v", got, f.seen())
			}
		})
	}
	for code, status := range map[identity.Code]int{identity.CodeInvalidRequest: 400, identity.CodePayloadTooLarge: 413, identity.CodeUnsupportedMediaType: 415} {
		_, url := serve(t, problem(code, status))
		got := usherAt(t, url, "", "invite", "import", good)
		raw := usherAt(t, url, "", "invite", "import", good, "--json")
		if got.code != exitUsage || got.stderr != "usher: "+string(code)+": Why. (request req_1)\n" || raw.code != exitUsage || !strings.HasPrefix(raw.stderr, "{") {
			t.Errorf("%s: got %+v, %+v", code, got, raw)
		}
	}
	_, url := serve(t, problem(identity.CodeUnsupported, 422))
	if got := usherAt(t, url, "", "invite", "import", good); got.code != exitFailure {
		t.Errorf("got %+v", got)
	}
	_, url = serve(t, answer{status: 202, body: "{}"})
	if got := usherAt(t, url, "", "invite", "import", good); got.code != exitFailure || got.stderr != "usher: the answer is not a batch\n" {
		t.Errorf("got %+v", got)
	}
}

func folderOf(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	const file = "email;role;locale\na@b.example;member;\nA@B.example;member;\nnobody;member;\nc@d.example;;english\nshort\n\ne@f.example;x;de\n"
	run := func(stdin string, args ...string) result {
		var out, errs bytes.Buffer
		code := run(t.Context(), append([]string{"invite", "import", "--dry-run", "-"}, args...), nil, strings.NewReader(stdin), &out, &errs)
		return result{code, out.String(), errs.String()}
	}
	want := result{
		1, "line 3, row 2: A@B.example: skipped (duplicate_row) at /email: Row 1 has this address too.\n" +
			"line 4, row 3: nobody: failed (invalid_request) at /email: The e-mail address needs a local part and a domain.\n" +
			"line 5, row 4: c@d.example: failed (invalid_request) at /locale: The locale is not a BCP 47 language tag.\n" +
			"line 6, row 5: failed (invalid_request): The row has 1 cells, and the header has 3.\n" +
			"6 rows: 2 good, 1 skipped, 3 wrong. Nothing was sent.\n",
		"usher: 3 of 6 rows are wrong\n",
	}
	if got := run(file, "--role", "member"); got != want {
		t.Errorf("got %+v", got)
	}
	if got := run(file); !strings.Contains(got.stdout, "line 5, row 4: c@d.example: failed (invalid_request) at /roles: At least one role is needed.\n") {
		t.Errorf("got %+v", got)
	}
	lines := strings.Split(run(file, "--json").stdout, "\n")
	if len(lines) != 6 || !strings.HasPrefix(lines[0], `{"row":2,"line":3,"email":"A@B.example","outcome":"skipped","code":"duplicate_row",`) || lines[4] != `{"rows":6,"good":2,"skipped":1,"failed":3}` {
		t.Errorf("got %q", lines)
	}
	if got, want := run(twoRows), (result{0, "2 rows: 2 good, 0 skipped, 0 wrong. Nothing was sent.\n", ""}); got != want {
		t.Errorf("got %+v", got)
	}
	if got := run("email,role\n\"a@b.example\n"); got.code != exitUsage || !strings.Contains(got.stderr, "Line 2: ") {
		t.Errorf("got %+v", got)
	}
}

// A file that is too long is refused whole: its beginning alone is not imported.
func TestImportTooLong(t *testing.T) {
	t.Parallel()
	for length, want := range map[int]string{5: "", 6: "the file has more than 5 bytes"} {
		text, err := readImport(&shell{stdin: strings.NewReader(strings.Repeat("x", length))}, "-", 5)
		if want == "" && (err != nil || len(text) != length) || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%d bytes: %q, %v", length, text, err)
		}
	}
}

func TestGuessFormat(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"a.csv": "csv", "a.TSV": "csv", "a.ndjson": "ndjson", "a.JSONL": "ndjson", "a.json": "ndjson",
	} {
		if got := guessFormat(path, nil); string(got) != want {
			t.Errorf("%s: got %s", path, got)
		}
	}
	for text, want := range map[string]string{"": "csv", "email": "csv", "{}": "ndjson", "\ufeff \r\n{": "ndjson", "[": "csv"} {
		for _, path := range []string{"-", "list", "list.txt"} {
			if got := guessFormat(path, []byte(text)); string(got) != want {
				t.Errorf("%s, %q: got %s", path, text, got)
			}
		}
	}
}

// Who stops the command learns that the batch goes on, and where.
func TestImportIsStopped(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]int32{"while the file is handed in": 1, "while the batch is watched": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var calls atomic.Int32
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if calls.Add(1) == at {
					cancel()
					<-r.Context().Done()
					return
				}
				w.Header().Set("Retry-After", "0")
				w.WriteHeader(202)
				_, _ = fmt.Fprint(w, batchText("running", `"rows":2,"queued":2`))
			}))
			defer s.Close()
			var out, errs bytes.Buffer
			env := []string{"USHER_URL=" + s.URL, "USHER_TOKEN=tok-123", "USHER_ORGANIZATION=my org"}
			code := run(ctx, []string{"invite", "import", fileOf(t, "team.csv", twoRows)}, env, nil, &out, &errs)
			want := "The file may have arrived or not. The same command again goes on where this one stopped.\nusher: interrupted\n"
			if at > 1 {
				want = "running 0%: 2 rows, 2 queued\nThe batch goes on at the gateway.\n" +
					"To watch it again: the same command, or usher invite batch get bat_1 --wait -o 'my org'\n" +
					"To stop it:        usher invite batch cancel bat_1 -o 'my org'\nusher: interrupted\n"
			}
			if code != exitInterrupted || errs.String() != want {
				t.Errorf("got %d, %s%s", code, out.String(), errs.String())
			}
		})
	}
}

// Ctrl-C is what stops it.
func TestImportInterrupt(t *testing.T) {
	t.Parallel()
	_, url := serve(t, batchIs(202, "running", `"rows":2,"queued":2`))
	dir := t.TempDir()
	for name, text := range map[string]string{"token": "tok-123", "team.csv": twoRows} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := start(t, dir, "invite", "import", "team.csv", "--url", url, "--token-file", "token", "-o", "acme")
	c.waitFor("it watches", func() bool { return strings.Contains(c.output.String(), "running 0%") })
	c.signal(syscall.SIGINT)
	if code := c.code(); code != exitInterrupted || !strings.HasSuffix(c.output.String(), "To stop it:        usher invite batch cancel bat_1 -o acme\nusher: interrupted\n") {
		t.Errorf("got %d", code)
	}
}

func TestBatchCommands(t *testing.T) {
	t.Parallel()
	const path = "/v1/organizations/acme/invite-batches/bat_1"
	running, done := batchIs(200, "running", `"rows":4,"queued":2,"sending":1,"sent":1`), batchIs(200, "done", `"rows":4,"sent":3,"cancelled":1`)
	failed := batchIs(200, "done", `"rows":30,"sent":1,"failed":29`)
	for name, tt := range map[string]struct {
		args    []string
		answers []answer
		want    result
		uris    []string
	}{
		"get":          {[]string{"get", "bat_1"}, []answer{running}, result{0, "running: 4 rows, 1 sent, 3 queued\n", ""}, []string{"GET " + path}},
		"get as JSON":  {[]string{"get", "bat_1", "--json"}, []answer{running}, result{0, running.body + "\n", ""}, []string{"GET " + path}},
		"get finished": {[]string{"get", "bat_1"}, []answer{done}, result{1, "done: 4 rows, 3 sent, 1 cancelled\n", "usher: 1 of 4 rows were not sent\n"}, []string{"GET " + path}},
		"get failures": {
			[]string{"get", "bat_1"}, []answer{failed, itemsAre("null", failedItem)},
			result{1, "line 3, row 2: =cmd|'x'!A0: failed (invalid_request) at /email: Why, so.\n… and 28 more: --results FILE has all\ndone: 30 rows, 1 sent, 29 failed\n", "usher: 29 of 30 rows were not sent\n"},
			[]string{"GET " + path, "GET " + path + "/items?limit=10&outcome=failed"},
		},
		"wait": {
			[]string{"get", "bat_1", "--wait"}, []answer{running, done},
			result{1, "done: 4 rows, 3 sent, 1 cancelled\n", "running 25%: 4 rows, 1 sent, 3 queued\ndone 100%: 4 rows, 3 sent, 1 cancelled\nusher: 1 of 4 rows were not sent\n"},
			[]string{"GET " + path, "GET " + path},
		},
		"wait no more": {[]string{"get", "bat_1", "--wait"}, []answer{batchIs(200, "cancelled", `"rows":1,"sent":1`)}, result{0, "cancelled: 1 rows, 1 sent\n", ""}, []string{"GET " + path}},
		"cancel":       {[]string{"cancel", "bat_1"}, []answer{batchIs(200, "cancelling", `"rows":1,"queued":1`)}, result{0, "cancelling: 1 rows, 1 queued\n", ""}, []string{"POST " + path + "/cancel"}},
		"retry":        {[]string{"retry", "bat_1", "--json"}, []answer{running}, result{0, running.body + "\n", ""}, []string{"POST " + path + "/retry"}},
		"not found":    {[]string{"cancel", "bat_1"}, []answer{problem(identity.CodeNotFound, 404)}, result{4, "", "usher: not_found: Why. (request req_1)\n"}, []string{"POST " + path + "/cancel"}},
		"results":      {[]string{"get", "bat_1", "--results", "x.txt"}, nil, result{2, "", "usher: x.txt ends neither with .csv nor with .ndjson\n"}, nil},
		"an odd id":    {[]string{"get", "../x"}, []answer{problem(identity.CodeNotFound, 404)}, result{4, "", "usher: not_found: Why. (request req_1)\n"}, []string{"GET /v1/organizations/acme/invite-batches/..%2Fx"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, url := serve(t, tt.answers...)
			if got := usherAt(t, url, "", append([]string{"invite", "batch"}, tt.args...)...); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			var uris []string
			for _, c := range f.seen() {
				uris = append(uris, c.method+" "+c.uri)
			}
			if !reflect.DeepEqual(uris, tt.uris) {
				t.Errorf("asked %q", uris)
			}
		})
	}
}

// The gateway says when to ask again; one that does not is asked less and less often.
func TestPollWait(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]time.Duration{0: 500 * time.Millisecond, 1: time.Second, 3: 4 * time.Second, 4: 5 * time.Second, 100: 5 * time.Second} {
		if got := pollWait(nil, n); got != want {
			t.Errorf("after %d answers: %v, want %v", n, got, want)
		}
	}
	for said, want := range map[string]time.Duration{"0": pollLeast, "7": 7 * time.Second} {
		if got := pollWait(http.Header{"Retry-After": {said}}, 0); got != want {
			t.Errorf("after %s: %v, want %v", said, got, want)
		}
	}
}

// On a terminal one line is written over.
func TestProgressOnATerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	at := now.Add(83 * time.Minute)
	p := &progress{w: &out, live: true, now: func() time.Time { return now }}
	b := &api.Batch{State: "running", Counts: api.BatchCounts{Rows: 10000, Queued: 5000, Sent: 4900, Failed: 100}, EstimatedFinishAt: &at}
	p.end() // nothing was shown
	p.show(b)
	p.show(b)
	b.Counts.Sent, at = 5000, now.Add(-time.Minute)
	p.show(b)
	b.Counts = api.BatchCounts{Rows: 100000, Sent: 30000, Skipped: 20000, Failed: 40000, Cancelled: 10000}
	b.State = "cancelled"
	p.show(b)
	p.end()
	want := "\r[##########          ] 50%, 1h23m0s left: 10000 rows, 4900 sent, 100 failed, 50\x1b[K" +
		"\r[##########          ] 51%, 0s left: 10000 rows, 5000 sent, 100 failed, 5000 qu\x1b[K" +
		"\r[####################] 100%: 100000 rows, 30000 sent, 20000 skipped, 40000 fail\x1b[K\n"
	if out.String() != want {
		t.Errorf("got\n%q, want\n%q", out.String(), want)
	}
}
