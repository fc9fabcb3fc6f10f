package api

import (
	"time"

	"github.com/danielgtaylor/huma/v2"

	"usher/identity"
	"usher/invites"
	"usher/ledger"
)

// Invite is one invitation of one address to one organization.
type Invite struct {
	_              struct{}       `additionalProperties:"true"`
	ID             string         `json:"id" example:"inv_0dhvc8kt7g6qeb8ugt3i8f7m9c" doc:"Survives resending and a move to another provider."`
	OrganizationID string         `json:"organization_id" example:"org_0dhvc8ks3k6qe3o2l9p5v1b8t4"`
	Email          string         `json:"email" example:"jane@example.com" doc:"As it was typed."`
	Roles          []string       `json:"roles" example:"member" doc:"Portable role keys."`
	State          string         `json:"state" enum:"queued,sending,pending,uncertain,failed,accepted,declined,expired,revoked" example:"pending" doc:"uncertain: the provider may or may not have sent it, and is being asked."`
	StateReason    *string        `json:"state_reason" doc:"Why it is in this state: a problem code, or gone_at_provider, not_sent, adopted, interrupted, revoke_unknown."`
	GivenName      *string        `json:"given_name" example:"Jane"`
	FamilyName     *string        `json:"family_name" example:"Doe"`
	Locale         *string        `json:"locale" example:"en-GB"`
	RedirectURL    *string        `json:"redirect_url"`
	Metadata       map[string]any `json:"metadata" nullable:"true" doc:"What the sender attached."`
	Notify         bool           `json:"notify" example:"true" doc:"Whether the invitee is mailed."`
	Inviter        *Actor         `json:"inviter" doc:"Who sent it; null for one that was made elsewhere and adopted."`
	ExpiresAt      *time.Time     `json:"expires_at" doc:"null: does not expire, or not known yet."`
	CreatedAt      time.Time      `json:"created_at"`
	UpdatedAt      time.Time      `json:"updated_at"`
	AcceptedAt     *time.Time     `json:"accepted_at"`
	SentAt         *time.Time     `json:"sent_at" doc:"When the provider last took it."`
	SyncedAt       *time.Time     `json:"synced_at" doc:"When it was last compared with the provider."`
	Provider       InviteProvider `json:"provider"`
	NotCarried     []string       `json:"not_carried" doc:"Fields that the provider cannot hold and usher keeps alone; expires_at where the invitation expires earlier than was asked for."`
}

// TransformSchema implements huma.SchemaTransformer, for InviteDetail too.
func (*Invite) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	orNull(s, "inviter")
	return s
}

// InviteProvider is where an invite is, under the provider's own id.
type InviteProvider struct {
	_          struct{} `additionalProperties:"true"`
	Connection string   `json:"connection" example:"asgardeo-prod"`
	ProviderID *string  `json:"provider_id" doc:"null until the provider has told it."`
}

// InviteDetail is an invite with its history.
type InviteDetail struct {
	_ struct{} `additionalProperties:"true"`
	Invite
	History []InviteEvent `json:"history" doc:"Oldest first."`
}

// InviteEvent is one step in an invite's history.
type InviteEvent struct {
	_      struct{}  `additionalProperties:"true"`
	At     time.Time `json:"at"`
	State  string    `json:"state" example:"pending"`
	Reason *string   `json:"reason"`
	Actor  *Actor    `json:"actor" doc:"null: usher itself."`
}

// TransformSchema implements huma.SchemaTransformer.
func (*InviteEvent) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	orNull(s, "actor")
	return s
}

// Actor is who did something.
type Actor struct {
	_       struct{} `additionalProperties:"true"`
	Issuer  string   `json:"issuer" example:"https://issuer.example.com"`
	Subject string   `json:"subject" example:"7f3c2b1a"`
	Email   *string  `json:"email" doc:"Only if proven."`
}

// InviteList is one page of invites, newest first.
type InviteList struct {
	_          struct{} `additionalProperties:"true"`
	Data       []Invite `json:"data"`
	NextCursor *string  `json:"next_cursor" doc:"null: this was the last page."`
}

