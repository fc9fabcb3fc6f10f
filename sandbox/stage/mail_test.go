package stage_test

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"usher/sandbox/fault"
	"usher/sandbox/stage"
)

func TestNewMail(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, link string
		want       stage.Mail
	}{
		{"with a link", "http://x/?a=1&b=2", stage.Mail{
			Kind: "hello", To: "a@example.com", Subject: "Open & read", Link: "http://x/?a=1&b=2",
			Text: "One <b>.\n\nhttp://x/?a=1&b=2\n",
			HTML: "<p>One &lt;b&gt;.</p>\n<p><a href=\"http://x/?a=1&amp;b=2\">Open &amp; read</a></p>\n",
		}},
		{"without one", "", stage.Mail{Kind: "hello", To: "a@example.com", Subject: "Open & read", Text: "One <b>.\n", HTML: "<p>One &lt;b&gt;.</p>\n"}},
	} {
		if got := stage.NewMail("hello", "a@example.com", "Open & read", "One <b>.", tt.link); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// down refuses the mails to one address.
type down string

func (d down) Send(_ context.Context, m stage.Mail) error {
	if m.To == string(d) {
		return errors.New("mail server is down")
	}
	return nil
}

func TestPostman(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var log strings.Builder
	p := stage.NewPostman("some", fault.NewClock(func() time.Time { return at }), down("b@example.com"), slog.New(slog.NewTextHandler(&log, nil)))
	p.Deliver(t.Context(), []stage.Mail{{Kind: "hello", To: "a@example.com"}, {Kind: "hello", To: "b@example.com"}, {Kind: "bye", To: "a@example.com"}})
	all, delivered := p.Sent()
	want := []stage.SentMail{
		{Kind: "hello", To: "a@example.com", At: at},
		{Kind: "hello", To: "b@example.com", At: at, Error: "mail server is down"},
		{Kind: "bye", To: "a@example.com", At: at},
	}
	if !reflect.DeepEqual(all, want) {
		t.Errorf("got %+v, want %+v", all, want)
	}
	if want := map[string]int{"hello": 1, "bye": 1}; !reflect.DeepEqual(delivered, want) {
		t.Errorf("delivered %v, want %v", delivered, want)
	}
	if got, want := log.String(), `level=WARN msg="some sandbox: mail not delivered" kind=hello error="mail server is down"`+"\n"; !strings.HasSuffix(got, want) {
		t.Errorf("logged %q, want %q", got, want)
	}
}
