package scripted

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
)

// Mishap makes calls of an operation go wrong.
type Mishap struct {
	Op    string // which calls; "*" at its end stands for any further text
	Skip  int    // so many calls go well first
	Times int    // how many calls it meets; 0: one, -1: all

	Status int
	Body   string
	Header http.Header
	Acts   bool   // the vendor does what it was asked for, whatever it answers
	Cut    bool   // no answer
	Half   bool   // the right answer, cut in the middle; needs Acts
	Refuse bool   // nobody listens
	Hang   bool   // no answer until the caller gives up
	Long   bool   // a body without end
	During func() // happens elsewhere before the call, which itself goes well
}

// Carry brings a call to the vendor and its answer back. Unless a mishap is in
// the way, serve answers, under the lock. The caller's trace is told of the
// connection as http.Transport would, since adapters learn from it whether the
// vendor may have acted; a call without a trace panics.
func (v *Vendor) Carry(r *http.Request, op string, serve func(http.ResponseWriter)) (*http.Response, error) {
	m := v.arrive(op)
	trace := httptrace.ContextClientTrace(r.Context())
	trace.GetConn(r.URL.Host)
	if m != nil && m.Refuse {
		return nil, errors.New("dial: connection refused")
	}
	trace.GotConn(httptrace.GotConnInfo{})
	if m != nil && m.During != nil {
		m.During()
		m = nil
	}
	if m != nil && m.Hang {
		<-r.Context().Done()
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	right := httptest.NewRecorder()
	if m == nil || m.Acts {
		v.With(func() { serve(right) })
	}
	if m == nil {
		return right.Result(), nil
	}
	return m.answer(r.Context(), right, v.Marks)
}

// answer is what comes instead of the right answer.
func (m *Mishap) answer(ctx context.Context, right *httptest.ResponseRecorder, marks http.Header) (*http.Response, error) {
	switch {
	case m.Cut:
		return nil, io.ErrUnexpectedEOF
	case m.Half:
		whole, result := right.Body.String(), right.Result()
		maps.Copy(result.Header, marks)
		result.Body = io.NopCloser(io.MultiReader(strings.NewReader(whole[:len(whole)*2/3]), torn{}))
		return result, nil
	}
	answer := httptest.NewRecorder()
	maps.Copy(answer.Header(), marks)
	maps.Copy(answer.Header(), m.Header)
	answer.WriteHeader(m.Status)
	answer.WriteString(m.Body)
	result := answer.Result()
	if m.Long {
		result.Body = io.NopCloser(endless{ctx})
	}
	return result, nil
}

// torn is the end of a body whose connection breaks.
type torn struct{}

func (torn) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// endless is a body that goes on for as long as anybody reads it.
type endless struct{ ctx context.Context }

func (e endless) Read(p []byte) (int, error) {
	for n := range p {
		p[n] = ' '
	}
	return len(p), e.ctx.Err()
}
