// Package internal is Nile Auth's wire: its calls, their types, and the one
// table from its error texts to our codes. It decides nothing; package nile
// does.
package internal

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"usher/internal/httpx"
	"usher/internal/quota"
)

// The two headers of every call, without which the vendor guesses by which
// names its cookies go (FACTS.md section 2).
const (
	HeaderOrigin = "Nile-Origin"
	HeaderSecure = "Nile-Secure-Cookies"
)

// Client carries out calls. It may be used concurrently.
type Client struct {
	http         *httpx.Client
	base, origin string
	secure       bool
	now          func() time.Time
}

// New returns a client of the database at base. origin is the application's; it
// decides how the vendor names its cookies.
func New(h *httpx.Client, base, origin string, secure bool, now func() time.Time) *Client {
	return &Client{http: h, base: base, origin: origin, secure: secure, now: now}
}

// request is one call to be made. A nil form has no body.
type request struct {
	op, method, path string
	cookies          string
	form             url.Values
	want             int
	harmless         bool // it changes nothing that matters, whatever its method
}

// do carries out a call. An answer of another status than the one wanted is an
// *APIError. Redirects are not followed (FACTS.md section 9, 8).
func (c *Client) do(ctx context.Context, r request) (*httpx.Response, error) {
	call := httpx.Call{
		Op: r.op, Method: r.method, URL: c.base + r.path, Repeatable: r.harmless,
		Header: http.Header{HeaderOrigin: {c.origin}, HeaderSecure: {strconv.FormatBool(c.secure)}},
	}
	if r.cookies != "" {
		call.Header.Set("Cookie", r.cookies)
	}
	if r.form != nil {
		call.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		call.Body = []byte(r.form.Encode())
	}
	answer, err := c.http.Do(ctx, call)
	if err != nil {
		return nil, err
	}
	if answer.Status != r.want {
		return nil, newError(r, answer, c.now())
	}
	return answer, nil
}

// decode reads an answer's JSON, whatever type it says it has: what is not under
// /auth is called plain text (FACTS.md section 9, 1). No part of it is quoted,
// since it may hold the token of an invitation.
func decode(r request, answer *httpx.Response, into any) error {
	if json.Unmarshal(answer.Body, into) == nil {
		return nil
	}
	return unusable(r, answer, "the answer is not the JSON expected")
}

// unusable is the error of an answer of the status wanted that tells nothing.
func unusable(r request, answer *httpx.Response, why string) *APIError {
	return &APIError{
		Op: r.op, Status: answer.Status, Why: why,
		Acted: !r.harmless && httpx.ActedStatus(r.method, answer.Status),
	}
}

func tenantPath(tenant, rest string) string { return "/tenants/" + url.PathEscape(tenant) + rest }

// Invite creates an invitation, or sends the one that is there again: it keeps
// its id and gets a new token and a new expiry (FACTS.md section 5).
func (c *Client) Invite(ctx context.Context, s *Session, tenant string, n NewInvite) (*Invite, error) {
	r := request{
		op: OpInvite, method: http.MethodPost, path: tenantPath(tenant, "/invite"), want: http.StatusCreated,
		cookies: s.cookies(), form: url.Values{
			"identifier": {n.Identifier}, "csrfToken": {s.csrf},
			"callbackUrl": {n.CallbackURL}, "redirectUrl": {n.RedirectURL},
		},
	}
	answer, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	row := &Invite{}
	if err := decode(r, answer, row); err != nil {
		return nil, err
	}
	if !row.whole() {
		return nil, unusable(r, answer, "the answer is no invitation")
	}
	return row, nil
}

// Pace returns the pace of a sending: Invites, Users if they are asked for, and
// Invite.
func (c *Client) Pace(users bool) quota.Pace {
	call := func(method, rest string) quota.Pace { return c.http.Pace(method, c.base+tenantPath("any", rest)) }
	pace := call(http.MethodGet, "/invites").And(call(http.MethodPost, "/invite"))
	if users {
		pace = pace.And(call(http.MethodGet, "/users"))
	}
	return pace
}

// Invites returns all invitations of a tenant, expired ones included, in no
// order. There are no pages (FACTS.md section 1).
func (c *Client) Invites(ctx context.Context, s *Session, tenant string) ([]Invite, error) {
	r := request{op: "list invites", method: http.MethodGet, path: tenantPath(tenant, "/invites"), cookies: s.cookies(), want: http.StatusOK}
	return list(ctx, c, r, (*Invite).whole)
}

// Users returns all members of a tenant, in no order.
func (c *Client) Users(ctx context.Context, s *Session, tenant string) ([]User, error) {
	r := request{op: "list users", method: http.MethodGet, path: tenantPath(tenant, "/users"), cookies: s.cookies(), want: http.StatusOK}
	return list(ctx, c, r, (*User).whole)
}

// list reads a whole list. An answer that only looks like an empty one is none:
// "there is nothing" is what makes the gateway send again.
func list[T any](ctx context.Context, c *Client, r request, whole func(*T) bool) ([]T, error) {
	answer, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	var rows []T
	if err := decode(r, answer, &rows); err != nil {
		return nil, err
	}
	if rows == nil {
		return nil, unusable(r, answer, "the answer is not the list expected")
	}
	for n := range rows {
		if !whole(&rows[n]) {
			return nil, unusable(r, answer, "a row of the list is not whole")
		}
	}
	return rows, nil
}

// Delete withdraws an invitation. The vendor does not say whether there was one.
func (c *Client) Delete(ctx context.Context, s *Session, tenant, id string) error {
	_, err := c.do(ctx, request{
		op: "delete invite", method: http.MethodDelete, path: tenantPath(tenant, "/invite/"+url.PathEscape(id)),
		cookies: s.cookies(), want: http.StatusNoContent,
	})
	return err
}

// Accept takes an invitation up. It needs no session: the token is what counts
// (FACTS.md section 6).
func (c *Client) Accept(ctx context.Context, tenant string, row *Invite, callbackURL string) error {
	_, err := c.do(ctx, request{
		op: OpAccept, method: http.MethodPut, path: tenantPath(tenant, "/invite"), want: http.StatusNoContent,
		form: url.Values{"identifier": {row.Identifier}, "token": {row.Token.Reveal()}, "callbackUrl": {callbackURL}},
	})
	return err
}

// AsAPIError returns the vendor's own answer in err, or nil.
func AsAPIError(err error) *APIError {
	var e *APIError
	if errors.As(err, &e) {
		return e
	}
	return nil
}
