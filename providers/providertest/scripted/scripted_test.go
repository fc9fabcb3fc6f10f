package scripted_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"usher/providers/providertest/scripted"
)

// call makes one call of an operation, and returns what came and whether the
// vendor acted.
func call(t *testing.T, v *scripted.Vendor, op string) (answer string, status int, acted, connected bool, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) {}, GotConn: func(httptrace.GotConnInfo) { connected = true },
	})
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://vendor.example/", nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := v.Carry(request, op, func(w http.ResponseWriter) {
		acted = true
		_, _ = io.WriteString(w, "the right answer")
	})
	if err != nil {
		return "", 0, acted, connected, err
	}
	defer func() { _ = got.Body.Close() }()
	const most = 1 << 20
	text, err := io.ReadAll(io.LimitReader(got.Body, most))
	if len(text) == most {
		text = []byte("endless")
	}
	return strings.TrimSpace(string(text)) + strings.Join(got.Header["X-Mark"], ""), got.StatusCode, acted, connected, err
}

// check is a test whose waiting takes no time.
func check(t *testing.T, name string, do func(*testing.T)) {
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, do)
	})
}

func TestMishaps(t *testing.T) {
	t.Parallel()
	const right = "the right answer"
	for name, tc := range map[string]struct {
		m           scripted.Mishap
		answer      string
		status      int
		acted, conn bool
		err         string
	}{
		"none":                 {scripted.Mishap{Op: "another"}, right, 200, true, true, "<nil>"},
		"an answer":            {scripted.Mishap{Status: 500, Body: "no"}, "no!", 500, false, true, "<nil>"},
		"its own mark":         {scripted.Mishap{Status: 500, Header: http.Header{"X-Mark": {"?"}}}, "?", 500, false, true, "<nil>"},
		"an answer, and acted": {scripted.Mishap{Status: 500, Acts: true}, "!", 500, true, true, "<nil>"},
		"cut":                  {scripted.Mishap{Cut: true}, "", 0, false, true, "unexpected EOF"},
		"cut, and acted":       {scripted.Mishap{Cut: true, Acts: true}, "", 0, true, true, "unexpected EOF"},
		"half":                 {scripted.Mishap{Half: true, Acts: true}, "the right!", 200, true, true, "unexpected EOF"},
		"refused":              {scripted.Mishap{Refuse: true}, "", 0, false, false, "connection refused"},
		"hangs":                {scripted.Mishap{Hang: true}, "", 0, false, true, "deadline exceeded"},
		"long":                 {scripted.Mishap{Long: true, Status: 200}, "endless!", 200, false, true, "<nil>"},
		"during":               {scripted.Mishap{During: func() {}, Status: 500}, right, 200, true, true, "<nil>"},
	} {
		check(t, name, func(t *testing.T) {
			v := scripted.New(time.Time{})
			v.Marks = http.Header{"X-Mark": {"!"}}
			if tc.m.Op == "" {
				tc.m.Op = "send"
			}
			v.Inject(tc.m)
			answer, status, acted, conn, err := call(t, v, "send")
			if answer != tc.answer || status != tc.status || acted != tc.acted || conn != tc.conn || !strings.Contains(fmt.Sprint(err), tc.err) {
				t.Errorf("answer %q, status %d, acted %v, connected %v, %v", answer, status, acted, conn, err)
			}
		})
	}
}

// Which calls a mishap meets, and how many of them.
func TestWhichCallsAreMet(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		m    scripted.Mishap
		want string // of send, send, sender, list, send
	}{
		"one":         {scripted.Mishap{Op: "send"}, "x...."},
		"the second":  {scripted.Mishap{Op: "send", Skip: 1}, ".x..."},
		"two":         {scripted.Mishap{Op: "send", Times: 2}, "xx..."},
		"all":         {scripted.Mishap{Op: "send", Times: -1}, "xx..x"},
		"a beginning": {scripted.Mishap{Op: "send*", Times: -1}, "xxx.x"},
		"anything":    {scripted.Mishap{Op: "*", Times: -1}, "xxxxx"},
		"later":       {scripted.Mishap{Op: "*", Skip: 3, Times: -1}, "...xx"},
	} {
		check(t, name, func(t *testing.T) {
			v := scripted.New(time.Time{})
			tc.m.Status = 500
			v.Inject(tc.m)
			var got strings.Builder
			for _, op := range []string{"send", "send", "sender", "list", "send"} {
				_, status, _, _, err := call(t, v, op)
				if err != nil {
					t.Fatal(err)
				}
				got.WriteByte(map[int]byte{200: '.', 500: 'x'}[status])
			}
			if got.String() != tc.want || v.Count("send") != 3 || v.Total() != 5 {
				t.Errorf("met %s, want %s; calls %v", got.String(), tc.want, v.Calls)
			}
			v.Heal()
			if _, status, _, _, _ := call(t, v, "send"); status != 200 {
				t.Errorf("status %d after all mishaps were taken away", status)
			}
		})
	}
}
