package roq

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"usher/providers/providertest/scripted"
	"usher/providers/roq/internal"
)

const (
	baseURL     = "https://roq.example/instance"
	environment = "7f3b3a53-6f5e-4d7c-9a53-9f6a6b0e2c11"
	secret      = "s3cr3t-of-the-environment"
	orgOne      = "0b7f2f0e-0d3c-4b13-9ad1-3d9a5e3d1a01"
	orgTwo      = "0b7f2f0e-0d3c-4b13-9ad1-3d9a5e3d1a02"
	inviterID   = "5d0a3a34-3a77-4b1c-8a43-1f3b51d1aa01"
)

// vendor is a small ROQ written from FACTS.md, with a switch for what they
// leave open. It is an http.RoundTripper.
type vendor struct {
	*scripted.Vendor

	next    int
	tenants []row
	users   []row
	invites []row
	roles   []row
	tokens  map[string]bool
	mails   map[string]int
	sent    []row // the variables of each mutation

	// What FACTS.md leaves open.
	untouched bool // a resend changes nothing that can be seen
	hardEnded bool // ended invitations refuse a new one too
	lateKeys  bool // roleKeys are null for ever
	job       bool // expired invitations are not marked
	silent    bool // users are not refused
	cap       int  // longest page
	opaque    bool // tokens are no JWTs
	life      time.Duration
	edit      func(op string, data row) // changes an answer
}

func newVendor() *vendor {
	v := &vendor{
		Vendor: scripted.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), tokens: map[string]bool{}, mails: map[string]int{},
		cap: 1000, life: time.Hour, lateKeys: true,
	}
	for n, id := range []string{orgOne, orgTwo} {
		v.tenants = append(v.tenants, row{"id": id, "name": fmt.Sprint("Tenant ", n)})
	}
	for n, key := range []string{"org-admin", "org-member", "auditor"} {
		v.roles = append(v.roles, row{"id": v.id(), "key": key, "name": fmt.Sprint("Role ", n)})
	}
	v.users = append(v.users, v.user(orgOne, "inviter@example.com", "org-admin"))
	v.users[0]["id"] = inviterID
	return v
}

// id makes one more UUID.
func (v *vendor) id() string {
	v.next++
	return fmt.Sprintf("9c0ffee0-0000-4000-8000-%012d", v.next)
}

func (v *vendor) stamp() string { return v.Clock.Now().UTC().Format("2006-01-02T15:04:05.000Z") }

func roleRows(keys []string) row {
	rows := []row{}
	for _, key := range keys {
		rows = append(rows, row{"key": key})
	}
	return row{"data": rows, "totalCount": len(rows)}
}

func (v *vendor) user(tenant, email string, roles ...string) row {
	v.next++
	return row{
		"id": v.id(), "email": email, "reference": "ref-of-" + email, "tenantId": nullable(tenant), "active": true,
		"createdAt": v.stamp(), "updatedAt": v.stamp(), "roles": roleRows(roles),
	}
}

func nullable(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func (v *vendor) invite(tenant, email string, roles ...string) row {
	i := row{
		"id": v.id(), "email": email, "status": "pending", "tenantId": nullable(tenant), "createdAt": v.stamp(), "updatedAt": v.stamp(),
		"statusUpdatedAt": v.stamp(), "userTokenId": v.id(), "createdByUserId": inviterID, "roleKeys": roles, "roles": roleRows(roles),
	}
	if v.lateKeys {
		i["roleKeys"] = nil
	}
	v.invites = append(v.invites, i)
	return i
}

func (v *vendor) mailed(to string) int {
	v.Lock()
	defer v.Unlock()
	return v.mails[strings.ToLower(to)]
}

// accept is what the invitee does on the vendor's page.
func (v *vendor) accept(tenant, email string) error {
	v.Lock()
	defer v.Unlock()
	for _, i := range v.invites {
		if i["tenantId"] == tenant && i["email"] == email && i["status"] == "pending" {
			u := v.user(tenant, email)
			u["roles"] = i["roles"]
			v.users = append(v.users, u)
			i["status"], i["acceptedByUserId"], i["statusUpdatedAt"] = "accepted", u["id"], v.stamp()
			return nil
		}
	}
	return errors.New("no pending invitation of " + email)
}

// RoundTrip implements http.RoundTripper.
func (v *vendor) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var call struct {
		Query, OperationName string
		Variables            row
	}
	_ = json.Unmarshal(body, &call)
	op := call.OperationName
	if strings.HasSuffix(r.URL.Path, internal.PathToken) {
		op = "token"
	}
	return v.Carry(r, op, func(w http.ResponseWriter) { v.serve(w, r, op, call.Query, call.Variables, body) })
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (v *vendor) serve(w http.ResponseWriter, r *http.Request, op, query string, variables row, body []byte) {
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		reply(w, 400, row{"statusCode": 400, "message": "no"})
		return
	}
	switch strings.TrimPrefix(r.URL.Path, "/instance") {
	case internal.PathToken:
		v.serveToken(w, r, body)
	case internal.PathGraphQL:
		data, err := v.graphql(r, op, query, variables)
		if err != nil {
			status := 200
			var refused fail
			if !errors.As(err, &refused) {
				refused = fail{kind: "INTERNAL_SERVER_ERROR", code: "INTERNAL_ERROR", status: 500}
			}
			if strings.HasPrefix(refused.code, "GRAPHQL_") {
				status = 400
			}
			reply(w, status, row{"errors": []any{refused.json()}, "data": nil})
			return
		}
		if v.edit != nil {
			v.edit(op, data)
		}
		reply(w, 200, row{"data": data})
	default:
		reply(w, 404, row{"statusCode": 404, "message": "Cannot POST", "error": "Not Found"})
	}
}

func (v *vendor) serveToken(w http.ResponseWriter, r *http.Request, body []byte) {
	var asked struct{ Email, EnvironmentID, APIKey string }
	_ = json.Unmarshal(body, &asked)
	if r.Header.Get(internal.HeaderToken) != "" || asked.Email != "project-service-account@roq.tech" || asked.EnvironmentID != environment || asked.APIKey != secret {
		reply(w, 401, row{"statusCode": 401, "message": "Credentials are wrong", "error": "Unauthorized"})
		return
	}
	v.next++
	token := fmt.Sprint("opaque-", v.next)
	if !v.opaque {
		payload, _ := json.Marshal(row{"roqEnvironmentId": environment, "jti": v.next, "exp": v.Clock.Now().Add(v.life).Unix()})
		token = "eyJhbGciOiJub25lIn0." + base64.RawURLEncoding.EncodeToString(payload) + ".c2ln"
	}
	v.tokens[token] = true
	reply(w, 201, row{"accessToken": token})
}
