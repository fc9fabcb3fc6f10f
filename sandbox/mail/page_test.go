package mail

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

const xss = `"><script>alert(1)</script><img src=x onerror=alert(1)>`

func evil() *Message {
	return parse([]byte("Subject: " + xss + "\r\nX-Sandbox-Kind: " + xss + "\r\nX-Evil: " + xss +
		"\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: text/plain\r\n\r\n" + xss + " http://x.example/\"onmouseover=alert(1) javascript:alert(1) http://x.example/?a=<b>\r\n" +
		"--b\r\nContent-Type: text/html\r\n\r\n<script>alert(2)</script><a href=\"javascript:alert(3)\">x</a><a href='http://x.example/?\"&gt;&lt;script&gt;'>y</a>\r\n--b--\r\n"))
}

func TestPagesEscape(t *testing.T) {
	t.Parallel()
	c := open(t, nil)
	m := evil()
	m.From, m.To = xss, []string{xss + "@example.com"}
	c.store.add(m)
	for _, path := range []string{"/", "/?kind=k%22%3E%3Cscript%3E&to=%22%3E%3Cscript%3E", "/messages/1"} {
		res := get(t, c, http.MethodGet, path)
		page := body(t, res)
		if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %s %v", path, res.Status, res.Header)
		}
		policy := res.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src") {
			t.Errorf("%s: policy %q", path, policy)
		}
		doc, err := html.Parse(strings.NewReader(page))
		if err != nil {
			t.Fatal(err)
		}
		for n := range doc.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			if n.Data == "script" || n.Data == "img" {
				t.Errorf("%s: a <%s> got in", path, n.Data)
			}
			for _, a := range n.Attr {
				if strings.HasPrefix(a.Key, "on") {
					t.Errorf("%s: attribute %s got in", path, a.Key)
				}
				if (a.Key == "href" || a.Key == "src") && !strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "http://x.example/") && a.Val != "data:," {
					t.Errorf("%s: %s=%q", path, a.Key, a.Val)
				}
				if n.Data == "iframe" && a.Key == "sandbox" && (strings.Contains(a.Val, "allow-scripts") || strings.Contains(a.Val, "allow-same-origin")) {
					t.Errorf("%s: frame is not sandboxed: %q", path, a.Val)
				}
			}
		}
	}
	if page := body(t, get(t, c, http.MethodGet, "/messages/1")); !strings.Contains(page, "&lt;script&gt;alert(1)") {
		t.Error("the text is not shown as it is")
	}
}

func TestHTMLBodyIsSandboxed(t *testing.T) {
	t.Parallel()
	c := open(t, nil)
	c.store.add(evil())
	c.store.add(parse([]byte("Subject: s\r\n\r\ntext only")))
	res := get(t, c, http.MethodGet, "/messages/1/html")
	policy := res.Header.Get("Content-Security-Policy")
	for _, want := range []string{"sandbox ", "default-src 'none'", "form-action 'none'", "frame-ancestors 'self'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %q", policy, want)
		}
	}
	if strings.Contains(policy, "allow-scripts") || strings.Contains(policy, "allow-same-origin") || strings.Contains(policy, "script-src") {
		t.Errorf("policy %q lets scripts run", policy)
	}
	if res.Header.Get("X-Content-Type-Options") != "nosniff" || res.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("headers %v", res.Header)
	}
	if text := body(t, res); !strings.Contains(text, "<script>alert(2)</script>") {
		t.Errorf("the body is changed: %s", text)
	}
	for _, path := range []string{"/messages/2/html", "/messages/3/html", "/messages/3", "/messages/x", "/nothing"} {
		if res := get(t, c, http.MethodGet, path); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
}

