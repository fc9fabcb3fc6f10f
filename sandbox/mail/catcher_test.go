package mail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		out  Outgoing
		want Message // without headers
	}{
		{
			name: "text and HTML",
			out: Outgoing{
				Kind: "set_password", To: "a@example.com", Subject: "Set your password",
				Text: "Go to http://127.0.0.1:1/p?c=1&d=2.\n", HTML: `<p><a href="http://127.0.0.1:1/p?c=1&amp;d=2">here</a> <a href="http://127.0.0.1:1/q">or here</a></p>`,
			},
			want: Message{
				To: []string{"a@example.com"}, Subject: "Set your password", Kind: "set_password",
				Text:  "Go to http://127.0.0.1:1/p?c=1&d=2.",
				HTML:  `<p><a href="http://127.0.0.1:1/p?c=1&amp;d=2">here</a> <a href="http://127.0.0.1:1/q">or here</a></p>`,
				Links: []string{"http://127.0.0.1:1/p?c=1&d=2", "http://127.0.0.1:1/q"},
			},
		},
		{
			name: "Unicode in address, subject and body",
			out: Outgoing{
				To: "ü@bücher.example", Subject: "Grüße an Zoë — 招待 🎉", Text: "Füße\n招待 🎉\n" + strings.Repeat("語", 600),
			},
			want: Message{
				To: []string{"ü@bücher.example"}, Subject: "Grüße an Zoë — 招待 🎉",
				Text: "Füße\n招待 🎉\n" + strings.Repeat("語", 600), Links: []string{},
			},
		},
		{
			name: "lines of dots",
			out:  Outgoing{To: "a@example.com", Subject: "Dots", Text: ".\n..\n.hidden\nend"},
			want: Message{To: []string{"a@example.com"}, Subject: "Dots", Text: ".\n..\n.hidden\nend", Links: []string{}},
		},
		{
			name: "HTML alone",
			out:  Outgoing{To: "o'hara+tag@example.com", Subject: "S", HTML: "<p>x</p>"},
			want: Message{To: []string{"o'hara+tag@example.com"}, Subject: "S", HTML: "<p>x</p>", Links: []string{}},
		},
		{
			name: "a subject longer than a line",
			out:  Outgoing{To: "a@example.com", Subject: strings.Repeat("word ", 100) + "end", Text: "x"},
			want: Message{To: []string{"a@example.com"}, Subject: strings.Repeat("word ", 100) + "end", Text: "x", Links: []string{}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := open(t, nil)
			if err := sender(t, c).Send(t.Context(), test.out); err != nil {
				t.Fatal(err)
			}
			all := c.Messages(Filter{})
			if len(all) != 1 {
				t.Fatalf("%d messages", len(all))
			}
			got := *all[0]
			if got.Headers["Date"] == nil || got.Headers["Message-Id"] == nil {
				t.Errorf("headers %v", got.Headers)
			}
			got.Headers, got.size = nil, 0
			want := test.want
			want.ID, want.At, want.From = "1", fixedNow(), "no-reply@sandbox.example"
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestRawMails(t *testing.T) {
	t.Parallel()
	nested := func(depth int) string {
		var b strings.Builder
		for n := range depth {
			fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", n, n)
		}
		return b.String() + "Content-Type: text/plain\r\n\r\nfound"
	}
	tests := []struct {
		name       string
		lines      []string
		text, html string
		subject    string
		kind       string
		links      []string
	}{
		{
			name: "dot-stuffed lines come back as they were",
			lines: []string{
				"Subject: s", "", ".", "..x", "end",
			},
			subject: "s", text: ".\n..x\nend",
		},
		{
			name: "attachments are left out",
			lines: []string{
				"Subject: s", "Content-Type: multipart/mixed; boundary=b", "",
				"--b", "Content-Type: text/plain; charset=utf-8", "", "body http://x.example/1", "",
				"--b", "Content-Type: text/html", "Content-Disposition: attachment; filename=evil.html", "", "<a href=http://x.example/2>", "",
				"--b", "Content-Type: application/pdf", "Content-Transfer-Encoding: base64", "", "JVBERi0=", "--b--", "",
			},
			subject: "s", text: "body http://x.example/1", links: []string{"http://x.example/1"},
		},
		{
			name:    "encoded words and another charset",
			lines:   []string{"Subject: =?iso-8859-1?Q?Gr=FC=DFe?= =?utf-8?B?4oCU?=", "Content-Type: text/plain; charset=iso-8859-1", "Content-Transfer-Encoding: quoted-printable", "", "Gr=FC=DFe"},
			subject: "Grüße—", text: "Grüße",
		},
		{
			name:    "raw UTF-8 headers of SMTPUTF8",
			lines:   []string{"Subject: Grüße", "X-Sandbox-Kind: ü", "", "hallo"},
			subject: "Grüße", kind: "ü", text: "hallo",
		},
		{
			name:    "base64 with rubbish at its end",
			lines:   []string{"Subject: s", "Content-Transfer-Encoding: base64", "", "aGVsbG8=", "!!!"},
			subject: "s", text: "hello",
		},
		{
			name:    "an unknown charset is shown as far as it goes",
			lines:   []string{"Subject: s", "Content-Type: text/plain; charset=nonsense", "", "a\xffb"},
			subject: "s", text: "a\uFFFDb",
		},
		{
			name:  "no mail at all",
			lines: []string{"this is no header", "http://x.example/y"},
			text:  "this is no header\r\nhttp://x.example/y\r\n", links: []string{"http://x.example/y"},
		},
		{
			name:    "a multipart cut in the middle",
			lines:   []string{"Subject: s", "Content-Type: multipart/alternative; boundary=b", "", "--b", "Content-Type: text/plain", "", "first", "--b", "Content-Type: text/html"},
			subject: "s", text: "first",
		},
		{
			name:  "multiparts within multiparts",
			lines: []string{nested(maxDepth)},
			text:  "found",
		},
		{
			name:  "deeper than anybody means it",
			lines: []string{nested(maxDepth + 1)},
		},
		{
			name:  "more parts than anybody means",
			lines: []string{"Content-Type: multipart/mixed; boundary=b", "", strings.Repeat("--b\r\nContent-Type: image/png\r\n\r\nx\r\n", maxParts) + "--b\r\n\r\nlost\r\n--b--"},
		},
		{
			name:    "links only where they lead to the web, each once",
			lines:   []string{"Subject: s", "Content-Type: text/html", "", `<a href="javascript:alert(1)">a</a><a href="mailto:x@example.com">b</a><a href=" https://x.example/a(b) ">c</a><a href="https://x.example/a(b)">d</a><img src="https://x.example/pixel">`},
			subject: "s", html: `<a href="javascript:alert(1)">a</a><a href="mailto:x@example.com">b</a><a href=" https://x.example/a(b) ">c</a><a href="https://x.example/a(b)">d</a><img src="https://x.example/pixel">`,
			links: []string{"https://x.example/a(b)"},
		},
		{
			name:    "a sentence's punctuation is no part of a link",
			lines:   []string{"Subject: s", "", "(see https://x.example/a(b)). Or <https://x.example/c>, https://x.example/d?e=f!"},
			subject: "s", text: "(see https://x.example/a(b)). Or <https://x.example/c>, https://x.example/d?e=f!",
			links: []string{"https://x.example/a(b)", "https://x.example/c", "https://x.example/d?e=f"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := open(t, nil)
			if err := deliver(t, c, "from@example.com", []string{"a@example.com", "b@example.com"}, test.lines...); err != nil {
				t.Fatal(err)
			}
			m := c.Message("1")
			if m == nil {
				t.Fatal("not kept")
			}
			type seen struct {
				From                      string
				To                        []string
				Subject, Kind, Text, HTML string
				Links                     []string
			}
			got := seen{m.From, m.To, m.Subject, m.Kind, m.Text, m.HTML, m.Links}
			want := seen{"from@example.com", []string{"a@example.com", "b@example.com"}, test.subject, test.kind, test.text, test.html, test.links}
			if want.Links == nil {
				want.Links = []string{}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestRefusedOverSMTP(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		opts Options
		to   []string
		size int
		code int
	}{
		{name: "too long", opts: Options{MaxMessage: 1000}, to: []string{"a@example.com"}, size: 2000, code: 552},
		{name: "too many recipients", opts: Options{MaxRecipient: 2}, to: []string{"a@x.example", "b@x.example", "c@x.example"}, size: 1, code: 452},
		{name: "a recipient that is no mailbox", to: []string{"nobody"}, size: 1, code: 501},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := open(t, &test.opts)
			err := deliver(t, c, "from@example.com", test.to, "Subject: s", "", strings.Repeat("x\r\n", test.size/3+1))
			var refused *smtp.SMTPError
			if !errors.As(err, &refused) || refused.Code != test.code {
				t.Errorf("error %v, want code %d", err, test.code)
			}
			if all := c.Messages(Filter{}); len(all) != 0 {
				t.Errorf("%d messages were kept", len(all))
			}
		})
	}
}

func TestCutInTheMiddleIsNotKept(t *testing.T) {
	t.Parallel()
	c := open(t, nil)
	client, err := smtp.Dial(c.SMTPAddr())
	if err != nil {
		t.Fatal(err)
	}
	if err := client.SendMail("x", nil, nil); err == nil {
		t.Fatal("sent without recipients")
	}
	if err := client.Mail("f@example.com", nil); err != nil {
		t.Fatal(err)
	}
	if err := client.Rcpt("a@example.com", nil); err != nil {
		t.Fatal(err)
	}
	w, err := client.Data()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("Subject: half\r\n\r\nhalf")); err != nil {
		t.Fatal(err)
	}
	_ = client.Close()
	// A later, whole mail shows that the half one has been dealt with or never
	// will be: closing waits for both.
	if err := deliver(t, c, "f@example.com", []string{"a@example.com"}, "Subject: whole", "", "x"); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	all := c.Messages(Filter{})
	if len(all) != 1 || all[0].Subject != "whole" {
		t.Errorf("kept %d messages, the first %+v", len(all), all[0])
	}
}

func TestSenderRefuses(t *testing.T) {
	t.Parallel()
	c := open(t, nil)
	s := sender(t, c)
	good := Outgoing{To: "a@example.com", Subject: "s", Text: "t"}
	tests := []struct {
		name   string
		change func(*Outgoing)
	}{
		{"line break in the subject", func(o *Outgoing) { o.Subject = "s\r\nBcc: victim@example.com" }},
		{"bare line feed in the subject", func(o *Outgoing) { o.Subject = "s\nX: y" }},
		{"line break in the kind", func(o *Outgoing) { o.Kind = "k\r\n\r\nbody" }},
		{"zero byte in the kind", func(o *Outgoing) { o.Kind = "k\x00" }},
		{"subject that is no UTF-8", func(o *Outgoing) { o.Subject = "\xff" }},
		{"line break in the address", func(o *Outgoing) { o.To = "a@example.com\r\nRCPT TO:<b@example.com>" }},
		{"folded address", func(o *Outgoing) { o.To = "a@example.com\r\n " }},
		{"two addresses", func(o *Outgoing) { o.To = "a@example.com, b@example.com" }},
		{"display name", func(o *Outgoing) { o.To = "Bob <a@example.com>" }},
		{"angle brackets", func(o *Outgoing) { o.To = "<a@example.com>" }},
		{"no address", func(o *Outgoing) { o.To = "" }},
		{"no subject", func(o *Outgoing) { o.Subject = "" }},
		{"no body", func(o *Outgoing) { o.Text = "" }},
	}
	for _, test := range tests {
		o := good
		test.change(&o)
		if err := s.Send(t.Context(), o); err == nil {
			t.Errorf("%s: sent", test.name)
		}
	}
	if all := c.Messages(Filter{}); len(all) != 0 {
		t.Errorf("%d mails arrived", len(all))
	}
	if err := s.Send(t.Context(), good); err != nil {
		t.Error(err)
	}
}

func TestBodiesCannotAddHeadersOrCommands(t *testing.T) {
	t.Parallel()
	c := open(t, nil)
	text := "x\n.\nMAIL FROM:<evil@example.com>\nRCPT TO:<victim@example.com>\nDATA\nSubject: evil\n\nevil\n.\nQUIT"
	if err := sender(t, c).Send(t.Context(), Outgoing{To: "a@example.com", Subject: "s", Text: text}); err != nil {
		t.Fatal(err)
	}
	all := c.Messages(Filter{})
	if len(all) != 1 || all[0].Text != text || !reflect.DeepEqual(all[0].To, []string{"a@example.com"}) {
		t.Errorf("got %d mails, first %+v", len(all), all[0])
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	c := open(t, nil)
	s := sender(t, c)
	const writers, each = 16, 10
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := range each {
				to := fmt.Sprintf("p%d-%d@example.com", w, n)
				if err := s.Send(t.Context(), Outgoing{Kind: "k", To: to, Subject: to, Text: to}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for _, m := range c.Messages(Filter{}) {
		if len(m.To) != 1 || m.To[0] != m.Subject || m.Subject != m.Text {
			t.Errorf("mixed up: %+v", m)
		}
		seen[m.Subject] = true
	}
	if len(seen) != writers*each {
		t.Errorf("%d different mails, want %d", len(seen), writers*each)
	}
}

func TestOpenRefusesOtherAddresses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "localhost.example:0", "[::]:0", "127.0.0.1"} {
		if c, err := Open(t.Context(), &Options{Listen: address}); err == nil {
			_ = c.Close()
			t.Errorf("%s: opened", address)
		}
	}
}

func TestCloseCutsSilentClients(t *testing.T) {
	t.Parallel()
	c := open(t, nil)
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", c.SMTPAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	greeting := make([]byte, 3)
	if _, err := conn.Read(greeting); err != nil || string(greeting) != "220" {
		t.Fatalf("greeting %q, %v", greeting, err)
	}
	waiting := make(chan error)
	go func() {
		_, err := c.Wait(context.WithoutCancel(t.Context()), func(*Message) bool { return false })
		waiting <- err
	}()
	for range 2 {
		closing := make(chan error, 1)
		go func() { closing <- c.Close() }()
		select {
		case err := <-closing:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(smtpTimeout / 2):
			t.Fatal("Close waits for the silent client")
		}
	}
	if err := <-waiting; !errors.Is(err, ErrClosed) {
		t.Errorf("Wait: %v", err)
	}
	if conn, err := dialer.DialContext(t.Context(), "tcp", c.SMTPAddr()); err == nil {
		_ = conn.Close()
		t.Error("still listening")
	}
	if _, err := c.Wait(t.Context(), func(*Message) bool { return true }); !errors.Is(err, ErrClosed) {
		t.Errorf("Wait after Close: %v", err)
	}
}
