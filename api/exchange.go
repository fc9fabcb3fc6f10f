package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"usher/identity"
	"usher/ledger"
)

const (
	mediaJSON    = "application/json"
	mediaProblem = "application/problem+json"
)

type humaContext huma.Context

// exchange is one request and its answer as an operation sees them: the body
// has been read already, and the answer is held back until it is complete and,
// where there is a key, recorded.
type exchange struct {
	humaContext
	ctx    context.Context
	body   []byte
	status int
	header http.Header
	answer bytes.Buffer
}

func newExchange(hc huma.Context) *exchange {
	return &exchange{humaContext: hc, ctx: hc.Context(), header: http.Header{}}
}

// Unwrap leads Huma's helpers to the context beneath.
func (x *exchange) Unwrap() huma.Context { return x.humaContext }

// Context implements huma.Context.
func (x *exchange) Context() context.Context { return x.ctx }

// Header implements huma.Context. The two headers that the guard has checked
// read in their plain form: Huma's own negotiation reads them by rules of its
// own.
func (x *exchange) Header(name string) string {
	if name == "Accept" || name == "Content-Type" {
		return mediaJSON
	}
	return x.humaContext.Header(name)
}

// BodyReader implements huma.Context.
func (x *exchange) BodyReader() io.Reader { return bytes.NewReader(x.body) }

// SetReadDeadline implements huma.Context. The body has been read, and a
// deadline set now would end the request's context when it passes.
func (x *exchange) SetReadDeadline(time.Time) error { return nil }

// SetStatus implements huma.Context.
func (x *exchange) SetStatus(code int) { x.status = code }

// Status implements huma.Context.
func (x *exchange) Status() int { return x.status }

// SetHeader implements huma.Context.
func (x *exchange) SetHeader(name, value string) { x.header.Set(name, value) }

// AppendHeader implements huma.Context.
func (x *exchange) AppendHeader(name, value string) { x.header.Add(name, value) }

// BodyWriter implements huma.Context.
func (x *exchange) BodyWriter() io.Writer { return &x.answer }

// refuse makes the answer a problem document, whatever it was before.
func (x *exchange) refuse(err error) {
	x.answer.Reset()
	x.header.Del("Location")
	writeProblem(x, problemOf(err))
}

// recorded returns the answer as it is kept under an Idempotency-Key.
func (x *exchange) recorded() ledger.Answer {
	kept := map[string]string{}
	for _, name := range []string{"Content-Type", "Location"} {
		if value := x.header.Get(name); value != "" {
			kept[name] = value
		}
	}
	return ledger.Answer{Status: x.status, Header: kept, Body: bytes.Clone(x.answer.Bytes())}
}

// replay makes the answer one that was given before.
func (x *exchange) replay(old *ledger.Answer) {
	requestOf(x.ctx).replayed = true
	for name, value := range old.Header {
		x.SetHeader(name, value)
	}
	x.SetHeader("Idempotency-Replayed", "true")
	x.SetStatus(old.Status)
	x.answer.Write(old.Body)
	if old.Status < http.StatusBadRequest {
		return
	}
	var p Problem
	if json.Unmarshal(old.Body, &p) == nil {
		requestOf(x.ctx).code, requestOf(x.ctx).invite = identity.Code(p.Code), p.InviteID
	}
}

// flush sends the answer.
func (x *exchange) flush() {
	maps.Copy(humagin.Unwrap(x).Writer.Header(), x.header)
	if x.answer.Len() > 0 {
		x.humaContext.SetHeader("Content-Length", strconv.Itoa(x.answer.Len()))
	}
	x.humaContext.SetStatus(x.status)
	// A write fails only when the client is gone, and then nobody is told.
	_, _ = x.humaContext.BodyWriter().Write(x.answer.Bytes())
}

// writeProblem answers with a problem document and notes it for the log.
func writeProblem(hc huma.Context, p *Problem) {
	p.note(requestOf(hc.Context()))
	for name, value := range p.headers() {
		hc.SetHeader(name, value)
	}
	hc.SetHeader("Content-Type", mediaProblem)
	hc.SetStatus(p.Status)
	// The document is made of strings and numbers, and cannot fail to encode.
	_ = encodeJSON(hc.BodyWriter(), p)
}

func encodeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
