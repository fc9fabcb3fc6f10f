package api_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"usher/identity"
	"usher/providers/memory"
)

const batchesPath = "/v1/organizations/acme/invite-batches"

// started is a house whose background work runs.
func started(t *testing.T) *house {
	t.Helper()
	h := build(t)
	if err := h.service.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h
}

// ended waits until a batch has ended and returns it.
func (h *house) ended(id string) answer {
	h.t.Helper()
	limit := time.After(2 * time.Minute)
	for {
		got := h.do(admin, "GET", batchesPath+"/"+id, "").is(200, "")
		if state := got.text("state"); state == "done" || state == "cancelled" {
			return got
		}
		select {
		case <-limit:
			h.t.Fatalf("the batch does not end: %s", got.body)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (a answer) counts() map[string]int {
	a.t.Helper()
	counts := map[string]int{}
	for name, n := range a.fields()["counts"].(map[string]any) {
		if n != float64(0) {
			counts[name] = int(n.(float64))
		}
	}
	return counts
}

func (a answer) counted(want map[string]int) {
	a.t.Helper()
	if got := a.counts(); fmt.Sprint(got) != fmt.Sprint(want) {
		a.t.Errorf("got counts %v, want %v", got, want)
	}
}

// items are the rows of a batch as "row line email outcome code field".
func (h *house) items(id, query string) []string {
	h.t.Helper()
	var rows []string
	cursor := ""
	for {
		got := h.do(admin, "GET", batchesPath+"/"+id+"/items?limit=2"+query+cursor, "").is(200, "").fields()
		for _, one := range got["data"].([]any) {
			i := one.(map[string]any)
			rows = append(rows, fmt.Sprintf("%v %v %v %v %v %v %v", i["row"], i["line"], i["email"], i["outcome"], i["code"], i["field"], i["invite_id"] != nil))
		}
		next, more := got["next_cursor"].(string)
		if !more {
			return rows
		}
		cursor = "&cursor=" + next
	}
}

// A file with everything that can be wrong with a row: the good rows are sent,
// once each, and each of the others says what is wrong with it.
func TestBatch(t *testing.T) {
	t.Parallel()
	h := started(t)
	h.send("pending@example.com")
	file := strings.Join([]string{
		`{"email":"a@example.com","roles":["member"],"given_name":"Ann"}`,
		`{"email":"not an address","roles":["member"]}`,
		``,
		`{"email":"b@example.com","roles":["nobody"]}`,
		`{"email":"A@example.com","roles":["member"]}`,
		`{"email":"pending@example.com","roles":["member"]}`,
		`{"email":"member@example.com","roles":["member"]}`,
		`{"email":"c@example.com","roles":["member"],"colour":"red"}`,
		`not JSON`,
		`{"email":"d@example.com","roles":["admin"]}`,
	}, "\n")
	got := h.do(admin, "POST", batchesPath, file).is(202, "")
	id := got.text("id")
	if want := "/v1/organizations/" + h.acme.ID + "/invite-batches/" + id; got.header.Get("Location") != want || !strings.HasPrefix(id, "bat_") {
		t.Errorf("Location %q, want %q", got.header.Get("Location"), want)
	}
	h.ended(id).counted(map[string]int{"rows": 9, "sent": 2, "skipped": 3, "failed": 4})
	want := []string{
		"1 1 a@example.com sent <nil> <nil> true",
		"2 2 not an address failed invalid_request /email false",
		"3 4 b@example.com failed unknown_role /roles/0 false",
		"4 5 A@example.com skipped duplicate_row /email false",
		"5 6 pending@example.com skipped invite_pending /email true",
		"6 7 member@example.com skipped already_member <nil> true",
		"7 8 c@example.com failed invalid_request /colour false",
		"8 9  failed invalid_request <nil> false",
		"9 10 d@example.com sent <nil> <nil> true",
	}
	if rows := h.items(id, ""); strings.Join(rows, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(rows, "\n"), strings.Join(want, "\n"))
	}
	if rows := h.items(id, "&outcome=sent"); len(rows) != 2 || !strings.HasPrefix(rows[1], "9 10 d@example.com sent") {
		t.Errorf("sent rows %v", rows)
	}
	for _, address := range []string{"a@example.com", "d@example.com", "pending@example.com"} {
		if n := h.vendor.Mails("one", address); n != 1 {
			t.Errorf("%s got %d mails", address, n)
		}
	}
	h.do(admin, "GET", batchesPath, "").is(200, "")
	// What is another organization's does not exist.
	h.do(admin, "GET", "/v1/organizations/other/invite-batches/"+id, "").is(404, "not_found")
	h.do(admin, "GET", "/v1/organizations/other/invite-batches/"+id+"/items", "").is(404, "not_found")
	h.do(admin, "POST", "/v1/organizations/other/invite-batches/"+id+"/retry", "").is(404, "not_found")
	h.do(admin, "POST", "/v1/organizations/other/invite-batches/"+id+"/cancel", "").is(404, "not_found")
}

// Who reads a batch that is not finished is told when to read it again.
func TestBatchSaysWhenToAskAgain(t *testing.T) {
	t.Parallel()
	h := started(t)
	entered, block := make(chan struct{}), make(chan struct{})
	h.vendor.Inject(memory.Fault{Op: "invite", Block: block, Entered: entered})
	id := h.do(admin, "POST", batchesPath, `{"email":"a@example.com","roles":["member"]}`).is(202, "").text("id")
	<-entered
	got := h.do(admin, "GET", batchesPath+"/"+id, "").is(200, "")
	if wait, err := strconv.Atoi(got.header.Get("Retry-After")); err != nil || wait < 1 || wait > 60 {
		t.Errorf("Retry-After is %q", got.header.Get("Retry-After"))
	}
	close(block)
	if got := h.ended(id).header.Get("Retry-After"); got != "" {
		t.Errorf("of a finished batch Retry-After is %q", got)
	}
}

// A CSV file as a spreadsheet writes it.
func TestBatchOfCSV(t *testing.T) {
	t.Parallel()
	h := started(t)
	file := "\ufeffEmail;Roles;given_name\r\n\"a@example.com\";member;\"Ann; or \"\"A\"\"\"\r\nb@example.com;member|admin;\r\n"
	id := h.do(admin, "POST", batchesPath, file, "Content-Type", "text/csv").is(202, "").text("id")
	h.ended(id).counted(map[string]int{"rows": 2, "sent": 2})
	got := h.do(admin, "GET", invitesPath+"?email=a@example.com", "").is(200, "")
	if !strings.Contains(got.body, `"given_name":"Ann; or \"A\""`) {
		t.Errorf("the name did not arrive: %s", got.body)
	}
}

// A caller who may not grant a role may not do so by a file.
func TestBatchKeepsRights(t *testing.T) {
	t.Parallel()
	h := started(t)
	file := `{"email":"a@example.com","roles":["admin"]}` + "\n" + `{"email":"b@example.com","roles":["member"]}`
	id := h.do(helper, "POST", batchesPath, file).is(202, "").text("id")
	h.ended(id).counted(map[string]int{"rows": 2, "sent": 1, "failed": 1})
	if rows := h.items(id, "&outcome=failed"); rows[0] != "1 1 a@example.com failed role_not_grantable /roles/0 false" {
		t.Errorf("got %v", rows)
	}
}

// What is no file of invitations is refused as a whole, and leaves nothing.
func TestBatchThatIsNone(t *testing.T) {
	t.Parallel()
	h := started(t)
	for _, c := range []struct {
		name, media, body, code string
		status                  int
	}{
		{"empty", "text/csv", "", "invalid_request", 400},
		{"header alone", "text/csv", "email,roles\n", "invalid_request", 400},
		{"no e-mail column", "text/csv", "name,roles\na,b\n", "invalid_request", 400},
		{"JSON", "application/json", jane, "unsupported_media_type", 415},
		{"a row without end", "application/x-ndjson", `{"email":"` + strings.Repeat("a", 70_000), "payload_too_large", 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			on(t, h).do(admin, "POST", batchesPath, c.body, "Content-Type", c.media).is(c.status, c.code)
		})
	}
	if got := h.do(admin, "GET", batchesPath, "").is(200, ""); len(got.fields()["data"].([]any)) != 0 {
		t.Errorf("batches were made: %s", got.body)
	}
}

// cut is a body whose end does not arrive.
type cut struct{ io.Reader }

func (c cut) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Nothing of a file that did not arrive as a whole is sent; the same key sends
// it once.
func TestBatchThatIsCutOff(t *testing.T) {
	t.Parallel()
	h := started(t)
	r := httptest.NewRequest("POST", batchesPath, cut{strings.NewReader(strings.Repeat(jane+"\n", 250))})
	r.Header.Set("Authorization", "Bearer "+admin)
	r.Header.Set("Content-Type", "application/x-ndjson")
	r.Header.Set("Idempotency-Key", "file-1")
	h.serve(r).is(400, "invalid_request")
	if got := h.do(admin, "GET", batchesPath, "").is(200, ""); len(got.fields()["data"].([]any)) != 0 {
		t.Errorf("a batch was made: %s", got.body)
	}
	first := h.do(admin, "POST", batchesPath, jane, "Idempotency-Key", "file-1").is(202, "")
	again := h.do(admin, "POST", batchesPath, jane, "Idempotency-Key", "file-1").is(202, "")
	if again.body != first.body || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("got %s, want %s", again.body, first.body)
	}
	h.do(admin, "POST", batchesPath, jane+"\n", "Idempotency-Key", "file-1").is(422, "idempotency_key_reused")
	h.ended(first.text("id"))
	if got := h.do(admin, "GET", batchesPath, "").is(200, ""); len(got.fields()["data"].([]any)) != 1 || h.vendor.Mails("one", "jane@example.com") != 1 {
		t.Errorf("%d mails, batches %s", h.vendor.Mails("one", "jane@example.com"), got.body)
	}
}

