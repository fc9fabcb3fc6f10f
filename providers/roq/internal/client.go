// Package internal is ROQ's wire: its GraphQL documents, their types, and the
// one table from its error codes to ours. It decides nothing; package roq does.
package internal

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"usher/identity"
	"usher/internal/httpx"
	"usher/internal/quota"
)

// The paths below the base URL (FACTS.md section 2).
const (
	PathGraphQL = "/v01/server/graphql"
	PathToken   = "/v01/authorize/serviceAccount"
)

// The two headers of every GraphQL call. The standard Authorization header is
// not used (FACTS.md section 3).
const (
	HeaderToken  = "Roq-Platform-Authorization"
	HeaderServer = "Roq-Platform-Server-Authorization"
)

// Credentials are the gateway's own.
type Credentials struct {
	Environment string
	Key         identity.Secret
	Account     string // the service account's e-mail address
}

// Client carries out calls. It may be used concurrently.
type Client struct {
	http        *httpx.Client
	base        string
	credentials Credentials
	now         func() time.Time
}

// New returns a client for an instance of the platform.
func New(h *httpx.Client, base string, own Credentials, now func() time.Time) *Client {
	return &Client{http: h, base: strings.TrimRight(base, "/"), credentials: own, now: now}
}

// post makes the call of one request; what it sends is JSON.
func (c *Client) post(op, path string, body any, header http.Header, repeatable bool) (httpx.Call, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return httpx.Call{}, &identity.Error{Code: identity.CodeInternal, Op: op, Err: err}
	}
	header.Set("Content-Type", "application/json")
	header.Set("Accept", "application/json")
	return httpx.Call{
		Op: op, Method: http.MethodPost, URL: c.base + path, Header: header, Body: encoded, Repeatable: repeatable,
	}, nil
}

// Token gets an access token of the service account.
func (c *Client) Token(ctx context.Context) (string, error) {
	call, err := c.post(OpToken, PathToken, map[string]string{
		"email": c.credentials.Account, "environmentId": c.credentials.Environment, "apiKey": c.credentials.Key.Reveal(),
	}, http.Header{}, true)
	if err != nil {
		return "", err
	}
	answer, err := c.http.Do(ctx, call)
	if err != nil {
		return "", err
	}
	if answer.Status < 200 || answer.Status > 299 {
		return "", newError(call, false, answer, nil, c.now())
	}
	var body struct {
		AccessToken string `json:"accessToken"`
	}
	if err := answer.JSON(call, &body); err != nil {
		return "", err
	}
	if body.AccessToken == "" {
		return "", &APIError{Op: OpToken, Status: answer.Status, Message: "the answer holds no token"}
	}
	return body.AccessToken, nil
}

// operation is one GraphQL document with its name.
type operation struct {
	name, document string
	writes         bool
}

// do carries an operation out and decodes its data. An answer is judged by its
// errors, since a refusal can come with any status (FACTS.md section 6).
func (c *Client) do(ctx context.Context, token string, o operation, variables map[string]any, data any) error {
	header := http.Header{
		HeaderToken:  {"Bearer " + token},
		HeaderServer: {"Basic " + c.credentials.basic()},
	}
	call, err := c.post(o.name, PathGraphQL, struct {
		Query         string         `json:"query"`
		Variables     map[string]any `json:"variables"`
		OperationName string         `json:"operationName"`
	}{o.document, variables, o.name}, header, !o.writes)
	if err != nil {
		return err
	}
	answer, err := c.http.Do(ctx, call)
	if err != nil {
		return err
	}
	var body envelope
	succeeded := answer.Status >= 200 && answer.Status <= 299
	if err := answer.JSON(call, &body); err != nil {
		if succeeded {
			return err
		}
		return newError(call, o.writes, answer, nil, c.now())
	}
	if !succeeded || len(body.Errors) > 0 || body.empty() {
		return newError(call, o.writes, answer, &body, c.now())
	}
	if err := json.Unmarshal(body.Data, data); err != nil {
		return &APIError{Op: o.name, Status: answer.Status, Acted: o.writes, Message: "the data is not what was asked for: " + err.Error()}
	}
	return nil
}

func (c Credentials) basic() string {
	return base64.StdEncoding.EncodeToString([]byte(c.Environment + ":" + c.Key.Reveal()))
}

// Pace returns the pace of operations.
func (c *Client) Pace() quota.Pace { return c.http.Pace(http.MethodPost, c.base+PathGraphQL) }

// Look answers everything that has to be known before something is sent.
func (c *Client) Look(ctx context.Context, token string, q Question) (*Sight, error) {
	s := &Sight{}
	if err := c.do(ctx, token, operation{name: "usherLook", document: lookDocument}, q.variables(), s); err != nil {
		return nil, err
	}
	there := s.Tenants.there() && s.Users.there() && s.Pending.there() &&
		(q.Known == "" || s.Known.there()) && (len(q.Roles) == 0 || s.Roles.there()) &&
		(q.Inviter == "" || s.Inviter.there()) && (q.Caller == nil || s.Caller.there() || s.CallerByReference.there())
	if !there {
		return nil, lacking("usherLook")
	}
	return s, nil
}

