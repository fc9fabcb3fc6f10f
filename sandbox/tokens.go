package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"usher/identity"
	"usher/sandbox/issuer"
)

// The kinds of tokens.
const (
	KindAdmin    = "admin"    // every permission in every demo organization
	KindReader   = "reader"   // may read there, and nothing else
	KindOutsider = "outsider" // valid, with permissions, member of no organization
)

// Names at the demo issuer.
const (
	issuerName     = "demo"
	audience       = "usher-demo"
	clientAdmin    = "demo-admin"
	clientReader   = "demo-reader"
	clientPeople   = "demo-app" // what people sign in with
	outsiderEmail  = "demo-outsider@example.net"
	readerEmail    = "demo-reader@example.com"
	maxTTL         = 30 * 24 * time.Hour
	maxTokenBody   = 64 << 10
	organizationID = "org_id" // the organization claim
)

// ErrTokenRequest is wrapped by Token's errors that are the caller's fault.
var ErrTokenRequest = errors.New("token request")

// TokenRequest says what token to make.
type TokenRequest struct {
	Kind string // KindAdmin, KindReader or KindOutsider
	// Organizations makes it a person's token that claims these organizations,
	// by demo slug or by the vendor's id, instead of a service's with all of
	// them. Not for outsiders.
	Organizations []string
	TTL           time.Duration // 0: the world's token life; at most 30 days
	// Claims overlay the token's own; a nil value leaves one out.
	Claims map[string]any
}

// Token is a signed access token.
type Token struct {
	Value     string
	ExpiresAt time.Time
}

// Token mints a token of a kind. Errors wrap ErrTokenRequest where the request
// is at fault.
func (s *Sandbox) Token(r TokenRequest) (Token, error) {
	claims, err := s.claimsOf(r)
	if err != nil {
		return Token{}, err
	}
	life := r.TTL
	switch {
	case life == 0:
		life = s.sites.opts.TokenLife
	case life < 0 || life > maxTTL:
		return Token{}, fmt.Errorf("%w: ttl must be positive and at most %s", ErrTokenRequest, maxTTL)
	}
	expires := s.now().Add(life).Truncate(time.Second).UTC()
	claims["exp"] = expires.Unix()
	maps.Copy(claims, r.Claims)
	value, err := s.issuer.Mint(claims)
	if err != nil {
		return Token{}, fmt.Errorf("sandbox: %w", err)
	}
	return Token{Value: value, ExpiresAt: expires}, nil
}

func (s *Sandbox) claimsOf(r TokenRequest) (map[string]any, error) {
	switch {
	case r.Kind != KindAdmin && r.Kind != KindReader && r.Kind != KindOutsider:
		return nil, fmt.Errorf("%w: kind must be admin, reader or outsider", ErrTokenRequest)
	case r.Kind == KindOutsider && len(r.Organizations) > 0:
		return nil, fmt.Errorf("%w: an outsider has no organizations", ErrTokenRequest)
	case r.Kind == KindOutsider:
		return person(KindOutsider, outsiderEmail, RoleMember, personPermissions()), nil
	case len(r.Organizations) == 0 && r.Kind == KindAdmin:
		return service(clientAdmin), nil
	case len(r.Organizations) == 0:
		return service(clientReader), nil
	}
	ids, err := s.providerIDs(r.Organizations)
	if err != nil {
		return nil, err
	}
	claims := person(KindAdmin, AdministratorEmail, RoleAdmin, personPermissions())
	if r.Kind == KindReader {
		claims = person(KindReader, readerEmail, RoleMember, readPermissions())
	}
	claims[organizationID] = ids[0]
	if len(ids) > 1 {
		claims[organizationID] = ids
	}
	return claims, nil
}

// providerIDs turns demo slugs into the vendors' ids; anything else is taken
// for such an id.
func (s *Sandbox) providerIDs(refs []string) ([]string, error) {
	var ids []string
	for _, ref := range refs {
		if ref == "" {
			return nil, fmt.Errorf("%w: an organization is empty", ErrTokenRequest)
		}
		for _, o := range s.Organizations() {
			if o.Slug == ref {
				ref = o.ProviderID
			}
		}
		if !slices.Contains(ids, ref) {
			ids = append(ids, ref)
		}
	}
	return ids, nil
}

func service(client string) map[string]any {
	return map[string]any{"sub": client, "client_id": client}
}

func person(kind, email, role string, permissions []string) map[string]any {
	return map[string]any{
		"sub": "demo-person-" + kind, "client_id": clientPeople, "email": email, "email_verified": true,
		"roles": []string{role}, "scope": strings.Join(permissions, " "),
	}
}