// A file may take longer to arrive than the server gives to answers: who hands it in
// is answered all the same.
func TestBatchThatArrivesSlowly(t *testing.T) {
	t.Parallel()
	h := build(t)
	s := httptest.NewUnstartedServer(h.api)
	s.Config.WriteTimeout = 300 * time.Millisecond
	s.Start()
	t.Cleanup(s.Close)
	body, file := io.Pipe()
	go func() {
		_, _ = io.WriteString(file, jane+"\n")
		time.Sleep(600 * time.Millisecond)
		_ = file.Close()
	}()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+batchesPath, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+admin)
	r.Header.Set("Content-Type", "application/x-ndjson")
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	if got.StatusCode != http.StatusAccepted {
		t.Errorf("got %s", got.Status)
	}
}

// A batch that is cancelled sends nothing more, and what was not sent can be
// invited again.
func TestBatchCancelled(t *testing.T) {
	t.Parallel()
	h := started(t)
	entered, block := make(chan struct{}), make(chan struct{})
	h.vendor.Inject(memory.Fault{Op: "invite", Block: block, Entered: entered})
	h.vendor.Inject(memory.Fault{Op: "invite", Times: 20, Block: block})
	var file strings.Builder
	for n := range 30 {
		fmt.Fprintf(&file, `{"email":"p%d@example.com","roles":["member"]}`+"\n", n)
	}
	id := h.do(admin, "POST", batchesPath, file.String()).is(202, "").text("id")
	<-entered
	if state := h.do(admin, "POST", batchesPath+"/"+id+"/cancel", "").is(200, "").text("state"); state != "cancelling" {
		t.Errorf("state %s", state)
	}
	close(block)
	counts := h.ended(id).counts()
	if counts["sent"] == 0 || counts["cancelled"] == 0 || counts["sent"]+counts["cancelled"] != 30 {
		t.Errorf("got %v", counts)
	}
	h.do(admin, "POST", batchesPath+"/"+id+"/cancel", "").is(200, "")
	for n := range 30 {
		address := fmt.Sprintf("p%d@example.com", n)
		if got := h.do(admin, "POST", invitesPath, `{"email":"`+address+`","roles":["member"]}`); got.status != 201 && got.status != 409 {
			t.Errorf("%s: %d %s", address, got.status, got.body)
		}
		if mails := h.vendor.Mails("one", address); mails != 1 {
			t.Errorf("%s got %d mails", address, mails)
		}
	}
}

