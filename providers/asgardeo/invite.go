package asgardeo

import (
	"context"
	"log/slog"
	"strings"

	"usher/identity"
	"usher/providers"
	"usher/providers/asgardeo/internal"
	"usher/scim"
)

// The journalled steps.
const (
	stepCreate   = "create_user"
	stepInvite   = "guest_invite"
	stepPassword = "resend_password_mail"
	stepDelete   = "delete_invitation"
)

// The keys of Sent.Reference and of the steps' results.
const (
	refUsername = "username"
	refDomain   = "user_domain"
	refUserID   = "user_id"
	refCreated  = "created"          // "true": the vendor said that this invitation made the account
	refApproval = "pending_approval" // result of create_user: somebody at the vendor must approve
	refID       = "id"               // result of delete_invitation
	refRoles    = "roles"            // result of delete_invitation: the role ids it had
)

// sending is one attempt to send an invitation under way.
type sending struct {
	*Provider
	request providers.InviteRequest
	address string // as the vendor is told it
	account *account
	// made: create_user of this attempt made the account, or met somebody else
	// making it; its first mail is on the way.
	made    bool
	created bool // the vendor said 201 to us
	named   bool // the names went out with the account
}

func (p *Provider) newSending(r providers.InviteRequest) *sending {
	return &sending{Provider: p, request: r, address: p.address(r.Address)}
}

// Invite implements providers.Provider.
//
// Before anything is written, the roles are looked up with the credential that
// the invitation will be sent with: who may not invite does not make accounts
// either.
func (p *Provider) Invite(ctx context.Context, r providers.InviteRequest) (*providers.Sent, error) {
	s := p.newSending(r)
	sent, err := s.run(ctx)
	if err != nil {
		return nil, s.unsettled(explain(err))
	}
	return sent, nil
}

func (s *sending) run(ctx context.Context) (*providers.Sent, error) {
	r := s.request
	if err := s.CheckAddress(r.Address); err != nil {
		return nil, err
	}
	roles, err := s.roleIDs(ctx, r.Org, r.Roles)
	if err != nil {
		return nil, err
	}
	if err := s.mayInvite(ctx); err != nil {
		return nil, err
	}
	if err := s.ensureAccount(ctx); err != nil {
		return nil, err
	}
	sent, err := s.invite(ctx, roles)
	if err != nil {
		return nil, err
	}
	s.remindPassword(ctx)
	return sent, nil
}

// mayInvite makes sure of a token with the right to invite.
func (s *sending) mayInvite(ctx context.Context) error {
	return s.within(ctx, s.request.Org, scopeInvite, func(*token) error { return nil })
}

// unsettled marks an error after which a step is begun and nobody knows how it
// ended, whatever the error itself is about. An account that may have been
// made is no invitation: it is looked for when the sending goes on.
func (s *sending) unsettled(err error) error {
	for _, name := range []string{stepDelete, stepInvite} {
		if step := s.request.Journal.Step(name); step.Begun && !step.Done {
			return &uncertain{err}
		}
	}
	return err
}

// uncertain is an error after which the vendor may have acted.
type uncertain struct{ error }

// Unwrap returns the error itself.
func (u *uncertain) Unwrap() error { return u.error }

// MayHaveActed implements providers.Uncertainer.
func (u *uncertain) MayHaveActed() bool { return true }

// step runs one journalled write. A definite refusal takes the step back.
func (s *sending) step(ctx context.Context, name string, do func() (map[string]string, error)) error {
	if err := s.request.Journal.Begin(ctx, name); err != nil {
		return err
	}
	result, err := do()
	if err == nil {
		return s.request.Journal.Done(ctx, name, result)
	}
	if mayHaveActed(err) {
		return err
	}
	if undo := s.request.Journal.Undo(ctx, name); undo != nil {
		return undo
	}
	return err
}

// ensureAccount finds the person's account in the root organization or makes
// one. What the journal knows is not asked again.
func (s *sending) ensureAccount(ctx context.Context) error {
	step := s.request.Journal.Step(stepCreate)
	if step.Done && step.Result[refUsername] != "" {
		s.account = &account{
			username: step.Result[refUsername], domain: step.Result[refDomain], id: step.Result[refUserID], email: s.address,
		}
		s.made, s.created = true, step.Result[refCreated] == "true"
		s.named = s.created
		return nil
	}
	found, err := s.lookUp(ctx, s.address, step.Begun)
	if err != nil {
		return err
	}
	switch {
	case found != nil:
		s.account, s.made = found, step.Begun
		s.named = step.Begun
		if step.Begun && !step.Done {
			return s.request.Journal.Done(ctx, stepCreate, s.result())
		}
		return nil
	case step.Done:
		return awaitsApproval()
	default:
		return s.create(ctx)
	}
}

