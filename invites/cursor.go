package invites

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"usher/identity"
)

// The number of items on a page: what a caller gets and what it may ask for.
const (
	DefaultLimit = 50
	MaxLimit     = 200
)

// cursor is where a listing goes on, bound to the listing it came from. It
// holds nothing secret: what a caller may see is checked again on each page.
type cursor struct {
	Binding  []byte `json:"b"`
	Position string `json:"p"`
}

const bindingBytes = 8

// binding identifies a listing: its kind, its organization and its filters, which
// must be such as JSON can say. Without a binding there is no cursor.
func binding(listing ...any) []byte {
	text, err := json.Marshal(listing)
	if err != nil {
		return nil
	}
	sum := sha256.Sum256(text)
	return sum[:bindingBytes]
}

// encodeCursor returns "" for an empty position.
func encodeCursor(position string, listing ...any) string {
	bound := binding(listing...)
	if position == "" || bound == nil {
		return ""
	}
	text, err := json.Marshal(cursor{Binding: bound, Position: position})
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// decodeCursor returns the position, "" for an empty cursor. A garbled cursor, one
// in another spelling than ours and one of another listing are invalid_request.
func decodeCursor(text string, listing ...any) (string, error) {
	if text == "" {
		return "", nil
	}
	foreign := identity.FieldError(identity.CodeInvalidRequest, "query:cursor", "The cursor does not belong to this listing.")
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return "", foreign
	}
	var c cursor
	if err := json.Unmarshal(raw, &c); err != nil || encodeCursor(c.Position, listing...) != text {
		return "", foreign
	}
	return c.Position, nil
}

// limit applies the default and the bounds.
func limit(n int) (int, error) {
	switch {
	case n == 0:
		return DefaultLimit, nil
	case n < 0 || n > MaxLimit:
		return 0, identity.FieldError(identity.CodeInvalidRequest, "query:limit", "The limit must be between 1 and %d.", MaxLimit)
	default:
		return n, nil
	}
}
