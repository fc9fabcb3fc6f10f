package api

import (
	"context"
	"time"

	"usher/identity"
	"usher/invites"
	"usher/providers"
)

// Connection is one configured instance of a provider.
type Connection struct {
	_        struct{} `additionalProperties:"true"`
	Name     string   `json:"name" example:"asgardeo-prod"`
	Provider string   `json:"provider" example:"asgardeo" doc:"The kind of backend."`
}

// ConnectionList is every connection that the caller reaches, by name.
type ConnectionList struct {
	_          struct{}     `additionalProperties:"true"`
	Data       []Connection `json:"data"`
	NextCursor *string      `json:"next_cursor" doc:"Always null: there is one page."`
}

// Capabilities is what a connection can do.
type Capabilities struct {
	_            struct{}     `additionalProperties:"true"`
	Connection   string       `json:"connection" example:"asgardeo-prod"`
	Provider     string       `json:"provider" example:"asgardeo"`
	Capabilities []Capability `json:"capabilities" doc:"Every capability there is, by name."`
	InviteFields InviteFields `json:"invite_fields"`
}

// Capability is how far a connection supports one thing.
type Capability struct {
	_          struct{} `additionalProperties:"true"`
	Capability string   `json:"capability" example:"invites.resend"`
	Support    string   `json:"support" enum:"native,emulated,unsupported" example:"emulated"`
	How        *string  `json:"how" doc:"Where usher supplies it: by what means."`
}

// InviteFields is which optional parts of an invitation a connection carries.
// A request that needs more is refused with not_carried.
type InviteFields struct {
	_              struct{} `additionalProperties:"true"`
	Message        bool     `json:"message"`
	RedirectURL    bool     `json:"redirect_url"`
	NotifyFalse    bool     `json:"notify_false"`
	ExpiresAt      bool     `json:"expires_at"`
	MinLifeSeconds *int64   `json:"min_life_seconds" minimum:"1" doc:"The shortest life a sender may choose; null: no limit."`
	MaxLifeSeconds *int64   `json:"max_life_seconds" minimum:"1" doc:"The longest life a sender may choose; null: no limit."`
	LifeSeconds    *int64   `json:"life_seconds" minimum:"1" doc:"How long an invite lives where the sender says nothing; null: it does not expire."`
	MaxRoles       *int     `json:"max_roles" minimum:"1" doc:"null: no limit."`
}

type (
	connectionInput struct {
		Connection string `path:"connection" example:"asgardeo-prod" doc:"The connection's name."`
	}
	connectionsOutput  struct{ Body ConnectionList }
	capabilitiesOutput struct{ Body Capabilities }
)

func (a *API) listConnections(ctx context.Context, _ *struct{}) (*connectionsOutput, error) {
	access := callOf(ctx).caller.Access
	reached := []Connection{}
	for _, c := range a.service.Connections() {
		if access.AllowsConnection(c.Name) {
			reached = append(reached, Connection{Name: c.Name, Provider: c.Client.Provider()})
		}
	}
	return &connectionsOutput{ConnectionList{Data: reached}}, nil
}

func (a *API) getConnectionCapabilities(ctx context.Context, in *connectionInput) (*capabilitiesOutput, error) {
	if !callOf(ctx).caller.Access.AllowsConnection(in.Connection) {
		return nil, identity.Errorf(identity.CodeNotFound, "There is no such connection.")
	}
	c, err := a.service.Connection(in.Connection)
	if err != nil {
		return nil, err
	}
	return &capabilitiesOutput{newCapabilities(c)}, nil
}

func (a *API) getOrganizationCapabilities(ctx context.Context, _ *InOrganization) (*capabilitiesOutput, error) {
	c, err := a.service.CapabilitiesOf(callOf(ctx).org)
	if err != nil {
		return nil, err
	}
	return &capabilitiesOutput{newCapabilities(c)}, nil
}

func newCapabilities(c *invites.Connection) Capabilities {
	f := c.Client.Fields()
	return Capabilities{
		Connection: c.Name, Provider: c.Client.Provider(),
		Capabilities: items(c.Client.Capabilities(), func(s *providers.CapabilityStatus) Capability {
			return Capability{Capability: string(s.Capability), Support: string(s.Support), How: optional(&s.How)}
		}),
		InviteFields: InviteFields{
			Message: f.Message, RedirectURL: f.RedirectURL, NotifyFalse: f.NotifyFalse, ExpiresAt: f.ExpiresAt,
			MinLifeSeconds: seconds(f.MinLife), MaxLifeSeconds: seconds(f.MaxLife), LifeSeconds: seconds(f.Life), MaxRoles: positive(f.MaxRoles),
		},
	}
}

func seconds(d time.Duration) *int64 { return positive(int64(d / time.Second)) }

// positive returns nil for zero, which stands for no limit.
func positive[N int | int64](n N) *N {
	if n <= 0 {
		return nil
	}
	return &n
}
