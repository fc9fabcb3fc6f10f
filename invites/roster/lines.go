package roster

import (
	"bufio"
	"bytes"
	"io"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"usher/identity"
)

// decoded returns a file's text as UTF-8 without a byte order mark.
func decoded(in io.Reader) (io.Reader, error) {
	buffered := bufio.NewReader(in)
	start, err := buffered.Peek(4)
	if err != nil && err != io.EOF {
		return nil, err
	}
	begins := func(magic string) bool { return bytes.HasPrefix(start, []byte(magic)) }
	switch {
	case begins("\xef\xbb\xbf"):
		_, err := buffered.Discard(3)
		return buffered, err
	case begins("\xff\xfe"), begins("\xfe\xff"):
		return transform.NewReader(buffered, unicode.UTF16(unicode.BigEndian, unicode.ExpectBOM).NewDecoder()), nil
	case begins("PK\x03\x04"), begins("\xd0\xcf\x11\xe0"):
		return nil, identity.Errorf(identity.CodeInvalidRequest, "The file is not text. A spreadsheet has to be saved as CSV.")
	case begins("\x1f\x8b"):
		return nil, identity.Errorf(identity.CodeInvalidRequest, "The file is not text but compressed.")
	}
	return buffered, nil
}

// lines reads lines that end with LF, CRLF, CR or the file, and holds no more
// than max bytes.
type lines struct {
	in  *bufio.Reader
	max int

	text   []byte // what was read since next, without the last line ending
	first  int    // the number of the line that text begins with
	number int    // of the line that it ends with
	cr     bool   // the last line ended with CR: an LF belongs to it
}

func newLines(in io.Reader, most int) *lines {
	return &lines{in: bufio.NewReader(in), max: most}
}

// next goes to the next line. It returns io.EOF if there is none.
func (l *lines) next() error {
	l.text, l.first = l.text[:0], l.number+1
	return l.read()
}

// more adds the next line and the line ending before it, as LF, to text.
func (l *lines) more() error {
	l.text = append(l.text, '\n')
	return l.read()
}

func (l *lines) read() error {
	for begun := false; ; begun = true {
		c, err := l.in.ReadByte()
		if err == nil && c == '\n' && l.cr && !begun {
			l.cr = false
			c, err = l.in.ReadByte()
		}
		if err == io.EOF && begun {
			return nil
		}
		if err != nil {
			return err
		}
		if !begun {
			l.number++
		}
		l.cr = c == '\r'
		switch {
		case c == '\n', c == '\r':
			return nil
		case c == 0:
			return broken(l.number, "the file is not text in UTF-8")
		case len(l.text) >= l.max:
			return l.tooLong()
		}
		l.text = append(l.text, c)
	}
}

func (l *lines) tooLong() error {
	if l.number > l.first {
		return tooLarge(l.first, "the row that begins here has more than %d bytes: a closing quote may be missing", l.max)
	}
	return tooLarge(l.first, "it has more than %d bytes", l.max)
}
