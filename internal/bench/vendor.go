package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// pageOfMembers is how many members a read-through call shows.
const pageOfMembers = 10

// vendor answers as Asgardeo and Clerk do where nothing is in the way: everybody
// is unknown until created, and every invitation succeeds. It keeps nothing.
type vendor struct {
	server      *http.Server
	base        string
	connections atomic.Int64 // ever opened
	calls       atomic.Int64
	invitations atomic.Int64
	bulk        gate // for invitations of several people in one call

	mu       sync.Mutex
	recorded *[]call // nil: not recording
	unknown  string  // the first call that there is no answer to
}

// call is one request as it arrived.
type call struct {
	method, uri string
	header      http.Header
	body        []byte
}

func startVendor(ctx context.Context) (*vendor, error) {
	v := &vendor{}
	mux := http.NewServeMux()
	for pattern, answer := range map[string]func(*http.Request, []byte) (int, any){
		"POST /t/bench/oauth2/token":                      token,
		"GET /t/bench/scim2/Users":                        nobody,
		"POST /t/bench/scim2/Users":                       created,
		"GET /t/bench/o/api/server/v1/applications":       applications,
		"GET /t/bench/o/scim2/v2/Roles":                   roles,
		"GET /t/bench/o/scim2/Users":                      memberPage,
		"POST /t/bench/o/api/server/v1/guests/invite":     invited,
		"GET /t/bench/o/api/server/v1/guests/invitations": invitations,
		"GET /v1/organizations/{org}/invitations":         noneAtClerk,
		"POST /v1/organizations/{org}/invitations":        invitedAtClerk,
		"GET /v1/organizations/{org}/memberships":         noneAtClerk,
		"GET /v1/users":                                   noUsersAtClerk,
		"POST /v1/organizations/{org}/invitations/bulk":   v.invitedTogetherAtClerk,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return // the caller is gone
			}
			v.calls.Add(1)
			v.record(r, body)
			status, text := answer(r, body)
			kind := "application/json"
			if strings.Contains(r.URL.Path, "/scim2/") {
				kind = "application/scim+json"
			}
			reply(w, status, kind, text)
		})
	}
	mux.HandleFunc("/", v.miss)
	var err error
	v.server, v.base, err = serve(ctx, mux, func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			v.connections.Add(1)
		}
	})
	v.base += "/t/bench"
	return v, err
}

// miss notes a call that a real vendor would have answered: what was measured with
// it is not what was meant.
func (v *vendor) miss(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.unknown = cmp.Or(v.unknown, r.Method+" "+r.URL.Path)
	http.NotFound(w, r)
}

// answeredAll is an error if a call was missed.
func (v *vendor) answeredAll() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.unknown != "" {
		return fmt.Errorf("the vendor of this program has no answer to %s", v.unknown)
	}
	return nil
}

// origin is where the vendor is, without what its Asgardeo is below.
func (v *vendor) origin() string { return strings.TrimSuffix(v.base, "/t/bench") }

func (v *vendor) record(r *http.Request, body []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.recorded != nil {
		*v.recorded = append(*v.recorded, call{r.Method, r.URL.RequestURI(), r.Header.Clone(), bytes.Clone(body)})
	}
}

// during returns the calls that arrive while do runs.
func (v *vendor) during(do func() error) ([]call, error) {
	var calls []call
	set := func(to *[]call) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.recorded = to
	}
	set(&calls)
	err := do()
	set(nil)
	return calls, err
}

// token grants whatever is asked for, to the organization that is asked for.
func token(_ *http.Request, body []byte) (int, any) {
	form := map[string]string{}
	for pair := range strings.SplitSeq(string(body), "&") {
		name, value, _ := strings.Cut(pair, "=")
		form[name] = strings.ReplaceAll(value, "+", " ")
	}
	organization := form["switching_organization"]
	if organization == "" {
		organization = "root"
	}
	claims := fmt.Sprintf(`{"org_id":%q,"user_org":"root"}`, organization)
	return http.StatusOK, map[string]any{
		"access_token": "eyJhbGciOiJub25lIn0." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln",
		"token_type":   "Bearer", "expires_in": 3600, "scope": form["scope"],
	}
}

func page(resources ...any) (int, any) {
	return http.StatusOK, map[string]any{
		"schemas":      []string{"urn:ietf:params:scim:api:messages:2.0:ListResponse"},
		"totalResults": len(resources), "startIndex": 1, "itemsPerPage": len(resources), "Resources": append([]any{}, resources...),
	}
}

func nobody(*http.Request, []byte) (int, any) { return page() }

