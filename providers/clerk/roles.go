package clerk

import (
	"context"
	"slices"
	"strings"

	"usher/identity"
	"usher/providers/clerk/internal"
)

// vendorRole returns the vendor's key of the one portable role. Without one it
// is empty: an invitation made elsewhere can have a role that is not mapped.
func (p *Provider) vendorRole(keys []string) (string, error) {
	switch len(keys) {
	case 0:
		return "", nil
	case 1:
	default:
		return "", identity.FieldError(identity.CodeNotCarried, "/roles", "The identity provider of this organization takes one role in an invitation.")
	}
	role, ok := p.deps.Roles[keys[0]]
	if !ok {
		return "", unknownRole()
	}
	return role, nil
}

func unknownRole() error {
	return identity.FieldError(identity.CodeUnknownRole, "/roles/0", "The organization has no such role at the identity provider.")
}

// assignable returns the roles that an organization can assign: those of its
// role set (FACTS.md section 7), and those of the instance where it has none or
// the instance offers no role sets.
func (p *Provider) assignable(ctx context.Context, org identity.OrgRef) ([]internal.Role, error) {
	if err := checkOrg(org); err != nil {
		return nil, err
	}
	found, err := p.client.GetOrganization(ctx, org.ProviderID)
	switch {
	case err != nil:
		return nil, err
	case found.ID != org.ProviderID:
		return nil, wrongOrganization()
	}
	if found.RoleSet != "" {
		set, err := p.client.GetRoleSet(ctx, found.RoleSet)
		if err == nil {
			return set.Roles, nil
		}
		if e := internal.AsAPIError(err); e == nil || !notOffered(e) {
			return nil, err
		}
	}
	return p.instanceRoles(ctx)
}

// notOffered reports the vendor's answers where a plan or a version has no role
// sets.
func notOffered(e *internal.APIError) bool {
	return e.Code != "" && (e.Status == 402 || e.Status == 403 || e.Status == 404)
}

func (p *Provider) instanceRoles(ctx context.Context) ([]internal.Role, error) {
	var roles []internal.Role
	for {
		page, err := p.client.ListRoles(ctx, len(roles))
		if err != nil {
			return nil, err
		}
		roles = append(roles, page.Data...)
		if len(page.Data) == 0 || len(roles) >= page.Total {
			return roles, nil
		}
	}
}

// ListRoles implements providers.RoleLister: the mapped roles that the
// organization can assign.
func (p *Provider) ListRoles(ctx context.Context, org identity.OrgRef) ([]identity.Role, error) {
	assignable, err := p.assignable(ctx, org)
	if err != nil {
		return nil, explain(err)
	}
	roles := []identity.Role{}
	for key, name := range p.deps.Roles {
		for _, role := range assignable {
			if role.Key == name {
				roles = append(roles, identity.Role{Key: key, Name: role.Name, ProviderID: role.Key})
				break
			}
		}
	}
	slices.SortFunc(roles, func(a, b identity.Role) int { return strings.Compare(a.Key, b.Key) })
	return roles, nil
}

// portable returns the portable keys of a role, sorted, and whether it has none.
func (p *Provider) portable(role string) (keys []string, unmapped bool) {
	keys = []string{}
	for key, name := range p.deps.Roles {
		if name == role {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys, len(keys) == 0
}
