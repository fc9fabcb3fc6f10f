// Package internal is Asgardeo's wire: its calls, their types, and the table
// from its error codes to ours. It decides nothing; package asgardeo does.
package internal

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"usher/identity"
	"usher/internal/httpx"
	"usher/internal/quota"
	"usher/internal/redact"
)

// Credentials are the gateway's own at the token endpoint.
type Credentials struct {
	ID     string
	Secret identity.Secret
}

// Client carries out calls. It may be used concurrently.
type Client struct {
	http        *httpx.Client
	base        string
	scim        directory
	rolesPath   string
	credentials Credentials
	now         func() time.Time
}

// New returns a client for {host}/t/{root}. rolesVersion is v2 or v3.
func New(h *httpx.Client, base, rolesVersion string, own Credentials, now func() time.Time) *Client {
	base = strings.TrimRight(base, "/")
	return &Client{
		http: h, base: base, scim: newDirectory(h, base, now), rolesPath: "/" + rolesVersion + "/Roles", credentials: own, now: now,
	}
}

const (
	typeJSON = "application/json"
	typeForm = "application/x-www-form-urlencoded"
)

// request is one call as this package writes it.
type request struct {
	op, method, path string
	query            url.Values
	token            string // empty: client authentication
	contentType      string
	body             []byte
	// harmless: the call changes nothing at the vendor, whatever its method,
	// and may be repeated.
	harmless bool
}

// do carries a call out. Any status that is not wanted is an *APIError.
func (c *Client) do(ctx context.Context, r request, wanted ...int) (*httpx.Response, error) {
	call := c.call(r)
	answer, err := c.http.Do(ctx, call)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(wanted, answer.Status) {
		return nil, newError(&r, answer, c.now())
	}
	return answer, nil
}

// fetch is do with an answer to decode.
func (c *Client) fetch(ctx context.Context, r request, into any, wanted ...int) error {
	answer, err := c.do(ctx, r, wanted...)
	if err != nil {
		return err
	}
	return answer.JSON(c.call(r), into)
}

func (c *Client) call(r request) httpx.Call {
	address := c.base + r.path
	if len(r.query) > 0 {
		// A blank is %20: not every layer there takes a plus for one.
		address += "?" + strings.ReplaceAll(r.query.Encode(), "+", "%20")
	}
	header := http.Header{"Accept": {typeJSON}}
	if r.contentType != "" {
		header.Set("Content-Type", r.contentType)
	}
	if r.token != "" {
		header.Set("Authorization", "Bearer "+r.token)
	} else {
		header.Set("Authorization", "Basic "+c.credentials.basic())
	}
	return httpx.Call{
		Op: r.op, Method: r.method, URL: address, Header: header, Body: r.body,
		Repeatable: r.harmless,
	}
}

// basic encodes the credentials as they are: the vendor does not undo the form
// encoding of RFC 6749 section 2.3.1.
func (c Credentials) basic() string {
	return base64.StdEncoding.EncodeToString([]byte(c.ID + ":" + c.Secret.Reveal()))
}

// ClientCredentials gets a token of the root organization.
func (c *Client) ClientCredentials(ctx context.Context, scopes []string) (*Token, error) {
	return c.token(ctx, OpToken, url.Values{
		"grant_type": {"client_credentials"}, "scope": {strings.Join(scopes, " ")},
	})
}

// SwitchOrganization exchanges a token for one of an organization.
func (c *Client) SwitchOrganization(ctx context.Context, source, organization string, scopes []string) (*Token, error) {
	return c.token(ctx, OpSwitch, url.Values{
		"grant_type": {"organization_switch"}, "token": {source}, "switching_organization": {organization},
		"scope": {strings.Join(scopes, " ")},
	})
}

func (c *Client) token(ctx context.Context, op string, form url.Values) (*Token, error) {
	r := request{
		op: op, method: http.MethodPost, path: "/oauth2/token", contentType: typeForm,
		body: []byte(form.Encode()), harmless: true,
	}
	token := &Token{}
	if err := c.fetch(ctx, r, token, http.StatusOK); err != nil {
		return nil, err
	}
	if token.AccessToken == "" {
		return nil, &APIError{Op: op, Status: http.StatusOK, Message: "the answer holds no token"}
	}
	return token, nil
}

// Introspect asks what an opaque token is for.
func (c *Client) Introspect(ctx context.Context, token string) (*Claims, error) {
	r := request{
		op: OpIntrospect, method: http.MethodPost, path: "/oauth2/introspect", contentType: typeForm,
		body: []byte(url.Values{"token": {token}}.Encode()), harmless: true,
	}
	claims := &Claims{}
	return claims, c.fetch(ctx, r, claims, http.StatusOK)
}

// ResendCode asks for another set-password mail (FACTS.md section 7).
func (c *Client) ResendCode(ctx context.Context, token string, body ResendCode) error {
	r, err := jsonRequest("resend set-password mail", http.MethodPost, "/api/identity/user/v1.0/resend-code", token, body)
	if err != nil {
		return err
	}
	_, err = c.do(ctx, r, http.StatusOK, http.StatusCreated)
	return err
}

const pathInvite = "/o/api/server/v1/guests/invite"

