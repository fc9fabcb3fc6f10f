package api

import (
	"context"
	"time"

	"usher/identity"
)

// Member is a user's membership in an organization.
type Member struct {
	_              struct{}   `additionalProperties:"true"`
	ID             string     `json:"id" example:"mem_0dhvc8kuvk6qe8f1c2s7d9o3ng"`
	OrganizationID string     `json:"organization_id" example:"org_0dhvc8ks3k6qe3o2l9p5v1b8t4"`
	ProviderID     string     `json:"provider_id" example:"7f3c2b1a" doc:"The provider's own id of it."`
	UserName       *string    `json:"user_name" example:"jane@example.com"`
	Email          *string    `json:"email" example:"jane@example.com"`
	GivenName      *string    `json:"given_name" example:"Jane"`
	FamilyName     *string    `json:"family_name" example:"Doe"`
	Roles          []string   `json:"roles" example:"member" doc:"Portable role keys; roles that the connection does not map are left out."`
	CreatedAt      *time.Time `json:"created_at"`
}

// MemberList is one page of members.
type MemberList struct {
	_          struct{} `additionalProperties:"true"`
	Data       []Member `json:"data"`
	NextCursor *string  `json:"next_cursor" doc:"null: this was the last page."`
}

// Role is a portable role and what it is at the provider.
type Role struct {
	_          struct{} `additionalProperties:"true"`
	Key        string   `json:"key" example:"member" doc:"Portable: the same at every provider."`
	Name       *string  `json:"name" example:"Member" doc:"The provider's name of it, for people."`
	ProviderID *string  `json:"provider_id" doc:"The provider's own id or key of it in this organization."`
}

// RoleList is every role of an organization.
type RoleList struct {
	_          struct{} `additionalProperties:"true"`
	Data       []Role   `json:"data"`
	NextCursor *string  `json:"next_cursor" doc:"Always null: there is one page."`
}

type (
	listMembersInput struct {
		InOrganization
		Paging
	}
	membersOutput struct{ Body MemberList }
	rolesOutput   struct{ Body RoleList }
)

func (a *API) listMembers(ctx context.Context, in *listMembersInput) (*membersOutput, error) {
	c := callOf(ctx)
	found, err := a.service.ListMembers(ctx, c.caller, c.org, in.request())
	if err != nil {
		return nil, err
	}
	return &membersOutput{MemberList{Data: items(found.Items, newMember), NextCursor: optional(&found.Next)}}, nil
}

func (a *API) listRoles(ctx context.Context, _ *InOrganization) (*rolesOutput, error) {
	c := callOf(ctx)
	roles, err := a.service.ListRoles(ctx, c.caller, c.org)
	if err != nil {
		return nil, err
	}
	return &rolesOutput{RoleList{Data: items(roles, newRole)}}, nil
}

func newMember(m *identity.Member) Member {
	return Member{
		ID: m.ID, OrganizationID: m.OrganizationID, ProviderID: m.ProviderID,
		UserName: optional(&m.UserName), Email: optional(&m.Email),
		GivenName: optional(&m.GivenName), FamilyName: optional(&m.FamilyName),
		Roles: list(m.Roles), CreatedAt: optionalTime(m.CreatedAt),
	}
}

func newRole(r *identity.Role) Role {
	return Role{Key: r.Key, Name: optional(&r.Name), ProviderID: optional(&r.ProviderID)}
}