func created(_ *http.Request, body []byte) (int, any) {
	var user struct{ UserName string }
	if err := json.Unmarshal(body, &user); err != nil {
		return http.StatusBadRequest, nil
	}
	_, address, _ := strings.Cut(user.UserName, "/")
	return http.StatusCreated, map[string]any{
		"id": "user-" + address, "userName": user.UserName, "emails": []string{address},
		"urn:scim:wso2:schema": map[string]any{"accountState": "PENDING_AP"},
		"meta":                 map[string]any{"created": "2026-01-02T10:34:29.902Z", "resourceType": "User"},
	}
}

func applications(*http.Request, []byte) (int, any) {
	return http.StatusOK, map[string]any{"applications": []any{map[string]any{"id": "app", "name": "Team App"}}}
}

func roles(*http.Request, []byte) (int, any) {
	audience := map[string]any{"value": "app", "display": "Team App", "type": "application"}
	return page(map[string]any{"id": "role-admin", "displayName": "Administrator", "audience": audience},
		map[string]any{"id": "role-member", "displayName": "Member", "audience": audience})
}

// memberPage lists each user's role ids, as some versions of the server do:
// one call then tells everything.
func memberPage(r *http.Request, _ []byte) (int, any) {
	count, err := strconv.Atoi(r.URL.Query().Get("count"))
	if err != nil {
		return http.StatusBadRequest, nil
	}
	members := make([]any, 0, pageOfMembers)
	for n := range min(count, pageOfMembers) {
		address := fmt.Sprintf("member%d@example.com", n)
		members = append(members, map[string]any{
			"id": fmt.Sprintf("7f3c2b1a-0000-4000-8000-%012d", n), "userName": "DEFAULT/" + address, "emails": []string{address},
			"name":                 map[string]any{"givenName": "Member", "familyName": fmt.Sprint("Number", n)},
			"roles":                []any{map[string]any{"value": "role-member", "display": "Member"}},
			"urn:scim:wso2:schema": map[string]any{"managedOrg": "root", "sharedType": "INVITED"},
			"meta":                 map[string]any{"created": "2026-01-02T10:34:29.902Z"},
		})
	}
	return page(members...)
}

func invited(_ *http.Request, body []byte) (int, any) {
	var guest struct{ Usernames []string }
	if err := json.Unmarshal(body, &guest); err != nil || len(guest.Usernames) != 1 {
		return http.StatusBadRequest, nil
	}
	return http.StatusOK, []any{map[string]any{"username": guest.Usernames[0], "result": map[string]any{"status": "Successful"}}}
}

func invitations(*http.Request, []byte) (int, any) {
	return http.StatusOK, map[string]any{"invitations": []any{}}
}

func noneAtClerk(*http.Request, []byte) (int, any) {
	return http.StatusOK, map[string]any{"data": []any{}, "total_count": 0}
}

func noUsersAtClerk(*http.Request, []byte) (int, any) { return http.StatusOK, []any{} }

func invitedAtClerk(r *http.Request, body []byte) (int, any) {
	var asked map[string]any
	if err := json.Unmarshal(body, &asked); err != nil {
		return http.StatusBadRequest, nil
	}
	return http.StatusOK, clerkInvitation(r, asked, "orginv_2g7np7Hrk0SN6kj5EDMLDaKNL0S")
}

func (v *vendor) invitedTogetherAtClerk(r *http.Request, body []byte) (int, any) {
	v.bulk.pass()
	var asked []map[string]any
	if err := json.Unmarshal(body, &asked); err != nil {
		return http.StatusBadRequest, nil
	}
	made := make([]any, len(asked))
	for n, one := range asked {
		made[n] = clerkInvitation(r, one, fmt.Sprintf("orginv_%027d", v.invitations.Add(1)))
	}
	return http.StatusOK, map[string]any{"data": made, "total_count": len(made)}
}

func clerkInvitation(r *http.Request, asked map[string]any, id string) any {
	return map[string]any{
		"object": "organization_invitation", "id": id, "organization_id": r.PathValue("org"),
		"email_address": asked["email_address"], "role": asked["role"], "role_name": "Member", "status": "pending",
		"public_metadata": map[string]any{}, "private_metadata": asked["private_metadata"], "url": nil,
		"expires_at": 1900000000000, "created_at": 1890000000000, "updated_at": 1890000000000, "inviter_id": nil, "public_inviter_data": nil,
	}
}

// gate lets calls through unless it is held; those that come then wait.
type gate struct {
	mu   sync.Mutex
	shut chan struct{} // nil: open
}

func (g *gate) hold() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut == nil {
		g.shut = make(chan struct{})
	}
}

func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut != nil {
		close(g.shut)
		g.shut = nil
	}
}

func (g *gate) pass() {
	g.mu.Lock()
	shut := g.shut
	g.mu.Unlock()
	if shut != nil {
		<-shut
	}
}
