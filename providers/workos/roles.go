package workos

import (
	"context"
	"slices"
	"strings"

	"usher/identity"
	"usher/providers/workos/internal"
)

// ListRoles implements providers.RoleLister: the mapped roles that the
// organization has, those of the environment included. The vendor knows a role
// by its slug, never by its id (FACTS.md section 9).
func (p *Provider) ListRoles(ctx context.Context, org identity.OrgRef) ([]identity.Role, error) {
	if err := checkOrganization(org); err != nil {
		return nil, err
	}
	list, err := p.client.Roles(ctx, org.ProviderID)
	if err != nil {
		return nil, explain(err)
	}
	roles := []identity.Role{}
	for _, role := range list.Data {
		if role.ResourceType != "" && role.ResourceType != internal.ResourceOrganization {
			continue // for resources within an organization, not for its members
		}
		for _, key := range p.portable([]string{role.Slug}) {
			roles = append(roles, identity.Role{Key: key, Name: role.Name, ProviderID: role.Slug})
		}
	}
	slices.SortFunc(roles, func(a, b identity.Role) int { return strings.Compare(a.Key, b.Key) })
	return roles, nil
}

// portable returns the portable keys of the vendor's roles, sorted. What is not
// mapped is left out.
func (p *Provider) portable(slugs []string) []string {
	keys := []string{}
	for key, slug := range p.deps.Roles {
		if slices.Contains(slugs, slug) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}
