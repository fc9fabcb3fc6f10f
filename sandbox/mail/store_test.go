package mail

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
)

func ids(all []*Message) []string {
	got := []string{}
	for _, m := range all {
		got = append(got, m.ID)
	}
	return got
}

func TestStoreKeepsTheNewest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		count int
		bytes int64
		sizes []int64
		want  []string
	}{
		{"all fit", 3, 100, []int64{1, 2, 3}, []string{"1", "2", "3"}},
		{"too many", 2, 100, []int64{1, 1, 1, 1}, []string{"3", "4"}},
		{"too long together", 10, 10, []int64{4, 4, 4}, []string{"2", "3"}},
		{"one alone is kept whatever its size", 10, 10, []int64{4, 50}, []string{"2"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStore(test.count, test.bytes)
			for _, size := range test.sizes {
				s.add(&Message{size: size})
			}
			if got := ids(s.list(Filter{})); !reflect.DeepEqual(got, test.want) {
				t.Errorf("kept %v, want %v", got, test.want)
			}
			for n := range len(test.sizes) + 2 {
				id := fmt.Sprint(n)
				m := s.get(id)
				kept := false
				for _, want := range test.want {
					kept = kept || want == id
				}
				if (m != nil) != kept || (m != nil && m.ID != id) {
					t.Errorf("get(%s): %+v", id, m)
				}
			}
		})
	}
}

func TestStoreIDs(t *testing.T) {
	t.Parallel()
	s := newStore(5, 100)
	s.add(&Message{})
	for _, id := range []string{"", "0", "01", "+1", "-1", "2", "x", "99999999999999999999"} {
		if s.get(id) != nil {
			t.Errorf("get(%q) found something", id)
		}
	}
	s.clear()
	s.add(&Message{})
	if got := ids(s.list(Filter{})); !reflect.DeepEqual(got, []string{"2"}) {
		t.Errorf("after clearing: %v", got)
	}
	if s.bytes != 0 {
		t.Errorf("%d bytes counted", s.bytes)
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	m := &Message{To: []string{"Ann@Example.com", "ü@bücher.example"}, Kind: "k"}
	tests := []struct {
		filter Filter
		want   bool
	}{
		{Filter{}, true},
		{Filter{To: "ann@example.COM"}, true},
		{Filter{To: "ü@xn--bcher-kva.example"}, true},
		{Filter{To: "nn@example.com"}, false},
		{Filter{Kind: "k"}, true},
		{Filter{Kind: "K"}, false},
		{Filter{To: "ann@example.com", Kind: "k"}, true},
		{Filter{To: "ann@example.com", Kind: "other"}, false},
		{Filter{To: "someone@example.com", Kind: "k"}, false},
	}
	for _, test := range tests {
		if got := test.filter.Match(m); got != test.want {
			t.Errorf("%+v: %v", test.filter, got)
		}
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	s := newStore(2, 1000)
	s.add(&Message{Kind: "a"})
	kind := func(k string) func(*Message) bool {
		return func(m *Message) bool { return m.Kind == k }
	}
	m, err := s.wait(t.Context(), kind("a"))
	if err != nil || m.ID != "1" {
		t.Fatalf("kept already: %+v %v", m, err)
	}
	asked, done := make(chan string), make(chan *Message)
	go func() {
		defer close(done)
		m, err := s.wait(t.Context(), func(m *Message) bool {
			if m.Kind == "a" {
				asked <- m.ID
			}
			return m.Kind == "b"
		})
		if err != nil {
			t.Error(err)
			return
		}
		done <- m
	}()
	// Each message is asked about once.
	for _, want := range []string{"1", "2", "3", "4"} {
		if got := <-asked; got != want {
			t.Fatalf("asked about %s, want %s", got, want)
		}
		if want != "4" {
			s.add(&Message{Kind: "a"})
		}
	}
	// More than the store holds: what the waiter was too slow for is gone, and
	// must not confuse it.
	for range 5 {
		s.add(&Message{Kind: "other"})
	}
	s.add(&Message{Kind: "b"})
	if m := <-done; m == nil || m.ID != "10" {
		t.Errorf("got %+v", m)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.wait(ctx, kind("c")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