// SendInvite asks for one invitation. Optional fields may be null.
type SendInvite struct {
	Email       string         `json:"email" minLength:"1" maxLength:"254" example:"jane@example.com" doc:"A bare address; international domains are fine, display names are not."`
	Roles       []string       `json:"roles" minItems:"1" maxItems:"50" example:"member" doc:"Portable role keys, each once."`
	GivenName   *string        `json:"given_name,omitempty" nullable:"true" maxLength:"100" example:"Jane"`
	FamilyName  *string        `json:"family_name,omitempty" nullable:"true" maxLength:"100" example:"Doe"`
	Locale      *string        `json:"locale,omitempty" nullable:"true" maxLength:"35" example:"en-GB" doc:"A BCP 47 language tag."`
	RedirectURL *string        `json:"redirect_url,omitempty" nullable:"true" maxLength:"2048" doc:"The page the invitee ends on; one of those configured for the connection."`
	Message     *string        `json:"message,omitempty" nullable:"true" maxLength:"500" doc:"Plain text without links."`
	ExpiresAt   *time.Time     `json:"expires_at,omitempty" nullable:"true" example:"2030-01-31T12:00:00Z"`
	Metadata    map[string]any `json:"metadata,omitempty" nullable:"true" doc:"Anything of the sender's, 4096 bytes of JSON at most."`
	Notify      *bool          `json:"notify,omitempty" nullable:"true" doc:"false: the provider must not mail the invitee. The default is true."`
}

// TransformSchema implements huma.SchemaTransformer. That roles are unique is
// documented here and checked by package invites: Huma's own check cannot
// compare objects and would panic on them. Metadata is left to package invites
// as a whole: names with dots in it would make Huma lose its place.
func (*SendInvite) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Properties["roles"].Extensions = map[string]any{"uniqueItems": true}
	s.Properties["metadata"].AdditionalProperties = true
	return s
}

func (s *SendInvite) request(claim *ledger.Claim) invites.SendRequest {
	return invites.SendRequest{
		Email: s.Email, Roles: s.Roles, GivenName: text(s.GivenName), FamilyName: text(s.FamilyName),
		Locale: text(s.Locale), RedirectURL: text(s.RedirectURL), Message: text(s.Message),
		ExpiresAt: s.ExpiresAt, Metadata: s.Metadata, Notify: s.Notify, Claim: claim,
	}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func newInvite(i *identity.Invite) Invite {
	out := Invite{
		ID: i.ID, OrganizationID: i.OrganizationID, Email: i.Email, Roles: list(i.Roles),
		State: string(i.State), StateReason: optional(&i.StateReason),
		GivenName: optional(&i.GivenName), FamilyName: optional(&i.FamilyName), Locale: optional(&i.Locale),
		RedirectURL: optional(&i.RedirectURL), Notify: i.Notify, Inviter: newActor(&i.Inviter),
		ExpiresAt: optionalTime(i.ExpiresAt), CreatedAt: utc(i.CreatedAt), UpdatedAt: utc(i.UpdatedAt),
		AcceptedAt: optionalTime(i.AcceptedAt), SentAt: optionalTime(i.SentAt), SyncedAt: optionalTime(i.SyncedAt),
		Provider:   InviteProvider{Connection: i.Connection, ProviderID: optional(&i.ProviderID)},
		NotCarried: list(i.NotCarried),
	}
	if len(i.Metadata) > 0 {
		out.Metadata = i.Metadata
	}
	return out
}

func newInviteDetail(i *identity.Invite) InviteDetail {
	out := InviteDetail{Invite: newInvite(i), History: make([]InviteEvent, len(i.History))}
	for n := range i.History {
		e := &i.History[n]
		out.History[n] = InviteEvent{At: utc(e.At), State: string(e.State), Reason: optional(&e.Reason), Actor: newActor(&e.Actor)}
	}
	return out
}

func newActor(a *identity.Actor) *Actor {
	if a.IsZero() {
		return nil
	}
	return &Actor{Issuer: a.Issuer, Subject: a.Subject, Email: optional(&a.Email)}
}
