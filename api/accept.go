package api

import (
	"context"
	"net/url"

	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"usher/identity"
	"usher/invites"
)

// PathCallback is where the links that invitees accept by lead; their secret is
// added.
const PathCallback = "/v1/invites/callback/"

// What a page is told about a link.
const (
	parameterToken  = "invite_token"
	parameterStatus = "invite_status"
)

// The operations that usher's own page does for people.
const (
	opOpenLink = "openInviteLink"
	opAccept   = "acceptInvite"
)

type (
	openLinkInput struct {
		Handle string `path:"handle" doc:"The secret of the link."`
	}
	linkOpened struct {
		Location string `header:"Location" doc:"The page that goes on."`
	}
	acceptInput  struct{ Body AcceptInvite }
	acceptOutput struct{ Body Acceptance }
)

// AcceptInvite accepts an invite.
type AcceptInvite struct {
	Token string `json:"token" minLength:"1" maxLength:"128" doc:"The secret of the link: the invite_token that the page was given."`
}

// Acceptance is what an invitee got by accepting.
type Acceptance struct {
	_                struct{} `additionalProperties:"true"`
	InviteID         string   `json:"invite_id" example:"inv_0dhvc8kt7g6qeb8ugt3i8f7m9c"`
	OrganizationID   string   `json:"organization_id" example:"org_0dhvc8ks3k6qe3o2l9p5v1b8t4"`
	OrganizationName string   `json:"organization_name" example:"Acme"`
	Email            string   `json:"email" example:"jane@example.com" doc:"The address that was invited."`
	Roles            []string `json:"roles" example:"member" doc:"Portable role keys."`
	State            string   `json:"state" enum:"accepted" example:"accepted"`
	RedirectURL      *string  `json:"redirect_url" doc:"The page where the invitee goes on, as the sender asked."`
}

// openLink leads the reader of a mail on. It answers HEAD and mail scanners as
// it answers people, and changes nothing.
func (a *API) openLink(ctx context.Context, in *openLinkInput) (*linkOpened, error) {
	l, err := a.service.Landing(ctx, in.Handle)
	if err != nil {
		return nil, err
	}
	page := l.Page
	if page == "" {
		page = a.base + pathAcceptPage
	}
	u, err := url.Parse(page)
	if err != nil {
		return nil, &identity.Error{Code: identity.CodeInternal, Op: "lead on to the page for invitees", Err: err}
	}
	query := u.Query()
	for name, values := range passedOn(ctx) {
		if !query.Has(name) {
			query[name] = values
		}
	}
	query.Set(parameterToken, in.Handle)
	query.Set(parameterStatus, string(l.Status))
	u.RawQuery = query.Encode()
	return &linkOpened{Location: u.String()}, nil
}

// passedOn are the query parameters of the request for a link: an identity
// provider's own, for the page.
func passedOn(ctx context.Context) url.Values {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return nil
	}
	return c.query
}

func (a *API) acceptInvite(ctx context.Context, in *acceptInput) (*acceptOutput, error) {
	got, err := a.accept(ctx, in.Body.Token)
	if err != nil {
		return nil, err
	}
	return &acceptOutput{newAcceptance(got)}, nil
}

// accept accepts an invite, and notes which: the request names neither it nor
// its organization.
func (a *API) accept(ctx context.Context, token string) (*invites.Acceptance, error) {
	got, err := a.service.Accept(ctx, token)
	if err != nil {
		return nil, err
	}
	known := requestOf(ctx)
	known.organization, known.invite = got.Organization.ID, got.Invite.ID
	return got, nil
}

func newAcceptance(a *invites.Acceptance) Acceptance {
	return Acceptance{
		InviteID: a.Invite.ID, OrganizationID: a.Organization.ID, OrganizationName: a.Organization.Name,
		Email: a.Invite.Email, Roles: items(a.Invite.Roles, func(r *string) string { return *r }), State: string(a.Invite.State),
		RedirectURL: optional(&a.Invite.RedirectURL),
	}
}

// keepQuery keeps the query of a link for the page that it leads to.
func keepQuery(x *exchange, r route, c *call) error {
	if r.follows() {
		c.query = humagin.Unwrap(x).Request.URL.Query()
	}
	return nil
}
