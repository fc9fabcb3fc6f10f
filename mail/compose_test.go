package mail

import (
	"bytes"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"usher/identity"
)

// parts is a message taken apart.
type parts struct {
	header     mail.Header
	subject    string // decoded
	text, html string // decoded
}

// takeApart reads a message, and fails the test if it is not as RFC 5322 and
// RFC 2046 have it.
func takeApart(t *testing.T, raw []byte) parts {
	t.Helper()
	for l := range strings.SplitSeq(string(raw), "\r\n") {
		if len(l) > 998 || strings.ContainsAny(l, "\r\n\x00") {
			t.Fatalf("a line is too long or holds what it must not: %q", l)
		}
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	p := parts{header: m.Header}
	if p.subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		t.Fatal(err)
	}
	media, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || media != "multipart/alternative" {
		t.Fatalf("it is %q: %v", media, err)
	}
	r := multipart.NewReader(m.Body, params["boundary"])
	for _, part := range []struct {
		media string
		into  *string
	}{{"text/plain", &p.text}, {"text/html", &p.html}} {
		body, err := r.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		if got := body.Header.Get("Content-Type"); got != part.media+"; charset=UTF-8" {
			t.Fatalf("a part is %q, want %s", got, part.media)
		}
		text, err := io.ReadAll(quotedprintable.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		*part.into = strings.ReplaceAll(string(text), "\r\n", "\n")
	}
	if _, err := r.NextRawPart(); err != io.EOF {
		t.Fatalf("there is more than two parts: %v", err)
	}
	return p
}

// headers are all that a mail has.
func headers() []string {
	return []string{
		"Auto-Submitted", "Content-Language", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To",
		"X-Auto-Response-Suppress", "X-Usher-Invite",
	}
}

func compose(t *testing.T, s *Sender, i Invitation) parts {
	t.Helper()
	to, err := identity.ParseEmail(i.To)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := s.compose(to, i)
	if err != nil {
		t.Fatal(err)
	}
	return takeApart(t, raw)
}

// local needs no server: it composes only.
func local(t *testing.T, change func(*Options)) *Sender {
	t.Helper()
	o := options(t, "127.0.0.1:25")
	if change != nil {
		change(&o)
	}
	return newSender(t, o)
}

func TestMessage(t *testing.T) {
	t.Parallel()
	s := local(t, func(o *Options) { o.ReplyTo = "Hélène <helene@bücher.example>" })
	i := invitation()
	i.Attempt = 3
	p := compose(t, s, i)
	want := map[string]string{
		"From": `"Acme Team" <invitations@acme.example>`, "To": "<bob@example.com>", "Message-Id": "<inv_01.3@acme.example>",
		"Reply-To": `=?utf-8?q?H=C3=A9l=C3=A8ne?= <helene@xn--bcher-kva.example>`, "Date": "Wed, 04 Mar 2026 05:06:07 +0000",
		"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All", "Content-Language": "en", "X-Usher-Invite": "inv_01",
		"Subject": "Invitation to Acme",
	}
	for name, value := range want {
		if got := p.header.Get(name); got != value {
			t.Errorf("%s: %s, want %s", name, got, value)
		}
	}
	const text = `Hello Bob,

ann@acme.example invites you to join Acme.
Your roles: admin, member

The message to you:

    See you on Monday.

To accept, open this address:

` + secretLink + `

The invitation is valid until March 11, 2026, 05:06 UTC.
If you did not expect it, ignore this mail: nothing happens then.
`
	if p.text != text {
		t.Errorf("the text is\n%s\nwant\n%s", p.text, text)
	}
	if n := strings.Count(p.html, `href="`+secretLink+`"`); n != 2 {
		t.Errorf("the HTML holds %d links, want 2:\n%s", n, p.html)
	}
}

// Nothing is said about what there is not.
func TestLeastMessage(t *testing.T) {
	t.Parallel()
	p := compose(t, local(t, nil), Invitation{To: "bob@example.com", Link: secretLink, Organization: "Acme", InviteID: "inv_01"})
	const text = `Hello,

You are invited to join Acme.

To accept, open this address:

` + secretLink + `

If you did not expect it, ignore this mail: nothing happens then.
`
	if p.text != text {
		t.Errorf("the text is\n%s\nwant\n%s", p.text, text)
	}
	if got := slices.Sorted(maps.Keys(p.header)); !slices.Equal(got, headers()) {
		t.Errorf("headers %v", got)
	}
}

// A reader's mail program loads nothing when it shows the mail: no one learns
// who opened it, and no scanner is led anywhere but to the link.
func TestHTMLLoadsNothing(t *testing.T) {
	t.Parallel()
	for _, locale := range []string{"en", "de", "fr", "es"} {
		i := invitation()
		i.Locale = locale
		page := strings.ToLower(strings.ReplaceAll(compose(t, local(t, nil), i).html, secretLink, ""))
		for _, loads := range []string{"src=", "<img", "<script", "<link", "<iframe", "<form", "url(", "@import", "http:", "https:"} {
			if strings.Contains(page, loads) {
				t.Errorf("%s: the page holds %s", locale, loads)
			}
		}
		if !strings.Contains(page, `<html lang="`+locale+`">`) {
			t.Errorf("%s: the page does not name its language", locale)
		}
	}
}

// What people type is text, in the HTML too.
func TestTypedTextIsText(t *testing.T) {
	t.Parallel()
	i := invitation()
	i.Organization = `<b onclick="x()">Acme</b> & {{.Link}}`
	i.Inviter, i.GivenName = `"><img src=x>`, "<script>alert(1)</script>"
	i.Message, i.Roles = "</blockquote><a href='https://evil.example'>click</a>", []string{"<i>admin</i>"}
	p := compose(t, local(t, nil), i)
	for _, raw := range []string{"<b on", "<img", "<script", "</blockquote><a", "<i>"} {
		if strings.Contains(p.html, raw) {
			t.Errorf("the HTML holds %s:\n%s", raw, p.html)
		}
	}
	if !strings.Contains(p.html, "&lt;b onclick=") || strings.Contains(p.text, "&lt;") || !strings.Contains(p.text, "{{.Link}}") {
		t.Errorf("escaped where it must not be, or not where it must:\n%s\n%s", p.text, p.html)
	}
}

// An organization cannot name itself so that its name ends the text and begins
// another one, or makes a header of its own.
func TestTypedLineBreaks(t *testing.T) {
	t.Parallel()
	for _, gap := range []string{"\r\n", "\n", "\r", "\r\n\r\n", "\x00", "\v", "\f", "\u0085", "\u2028", "\u2029", "\t", " \r\n\t "} {
		i := invitation()
		i.Organization, i.Inviter = "Acme"+gap+"Bcc: eve@evil.example", "ann"+gap+"Bcc: eve@evil.example"
		i.GivenName, i.Message = "Bob"+gap+"Bcc: eve@evil.example", "Hi"+gap+secretLink+gap+"Bcc: eve@evil.example"
		i.Roles = []string{"admin" + gap + "Bcc: eve@evil.example"}
		p := compose(t, local(t, nil), i)
		if got, want := p.subject, "Invitation to Acme Bcc: eve@evil.example"; got != want {
			t.Errorf("%q: subject %q, want %q", gap, got, want)
		}
		if got := slices.Sorted(maps.Keys(p.header)); !slices.Equal(got, headers()) {
			t.Errorf("%q: headers %v", gap, got)
		}
		if strings.Contains(p.text, "\nBcc:") || strings.Count(p.text, "\n"+secretLink+"\n") != 1 {
			t.Errorf("%q: the text is\n%s", gap, p.text)
		}
	}
}

// Marks that turn the direction of what follows cannot make one name look like
// another; letters of every script, and what joins them, stay.
func TestTypedCharacters(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"Acme\u202eemcA\u2066x\u2069": "AcmeemcAx", "Ме́тро": "Ме́тро", "شرکت می\u200cخواهم": "شرکت می\u200cخواهم", "👩\u200d💻 Team": "👩\u200d💻 Team",
		"bad\xff": "bad\uFFFD", " Acme  Inc ": "Acme Inc", "=?utf-8?q?=0D=0ABcc?=": "= ?utf-8?q?=0D=0ABcc?=",
		strings.Repeat("Ö", 300): strings.Repeat("Ö", 200-len("Invitation to ")-1) + "…",
	} {
		i := invitation()
		i.Organization = typed
		if got := compose(t, local(t, nil), i).subject; got != "Invitation to "+want {
			t.Errorf("subject %q, want %q", got, want)
		}
	}
}

