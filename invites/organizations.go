package invites

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"usher/identity"
	"usher/ledger"
	"usher/providers"
)

// Organization returns the organization a caller means by an id, a slug or
// "current". One that is not the caller's and one that does not exist both
// answer not_found.
func (s *Service) Organization(ctx context.Context, by Caller, ref string) (*identity.Organization, error) {
	if ref == identity.Current {
		return s.currentOrganization(ctx, by)
	}
	org, err := s.ledger.Organization(ctx, ref)
	if err != nil {
		if isCode(err, identity.CodeNotFound) {
			return nil, noOrganization()
		}
		return nil, err
	}
	if !by.Access.Allows(org) {
		return nil, noOrganization()
	}
	return org, nil
}

func noOrganization() error {
	return identity.Errorf(identity.CodeNotFound, "There is no such organization.")
}

func (s *Service) currentOrganization(ctx context.Context, by Caller) (*identity.Organization, error) {
	if err := s.register(ctx, by); err != nil {
		return nil, err
	}
	page, err := s.ledger.Organizations(ctx, ledger.OrganizationQuery{Access: by.Access, Limit: 2})
	if err != nil {
		return nil, err
	}
	if len(page.Items) != 1 {
		return nil, identity.Errorf(identity.CodeNotFound, "The token is not for one single organization.")
	}
	org := page.Items[0]
	if !by.Access.Allows(&org) {
		return nil, noOrganization()
	}
	return &org, nil
}

// register makes the organization of a caller's claim known, where the one
// connection it can belong to says so.
func (s *Service) register(ctx context.Context, by Caller) error {
	if len(by.Access.Claimed) != 1 {
		return nil
	}
	alias := by.Access.Claimed[0]
	c, ok := s.connections[alias.Connection]
	if !ok || !c.AutoRegister {
		return nil
	}
	_, err := s.ledger.OrganizationByAlias(ctx, alias)
	if !isCode(err, identity.CodeNotFound) {
		return err
	}
	_, err = s.Bind(ctx, NewOrganization{Connection: alias.Connection, ProviderID: alias.ProviderID})
	switch identity.CodeOf(err) {
	case identity.CodeConflict: // somebody else's request was faster
		return nil
	case identity.CodeInvalidRequest: // the claim is none that could be registered
		return nil
	default:
		return err
	}
}

// ListOrganizations returns a page of what the caller may see, by id.
func (s *Service) ListOrganizations(ctx context.Context, by Caller, r identity.PageRequest) (*identity.Page[identity.Organization], error) {
	n, err := limit(r.Limit)
	if err != nil {
		return nil, err
	}
	if err := s.register(ctx, by); err != nil {
		return nil, err
	}
	listing := []any{"organizations", by.Access}
	after, err := decodeCursor(r.Cursor, listing...)
	if err != nil {
		return nil, err
	}
	page, err := s.ledger.Organizations(ctx, ledger.OrganizationQuery{Access: by.Access, After: after, Limit: n})
	if err != nil {
		return nil, err
	}
	page.Next = encodeCursor(page.Next, listing...)
	return page, nil
}

// CreateOrganization binds an organization of a vendor. The caller must hold a
// rule for all organizations of the connection. The vendor is asked whether it
// knows the organization. claim may be nil; if an earlier try under it made the
// organization, that one is answered.
// Codes: invalid_request, permission_denied, conflict and the provider_ ones.
func (s *Service) CreateOrganization(ctx context.Context, by Caller, n NewOrganization, claim *ledger.Claim) (*identity.Organization, error) {
	if claim != nil && claim.OrganizationID != "" {
		return s.Organization(ctx, by, claim.OrganizationID)
	}
	if err := n.check(); err != nil {
		return nil, err
	}
	c, ok := s.connections[n.Connection]
	if !ok || !by.Access.AllowsConnection(n.Connection) {
		return nil, invalid("/connection", "There is no such connection.")
	}
	if !slices.ContainsFunc(by.Access.Rules, func(r identity.AccessRule) bool { return r.Connection == n.Connection && r.All }) {
		return nil, identity.Errorf(identity.CodePermissionDenied, "You may not add organizations to this connection.")
	}
	if c.Client.Has(providers.CapRolesList) {
		_, err := c.Client.ListRoles(providers.WithCaller(ctx, by.Credential), identity.OrgRef{ProviderID: n.ProviderID})
		if isCode(err, identity.CodeNotFound) {
			return nil, invalid("/provider_id", "The identity provider has no such organization.")
		}
		if err != nil {
			return nil, err
		}
	}
	return s.bind(ctx, n, claim)
}

