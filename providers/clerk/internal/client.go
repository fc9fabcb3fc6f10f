// Package internal is Clerk's wire: the calls of its Backend API, their types,
// and the one table from its error codes to ours. It decides nothing; package
// clerk does.
package internal

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"usher/identity"
	"usher/internal/httpx"
	"usher/internal/quota"
)

// Version is the version of the interface that this package is written for. It
// goes with every call: what the vendor takes a call without one for is not
// documented (FACTS.md section 1).
const Version = "2026-05-12"

// MaxPage is the longest page the vendor returns. Without a limit it returns
// ten rows and does not say so loudly.
const MaxPage = 500

// Client carries out calls. It may be used concurrently.
type Client struct {
	http *httpx.Client
	base string
	key  identity.Secret
	now  func() time.Time
}

// New returns a client of the interface at base, which ends in /v1.
func New(h *httpx.Client, base string, key identity.Secret, now func() time.Time) *Client {
	return &Client{http: h, base: base, key: key, now: now}
}

// fetch carries out a call and decodes its answer. Any status but 200 is an
// *APIError, and so is an answer that cannot be decoded: no part of it is
// quoted, since it may hold the link that accepts an invitation.
func (c *Client) fetch(ctx context.Context, op, method, path string, query url.Values, body, into any) error {
	call := httpx.Call{Op: op, Method: method, URL: c.base + path, Header: http.Header{
		"Accept": {"application/json"}, "Authorization": {"Bearer " + c.key.Reveal()}, "Clerk-Api-Version": {Version},
	}}
	if len(query) > 0 {
		call.URL += "?" + query.Encode() // a plus in an address or an order is %2B
	}
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return &identity.Error{Code: identity.CodeInternal, Op: op, Err: err}
		}
		call.Body = encoded
		call.Header.Set("Content-Type", "application/json")
	}
	answer, err := c.http.Do(ctx, call)
	if err != nil {
		return err
	}
	if answer.Status != http.StatusOK {
		return newError(call, answer, c.now())
	}
	if json.Unmarshal(answer.Body, into) != nil {
		return &APIError{
			Op: op, Status: answer.Status, Acted: httpx.ActedStatus(method, answer.Status),
			Why: "the answer is not the JSON expected",
		}
	}
	return nil
}

func invitations(organization string) string {
	return "/organizations/" + url.PathEscape(organization) + "/invitations"
}

// CreateInvitation creates an invitation, which mails it unless told not to.
func (c *Client) CreateInvitation(ctx context.Context, organization string, n NewInvitation) (*Invitation, error) {
	return c.invitation(ctx, "create invitation", http.MethodPost, invitations(organization), n)
}

// MaxBulk is how many invitations the vendor takes in one call.
const MaxBulk = 10

const createInvitations = "create invitations"

// CreateInvitations creates several invitations and returns those that the
// vendor says it made: that they are the ones asked for is not looked at.
func (c *Client) CreateInvitations(ctx context.Context, organization string, n []NewInvitation) ([]Invitation, error) {
	made := &Page[Invitation]{}
	if err := c.fetch(ctx, createInvitations, http.MethodPost, invitations(organization)+"/bulk", nil, n, made); err != nil {
		return nil, err
	}
	if made.Data == nil {
		return nil, &APIError{Op: createInvitations, Status: http.StatusOK, Acted: true, Why: "the answer is not the list expected"}
	}
	return made.Data, nil
}

// Pace returns the pace of creations, of one invitation or of several.
func (c *Client) Pace(bulk bool) quota.Pace {
	path := invitations("any")
	if bulk {
		path += "/bulk"
	}
	return c.http.Pace(http.MethodPost, c.base+path)
}

// GetInvitation returns one invitation, whatever became of it.
func (c *Client) GetInvitation(ctx context.Context, organization, id string) (*Invitation, error) {
	return c.invitation(ctx, "get invitation", http.MethodGet, invitations(organization)+"/"+url.PathEscape(id), nil)
}

// RevokeInvitation withdraws a pending invitation.
func (c *Client) RevokeInvitation(ctx context.Context, organization, id string) (*Invitation, error) {
	return c.invitation(ctx, "revoke invitation", http.MethodPost, invitations(organization)+"/"+url.PathEscape(id)+"/revoke", struct{}{})
}

func (c *Client) invitation(ctx context.Context, op, method, path string, body any) (*Invitation, error) {
	row := &Invitation{}
	if err := c.fetch(ctx, op, method, path, nil, body, row); err != nil {
		return nil, err
	}
	if row.ID == "" {
		return nil, &APIError{
			Op: op, Status: http.StatusOK, Acted: httpx.ActedStatus(method, http.StatusOK), Why: "the answer is no invitation",
		}
	}
	return row, nil
}

