package asgardeo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"usher/identity"
	"usher/providers/asgardeo/internal"
	"usher/scim"
)

// roleSet is an application's roles in one organization: ids differ from
// organization to organization (FACTS.md section 8). It is never changed.
type roleSet struct {
	ids map[string]string // display name → id
}

// roleKey is where an organization's roles are remembered: apart for each
// caller, since reading them is something the vendor may refuse one of them.
func (p *Provider) roleKey(ctx context.Context, org identity.OrgRef) string {
	if caller, ok := p.caller(ctx); ok {
		return org.ProviderID + "\n" + fingerprint(caller.Token)
	}
	return org.ProviderID
}

// roleSet returns the organization's roles, remembered briefly.
func (p *Provider) roleSet(ctx context.Context, org identity.OrgRef) (*roleSet, error) {
	return p.roles.get(ctx, p.roleKey(ctx, org), func(ctx context.Context) (*roleSet, time.Time, error) {
		set, err := p.fetchRoles(ctx, org)
		return set, p.deps.Now().Add(p.settings.roleCache), err
	})
}

// dropRoles forgets an organization's roles after the vendor refused one.
func (p *Provider) dropRoles(ctx context.Context, org identity.OrgRef) {
	p.roles.drop(p.roleKey(ctx, org), func(*roleSet) bool { return true })
}

func (p *Provider) fetchRoles(ctx context.Context, org identity.OrgRef) (*roleSet, error) {
	var application string
	err := p.within(ctx, org, scopeApplication, func(t *token) (err error) {
		application, err = p.client.FindApplication(ctx, t.value, p.settings.Application)
		return err
	})
	if err != nil || application == "" {
		return &roleSet{}, err
	}
	var roles []scim.Role
	err = p.within(ctx, org, scopeRoles, func(t *token) (err error) {
		roles, err = p.client.ListRoles(ctx, t.value, application)
		return err
	})
	if err != nil {
		return nil, err
	}
	set := &roleSet{ids: map[string]string{}}
	for _, role := range roles {
		foreign := role.Audience.Value != "" && role.Audience.Value != application
		if role.ID != "" && !foreign {
			set.ids[role.DisplayName] = role.ID
		}
	}
	return set, nil
}

// roleIDs returns the organization's ids of portable roles, in their order.
// unknown_role names the first one that is missing.
func (p *Provider) roleIDs(ctx context.Context, org identity.OrgRef, keys []string) ([]string, error) {
	for n, key := range keys {
		if _, ok := p.deps.Roles[key]; !ok {
			return nil, unknownRole(n)
		}
	}
	var ids []string
	err := p.lag.retry(ctx, "roles "+org.ProviderID+" "+strings.Join(keys, " "), func() (missing bool, err error) {
		absent := 0
		if ids, absent, err = p.rolesNow(ctx, org, keys); err == nil && absent >= 0 {
			return true, unknownRole(absent)
		}
		return false, err
	})
	return ids, err
}

// rolesNow is one look at the roles. What is remembered may be older than a
// role, so a role that is missing there is looked for at the vendor.
func (p *Provider) rolesNow(ctx context.Context, org identity.OrgRef, keys []string) (ids []string, absent int, err error) {
	_, remembered := p.roles.peek(p.roleKey(ctx, org))
	for {
		set, err := p.roleSet(ctx, org)
		if err != nil {
			return nil, 0, err
		}
		if ids, absent = p.pick(set, keys); absent < 0 {
			return ids, absent, nil
		}
		p.dropRoles(ctx, org)
		if !remembered {
			return nil, absent, nil
		}
		remembered = false
	}
}

// pick returns the ids of the roles, or the index of the first one absent.
func (p *Provider) pick(set *roleSet, keys []string) (ids []string, absent int) {
	ids = make([]string, len(keys))
	for n, key := range keys {
		id, ok := set.ids[p.deps.Roles[key]]
		if !ok {
			return nil, n
		}
		ids[n] = id
	}
	return ids, -1
}

func unknownRole(n int) error {
	return identity.FieldError(identity.CodeUnknownRole, fmt.Sprintf("/roles/%d", n),
		"The organization has no such role at the identity provider.")
}

// ListRoles implements providers.RoleLister: the mapped roles that the
// organization has.
func (p *Provider) ListRoles(ctx context.Context, org identity.OrgRef) ([]identity.Role, error) {
	set, err := p.roleSet(ctx, org)
	if err != nil {
		return nil, explain(err)
	}
	roles := []identity.Role{}
	for key, name := range p.deps.Roles {
		if id, ok := set.ids[name]; ok {
			roles = append(roles, identity.Role{Key: key, Name: name, ProviderID: id})
		}
	}
	slices.SortFunc(roles, func(a, b identity.Role) int { return strings.Compare(a.Key, b.Key) })
	return roles, nil
}

// portableIDs returns the portable keys of role ids, sorted.
func (p *Provider) portableIDs(set *roleSet, has func(id string) bool) []string {
	keys := []string{}
	for key, name := range p.deps.Roles {
		if id, ok := set.ids[name]; ok && has(id) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// portable returns the portable keys of an invitation's roles, sorted, and
// whether there are roles without one. A role of another application that has
// the same name is another role.
func (p *Provider) portable(roles []internal.InvitationRole) (keys []string, unmapped bool) {
	keys = []string{}
	for _, role := range roles {
		known := false
		for key, name := range p.deps.Roles {
			if role.DisplayName == name && p.ofApplication(role) {
				known = true
				keys = append(keys, key)
			}
		}
		unmapped = unmapped || !known
	}
	slices.Sort(keys)
	return slices.Compact(keys), unmapped
}

func (p *Provider) ofApplication(role internal.InvitationRole) bool {
	return slices.ContainsFunc(role.Audience, func(a internal.Audience) bool {
		return strings.EqualFold(a.Type, "application") && a.Display == p.settings.Application
	})
}
