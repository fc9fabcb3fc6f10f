// Package internal is WorkOS's wire: its calls, their types, and the table from
// its error codes to ours. It decides nothing; package workos does.
package internal

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"usher/identity"
	"usher/internal/httpx"
	"usher/internal/quota"
)

// MaxPage is the longest page the vendor gives (FACTS.md section 3).
const MaxPage = 100

// Client carries out calls. It may be used concurrently.
type Client struct {
	http *httpx.Client
	base string
	key  identity.Secret
	now  func() time.Time
}

// New returns a client that calls base with an API key.
func New(h *httpx.Client, base string, key identity.Secret, now func() time.Time) *Client {
	return &Client{http: h, base: strings.TrimRight(base, "/"), key: key, now: now}
}

var idShape = regexp.MustCompile(`^[0-9A-Za-z_-]{1,128}$`)

// ValidID reports whether a text can be an id of the vendor's. Nothing else may
// stand in a path, and an empty organization would widen a filter to all.
func ValidID(id string) bool { return idShape.MatchString(id) }

// The paths.
const (
	pathInvitations = "/user_management/invitations"
	pathMemberships = "/user_management/organization_memberships"
	pathUsers       = "/user_management/users"
)

// request is one call as this package writes it.
type request struct {
	op, method, path string
	query            url.Values
	body             any  // nil: none
	whole            bool // the list that is asked for has no pages
}

// fetch carries a call out and decodes its answer. Any status that is not
// wanted is an *APIError.
func (c *Client) fetch(ctx context.Context, r request, into any, wanted ...int) error {
	call := httpx.Call{Op: r.op, Method: r.method, URL: c.base + r.path, Header: http.Header{
		"Accept": {"application/json"}, "Authorization": {"Bearer " + c.key.Reveal()},
	}}
	if len(r.query) > 0 {
		call.URL += "?" + r.query.Encode()
	}
	if r.body != nil {
		encoded, err := json.Marshal(r.body)
		if err != nil {
			return &identity.Error{Code: identity.CodeInternal, Op: r.op, Err: err}
		}
		call.Body = encoded
		call.Header.Set("Content-Type", "application/json")
	}
	answer, err := c.http.Do(ctx, call)
	if err != nil {
		return err
	}
	if !slices.Contains(wanted, answer.Status) {
		return c.newError(&r, answer)
	}
	return answer.JSON(call, into)
}

// invitation is fetch for calls that answer one invitation.
func (c *Client) invitation(ctx context.Context, r request) (*Invitation, error) {
	row := &Invitation{}
	if err := c.fetch(ctx, r, row, http.StatusOK, http.StatusCreated); err != nil {
		return nil, err
	}
	if !ValidID(row.ID) {
		return nil, unusable(r, "the answer holds no invitation")
	}
	return row, nil
}

// list is fetch for a page. An answer that is not a list is no empty list, and
// one that does not say what comes after it is not the last page.
func list[T any](ctx context.Context, c *Client, r request) (*List[T], error) {
	page := &List[T]{}
	if err := c.fetch(ctx, r, page, http.StatusOK); err != nil {
		return nil, err
	}
	if page.Object != "list" || page.Data == nil || page.Metadata == nil && !r.whole {
		return nil, unusable(r, "the answer is not a list")
	}
	return page, nil
}

// SendInvitation makes an invitation, which the vendor mails.
func (c *Client) SendInvitation(ctx context.Context, body NewInvitation) (*Invitation, error) {
	return c.invitation(ctx, request{op: OpSend, method: http.MethodPost, path: pathInvitations, body: body})
}

// Pace returns the pace of SendInvitation.
func (c *Client) Pace() quota.Pace { return c.http.Pace(http.MethodPost, c.base+pathInvitations) }

// Invitation returns one invitation, whatever organization it leads into.
func (c *Client) Invitation(ctx context.Context, id string) (*Invitation, error) {
	return c.invitation(ctx, request{op: OpGet, method: http.MethodGet, path: pathInvitations + "/" + id})
}

// RevokeInvitation withdraws an invitation that is pending.
func (c *Client) RevokeInvitation(ctx context.Context, id string) (*Invitation, error) {
	return c.invitation(ctx, request{op: OpRevoke, method: http.MethodPost, path: pathInvitations + "/" + id + "/revoke"})
}

// ResendInvitation mails a pending invitation again. The body must be there,
// even an empty one (FACTS.md section 13.10).
func (c *Client) ResendInvitation(ctx context.Context, id, locale string) (*Invitation, error) {
	body := struct {
		Locale string `json:"locale,omitempty"`
	}{locale}
	return c.invitation(ctx, request{op: OpResend, method: http.MethodPost, path: pathInvitations + "/" + id + "/resend", body: body})
}

// page is the query of one page: oldest first, so that the walk stays in step
// while rows are added.
func page(limit int, after string) url.Values {
	q := url.Values{"limit": {strconv.Itoa(limit)}, "order": {"asc"}}
	if after != "" {
		q.Set("after", after)
	}
	return q
}

// Invitations returns a page of an organization's invitations in every state;
// with an address, only those of it.
func (c *Client) Invitations(ctx context.Context, organization, email string, limit int, after string) (*List[Invitation], error) {
	q := page(limit, after)
	q.Set("organization_id", organization)
	if email != "" {
		q.Set("email", email)
	}
	return list[Invitation](ctx, c, request{op: OpList, method: http.MethodGet, path: pathInvitations, query: q})
}

// Memberships returns a page of an organization's active memberships; with a
// user, only that user's. The status is said, whatever the vendor's default.
func (c *Client) Memberships(ctx context.Context, organization, user string, limit int, after string) (*List[Membership], error) {
	q := page(limit, after)
	q.Set("organization_id", organization)
	q.Set("statuses", StatusActive)
	if user != "" {
		q.Set("user_id", user)
	}
	return list[Membership](ctx, c, request{op: OpMembers, method: http.MethodGet, path: pathMemberships, query: q})
}

// Users returns the users that carry an address: one at most, as the vendor
// says.
func (c *Client) Users(ctx context.Context, email string) (*List[User], error) {
	q := page(MaxPage, "")
	q.Set("email", email)
	return list[User](ctx, c, request{op: OpUsers, method: http.MethodGet, path: pathUsers, query: q})
}

// User returns one user.
func (c *Client) User(ctx context.Context, id string) (*User, error) {
	r := request{op: OpUser, method: http.MethodGet, path: pathUsers + "/" + id}
	user := &User{}
	if err := c.fetch(ctx, r, user, http.StatusOK); err != nil {
		return nil, err
	}
	if user.ID != id {
		return nil, unusable(r, "the answer is another user")
	}
	return user, nil
}

// Roles returns the roles of an organization, those of the environment included.
// They come in one piece.
func (c *Client) Roles(ctx context.Context, organization string) (*List[Role], error) {
	return list[Role](ctx, c, request{
		op: OpRoles, method: http.MethodGet, path: "/authorization/organizations/" + organization + "/roles", whole: true,
	})
}

// Resent returns a page of an organization's events of invitations that were
// sent again, since a time. The time goes with the first page alone (FACTS.md
// section 10).
func (c *Client) Resent(ctx context.Context, organization string, since time.Time, after string) (*List[Event], error) {
	q := url.Values{"events": {EventResent}, "organization_id": {organization}, "limit": {strconv.Itoa(MaxPage)}}
	if after != "" {
		q.Set("after", after)
	} else {
		q.Set("range_start", since.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	return list[Event](ctx, c, request{op: OpEvents, method: http.MethodGet, path: "/events", query: q})
}