// InvitationQuery selects invitations; empty fields select all.
type InvitationQuery struct {
	Status, Email string
	Limit, Offset int
}

// ListInvitations returns one page of an organization's invitations, oldest
// first: new ones come in at the end, so that no page is shifted by them.
func (c *Client) ListInvitations(ctx context.Context, organization string, q InvitationQuery) (*Page[Invitation], error) {
	query := pageQuery(q.Limit, q.Offset)
	query.Set("order_by", "+created_at")
	if q.Status != "" {
		query.Set("status", q.Status)
	}
	if q.Email != "" {
		query.Set("email_address", q.Email)
	}
	return fetchPage[Invitation](ctx, c, "list invitations", invitations(organization), query, q.Offset)
}

// ListMemberships returns one page of an organization's memberships, oldest
// first; of these users alone, if any are named.
func (c *Client) ListMemberships(ctx context.Context, organization string, users []string, limit, offset int) (*Page[Membership], error) {
	query := pageQuery(limit, offset)
	query.Set("order_by", "+created_at")
	if len(users) > 0 {
		query["user_id"] = users
	}
	path := "/organizations/" + url.PathEscape(organization) + "/memberships"
	return fetchPage[Membership](ctx, c, "list memberships", path, query, offset)
}

const listUsers = "list users"

// UserQuery selects users; empty fields select all.
type UserQuery struct {
	Organization string
	Emails, IDs  []string // at most 100 each
}

// MaxIDs is how many values the vendor takes for one filter.
const MaxIDs = 100

// ListUsers returns the users that a query selects. The vendor tells no total
// here, and the queries made do not need more than one page.
func (c *Client) ListUsers(ctx context.Context, q UserQuery) ([]User, error) {
	query := pageQuery(MaxIDs, 0)
	if len(q.Emails) > 0 {
		query["email_address"] = q.Emails
	}
	if q.Organization != "" {
		query.Set("organization_id", q.Organization)
	}
	if len(q.IDs) > 0 {
		query["user_id"] = q.IDs
	}
	var users []User
	if err := c.fetch(ctx, listUsers, http.MethodGet, "/users", query, nil, &users); err != nil {
		return nil, err
	}
	if users == nil {
		return nil, noList(listUsers)
	}
	return users, nil
}

// GetOrganization returns an organization. The vendor takes a slug here as
// well: who asks compares the id.
func (c *Client) GetOrganization(ctx context.Context, id string) (*Organization, error) {
	org := &Organization{}
	return org, c.fetch(ctx, "get organization", http.MethodGet, "/organizations/"+url.PathEscape(id), nil, nil, org)
}

// GetRoleSet returns a role set by its key.
func (c *Client) GetRoleSet(ctx context.Context, key string) (*RoleSet, error) {
	const op = "get role set"
	set := &RoleSet{}
	if err := c.fetch(ctx, op, http.MethodGet, "/role_sets/"+url.PathEscape(key), nil, nil, set); err != nil {
		return nil, err
	}
	if set.Roles == nil {
		return nil, noList(op)
	}
	return set, nil
}

// ListRoles returns one page of the instance's roles.
func (c *Client) ListRoles(ctx context.Context, offset int) (*Page[Role], error) {
	return fetchPage[Role](ctx, c, "list roles", "/organization_roles", pageQuery(MaxPage, offset), offset)
}

// fetchPage reads one page of a list. An answer that only looks like an empty
// list is none: "there is nothing" is what makes the gateway send again.
func fetchPage[T any](ctx context.Context, c *Client, op, path string, query url.Values, offset int) (*Page[T], error) {
	page := &Page[T]{}
	if err := c.fetch(ctx, op, http.MethodGet, path, query, nil, page); err != nil {
		return nil, err
	}
	if page.Data == nil || len(page.Data) == 0 && page.Total > offset {
		return nil, noList(op)
	}
	if shown := offset + len(page.Data); page.Total < shown && query.Get("limit") == strconv.Itoa(len(page.Data)) {
		page.Total = shown + 1 // it is no length, and what comes after a full page is asked for
	}
	return page, nil
}

func noList(op string) error {
	return &APIError{Op: op, Status: http.StatusOK, Why: "the answer is not the list expected"}
}

func pageQuery(limit, offset int) url.Values {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if offset > 0 {
		query.Set("offset", strconv.Itoa(offset))
	}
	return query
}

// AsAPIError returns the vendor's own answer in err, or nil.
func AsAPIError(err error) *APIError {
	var e *APIError
	if errors.As(err, &e) {
		return e
	}
	return nil
}