// awaitsApproval is what an account that somebody at the vendor must approve
// first means: nobody can be invited yet, and asking again would only ask for
// a second approval. It is a conflict with the state of things there, which
// another try may find changed; nothing is wrong with the request.
func awaitsApproval() error {
	return identity.FieldError(identity.CodeConflict, "/email",
		"The account for this address waits for approval at the identity provider. Send the invite again once it is approved.")
}

// create makes the account; its owner is mailed a link to set a password.
func (s *sending) create(ctx context.Context) error {
	approval, taken := false, false
	err := s.step(ctx, stepCreate, func() (map[string]string, error) {
		var user *scim.User
		err := s.atRoot(ctx, scopeCreateUser, func(t *token) (err error) {
			user, err = s.client.CreateUser(ctx, t.value, s.newUser())
			return err
		})
		if e := internal.AsAPIError(err); e != nil && e.Status == 409 {
			taken = true
			return s.taken(ctx, err)
		}
		switch {
		case err != nil:
			return nil, err
		case user == nil:
			approval = true
			return map[string]string{refApproval: "true"}, nil
		}
		s.account = &account{username: s.address, domain: s.settings.UserDomain, id: user.ID, email: s.address}
		if domain, name := s.cutStore(user.UserName); name != "" {
			s.account.domain, s.account.username = domain, name
		}
		s.created, s.named = true, true
		return s.result(), nil
	})
	if err == nil && approval {
		return awaitsApproval()
	}
	s.made = err == nil
	if taken && err == nil {
		s.named = false
	}
	return err
}

// taken finds the account that somebody else made first (FACTS.md section
// 15.8). Its maker has just had the mail sent that sets its password.
func (s *sending) taken(ctx context.Context, refusal error) (map[string]string, error) {
	found, err := s.lookUpName(ctx, s.address)
	switch {
	case err != nil:
		return nil, err
	case found == nil: // the address, not the name, is taken
		return nil, refusal
	}
	s.account = found
	return s.result(), nil
}

func (s *sending) result() map[string]string {
	result := map[string]string{refUsername: s.account.username, refDomain: s.account.domain, refUserID: s.account.id}
	if s.created {
		result[refCreated] = "true"
	}
	return result
}

// newUser is the account as it is created. The switch is a text: only then do
// all versions of the server see it (FACTS.md section 3).
func (s *sending) newUser() scim.User {
	user := scim.User{
		UserName:   s.address,
		Emails:     []scim.Email{{Value: s.address, Primary: true}},
		Extensions: map[string]map[string]any{internal.Schema: {"askPassword": "true"}},
	}
	if s.settings.usernamePrefix {
		user.UserName = s.settings.UserDomain + "/" + s.address
	}
	if s.settings.sendNames {
		user.Name = scim.Name{GivenName: s.request.GivenName, FamilyName: s.request.FamilyName}
	}
	return user
}

// remindPassword mails the link to set a password again to somebody who was
// asked before and never did: without it the guest invitation is of no use. It
// is a mail, so it is never repeated when it is not known whether it went out,
// and what becomes of it does not change that the invitation was sent.
func (s *sending) remindPassword(ctx context.Context) {
	journal := s.request.Journal
	if !s.settings.resendPasswordMail || !s.account.awaiting || s.made || journal.Step(stepPassword).Begun {
		return
	}
	body := internal.ResendCode{Properties: []internal.Property{{Key: "RecoveryScenario", Value: s.settings.PasswordMailScenario}}}
	body.User.Username, body.User.Realm = s.account.username, s.account.domain
	err := s.step(ctx, stepPassword, func() (map[string]string, error) {
		return nil, s.atRoot(ctx, "", func(t *token) error { return s.client.ResendCode(ctx, t.value, body) })
	})
	if err != nil {
		s.deps.Logger.LogAttrs(ctx, slog.LevelWarn, "an invited person who never set a password could not be mailed that link again",
			slog.String("invite", s.request.InviteID), slog.Any("error", err))
	}
}

// notCarried lists what the vendor did not take.
func (s *sending) notCarried() []string {
	r, list := s.request, []string{}
	for _, field := range []struct {
		name string
		lost bool
	}{
		{"given_name", r.GivenName != "" && !s.keepsNames()},
		{"family_name", r.FamilyName != "" && !s.keepsNames()},
		{"locale", r.Locale != ""},
		{"metadata", len(r.Metadata) > 0},
	} {
		if field.lost {
			list = append(list, field.name)
		}
	}
	return list
}

func (s *sending) keepsNames() bool { return s.named && s.settings.sendNames }

// reference is what the adapter wants to know when it is asked about the
// invitation again.
func (s *sending) reference() map[string]string {
	reference := s.result()
	if reference[refUserID] == "" {
		delete(reference, refUserID)
	}
	if s.request.Reference[refCreated] == "true" && strings.EqualFold(s.request.Reference[refUsername], s.account.username) {
		reference[refCreated] = "true"
	}
	return reference
}