// Nothing malformed becomes a mail, nothing is connected to for it, and the
// error does not tell the link.
func TestMalformedInvitations(t *testing.T) {
	t.Parallel()
	server := (&scripted{}).start(t)
	s := newSender(t, options(t, server.address))
	for name, test := range map[string]struct {
		change func(*Invitation)
		want   outcome
	}{
		"line break in the address":   {func(i *Invitation) { i.To = "bob@example.com\r\nRCPT TO:<eve@evil.example>" }, outcome{"check", undelivered, false, 0}},
		"line break in the local":     {func(i *Invitation) { i.To = "bob\r\nDATA\r\n@example.com" }, outcome{"check", undelivered, false, 0}},
		"end of an envelope":          {func(i *Invitation) { i.To = "bob> SIZE=1@example.com" }, outcome{"check", undelivered, false, 0}},
		"NUL in the address":          {func(i *Invitation) { i.To = "bob\x00@example.com" }, outcome{"check", undelivered, false, 0}},
		"display name":                {func(i *Invitation) { i.To = "Bob <bob@example.com>" }, outcome{"check", undelivered, false, 0}},
		"quoted local part":           {func(i *Invitation) { i.To = `"bob bell"@example.com` }, outcome{"check", undelivered, false, 0}},
		"two addresses":               {func(i *Invitation) { i.To = "bob@example.com,eve@evil.example" }, outcome{"check", undelivered, false, 0}},
		"no address":                  {func(i *Invitation) { i.To = "" }, outcome{"check", undelivered, false, 0}},
		"no link":                     {func(i *Invitation) { i.Link = "" }, outcome{"compose", identity.CodeInternal, false, 0}},
		"script for a link":           {func(i *Invitation) { i.Link = "javascript:S3cr3t" }, outcome{"compose", identity.CodeInternal, false, 0}},
		"link without host":           {func(i *Invitation) { i.Link = "https:///S3cr3t" }, outcome{"compose", identity.CodeInternal, false, 0}},
		"link with a password":        {func(i *Invitation) { i.Link = "https://a:hunter2@usher.example/S3cr3t" }, outcome{"compose", identity.CodeInternal, false, 0}},
		"link with a line break":      {func(i *Invitation) { i.Link = secretLink + "\r\nhttps://evil.example" }, outcome{"compose", identity.CodeInternal, false, 0}},
		"link with a blank":           {func(i *Invitation) { i.Link = secretLink + " x" }, outcome{"compose", identity.CodeInternal, false, 0}},
		"link with a quote":           {func(i *Invitation) { i.Link = secretLink + `"x` }, outcome{"compose", identity.CodeInternal, false, 0}},
		"link with a bad escape":      {func(i *Invitation) { i.Link = secretLink + "%zz" }, outcome{"compose", identity.CodeInternal, false, 0}},
		"link beyond ASCII":           {func(i *Invitation) { i.Link = secretLink + "ä" }, outcome{"compose", identity.CodeInternal, false, 0}},
		"long link":                   {func(i *Invitation) { i.Link = secretLink + strings.Repeat("a", maxLink) }, outcome{"compose", identity.CodeInternal, false, 0}},
		"no id":                       {func(i *Invitation) { i.InviteID = "" }, outcome{"compose", identity.CodeInternal, false, 0}},
		"line break in the id":        {func(i *Invitation) { i.InviteID = "inv\r\nBcc: eve@evil.example" }, outcome{"compose", identity.CodeInternal, false, 0}},
		"end of the Message-ID":       {func(i *Invitation) { i.InviteID = "inv@evil>" }, outcome{"compose", identity.CodeInternal, false, 0}},
		"negative attempt":            {func(i *Invitation) { i.Attempt = -1 }, outcome{"compose", identity.CodeInternal, false, 0}},
		"organization of line breaks": {func(i *Invitation) { i.Organization = "\r\n\u202e" }, outcome{"compose", identity.CodeInternal, false, 0}},
	} {
		i := invitation()
		test.change(&i)
		err := s.SendInvitation(deadline(t), i)
		if got := outcomeOf(t, err); got != test.want {
			t.Errorf("%s: got %+v, want %+v: %v", name, got, test.want, err)
		}
	}
	if got := server.verbs(); len(got) != 0 {
		t.Errorf("the server heard %v", got)
	}
}