// Failed rows alone are sent again.
func TestBatchRetried(t *testing.T) {
	t.Parallel()
	h := started(t)
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeQuotaExceeded})
	file := `{"email":"a@example.com","roles":["member"]}` + "\n" + `{"email":"bad","roles":["member"]}`
	id := h.do(admin, "POST", batchesPath, file).is(202, "").text("id")
	h.ended(id).counted(map[string]int{"rows": 2, "failed": 2})
	rows := h.items(id, "")
	if rows[0] != "1 1 a@example.com failed quota_exceeded <nil> true" {
		t.Errorf("got %v", rows)
	}
	if state := h.do(admin, "POST", batchesPath+"/"+id+"/retry", "").is(200, "").text("state"); state != "running" && state != "done" {
		t.Errorf("state %s", state)
	}
	h.ended(id).counted(map[string]int{"rows": 2, "sent": 1, "failed": 1})
	if n := h.vendor.Mails("one", "a@example.com"); n != 1 {
		t.Errorf("%d mails", n)
	}
	h.do(admin, "POST", batchesPath+"/"+id+"/retry", "").is(200, "")
	h.ended(id).counted(map[string]int{"rows": 2, "sent": 1, "failed": 1})
}

// A batch goes on after the process has died: before it was looked at, and in
// the middle of a call whose answer nobody saw.
func TestBatchGoesOnAfterACrash(t *testing.T) {
	t.Parallel()
	h := build(t)
	id := h.do(admin, "POST", batchesPath, jane+"\n"+`{"email":"b@example.com","roles":["member"]}`).is(202, "").text("id")
	h.close()
	h.open()
	if err := h.service.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.ended(id).counted(map[string]int{"rows": 2, "sent": 2})
	for _, address := range []string{"jane@example.com", "b@example.com"} {
		if n := h.vendor.Mails("one", address); n != 1 {
			t.Errorf("%s got %d mails", address, n)
		}
	}
}

