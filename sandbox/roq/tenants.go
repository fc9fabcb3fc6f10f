package roq

import (
	"context"

	graphql "github.com/graph-gophers/graphql-go"
)

// tenantView is TenantModel.
type tenantView struct {
	ID                   graphql.ID
	Reference            *string
	Name                 string
	IsDefault            bool
	CreatedAt, UpdatedAt date

	s *Simulator
	t *tenant
}

// count is UsersCountModel.
type count struct{ TotalCount int32 }

func (s *Simulator) tenantView(t *tenant) *tenantView {
	return &tenantView{ID: graphql.ID(t.id), Reference: t.reference, Name: t.name, IsDefault: t.isDefault,
		CreatedAt: dateOf(t.created), UpdatedAt: dateOf(t.updated), s: s, t: t}
}

// Users resolves how many users the tenant has.
func (v *tenantView) Users() count {
	return v.s.count(func(u *user) bool { return u.tenant != nil && *u.tenant == v.t.id })
}

func (s *Simulator) count(keep func(*user) bool) count {
	var n count
	for _, u := range s.users {
		if keep(u) && s.match(nil, u) {
			n.TotalCount++
		}
	}
	return n
}

type tenantsArgs struct {
	Filter *struct {
		ID        *idFilter
		Reference *stringFilter
	}
	Limit, Offset *int32
	Order         *order
}

// IsTenantsActive implements the query.
func (r *root) IsTenantsActive() bool { return !r.s.q.TenantsInactive }

// Tenants implements the query.
func (r *root) Tenants(ctx context.Context, a tenantsArgs) (*page[*tenantView], error) {
	c := callOf(ctx)
	keep := func(t *tenant) bool {
		return c.sees(&t.id) && (a.Filter == nil || a.Filter.ID.match(&t.id) && a.Filter.Reference.match(t.reference))
	}
	created := func(t *tenant, _ string) *string { return timeColumn(t.created) }
	return list(r.s, r.s.tenants, keep, created, listArgs{Limit: a.Limit, Offset: a.Offset, Order: a.Order}, r.s.tenantView)
}

// Tenant implements the query.
func (r *root) Tenant(ctx context.Context, a struct{ ID graphql.ID }) (*tenantView, error) {
	t, err := r.s.tenantFor(callOf(ctx), string(a.ID))
	if err != nil {
		return nil, err
	}
	return r.s.tenantView(t), nil
}

func (s *Simulator) tenantFor(c *call, id string) (*tenant, error) {
	if err := checkUUID(id); err != nil {
		return nil, err
	}
	t := s.tenant(id)
	if t == nil || !c.sees(&t.id) {
		return nil, notFound(codeTenantNotFound, "Tenant", id)
	}
	return t, nil
}

type tenantInput struct {
	Name      string
	Reference graphql.NullString
}

// CreateTenant implements the mutation.
func (r *root) CreateTenant(ctx context.Context, a struct{ Tenant tenantInput }) (*tenantView, error) {
	if _, err := r.may(ctx, "createTenant"); err != nil {
		return nil, err
	}
	if err := checkFilled("name", a.Tenant.Name); err != nil {
		return nil, err
	}
	return r.s.tenantView(r.s.addTenant(a.Tenant.Name, a.Tenant.Reference.Value)), nil
}

// UpdateTenant implements the mutation.
func (r *root) UpdateTenant(ctx context.Context, a struct {
	ID     graphql.ID
	Tenant tenantInput
}) (*tenantView, error) {
	c, err := r.may(ctx, "updateTenant")
	if err != nil {
		return nil, err
	}
	if err := checkFilled("name", a.Tenant.Name); err != nil {
		return nil, err
	}
	t, err := r.s.tenantFor(c, string(a.ID))
	if err != nil {
		return nil, err
	}
	t.name, t.updated = a.Tenant.Name, r.s.now()
	setNull(&t.reference, a.Tenant.Reference)
	return r.s.tenantView(t), nil
}

// addTenant makes a tenant; the first one of an environment is its default.
func (s *Simulator) addTenant(name string, reference *string) *tenant {
	now := s.now()
	t := &tenant{id: s.newID(), name: name, reference: reference, isDefault: len(s.tenants) == 0, created: now, updated: now}
	s.tenants = append(s.tenants, t)
	return t
}
