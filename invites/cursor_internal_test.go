package invites

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"usher/identity"
)

// Whatever is presented as a cursor, it is refused, or it is the one spelling of
// a position in this listing.
func FuzzCursor(f *testing.F) {
	listing := []any{"invites", "org_1", []identity.State{identity.StatePending}, "", "member", ""}
	f.Add("")
	f.Add(encodeCursor("1700000000000000.inv_1", listing...))
	f.Fuzz(func(t *testing.T, text string) {
		at, err := decodeCursor(text, listing...)
		if err != nil {
			wantForeign(t, text, at, err)
			return
		}
		if again := encodeCursor(at, listing...); again != text {
			t.Errorf("%q leads to %q, whose cursor is %q", text, at, again)
		}
	})
}

// Whatever a position is that a cursor of our own holds, it is refused, or it is
// a place in a list.
func FuzzPosition(f *testing.F) {
	f.Add(positionAt(time.Unix(1700000000, 0), "inv_1"))
	f.Fuzz(func(t *testing.T, text string) {
		at, err := parsePosition(text)
		if err != nil {
			wantForeign(t, text, "", err)
			return
		}
		again, err := parsePosition(positionAt(at.CreatedAt, at.ID))
		if err != nil || *again != *at || at.ID == "" {
			t.Errorf("%q is %+v, and then %+v, %v", text, at, again, err)
		}
	})
}

// A cursor leads back to its position in its own listing, and in no other.
func TestCursorIsOfOneListing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		own, other := listings().Draw(t, "own"), listings().Draw(t, "other")
		position := rapid.StringN(1, -1, -1).Draw(t, "position")
		text := encodeCursor(position, own...)
		if at, err := decodeCursor(text, own...); err != nil || at != position {
			t.Fatalf("%q leads to %q, %v", position, at, err)
		}
		at, err := decodeCursor(text, other...)
		if slices.Equal(own, other) {
			return
		}
		wantForeign(t, text, at, err)
	})
}

// Times that JSON cannot say are filters as well.
func TestCursorOfAnOddTime(t *testing.T) {
	t.Parallel()
	c, org := &Connection{}, &identity.Organization{ID: "org_1"}
	listing := func(created time.Time, cursor string) ([]any, error) {
		r := ListRequest{CreatedAfter: &created, Page: identity.PageRequest{Cursor: cursor}}
		_, l, err := inviteQuery(c, org, r)
		return l, err
	}
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	odd := at.In(time.FixedZone("", 24*60*60))
	own, err := listing(odd, "")
	if err != nil {
		t.Fatal(err)
	}
	text := encodeCursor("1.inv_1", own...)
	if text == "" {
		t.Fatal("no cursor")
	}
	for _, same := range []time.Time{odd, at} {
		if _, err := listing(same, text); err != nil {
			t.Errorf("%s: %v", same, err)
		}
	}
	for _, another := range []time.Time{odd.Add(time.Second), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		_, err := listing(another, text)
		wantForeign(t, text, "", err)
	}
	org.ID = "org_2"
	_, err = listing(odd, text)
	wantForeign(t, text, "", err)
}

// listings are what the lists of usher are made of: a kind, an organization and
// filters of any text.
func listings() *rapid.Generator[[]any] {
	word := rapid.OneOf(rapid.SampledFrom([]string{"", "a", "b", "a,b", `a","b`, "null"}), rapid.String())
	return rapid.Custom(func(t *rapid.T) []any {
		kind := rapid.SampledFrom([]string{"invites", "members", "batches"}).Draw(t, "kind")
		org := rapid.SampledFrom([]string{"org_1", "org_2", "org_1\x00"}).Draw(t, "organization")
		l := []any{kind, org}
		for range rapid.IntRange(0, 2).Draw(t, "filters") {
			l = append(l, word.Draw(t, "filter"))
		}
		return l
	})
}

type failer interface {
	Helper()
	Fatalf(string, ...any)
}

// wantForeign checks how a cursor is refused: in the words for all of them, with
// the field, and without a position.
func wantForeign(t failer, text, at string, err error) {
	t.Helper()
	known, ok := err.(*identity.Error)
	if !ok || known.Code != identity.CodeInvalidRequest || known.Field != "query:cursor" || at != "" {
		t.Fatalf("%q: got %q, %v; want invalid_request at the cursor", text, at, err)
	}
	if known.Detail != "The cursor does not belong to this listing." {
		t.Fatalf("%q: the detail is %q", text, known.Detail)
	}
}
