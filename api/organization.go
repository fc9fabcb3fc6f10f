package api

import (
	"context"
	"encoding/json"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"usher/identity"
	"usher/invites"
)

// Organization is a customer of the application.
type Organization struct {
	_          struct{}   `additionalProperties:"true"`
	ID         string     `json:"id" example:"org_0dhvc8ks3k6qe3o2l9p5v1b8t4" doc:"Stable."`
	Slug       *string    `json:"slug" example:"acme"`
	Name       string     `json:"name" example:"Acme"`
	Connection string     `json:"connection" example:"asgardeo-prod" doc:"The one connection it lives in."`
	ProviderID string     `json:"provider_id" example:"10084a8d-113f-4211-a0d5-efe36b082211" doc:"The provider's own id of it."`
	CreatedAt  time.Time  `json:"created_at"`
	UpdatedAt  time.Time  `json:"updated_at"`
	SyncedAt   *time.Time `json:"synced_at" doc:"When its invites were last compared with the provider."`
}

// OrganizationList is one page of organizations, by id.
type OrganizationList struct {
	_          struct{}       `additionalProperties:"true"`
	Data       []Organization `json:"data"`
	NextCursor *string        `json:"next_cursor" doc:"null: this was the last page."`
}

// CreateOrganization binds an organization that exists at a provider.
type CreateOrganization struct {
	Connection string  `json:"connection" minLength:"1" maxLength:"100" example:"asgardeo-prod"`
	ProviderID string  `json:"provider_id" minLength:"1" maxLength:"255" example:"10084a8d-113f-4211-a0d5-efe36b082211" doc:"The provider's own id; it can be bound once."`
	Name       *string `json:"name,omitempty" nullable:"true" minLength:"1" maxLength:"200" example:"Acme"`
	Slug       *string `json:"slug,omitempty" nullable:"true" minLength:"1" maxLength:"63" example:"acme" doc:"Lower-case letters, digits and inner hyphens."`
}

// UpdateOrganization changes an organization. What is absent stays.
type UpdateOrganization struct {
	Name nullable `json:"name,omitempty" minLength:"1" maxLength:"200" example:"Acme"`
	Slug nullable `json:"slug,omitempty" minLength:"1" maxLength:"63" example:"acme" doc:"Lower-case letters, digits and inner hyphens; null takes the slug away."`
}

// TransformSchema implements huma.SchemaTransformer. A null name is not among
// what may be sent, and is refused as an empty one.
func (*UpdateOrganization) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	one := 1
	s.MinProperties = &one
	s.Properties["name"].Nullable = false
	return s
}

// nullable tells null from absent.
type nullable struct {
	set   bool
	value string // empty for null
}

// UnmarshalJSON implements json.Unmarshaler. It is called for null too.
func (n *nullable) UnmarshalJSON(b []byte) error {
	var value *string
	if err := json.Unmarshal(b, &value); err != nil {
		return err
	}
	n.set, n.value = true, text(value)
	return nil
}

// Schema implements huma.SchemaProvider.
func (*nullable) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Nullable: true}
}

func (u *UpdateOrganization) patch() invites.OrganizationPatch {
	var p invites.OrganizationPatch
	if u.Name.set {
		p.Name = &u.Name.value
	}
	if u.Slug.set {
		p.Slug = &u.Slug.value
	}
	return p
}

type (
	createOrganizationInput struct{ Body CreateOrganization }
	updateOrganizationInput struct {
		InOrganization
		Body UpdateOrganization
	}
	organizationCreated struct {
		Location string `header:"Location" doc:"Where the organization can be read."`
		Body     Organization
	}
	organizationOutput  struct{ Body Organization }
	organizationsOutput struct{ Body OrganizationList }
)

func (a *API) listOrganizations(ctx context.Context, in *struct{ Paging }) (*organizationsOutput, error) {
	found, err := a.service.ListOrganizations(ctx, callOf(ctx).caller, in.request())
	if err != nil {
		return nil, err
	}
	return &organizationsOutput{OrganizationList{
		Data: items(found.Items, newOrganization), NextCursor: optional(&found.Next),
	}}, nil
}

func (a *API) createOrganization(ctx context.Context, in *createOrganizationInput) (*organizationCreated, error) {
	o, err := a.service.CreateOrganization(ctx, callOf(ctx).caller, invites.NewOrganization{
		Connection: in.Body.Connection, ProviderID: in.Body.ProviderID, Name: text(in.Body.Name), Slug: text(in.Body.Slug),
	}, callOf(ctx).claim)
	if err != nil {
		return nil, err
	}
	return &organizationCreated{Location: a.base + "/v1/organizations/" + o.ID, Body: newOrganization(o)}, nil
}

func (a *API) getOrganization(ctx context.Context, _ *InOrganization) (*organizationOutput, error) {
	return &organizationOutput{newOrganization(callOf(ctx).org)}, nil
}

func (a *API) updateOrganization(ctx context.Context, in *updateOrganizationInput) (*organizationOutput, error) {
	o, err := a.service.UpdateOrganization(ctx, callOf(ctx).org, in.Body.patch())
	if err != nil {
		return nil, err
	}
	return &organizationOutput{newOrganization(o)}, nil
}

func newOrganization(o *identity.Organization) Organization {
	return Organization{
		ID: o.ID, Slug: optional(&o.Slug), Name: o.Name, Connection: o.Connection, ProviderID: o.ProviderID,
		CreatedAt: utc(o.CreatedAt), UpdatedAt: utc(o.UpdatedAt), SyncedAt: optionalTime(o.SyncedAt),
	}
}