// Bind records an organization of a vendor without asking the vendor: for what
// configuration and trusted claims name. Codes: invalid_request, conflict.
func (s *Service) Bind(ctx context.Context, n NewOrganization) (*identity.Organization, error) {
	return s.bind(ctx, n, nil)
}

func (s *Service) bind(ctx context.Context, n NewOrganization, claim *ledger.Claim) (*identity.Organization, error) {
	if err := n.check(); err != nil {
		return nil, err
	}
	org := &identity.Organization{Slug: n.Slug, Name: n.Name, Connection: n.Connection, ProviderID: n.ProviderID}
	if org.Name == "" {
		org.Name = n.Slug
	}
	if org.Name == "" {
		org.Name = n.ProviderID
	}
	err := s.ledger.Write(ctx, func(tx *ledger.Tx) error {
		if err := tx.InsertOrganization(org); err != nil {
			return err
		}
		return tx.AttachOrganization(claim, org.ID)
	})
	if err != nil {
		return nil, conflictText(err)
	}
	return org, nil
}

// conflictText says what is taken.
func conflictText(err error) error {
	var known *identity.Error
	if !errors.As(err, &known) || known.Code != identity.CodeConflict {
		return err
	}
	detail := "The slug is taken."
	if known.Field == "/provider_id" {
		detail = "The organization of the identity provider is bound already."
	}
	return &identity.Error{Code: known.Code, Field: known.Field, Detail: detail, Err: err}
}

// UpdateOrganization changes name and slug. Codes: invalid_request, conflict.
func (s *Service) UpdateOrganization(ctx context.Context, org *identity.Organization, p OrganizationPatch) (*identity.Organization, error) {
	if p.Name != nil {
		if err := checkOrganizationName(*p.Name); err != nil {
			return nil, err
		}
	}
	if p.Slug != nil && *p.Slug != "" {
		if err := identity.CheckSlug(*p.Slug); err != nil {
			return nil, err
		}
	}
	var changed *identity.Organization
	err := s.ledger.Write(ctx, func(tx *ledger.Tx) error {
		var err error
		if changed, err = tx.Organization(org.ID); err != nil {
			return err
		}
		if p.Name != nil {
			changed.Name = *p.Name
		}
		if p.Slug != nil {
			changed.Slug = *p.Slug
		}
		return tx.UpdateOrganization(changed)
	})
	if err != nil {
		return nil, conflictText(err)
	}
	return changed, nil
}

// Size limits of what an organization is named by.
const (
	maxOrganizationName = 200
	maxProviderID       = 255
)

func (n NewOrganization) check() error {
	switch {
	case n.Connection == "":
		return invalid("/connection", "The connection is missing.")
	case n.ProviderID == "":
		return invalid("/provider_id", "The provider's id of the organization is missing.")
	case len(n.ProviderID) > maxProviderID || !utf8.ValidString(n.ProviderID) || strings.ContainsFunc(n.ProviderID, unprintable):
		return invalid("/provider_id", "This cannot be a provider's id.")
	}
	if n.Name != "" {
		if err := checkOrganizationName(n.Name); err != nil {
			return err
		}
	}
	if n.Slug == "" {
		return nil
	}
	return identity.CheckSlug(n.Slug)
}

func checkOrganizationName(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return invalid("/name", "The name must not be empty.")
	case !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxOrganizationName:
		return invalid("/name", "The name may have %d characters at most.", maxOrganizationName)
	case strings.ContainsFunc(name, unprintable):
		return invalid("/name", "The name may not contain control characters.")
	}
	return nil
}
