package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"usher/api"
	"usher/identity"
	"usher/internal/httpx"
)

// apiFlags are the flags of the commands that are clients of a gateway.
type apiFlags struct {
	URL          string        `variable:"USHER_URL" placeholder:"URL" help:"The gateway (or USHER_URL)."`
	TokenFile    string        `placeholder:"FILE" help:"Read the bearer token from FILE, - for standard input. Default: USHER_TOKEN."`
	Organization string        `short:"o" default:"current" variable:"USHER_ORGANIZATION" placeholder:"ORG" help:"Id or slug of the organization (or USHER_ORGANIZATION). Default: ${default}, the single one of the token."`
	Timeout      time.Duration `default:"2m" help:"How long to wait for the gateway, repetitions included. Default: ${default}."`
	JSON         bool          `name:"json" help:"Print the answer, or the problem, as JSON."`
}

// Bounds of what a client reads, and its patience with a twin under way.
const (
	maxTokenBytes  = 64 << 10
	maxAnswerBytes = 16 << 20
	twinWait       = 500 * time.Millisecond
	twinTries      = 20
)

// apiClient talks to one gateway as one caller.
type apiClient struct {
	flags apiFlags
	base  string
	token string
	http  *httpx.Client
}

func (f apiFlags) open(s *shell) (*apiClient, error) {
	if f.URL == "" {
		return nil, usagef("--url or USHER_URL is needed: the address of a gateway, such as http://127.0.0.1:8080")
	}
	base, err := url.Parse(f.URL)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, usagef("%s is not the URL of a gateway", f.URL)
	}
	token, err := f.token(s)
	if err != nil {
		return nil, err
	}
	return &apiClient{
		flags: f, base: strings.TrimRight(f.URL, "/"), token: token,
		http: httpx.New(&httpx.Options{Timeout: f.Timeout, MaxBody: maxAnswerBytes}),
	}, nil
}

// token reads the bearer token. It is no flag, since other users of a machine
// can read a process's arguments.
func (f apiFlags) token(s *shell) (string, error) {
	text := s.env["USHER_TOKEN"]
	if f.TokenFile != "" {
		var err error
		if text, err = readToken(s, f.TokenFile); err != nil {
			return "", fmt.Errorf("read the token: %w", err)
		}
	}
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return "", usagef("USHER_TOKEN or --token-file is needed: a bearer token of an issuer the gateway trusts")
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", usagef("the token holds characters that no bearer token has")
	}
	return text, nil
}

func readToken(s *shell, path string) (text string, err error) {
	in := s.stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxTokenBytes))
	return string(data), err
}

// organizationPath is the path of something below the organization.
func (c *apiClient) organizationPath(parts ...string) string {
	path := "/v1/organizations/" + url.PathEscape(c.flags.Organization)
	for _, p := range parts {
		path += "/" + url.PathEscape(p)
	}
	return path
}

func (c *apiClient) get(ctx context.Context, op, path string, query url.Values) ([]byte, error) {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return c.do(ctx, httpx.Call{Op: op, Method: http.MethodGet, URL: c.base + path, Header: c.header()})
}

// post sends a request that may be repeated safely, since it carries an
// idempotency key.
func (c *apiClient) post(ctx context.Context, op, path, key string, body any) ([]byte, error) {
	call := httpx.Call{Op: op, Method: http.MethodPost, URL: c.base + path, Header: c.header(), Repeatable: true}
	call.Header.Set("Idempotency-Key", key)
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		call.Body = text
		call.Header.Set("Content-Type", "application/json")
	}
	return c.do(ctx, call)
}

func (c *apiClient) header() http.Header {
	return http.Header{
		"Authorization": {"Bearer " + c.token},
		"Accept":        {"application/json"},
		"User-Agent":    {"usher-cli/" + programVersion()},
	}
}

// do carries out a call and returns the body of its answer.
func (c *apiClient) do(ctx context.Context, call httpx.Call) ([]byte, error) {
	answer, err := c.ask(ctx, call)
	if err != nil {
		return nil, err
	}
	return answer.Body, nil
}

// ask carries out a call. Where an earlier try of the same key is still under
// way at the gateway, it waits for that one's answer.
func (c *apiClient) ask(ctx context.Context, call httpx.Call) (*httpx.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.flags.Timeout)
	defer cancel()
	for n := 1; ; n++ {
		answer, err := c.http.Do(ctx, call)
		if err != nil {
			return nil, unreachable(c.base, err)
		}
		if answer.Status < 300 {
			return answer, nil
		}
		failure := c.problem(answer)
		if failure.problem.Code != string(identity.CodeIdempotencyInProgress) || n == twinTries || httpx.Sleep(ctx, twinWait) != nil {
			return nil, failure
		}
	}
}

// apiError is a problem document as a command reports it.
type apiError struct {
	problem api.Problem
	raw     []byte // the document itself on one line, where JSON was asked for
	header  http.Header
}

func (c *apiClient) problem(answer *httpx.Response) *apiError {
	e := &apiError{header: answer.Header}
	if err := json.Unmarshal(answer.Body, &e.problem); err != nil || e.problem.Code == "" {
		e.problem = api.Problem{
			Status: answer.Status, Code: string(httpx.StatusCode(answer.Status)),
			Detail: fmt.Sprintf("%s answers %d without a problem document: is it a gateway of usher?", c.base, answer.Status),
		}
		return e
	}
	if c.flags.JSON {
		var line bytes.Buffer
		if json.Compact(&line, answer.Body) == nil {
			e.raw = line.Bytes()
		}
	}
	return e
}

// Error implements error: code, detail, fields, and what leads to the log.
func (e *apiError) Error() string {
	p := &e.problem
	text := p.Code + ": " + p.Detail
	for _, f := range p.Errors {
		where := f.Parameter + f.Header
		if f.Pointer != nil {
			where = *f.Pointer
		}
		text += " [" + where
		if f.Detail != p.Detail {
			text += ": " + f.Detail
		}
		text += "]"
	}
	if p.InviteID != "" {
		text += " (invite " + p.InviteID + ")"
	}
	if p.RequestID != "" {
		text += " (request " + p.RequestID + ")"
	}
	return text
}

// IdentityCode implements identity.Coder.
func (e *apiError) IdentityCode() identity.Code { return identity.Code(e.problem.Code) }
