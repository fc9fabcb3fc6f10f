package httpx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"

	"golang.org/x/net/http/httpguts"
)

// newRequest builds the request of one try. What is wrong with a call is found
// here, before anything is sent; no error quotes the URL or a header.
func newRequest(ctx context.Context, call Call) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, call.Method, call.URL, bytes.NewReader(call.Body))
	switch {
	case err != nil:
		return nil, errors.New("the call has no valid method and URL")
	case request.URL.Scheme != "http" && request.URL.Scheme != "https", request.URL.Host == "":
		return nil, errors.New("the URL of the call is not absolute")
	case request.URL.User != nil:
		return nil, errors.New("the URL of the call holds a credential")
	}
	for name, values := range call.Header {
		if !httpguts.ValidHeaderFieldName(name) {
			return nil, errors.New("the call has a header that is none")
		}
		for _, value := range values {
			if !httpguts.ValidHeaderFieldValue(value) {
				return nil, fmt.Errorf("the header %s cannot be sent with this value", name)
			}
		}
	}
	if call.Header != nil {
		request.Header = call.Header.Clone()
	}
	if len(call.Body) == 0 {
		request.Body, request.GetBody, request.ContentLength = http.NoBody, nil, 0
	}
	if call.writes() {
		keepFromReplay(request)
	}
	return request, nil
}

// keepFromReplay stops net/http from sending a write again by itself when a
// kept connection breaks under it: it does so for requests that carry one of
// these keys, while here Repeatable alone decides. It looks for the canonical
// spelling; on the wire the spelling of a header means nothing.
func keepFromReplay(request *http.Request) {
	for _, key := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
		if values, ok := request.Header[key]; ok {
			delete(request.Header, key)
			request.Header[strings.ToLower(key)] = values
		}
	}
}

// progress is how far a try has come. The transport reports it from goroutines
// of its own.
type progress struct {
	asked     atomic.Bool // a connection was asked for
	connected atomic.Bool // and had: bytes may have left
	answered  atomic.Bool // the answer has begun
}

func (p *progress) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:              func(string) { p.asked.Store(true) },
		GotConn:              func(httptrace.GotConnInfo) { p.connected.Store(true) },
		GotFirstResponseByte: func() { p.answered.Store(true) },
	})
}

// sent reports whether the vendor may have seen the call. A transport that
// reports nothing may have sent it.
func (p *progress) sent() bool {
	return p.connected.Load() || p.answered.Load() || !p.asked.Load()
}