// Links that usher makes today or may make tomorrow arrive as they are.
func TestLinks(t *testing.T) {
	t.Parallel()
	for _, link := range []string{
		"https://usher.example/v1/invites/callback/hdl_-_~.A9", "http://127.0.0.1:8080/x", "http://[::1]:8080/x?a=b&c=d+e%20f#g",
		"https://usher.example/(a)/[b]/c;d=e,f!g*h$i@j:k", "https://usher.example/" + strings.Repeat("long", 480),
	} {
		i := invitation()
		i.Link = link
		p := compose(t, local(t, nil), i)
		if strings.Count(p.text, "\n"+link+"\n") != 1 {
			t.Errorf("%s is not alone on a line:\n%s", link, p.text)
		}
	}
}

// Whatever is typed, the mail has the headers it should have, one of each, one
// recipient, and the link once on a line of its own.
func FuzzHeaders(f *testing.F) {
	f.Add("Acme", "ann@acme.example", "Bob", "en", "Hello", "admin", "bob@example.com")
	f.Add("A\r\nBcc: e@e.example", "a\nTo: e@e.example", "\r\n\r\n<html>", "de\r\nX: y", ".\r\nQUIT", "r\x00", "bob@example.com\r\nBcc: x@y.example")
	f.Add("=?utf-8?q?=0D=0A?=", "=?utf-8?b?DQo=?=", "Ö\u2028ä", "x-klingon", secretLink, "\xff\xfe", "jörg@bücher.example")
	s, err := New(Options{Config: Config{Host: "127.0.0.1", TLS: TLSNone, From: "Acme <i@acme.example>", Hello: "x"}, Now: time.Now})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, organization, inviter, name, locale, message, role, to string) {
		address, err := identity.ParseEmail(to)
		if err != nil {
			return
		}
		raw, err := s.compose(address, Invitation{
			To: to, Link: secretLink, Organization: organization, Inviter: inviter, GivenName: name, FamilyName: name, Locale: locale,
			Message: message, Roles: []string{role}, InviteID: "inv_01",
		})
		if err != nil {
			if line(organization, maxName) != "" {
				t.Fatal(err)
			}
			return
		}
		p := takeApart(t, raw)
		if got := slices.Sorted(maps.Keys(p.header)); !slices.Equal(got, headers()) {
			t.Errorf("headers %v", got)
		}
		for name, values := range p.header {
			if len(values) != 1 {
				t.Errorf("%s is there %d times", name, len(values))
			}
		}
		if got := p.header.Get("To"); got != "<"+address.Local+"@"+address.Domain+">" {
			t.Errorf("it is to %q", got)
		}
		if strings.ContainsFunc(p.subject, unicode.IsControl) {
			t.Errorf("subject %q", p.subject)
		}
		if strings.Count(p.text, "\n"+secretLink+"\n") != 1 {
			t.Errorf("the text is\n%s", p.text)
		}
	})
}