func allPermissions() []string {
	var all []string
	for _, p := range identity.Permissions() {
		all = append(all, string(p))
	}
	return all
}

// personPermissions leaves out what is for operators.
func personPermissions() []string {
	return slices.DeleteFunc(allPermissions(), func(p string) bool { return p == string(identity.OrganizationsWrite) })
}

func readPermissions() []string {
	return slices.DeleteFunc(allPermissions(), func(p string) bool { return !strings.HasSuffix(p, ":read") })
}

// ServiceClient returns the client that gets the administrator's tokens from
// the issuer's token endpoint by client_credentials, as an application's
// backend would.
func (s *Sandbox) ServiceClient() (id, secret string) { return clientAdmin, s.clientSecret }

func (s *Sandbox) startIssuer(ctx context.Context, o *Options) error {
	site, err := s.sites.listen(ctx, slotIssuer)
	if err != nil {
		return fmt.Errorf("sandbox: issuer: %w", err)
	}
	s.issuer, err = issuer.New(issuer.Options{
		URL: site.url, Audience: audience, Life: o.TokenLife, Now: o.Now,
		Clients: []issuer.Client{{ID: clientAdmin, Secret: s.clientSecret, Scopes: allPermissions()}},
	})
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", s.issuer) // which also answers what is at no path
	mux.HandleFunc("POST /_sandbox/token", s.serveToken)
	s.sites.serve(site, mux)
	return nil
}

func (s *Sandbox) issuerFacts() IssuerFacts {
	f := IssuerFacts{
		Name: issuerName, Issuer: s.issuer.URL(), Preset: "none", Audiences: []string{audience},
		Algorithms: []string{"RS256"}, Types: []string{issuer.TokenType}, Demo: true,
		Claims: ClaimFacts{
			Organization: organizationID, Scopes: "scope", Roles: "roles", Email: "email", EmailVerified: "email_verified", Client: "client_id",
		},
		Roles: map[string]string{RoleAdmin: RoleAdmin, RoleMember: RoleMember},
	}
	for _, p := range allPermissions() {
		f.Permissions = append(f.Permissions, PermissionFacts{Scope: p, Grant: []string{p}})
	}
	f.Permissions = append(f.Permissions, PermissionFacts{Role: RoleAdmin, Grant: personPermissions()})
	access := func() []AccessFacts {
		var all []AccessFacts
		for _, v := range s.vendors {
			all = append(all, AccessFacts{Connection: v.organization.Connection, All: true})
		}
		return all
	}
	f.Services = []ServiceFacts{
		{Client: clientAdmin, Role: RoleAdmin, Grant: allPermissions(), Organizations: access()},
		{Client: clientReader, Grant: readPermissions(), Organizations: access()},
	}
	return f
}

// serveToken answers POST /_sandbox/token on the issuer:
//
//	{"kind": "admin", "organizations": ["acme-asgardeo"], "ttl": "1h", "claims": {…}}
//
// with an OAuth token answer. Only kind is required.
func (s *Sandbox) serveToken(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Kind          string         `json:"kind"`
		Organizations []string       `json:"organizations"`
		TTL           string         `json:"ttl"`
		Claims        map[string]any `json:"claims"`
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxTokenBody))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil {
		refuseToken(w, http.StatusBadRequest, "invalid_request", "The body must be a JSON object with kind, and may have organizations, ttl and claims.")
		return
	}
	request := TokenRequest{Kind: body.Kind, Organizations: body.Organizations, Claims: body.Claims}
	if body.TTL != "" {
		ttl, err := time.ParseDuration(body.TTL)
		if err != nil || ttl <= 0 {
			refuseToken(w, http.StatusBadRequest, "invalid_request", "ttl must be a duration such as 1h.")
			return
		}
		request.TTL = ttl
	}
	token, err := s.Token(request)
	switch {
	case errors.Is(err, ErrTokenRequest):
		refuseToken(w, http.StatusBadRequest, "invalid_request", err.Error())
	case err != nil:
		s.log.Error("sandbox: mint a token", "error", err)
		refuseToken(w, http.StatusInternalServerError, "server_error", "The token could not be made.")
	default:
		writeJSON(w, http.StatusOK, map[string]any{
			"access_token": token.Value, "token_type": "Bearer",
			"expires_in": int64(token.ExpiresAt.Sub(s.now()).Seconds()), "expires_at": token.ExpiresAt,
		})
	}
}

func refuseToken(w http.ResponseWriter, status int, code, description string) {
	writeJSON(w, status, map[string]string{"error": code, "error_description": description})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, `{"error":"server_error"}`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
}
