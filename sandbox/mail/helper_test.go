package mail

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func fixedNow() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) }

func open(t *testing.T, o *Options) *Catcher {
	t.Helper()
	if o == nil {
		o = &Options{}
	}
	if o.Now == nil {
		o.Now = fixedNow
	}
	c, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func sender(t *testing.T, c *Catcher) *Sender {
	t.Helper()
	s, err := NewSender(c.SMTPAddr(), "no-reply@sandbox.example")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// deliver speaks SMTP by hand, so that what goes over the wire is what the
// test says.
func deliver(t *testing.T, c *Catcher, from string, to []string, lines ...string) error {
	t.Helper()
	client, err := smtp.Dial(c.SMTPAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if err := client.Mail(from, &smtp.MailOptions{UTF8: true, Body: smtp.Body8BitMIME}); err != nil {
		return err
	}
	for _, rcpt := range to {
		if err := client.Rcpt(rcpt, nil); err != nil {
			return err
		}
	}
	w, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, strings.Join(lines, "\r\n")); err != nil {
		return err
	}
	return w.Close()
}

func get(t *testing.T, c *Catcher, method, target string) *http.Response {
	t.Helper()
	w := httptest.NewRecorder()
	c.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, target, nil))
	return w.Result()
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func list(t *testing.T, c *Catcher, query string) []Message {
	t.Helper()
	res := get(t, c, http.MethodGet, "/api/messages"+query)
	text := body(t, res)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("GET /api/messages%s: %s %s", query, res.Status, text)
	}
	var all []Message
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatal(err)
	}
	return all
}