// Nor by sending rows again that somebody else has handed in: they stay failed,
// for somebody who may.
func TestBatchRetryKeepsRights(t *testing.T) {
	t.Parallel()
	h := started(t)
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeQuotaExceeded, Times: 3})
	file := `{"email":"a@example.com","roles":["admin"]}` + "\n" + `{"email":"b@example.com","roles":["member"]}` + "\n" +
		`{"email":"c@example.com","roles":["member","admin"]}`
	id := h.do(admin, "POST", batchesPath, file).is(202, "").text("id")
	h.ended(id).counted(map[string]int{"rows": 3, "failed": 3})
	retry := batchesPath + "/" + id + "/retry"
	for range 2 {
		h.do(helper, "POST", retry, "").is(200, "")
		h.ended(id).counted(map[string]int{"rows": 3, "sent": 1, "failed": 2})
	}
	want := []string{"1 1 a@example.com failed role_not_grantable /roles/0 true", "3 3 c@example.com failed role_not_grantable /roles/1 true"}
	if rows := h.items(id, "&outcome=failed"); !slices.Equal(rows, want) {
		t.Errorf("got %q, want %q", rows, want)
	}
	h.do(admin, "POST", retry, "").is(200, "")
	h.ended(id).counted(map[string]int{"rows": 3, "sent": 3})
}
