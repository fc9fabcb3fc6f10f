package mail

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
)

// maxDepth bounds multiparts within multiparts, maxParts the parts of one mail.
const (
	maxDepth = 8
	maxParts = 200
)

// parse reads what can be read. Whatever came over SMTP is kept: of what is no
// mail, the text is all there is.
func parse(raw []byte) *Message {
	m := &Message{Headers: map[string][]string{}, Links: []string{}, size: int64(len(raw))}
	parsed, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		m.Text = strings.ToValidUTF8(string(raw), "\uFFFD")
		m.Links = links(m.Text, "")
		return m
	}
	for name, values := range parsed.Header {
		for _, v := range values {
			m.Headers[name] = append(m.Headers[name], decodeHeader(v))
		}
	}
	m.Subject = first(m.Headers, "Subject")
	m.Kind = first(m.Headers, KindHeader)
	w := walker{message: m}
	w.part(textproto.MIMEHeader(parsed.Header), parsed.Body, 0)
	m.Links = links(m.Text, m.HTML)
	return m
}

func first(headers map[string][]string, name string) string {
	if values := headers[textproto.CanonicalMIMEHeaderKey(name)]; len(values) > 0 {
		return values[0]
	}
	return ""
}

func decodeHeader(v string) string {
	d := mime.WordDecoder{CharsetReader: charset.NewReaderLabel}
	decoded, err := d.DecodeHeader(v)
	if err != nil {
		decoded = v
	}
	return strings.ToValidUTF8(decoded, "\uFFFD")
}

// walker collects the first text and the first HTML body of a mail.
type walker struct {
	message       *Message
	parts         int
	text, hasHTML bool
}

func (w *walker) part(h textproto.MIMEHeader, body io.Reader, depth int) {
	if w.parts++; w.parts > maxParts {
		return
	}
	if disposition, _, err := mime.ParseMediaType(h.Get("Content-Disposition")); err == nil && disposition == "attachment" {
		return
	}
	media, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		media, params = "text/plain", map[string]string{}
	}
	switch {
	case strings.HasPrefix(media, "multipart/") && depth < maxDepth:
		w.multipart(body, params["boundary"], depth)
	case media == "text/plain" && !w.text:
		w.text = true
		w.message.Text = decodeBody(h, params["charset"], body)
	case media == "text/html" && !w.hasHTML:
		w.hasHTML = true
		w.message.HTML = decodeBody(h, params["charset"], body)
	}
}

func (w *walker) multipart(body io.Reader, boundary string, depth int) {
	if boundary == "" {
		return
	}
	r := multipart.NewReader(body, boundary)
	for w.parts <= maxParts {
		p, err := r.NextRawPart()
		if err != nil {
			return // the end, or a cut mail: what came before it is kept
		}
		w.part(p.Header, p, depth+1)
	}
}

// decodeBody undoes the transfer encoding and the charset. What cannot be
// decoded is shown as far as it goes.
func decodeBody(h textproto.MIMEHeader, label string, body io.Reader) string {
	switch strings.ToLower(strings.TrimSpace(h.Get("Content-Transfer-Encoding"))) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	raw, _ := io.ReadAll(body)
	if label != "" && !utf8.Valid(raw) {
		if r, err := charset.NewReaderLabel(label, bytes.NewReader(raw)); err == nil {
			if decoded, err := io.ReadAll(r); err == nil {
				raw = decoded
			}
		}
	}
	text := strings.ToValidUTF8(string(raw), "\uFFFD")
	return strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
}
