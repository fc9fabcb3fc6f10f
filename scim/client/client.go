package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"usher/identity"
	"usher/internal/httpx"
	"usher/scim"
)

// Options configures New.
type Options struct {
	// BaseURL is the address above /Users, without a query; required.
	BaseURL string
	// Authorize sets the credential of one call; nil: none is needed.
	Authorize func(ctx context.Context, h http.Header) error
	// PageSize is what All asks for; defaults to 100.
	PageSize int
	Now      func() time.Time // defaults to time.Now
}

// Client calls one SCIM service. It may be used concurrently.
type Client struct {
	http    *httpx.Client
	options Options
}

// New returns a client.
func New(h *httpx.Client, o Options) *Client {
	if o.PageSize <= 0 {
		o.PageSize = 100
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.BaseURL = strings.TrimRight(o.BaseURL, "/")
	return &Client{http: h, options: o}
}

// Get reads one resource; not_found if there is none.
func Get[T any](ctx context.Context, c *Client, path, id string) (*T, error) {
	d, err := c.Read(ctx, path, id)
	if err != nil {
		return nil, err
	}
	resource := new(T)
	if err := json.Unmarshal(d.Raw, resource); err != nil {
		return nil, notTheResource()
	}
	return resource, nil
}

// GetUser reads one user; not_found if there is none.
func (c *Client) GetUser(ctx context.Context, id string) (*scim.User, error) {
	return Get[scim.User](ctx, c, usersPath, id)
}

// idOf returns a resource's id, "" if it has none.
func idOf(raw json.RawMessage) string {
	var named scim.Group // reads an id as tolerantly as any resource
	if json.Unmarshal(raw, &named) != nil {
		return ""
	}
	return named.ID
}

const usersPath = "/Users"

// CreateUser creates a user; its ID is the service's to choose and not sent. A
// nil user without an error means that the service took the request and has
// not carried it out yet (202: somebody must approve). Where the answer has no
// body the user is the one sent, with the id its Location names. Codes:
// conflict (taken), invalid_request (the service refuses a value),
// quota_exceeded and the provider_ ones.
func (c *Client) CreateUser(ctx context.Context, u scim.User) (*scim.User, error) {
	u.ID = ""
	if err := u.Validate(); err != nil {
		return nil, &identity.Error{Code: identity.CodeInvalidRequest, Op: opCreate, Err: err}
	}
	created := &scim.User{}
	var answer *httpx.Response
	err := c.call(ctx, call{
		op: opCreate, method: http.MethodPost, path: usersPath, body: u, into: created,
		wanted: []int{http.StatusCreated, http.StatusOK, http.StatusAccepted},
		answered: func(r *httpx.Response) bool {
			answer = r
			return r.Status != http.StatusAccepted && len(bytes.TrimSpace(r.Body)) > 0
		},
	})
	if err != nil || answer.Status == http.StatusAccepted {
		return nil, err
	}
	location := answer.Header.Get("Location")
	if len(bytes.TrimSpace(answer.Body)) == 0 {
		u.ID, created = lastSegment(location), &u
	}
	if created.Meta.Location == "" {
		created.Meta.Location = location
	}
	if created.ID == "" {
		return nil, &Error{Op: opCreate, Status: answer.Status, Detail: "the answer does not name the user", code: identity.CodeProviderError, acted: true}
	}
	return created, nil
}

const opCreate = "create user"

// lastSegment returns the id at the end of a resource's address.
func lastSegment(location string) string {
	u, err := url.Parse(location)
	if err != nil {
		return ""
	}
	id, err := url.PathUnescape(u.EscapedPath()[strings.LastIndexByte(u.EscapedPath(), '/')+1:])
	if err != nil || location == "" {
		return ""
	}
	return id
}

// Patch changes a resource below path; not_found if it is not there.
func (c *Client) Patch(ctx context.Context, path, id string, p scim.Patch) error {
	if err := p.Validate(); err != nil {
		return &identity.Error{Code: identity.CodeInternal, Op: "patch", Err: err}
	}
	return c.call(ctx, call{
		op: "patch", method: http.MethodPatch, path: path, id: &id, body: p,
		wanted: []int{http.StatusOK, http.StatusNoContent},
	})
}

// Delete removes a resource below path; not_found if it is not there.
func (c *Client) Delete(ctx context.Context, path, id string) error {
	return c.call(ctx, call{
		op: "delete", method: http.MethodDelete, path: path, id: &id,
		wanted: []int{http.StatusNoContent, http.StatusOK},
	})
}

// DeleteUser removes a user; not_found if there is none.
func (c *Client) DeleteUser(ctx context.Context, id string) error {
	return c.Delete(ctx, usersPath, id)
}

// call is one request to the service.
type call struct {
	op, method, path string
	id               *string // nil: the call is for the whole path
	query            url.Values
	ifMatch          string // empty: whatever version there is
	body, into       any
	wanted           []int
	answered         func(*httpx.Response) bool // false: the answer has no body to read
}

// address returns where the call goes. An id that is none, or that would lead
// to another path, goes nowhere.
func (r call) address(base string) (string, error) {
	query := ""
	if len(r.query) > 0 {
		// A blank is %20: not every service takes a plus for one.
		query = "?" + strings.ReplaceAll(r.query.Encode(), "+", "%20")
	}
	if r.id == nil {
		return base + r.path + query, nil
	}
	if id := *r.id; id == "" || id == "." || id == ".." {
		return "", &identity.Error{Code: identity.CodeInternal, Op: r.op, Err: errors.New("scim: the resource has no usable id")}
	}
	return base + r.path + "/" + url.PathEscape(*r.id) + query, nil
}

func (c *Client) call(ctx context.Context, r call) error {
	address, err := r.address(c.options.BaseURL)
	if err != nil {
		return err
	}
	request := httpx.Call{
		Op: r.op, Method: r.method, URL: address,
		Header: http.Header{"Accept": {scim.ContentType + ", application/json"}},
	}
	if r.ifMatch != "" {
		request.Header.Set("If-Match", r.ifMatch)
	}
	if r.body != nil {
		text, err := json.Marshal(r.body)
		if err != nil {
			return &identity.Error{Code: identity.CodeInternal, Op: r.op, Err: err}
		}
		request.Body = text
		request.Header.Set("Content-Type", scim.ContentType)
	}
	if c.options.Authorize != nil {
		if err := c.options.Authorize(ctx, request.Header); err != nil {
			return err
		}
	}
	answer, err := c.http.Do(ctx, request)
	if err != nil {
		return err
	}
	if !slices.Contains(r.wanted, answer.Status) {
		return newError(r.op, r.method, answer, c.options.Now())
	}
	if (r.answered != nil && !r.answered(answer)) || r.into == nil {
		return nil
	}
	return answer.JSON(request, r.into)
}