// InviteGuest sends one guest invitation. A nil error means that its row says
// "Successful"; a refusal in the row is an *APIError like any other.
func (c *Client) InviteGuest(ctx context.Context, token string, body GuestInvite) error {
	r, err := jsonRequest("invite guest", http.MethodPost, pathInvite, token, body)
	if err != nil {
		return err
	}
	var rows []GuestResult
	if err := c.fetch(ctx, r, &rows, http.StatusOK, http.StatusCreated); err != nil {
		return err
	}
	for _, row := range rows {
		if len(body.Usernames) != 1 || !strings.EqualFold(row.Username, body.Usernames[0]) {
			continue
		}
		switch {
		case strings.EqualFold(row.Result.Status, "Successful"):
			return nil
		case strings.EqualFold(row.Result.Status, "Failed"):
			return &APIError{
				Op: r.op, Status: http.StatusOK, Code: short(row.Result.ErrorCode),
				Message: redact.Excerpt([]byte(join(row.Result.Message, row.Result.Description))),
			}
		}
	}
	return &APIError{Op: r.op, Status: http.StatusOK, Acted: true, Message: "the answer does not say what became of the invitation"}
}

// Pace returns the pace of inviting somebody new: a look for the account, its
// creation, and the invitation. What is remembered of tokens and roles is little
// beside that.
func (c *Client) Pace() quota.Pace {
	users := c.base + "/scim2/Users"
	return c.http.Pace(http.MethodGet, users).
		And(c.http.Pace(http.MethodPost, users)).
		And(c.http.Pace(http.MethodPost, c.base+pathInvite))
}

// ListInvitations returns every invitation of an organization. It sends no
// paging parameter: each is refused (FACTS.md section 5). Where there are none
// they are null or left out, in an answer that then holds nothing else.
func (c *Client) ListInvitations(ctx context.Context, token string) ([]Invitation, error) {
	r := request{op: "list invitations", method: http.MethodGet, path: "/o/api/server/v1/guests/invitations", token: token}
	var body map[string]json.RawMessage
	if err := c.fetch(ctx, r, &body, http.StatusOK); err != nil {
		return nil, err
	}
	raw, listed := body["invitations"]
	if !listed && body != nil && len(body) == 0 {
		return nil, nil
	}
	var rows []Invitation
	if json.Unmarshal(raw, &rows) != nil {
		return nil, &APIError{Op: r.op, Status: http.StatusOK, Message: "the answer is not the list expected"}
	}
	return rows, nil
}

// DeleteInvitation withdraws an invitation. One that is not there is an
// *APIError with CodeUnknownInvite.
func (c *Client) DeleteInvitation(ctx context.Context, token, id string) error {
	r := request{
		op: "delete invitation", method: http.MethodDelete,
		path: "/o/api/server/v1/guests/invitations/" + url.PathEscape(id), token: token,
	}
	_, err := c.do(ctx, r, http.StatusNoContent, http.StatusOK)
	return err
}

// applicationPage is how many applications the server returns at once.
const applicationPage = 30

// FindApplication returns the id an application has in an organization, or ""
// (FACTS.md section 8).
func (c *Client) FindApplication(ctx context.Context, token, name string) (string, error) {
	filter := "name eq " + name
	if !plainWords(name) {
		// The filter is split at blanks: a name with one of its own words, a
		// quote or a double blank cannot be said in it.
		filter = "name sw " + firstWord(name)
	}
	r := request{op: "find application", method: http.MethodGet, path: "/o/api/server/v1/applications", token: token}
	for offset := 0; offset < 100*applicationPage; offset += applicationPage {
		r.query = url.Values{"filter": {filter}}
		if offset > 0 {
			r.query.Set("offset", strconv.Itoa(offset))
		}
		var body struct {
			Applications []Application `json:"applications"`
		}
		if err := c.fetch(ctx, r, &body, http.StatusOK); err != nil {
			return "", err
		}
		for _, application := range body.Applications {
			if application.Name == name {
				return application.ID, nil
			}
		}
		if len(body.Applications) < applicationPage {
			return "", nil
		}
	}
	return "", nil
}

// plainWords reports whether a value survives the vendor's filter as it is.
func plainWords(value string) bool {
	if strings.Join(strings.Fields(value), " ") != value || strings.ContainsAny(value, `"'\()*`) {
		return false
	}
	return !slices.ContainsFunc(strings.Fields(value), func(word string) bool {
		return slices.Contains([]string{"and", "or", "not"}, strings.ToLower(word))
	})
}

// firstWord returns the longest beginning of a value that is plain.
func firstWord(value string) string {
	end := strings.IndexFunc(value, func(r rune) bool { return strings.ContainsRune(` "'\()*`, r) })
	if end < 0 {
		return value
	}
	return value[:end]
}

func jsonRequest(op, method, path, token string, body any) (request, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return request{}, &identity.Error{Code: identity.CodeInternal, Op: op, Err: err}
	}
	return request{op: op, method: method, path: path, token: token, contentType: typeJSON, body: encoded}, nil
}

// AsAPIError returns the vendor's own answer in err, or nil.
func AsAPIError(err error) *APIError {
	var e *APIError
	if errors.As(err, &e) {
		return e
	}
	return nil
}