func TestPageContents(t *testing.T) {
	t.Parallel()
	c := open(t, nil)
	if page := body(t, get(t, c, http.MethodGet, "/")); !strings.Contains(page, "No mail yet") {
		t.Errorf("empty page: %s", page)
	}
	for n := range pageSize + 5 {
		m := parse(fmt.Appendf(nil, "Subject: mail %03d\r\nX-Sandbox-Kind: k\r\n\r\nhttp://127.0.0.1/%d", n, n))
		m.To = []string{"a@example.com"}
		c.store.add(m)
	}
	page := body(t, get(t, c, http.MethodGet, "/"))
	if !strings.Contains(page, "The newest 200 of 205 messages") {
		t.Error("the page does not say that there is more")
	}
	if newest, older := strings.Index(page, "mail 204"), strings.Index(page, "mail 005"); newest < 0 || older < newest || strings.Contains(page, "mail 004") {
		t.Errorf("order: mail 204 at %d, mail 005 at %d", newest, older)
	}
	if page := body(t, get(t, c, http.MethodGet, "/?to=b@example.com")); !strings.Contains(page, "No message matches") {
		t.Error("the filter has no effect")
	}
	if page := body(t, get(t, c, http.MethodGet, "/messages/1")); strings.Count(page, `<a href="http://127.0.0.1/0"`) != 2 {
		t.Errorf("links are not clickable:\n%s", page)
	}
	if res := get(t, c, http.MethodGet, "/style.css"); res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("style sheet: %s %v", res.Status, res.Header)
	}
}

func TestAPI(t *testing.T) {
	t.Parallel()
	c := open(t, nil)
	if text := body(t, get(t, c, http.MethodGet, "/api/messages")); text != "[]\n" {
		t.Errorf("empty list: %q", text)
	}
	for _, m := range []struct{ to, kind string }{{"a@example.com", "x"}, {"b@example.com", "x"}, {"a@example.com", "y"}} {
		if err := sender(t, c).Send(t.Context(), Outgoing{To: m.to, Kind: m.kind, Subject: "s", Text: "t"}); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		query string
		want  []string
	}{
		{"", []string{"1", "2", "3"}},
		{"?to=A@example.com", []string{"1", "3"}},
		{"?kind=x", []string{"1", "2"}},
		{"?kind=x&to=b%40example.com", []string{"2"}},
		{"?to=c@example.com", []string{}},
		{"?kind=y&wait=5s", []string{"3"}},
		{"?kind=z&wait=1ns", []string{}},
	}
	for _, test := range tests {
		got := []string{}
		for _, m := range list(t, c, test.query) {
			got = append(got, m.ID)
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%q: %v, want %v", test.query, got, test.want)
		}
	}
	for _, query := range []string{"?form=x", "?to=a&to=b", "?wait=1h", "?wait=-1s", "?wait=x", "?to=%zz"} {
		if res := get(t, c, http.MethodGet, "/api/messages"+query); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %s", query, res.Status)
		}
	}
	if res := get(t, c, http.MethodDelete, "/api/messages?to=a@example.com"); res.StatusCode != http.StatusBadRequest {
		t.Errorf("delete with a filter: %s", res.Status)
	}
	if res := get(t, c, http.MethodDelete, "/api/messages"); res.StatusCode != http.StatusNoContent {
		t.Errorf("delete: %s", res.Status)
	}
	if all := list(t, c, ""); len(all) != 0 {
		t.Errorf("%d left", len(all))
	}
}

func TestAPIKeys(t *testing.T) {
	t.Parallel()
	c := open(t, nil)
	if err := deliver(t, c, "f@example.com", []string{"a@example.com"}, "Subject: s", "X-Sandbox-Kind: k", "", "t http://x.example/"); err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	if err := json.Unmarshal([]byte(body(t, get(t, c, http.MethodGet, "/api/messages"))), &got); err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{{
		"id": "1", "at": "2026-03-04T05:06:07Z", "from": "f@example.com", "to": []any{"a@example.com"}, "subject": "s", "kind": "k",
		"text": "t http://x.example/", "html": "", "links": []any{"http://x.example/"},
		"headers": map[string]any{"Subject": []any{"s"}, "X-Sandbox-Kind": []any{"k"}},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestAPIWaitsForTheMail(t *testing.T) {
	t.Parallel()
	c := open(t, nil)
	server := httptest.NewServer(c)
	defer server.Close()
	answered := make(chan []Message)
	go func() {
		defer close(answered)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/messages?to=a@example.com&wait=1m", nil)
		if err != nil {
			t.Error(err)
			return
		}
		res, err := server.Client().Do(r)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = res.Body.Close() }()
		var all []Message
		if err := json.NewDecoder(res.Body).Decode(&all); err != nil {
			t.Error(err)
		}
		answered <- all
	}()
	for _, to := range []string{"b@example.com", "a@example.com"} {
		if err := sender(t, c).Send(t.Context(), Outgoing{To: to, Subject: to, Text: "t"}); err != nil {
			t.Fatal(err)
		}
	}
	if all := <-answered; len(all) != 1 || all[0].Subject != "a@example.com" {
		t.Errorf("got %+v", all)
	}
}
