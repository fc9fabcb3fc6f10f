package internal

import (
	"context"
	"errors"
	"net/http"
	"time"

	"usher/internal/httpx"
	"usher/scim"
	"usher/scim/client"
)

// Realm is whose users are meant: those of the root organization or those of
// the organization a token is for. The path of the second names none.
type Realm string

// The two realms.
const (
	Root         Realm = ""
	Organization Realm = "/o"
)

// Schema is the vendor's extension of users; older servers have the same
// names under scim.SchemaEnterprise (FACTS.md section 2).
const Schema = "urn:scim:wso2:schema"

// directory calls the SCIM services, one for each realm.
type directory map[Realm]*client.Client

func newDirectory(h *httpx.Client, base string, now func() time.Time) directory {
	services := directory{}
	for _, realm := range []Realm{Root, Organization} {
		services[realm] = client.New(h, client.Options{
			BaseURL: base + string(realm) + "/scim2", Authorize: authorize, PageSize: scimPage, Now: now,
		})
	}
	return services
}

// scimPage is how many resources are asked for at once (FACTS.md section 2.1).
const scimPage = 100

// tokenKey leads from a call's context to the token it is made with.
type tokenKey struct{}

func withToken(ctx context.Context, token string) context.Context {
	return context.WithValue(ctx, tokenKey{}, token)
}

func authorize(ctx context.Context, h http.Header) error {
	token, _ := ctx.Value(tokenKey{}).(string)
	h.Set("Authorization", "Bearer "+token)
	return nil
}

// scimError makes one error type of everything the vendor answers.
func (c *Client) scimError(op string, err error) error {
	var refused *client.Error
	if !errors.As(err, &refused) {
		return err
	}
	e := &APIError{
		Op: op, Status: refused.Status, Code: short(refused.ScimType), Message: refused.Detail,
		Acted: refused.MayHaveActed(), Retry: retryAfter(refused.Status, refused.RetryAfter(), c.now()),
	}
	if e.Code == "" {
		e.Code = short(refused.Code)
	}
	return e
}

// FindUsers returns the users a filter selects: one page, since a filter that
// finds more than a page of people is of no use here.
func (c *Client) FindUsers(ctx context.Context, token string, realm Realm, filter scim.Filter) ([]scim.User, error) {
	page, err := client.List[scim.User](withToken(ctx, token), c.scim[realm], "/Users", client.Query{Filter: filter})
	if err != nil {
		return nil, c.scimError("find user", err)
	}
	return page.Resources, nil
}

// ListUsers returns one page of an organization's users. start counts from 1.
func (c *Client) ListUsers(ctx context.Context, token string, start, count int) (*scim.ListResponse[scim.User], error) {
	q := client.Query{StartIndex: start, Count: count}
	page, err := client.List[scim.User](withToken(ctx, token), c.scim[Organization], "/Users", q)
	return page, c.scimError("list users", err)
}

// Last reports whether a page was the last one. next is the index of the
// resource after it, count how many were asked for. A total that promises more
// is believed as far as asking once more; one that promises nothing beyond a
// full page is not believed (FACTS.md section 2.1).
func Last[T any](page *scim.ListResponse[T], next, count int) bool {
	got := len(page.Resources)
	return got == 0 || (got < count && page.TotalResults < next)
}

// CreateUser creates a user in the root organization. A nil user without an
// error means that the vendor only took the request and somebody there has to
// approve it: then there is no user yet.
func (c *Client) CreateUser(ctx context.Context, token string, user scim.User) (*scim.User, error) {
	created, err := c.scim[Root].CreateUser(withToken(ctx, token), user)
	return created, c.scimError(OpCreateUser, err)
}

// ListRoles returns the roles of an application in an organization. They are
// asked for by application alone and picked by name afterwards, since not
// every name can be said in a filter (FACTS.md section 15.18).
func (c *Client) ListRoles(ctx context.Context, token, application string) ([]scim.Role, error) {
	const op = "list roles"
	filter, err := scim.Eq(scim.Words, "audience.value", application)
	if err != nil {
		return nil, &APIError{Op: op, Message: "the application's id cannot be carried in a filter"}
	}
	var roles []scim.Role
	for role, err := range client.All[scim.Role](withToken(ctx, token), c.scim[Organization], c.rolesPath, filter) {
		if err != nil {
			return nil, c.scimError(op, err)
		}
		roles = append(roles, role)
	}
	return roles, nil
}

// RoleUsers returns the ids of the users that have a role.
func (c *Client) RoleUsers(ctx context.Context, token, id string) ([]string, error) {
	role, err := client.Get[scim.Role](withToken(ctx, token), c.scim[Organization], c.rolesPath, id)
	if err != nil {
		return nil, c.scimError("get role", err)
	}
	ids := make([]string, len(role.Users))
	for n, user := range role.Users {
		ids[n] = user.Value
	}
	return ids, nil
}