// Ended returns the invitations of addresses that were canceled or expired,
// newest first.
func (c *Client) Ended(ctx context.Context, token, tenant string, emails []string) ([]Invite, error) {
	var body struct {
		UserInvites Page[Invite] `json:"userInvites"`
	}
	err := c.do(ctx, token, operation{name: "usherEnded", document: endedDocument}, map[string]any{"tenant": tenant, "emails": emails}, &body)
	return body.UserInvites.Data, whole(err, "usherEnded", body.UserInvites.there())
}

// Holders returns everybody who holds one of the addresses, those who were
// deactivated too.
func (c *Client) Holders(ctx context.Context, token string, emails []string) ([]User, error) {
	var body struct {
		Users Page[User] `json:"users"`
	}
	err := c.do(ctx, token, operation{name: "usherHolders", document: holdersDocument}, map[string]any{"emails": emails}, &body)
	return body.Users.Data, whole(err, "usherHolders", body.Users.there())
}

// Member returns the tenant's users with the id: one, or none.
func (c *Client) Member(ctx context.Context, token, tenant, id string) ([]User, error) {
	var body struct {
		Users Page[User] `json:"users"`
	}
	err := c.do(ctx, token, operation{name: "usherMember", document: memberDocument}, map[string]any{"tenant": tenant, "id": id}, &body)
	return body.Users.Data, whole(err, "usherMember", body.Users.there())
}

// Members returns a page of a tenant's users.
func (c *Client) Members(ctx context.Context, token, tenant string, limit, offset int) (*MemberPage, error) {
	page := &MemberPage{}
	err := c.do(ctx, token, operation{name: "usherMembers", document: membersDocument},
		map[string]any{"tenant": tenant, "limit": limit, "offset": offset}, page)
	return page, whole(err, "usherMembers", page.Tenants.there() && page.Users.there())
}

// Invites returns a page of a tenant's invitations, oldest first.
func (c *Client) Invites(ctx context.Context, token, tenant string, limit, offset int) (*InvitePage, error) {
	page := &InvitePage{}
	err := c.do(ctx, token, operation{name: "usherInvites", document: invitesDocument},
		map[string]any{"tenant": tenant, "limit": limit, "offset": offset}, page)
	return page, whole(err, "usherInvites", page.Tenants.there() && page.UserInvites.there())
}

// Roles returns the roles with the keys that the environment has.
func (c *Client) Roles(ctx context.Context, token, tenant string, keys []string) (*RolePage, error) {
	page := &RolePage{}
	err := c.do(ctx, token, operation{name: "usherRoles", document: rolesDocument}, map[string]any{"tenant": tenant, "keys": keys}, page)
	return page, whole(err, "usherRoles", page.Tenants.there() && page.Roles.there())
}

// whole refuses an answer without the lists that were asked for.
func whole(err error, op string, there bool) error {
	if err == nil && !there {
		return lacking(op)
	}
	return err
}

func lacking(op string) error {
	return &APIError{Op: op, Status: http.StatusOK, Message: "the answer lacks what was asked for"}
}

// Resend sends an invitation again; Cancel withdraws one.
func (c *Client) Resend(ctx context.Context, token, id string) (*Invite, error) {
	var body struct {
		Invite *Invite `json:"resendUserInvite"`
	}
	err := c.do(ctx, token, operation{name: OpResend, document: resendDocument, writes: true}, map[string]any{"userInviteId": id}, &body)
	return answered(OpResend, id, body.Invite, err)
}

// Cancel withdraws an invitation.
func (c *Client) Cancel(ctx context.Context, token, id string) (*Invite, error) {
	var body struct {
		Invite *Invite `json:"cancelUserInvite"`
	}
	err := c.do(ctx, token, operation{name: OpCancel, document: cancelDocument, writes: true}, map[string]any{"userInviteId": id}, &body)
	return answered(OpCancel, id, body.Invite, err)
}

// answered refuses an answer about another invitation than the one asked for.
func answered(op, id string, invite *Invite, err error) (*Invite, error) {
	if err == nil && (invite == nil || !SameID(invite.ID, id)) {
		err = &APIError{Op: op, Status: http.StatusOK, Acted: true, Message: "the answer is about another invitation"}
	}
	if err != nil {
		return nil, err
	}
	return invite, nil
}

// AsAPIError returns the vendor's own answer in err, or nil.
func AsAPIError(err error) *APIError {
	var e *APIError
	if errors.As(err, &e) {
		return e
	}
	return nil
}
