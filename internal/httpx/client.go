package httpx

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"usher/identity"
	"usher/internal/quota"
)

// Options configures New. A nil pointer means all defaults.
type Options struct {
	Transport http.RoundTripper // defaults to a new NewTransport
	Timeout   time.Duration     // of one try; defaults to 10 seconds
	Attempts  int               // tries in all; defaults to 3
	MaxBody   int64             // longest answer in bytes; defaults to 4 MiB
	MaxWait   time.Duration     // longest single wait before a repetition; defaults to 5 seconds
	Now       func() time.Time
	Sleep     func(context.Context, time.Duration) error
	Jitter    func() float64 // in [0,1)
	Observe   func(Observation)

	// What holds calls back; nil: nothing does.
	Limiter *quota.Limiter // the vendor's limits
	Breaker *Breaker       // when the vendor is down
	Repeats *Repeats       // when much is repeated
}

// Observation describes one try that was sent, for metrics. It holds nothing secret.
type Observation struct {
	Op, Method, Host string
	Status           int // 0: no answer
	Duration         time.Duration
	Code             identity.Code // empty: an answer came
}

// Client carries out calls. It may be used concurrently.
type Client struct{ options Options }

// New returns a client. o may be nil.
func New(o *Options) *Client {
	c := &Client{}
	if o != nil {
		c.options = *o
	}
	fill(&c.options.Timeout, 10*time.Second)
	fill(&c.options.MaxWait, 5*time.Second)
	fill(&c.options.Attempts, 3)
	fill(&c.options.MaxBody, 4<<20)
	if c.options.Transport == nil {
		c.options.Transport = NewTransport()
	}
	if c.options.Now == nil {
		c.options.Now = time.Now
	}
	if c.options.Sleep == nil {
		c.options.Sleep = Sleep
	}
	if c.options.Jitter == nil {
		c.options.Jitter = rand.Float64
	}
	if c.options.Observe == nil {
		c.options.Observe = func(Observation) {}
	}
	return c
}

func fill[T time.Duration | int | int64](value *T, preset T) {
	if *value <= 0 {
		*value = preset
	}
}

// Sleep waits for d, or until ctx ends, whose error it then returns.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Call is one request to a vendor.
type Call struct {
	Op          string // what is attempted, e.g. "create user"; for errors and metrics
	Method, URL string
	Header      http.Header
	Body        []byte
	// Repeatable: the call may be repeated though it may have been carried
	// out. GET and HEAD always may.
	Repeatable bool
}

// writes reports whether the call changes something at the vendor.
func (c Call) writes() bool {
	return c.Method != http.MethodGet && c.Method != http.MethodHead && !c.Repeatable
}

// Response is a complete answer.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do carries out a call, repeating it where that is safe and fits ctx. It
// returns the last answer, whatever its status; a redirect is an answer too and
// is never followed, so that no credential reaches another host. An *Error
// means that there is no complete answer. A call that is held back was not
// sent: provider_rate_limited by the vendor's limits, provider_unavailable by
// the breaker.
func (c *Client) Do(ctx context.Context, call Call) (*Response, error) {
	c.options.Repeats.call()
	var last try
	for n := 1; ; n++ {
		t := c.try(ctx, call)
		if n > 1 && t.failure != nil && t.failure.withheld {
			break // what came of the try before tells more
		}
		last = t
		wait, again := c.wait(call, n, t)
		if !again || wait > c.options.MaxWait || !fits(ctx, wait) || !c.options.Repeats.take() || c.options.Sleep(ctx, wait) != nil {
			break
		}
	}
	if last.failure != nil {
		return nil, last.failure
	}
	return last.response, nil
}

// try is what came of sending a call once: a response or a failure.
type try struct {
	response *Response
	failure  *Error
	pause    time.Duration // how long the vendor wants to be left alone
}

// fits reports whether a wait leaves time before the context ends. Deadlines
// are in the machine's time, whatever clock the client was given.
func fits(ctx context.Context, wait time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() == nil && (!ok || time.Until(deadline) > wait)
}

// firstWait is the longest wait before the second try; it doubles for each.
const firstWait = 200 * time.Millisecond

// wait decides whether a call is tried again, and after how long.
func (c *Client) wait(call Call, n int, t try) (time.Duration, bool) {
	if n >= c.options.Attempts {
		return 0, false
	}
	const doublings = 10 // of the wait, at most
	wait := time.Duration(float64(firstWait<<min(n-1, doublings)) * (0.5 + c.options.Jitter()/2))
	if t.failure != nil {
		return wait, t.failure.again && (!t.failure.sent || !call.writes())
	}
	if t.pause > 0 {
		wait = t.pause
	}
	switch t.response.Status {
	case http.StatusTooManyRequests:
		return wait, true
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return wait, !call.writes()
	default:
		return 0, false
	}
}

// try sends a call once, unless it is held back. Every try begins here.
func (c *Client) try(ctx context.Context, call Call) try {
	admitted, failure := c.admit(ctx, call)
	if failure != nil {
		return try{failure: failure}
	}
	// What is to be told of a try that does not come to its end.
	t := try{failure: &Error{Op: call.Op, Code: identity.CodeInternal, sent: true}}
	defer func() { admitted.end(ctx, t) }()
	seen := Observation{Op: call.Op, Method: call.Method}
	t.response, t.failure = c.send(ctx, call, &seen)
	seen.Duration = c.options.Now().Sub(admitted.begun)
	if t.failure != nil {
		seen.Code = t.failure.Code
	} else {
		seen.Status = t.response.Status
		t.pause = c.pause(ctx, t.response)
	}
	c.options.Observe(seen)
	return t
}

func (c *Client) send(ctx context.Context, call Call, seen *Observation) (*Response, *Error) {
	limited, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	var stage progress
	request, err := newRequest(stage.watch(limited), call)
	if err != nil {
		return nil, &Error{Op: call.Op, Code: identity.CodeInternal, Err: err}
	}
	seen.Host = request.URL.Host
	answer, err := c.options.Transport.RoundTrip(request)
	if err != nil {
		return nil, failed(ctx, limited, call, &stage, 0, err)
	}
	defer func() {
		cancel() // first, or closing waits for the rest of an endless answer
		_ = answer.Body.Close()
	}()
	body, err := c.read(answer)
	if err != nil {
		stage.answered.Store(true)
		return nil, failed(ctx, limited, call, &stage, answer.StatusCode, err)
	}
	return &Response{Status: answer.StatusCode, Header: answer.Header, Body: body}, nil
}

// errTooLong is the cause of the error for an answer above Options.MaxBody.
var errTooLong = errors.New("the answer is longer than it may be")

// read returns the whole body, decompressed; at most MaxBody bytes of it are
// ever held.
func (c *Client) read(answer *http.Response) ([]byte, error) {
	if answer.ContentLength > c.options.MaxBody && answer.Request.Method != http.MethodHead {
		return nil, errTooLong
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, c.options.MaxBody+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(body)) > c.options.MaxBody:
		return nil, errTooLong
	default:
		return body, nil
	}
}
