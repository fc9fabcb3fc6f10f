package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// get is a GET request as bytes, post one with a JSON body. They are written
// by hand since the load shares the machine with what is measured.
func get(path, token string) []byte {
	return []byte("GET " + path + " HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer " + token + "\r\n\r\n")
}

func post(path, token, key, body string) []byte {
	if key != "" {
		key = "Idempotency-Key: " + key + "\r\n"
	}
	return []byte("POST " + path + " HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer " + token + "\r\n" + key +
		"Content-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
}

// conn is one kept connection to a server under load.
type conn struct {
	net.Conn
	reader *bufio.Reader
}

func dial(ctx context.Context, address string) (*conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &conn{c, bufio.NewReaderSize(c, 8<<10)}, nil
}

// ask sends a request and reads its answer. Every status but 2xx is an error.
func (c *conn) ask(request []byte) ([]byte, error) {
	if _, err := c.Write(request); err != nil {
		return nil, err
	}
	status, length := 0, -1
	for first := true; ; first = false {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case first:
			if len(line) < 12 {
				return nil, fmt.Errorf("not an answer: %q", line)
			}
			status, err = strconv.Atoi(string(line[9:12]))
		case len(line) > 16 && bytes.EqualFold(line[:15], []byte("Content-Length:")):
			length, err = strconv.Atoi(string(line[16:]))
		}
		if err != nil {
			return nil, err
		}
		if len(line) == 0 {
			break
		}
	}
	if length < 0 {
		return nil, errors.New("an answer without a length")
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(c.reader, body); err != nil {
		return nil, err
	}
	if status/100 != 2 {
		return nil, fmt.Errorf("%s answered %d: %s", bytes.Fields(request)[1], status, body)
	}
	return body, nil
}

// once asks one question on a connection of its own.
func once(ctx context.Context, address string, request []byte) ([]byte, error) {
	c, err := dial(ctx, address)
	if err != nil {
		return nil, err
	}
	answer, err := c.ask(request)
	return answer, errors.Join(err, c.Close())
}

// closedLoop keeps a number of connections busy for a time, or until so many
// requests are answered (0: no end), and returns how many were. next makes the
// nth request; it is called concurrently.
func closedLoop(ctx context.Context, address string, conns int, d time.Duration, most int64, next func(n int64) []byte) (int64, error) {
	var sent, answered atomic.Int64
	errs := make([]error, conns)
	var workers sync.WaitGroup
	end := time.Now().Add(d)
	for w := range conns {
		workers.Go(func() {
			c, err := dial(ctx, address)
			if err != nil {
				errs[w] = err
				return
			}
			for ctx.Err() == nil && time.Now().Before(end) {
				n := sent.Add(1) - 1
				if most > 0 && n >= most {
					break
				}
				if _, err := c.ask(next(n)); err != nil {
					errs[w] = err
					break
				}
				answered.Add(1)
			}
			errs[w] = errors.Join(errs[w], c.Close())
		})
	}
	workers.Wait()
	return answered.Load(), errors.Join(append(errs, ctx.Err())...)
}

// load is one turn: what was answered in which time at what cost.
type load struct {
	requests int64
	elapsed  time.Duration
	cpu      time.Duration // of the server
	cpuErr   error
	opened   int64 // connections to the vendor, where that is asked for
}

func (l load) rate() float64   { return float64(l.requests) / l.elapsed.Seconds() }
func (l load) each() float64   { return float64(l.elapsed.Microseconds()) / float64(l.requests) }
func (l load) micros() float64 { return float64(l.cpu.Microseconds()) / float64(l.requests) }

// turn loads a server for a time.
func turn(ctx context.Context, p *process, address string, conns int, d time.Duration, next func(n int64) []byte) (load, error) {
	before, cpuErr := p.cpu()
	began := time.Now()
	n, err := closedLoop(ctx, address, conns, d, 0, next)
	l := load{requests: n, elapsed: time.Since(began)}
	after, err2 := p.cpu()
	l.cpu, l.cpuErr = after-before, errors.Join(cpuErr, err2)
	if err == nil && n == 0 {
		err = errors.New("nothing was answered")
	}
	return l, err
}

// alternate lets two kinds of turn take turns, who begins too, and returns
// them in pairs. The first pair warms up and does not count.
func alternate[T any](rounds int, a, b func() (T, error)) (as, bs []T, err error) {
	for round := range rounds + 1 {
		var x, y T
		var err1, err2 error
		if round%2 == 0 {
			x, err1 = a()
			y, err2 = b()
		} else {
			y, err2 = b()
			x, err1 = a()
		}
		if err := errors.Join(err1, err2); err != nil {
			return nil, nil, err
		}
		if round > 0 {
			as, bs = append(as, x), append(bs, y)
		}
	}
	return as, bs, nil
}

// ratio is the median of a figure of a over that of b, pair by pair.
func ratio[T any](as, bs []T, figure func(T) float64) float64 {
	var all []float64
	for n := range as {
		all = append(all, figure(as[n])/figure(bs[n]))
	}
	return median(all)
}

// middle is the median of a figure.
func middle[T any](all []T, figure func(T) float64) float64 {
	var figures []float64
	for _, one := range all {
		figures = append(figures, figure(one))
	}
	return median(figures)
}
