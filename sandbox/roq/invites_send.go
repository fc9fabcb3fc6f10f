package roq

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	graphql "github.com/graph-gophers/graphql-go"
)

// inviteInput is one row of a bulk call, in the newer form or in the older.
type inviteInput struct {
	creator, email      string
	tenant              *string
	first, last, locale *string
	roles               *[]string
	data, variables     map[string]any
	status              *string
}

type invitesInputV2 struct {
	TenantID    graphql.ID
	UserInvites []struct {
		CreatedByUserID             graphql.ID
		Email                       string
		FirstName, LastName, Locale *string
		Roles                       *[]string
		InjectableVariables         jsonObject
	}
}

type invitesInput struct {
	TenantID    *graphql.ID
	UserInvites []struct {
		CreatedByUserID             graphql.ID
		TenantID                    *graphql.ID
		Email                       string
		FirstName, LastName, Locale *string
		Roles                       *[]string
		Data                        jsonObject
		Status                      *string
	}
}

// sentInvites is CreateUserInvitesModel.
type sentInvites struct {
	Success *[]*inviteView
	Errors  *[]rowError
}

// rowError is CreateUserInviteErrorModel.
type rowError struct{ Email, FirstName, LastName, Error string }

// SendUserInvitesV2 implements the mutation (FACTS.md sections 4.1 and 4.2).
func (r *root) SendUserInvitesV2(ctx context.Context, a struct{ Data invitesInputV2 }) (*sentInvites, error) {
	rows := make([]inviteInput, 0, len(a.Data.UserInvites))
	for _, in := range a.Data.UserInvites {
		row := inviteInput{creator: string(in.CreatedByUserID), email: in.Email, tenant: text(&a.Data.TenantID),
			first: in.FirstName, last: in.LastName, locale: in.Locale, roles: in.Roles, variables: in.InjectableVariables.value}
		if r.s.q.VariablesInData {
			row.data = row.variables
		}
		rows = append(rows, row)
	}
	return r.send(ctx, "sendUserInvitesV2", rows)
}

// SendUserInvites implements the older mutation: the tenant may be left out or
// given for each row.
func (r *root) SendUserInvites(ctx context.Context, a struct{ UserInvites invitesInput }) (*sentInvites, error) {
	rows := make([]inviteInput, 0, len(a.UserInvites.UserInvites))
	for _, in := range a.UserInvites.UserInvites {
		row := inviteInput{creator: string(in.CreatedByUserID), email: in.Email, tenant: text(in.TenantID),
			first: in.FirstName, last: in.LastName, locale: in.Locale, roles: in.Roles, data: in.Data.value}
		if row.tenant == nil {
			row.tenant = text(a.UserInvites.TenantID)
		}
		if !r.s.q.V1StatusIgnored {
			row.status = in.Status
		}
		rows = append(rows, row)
	}
	return r.send(ctx, "sendUserInvites", rows)
}

// send checks the call as a whole, and then invites row by row: a row that
// fails does not keep the others from being invited.
func (r *root) send(ctx context.Context, field string, rows []inviteInput) (*sentInvites, error) {
	s := r.s
	c, err := r.may(ctx, field)
	if err != nil {
		return nil, err
	}
	if limit := s.q.BulkLimit; limit > 0 && len(rows) > limit {
		return nil, badRequest(codeBulkLimit, fmt.Sprintf("Only %d can be invited at once", limit), map[string]any{"maxAllowed": limit})
	}
	for n, row := range rows {
		if err := s.checkRow(c, n, row); err != nil {
			return nil, err
		}
	}
	success, failed := []*inviteView{}, []rowError{}
	before := len(s.invites)
	for _, row := range rows {
		i, err := s.inviteRow(c, row, before)
		if err != nil {
			failed = append(failed, s.rowError(row, err))
			continue
		}
		view := s.inviteView(i)
		if !s.q.RoleKeysAtOnce {
			view.RoleKeys = nil
		}
		success = append(success, view)
		if i.status == pending {
			s.mailInvite(c, i)
		}
	}
	if s.q.RowsReversed {
		slices.Reverse(success)
		slices.Reverse(failed)
	}
	out := &sentInvites{&success, &failed}
	if s.q.NullLists && len(success) == 0 {
		out.Success = nil
	}
	if s.q.NullLists && len(failed) == 0 {
		out.Errors = nil
	}
	return out, nil
}

// checkRow finds what fails the whole call.
func (s *Simulator) checkRow(c *call, n int, row inviteInput) error {
	if !s.q.InvalidEmailAsRow {
		if err := checkEmail(fmt.Sprintf("userInvites.%d.email", n), row.email); err != nil {
			return err
		}
	}
	if err := checkUUID(row.creator); err != nil {
		return err
	}
	if row.tenant != nil {
		if err := checkUUID(*row.tenant); err != nil {
			return err
		}
		if s.tenant(*row.tenant) == nil {
			return notFound(codeTenantNotFound, "Tenant", *row.tenant)
		}
	}
	if s.q.UnknownRole == "call" {
		if err := s.checkRoles(row.roles); err != nil {
			return err
		}
	}
	if c.actor != nil && (row.creator != c.actor.id || row.tenant != nil && !c.sees(row.tenant)) {
		return forbidden("sendUserInvites")
	}
	return nil
}

// inviteRow invites one person, or says why not. Invitations after the first
// so many are of this call.
func (s *Simulator) inviteRow(c *call, row inviteInput, before int) (*invite, error) {
	if err := checkEmail("email", row.email); err != nil {
		return nil, err
	}
	inviter := s.user(row.creator)
	if inviter == nil {
		return nil, notFound(codeUserNotFound, "User", row.creator)
	}
	if row.tenant == nil || s.q.InviterTenant == "inviter" {
		row.tenant = inviter.tenant
	}
	if s.q.InviterTenant == "refuse" && !same(row.tenant, inviter.tenant) {
		return nil, forbidden("sendUserInvites")
	}
	if s.q.UnknownRole == "row" {
		if err := s.checkRoles(row.roles); err != nil {
			return nil, err
		}
	}
	if err := s.checkInvitable(c, inviter, row.roles); err != nil {
		return nil, err
	}
	if s.known(row.email, row.tenant) != nil {
		return nil, badRequest(codeUserExists, invitedText(codeUserExists, row.email), map[string]any{"email": row.email})
	}
	if s.q.SameAddressTwice {
		before = min(before, len(s.invites))
	} else {
		before = len(s.invites)
	}
	if slices.ContainsFunc(s.invites[:before], func(i *invite) bool { return s.inTheWay(i, row) }) {
		return nil, badRequest(s.q.InvitedCode, invitedText(s.q.InvitedCode, row.email), map[string]any{"email": row.email})
	}
	return s.addInvite(row), nil
}

func (s *Simulator) inTheWay(i *invite, row inviteInput) bool {
	return s.sameAddress(i.email, row.email) && slices.Contains(s.q.InvitedStatuses, i.status) && (s.q.InvitedAnywhere || same(i.tenant, row.tenant))
}

func (s *Simulator) addInvite(row inviteInput) *invite {
	now := s.now()
	i := &invite{
		id: s.newID(), tokenID: s.newID(), token: newToken(), email: row.email, locale: row.locale, tenant: row.tenant,
		data: row.data, variables: row.variables, roleKeys: []string{}, status: pending, creator: row.creator,
		created: now, updated: now, statusUpdated: now, validTill: now.Add(s.inviteLife()),
	}
	if row.first != nil {
		i.first = *row.first
	}
	if row.last != nil {
		i.last = *row.last
	}
	if row.roles != nil {
		i.roleKeys = slices.Clone(*row.roles)
	}
	if row.status != nil {
		i.status = *row.status
	}
	s.invites = append(s.invites, i)
	return i
}

func (s *Simulator) inviteLife() time.Duration {
	return time.Duration(s.q.InviteLifeMinutes) * time.Minute
}

func (s *Simulator) checkRoles(keys *[]string) error {
	if keys == nil {
		return nil
	}
	for _, key := range *keys {
		if s.roleByKey(key) == nil {
			return &failure{404, codeRoleNotFound, "Role with key " + key + " not found", map[string]any{"key": key}}
		}
	}
	return nil
}

// checkInvitable refuses roles that the inviter's role may not give: it may
// give itself and those it lists.
func (s *Simulator) checkInvitable(c *call, inviter *user, keys *[]string) error {
	if keys == nil || c.actor == nil && !s.q.InviterBindsAdmin {
		return nil
	}
	for _, key := range *keys {
		if !s.mayInvite(inviter, key) {
			return forbidden("invite " + key)
		}
	}
	return nil
}

func (s *Simulator) mayInvite(inviter *user, key string) bool {
	return slices.ContainsFunc(s.rolesOf(inviter), func(r *role) bool { return r.Key == key || slices.Contains(r.Invites, key) })
}

// invitedText is the text of FACTS.md section 4.2 for each code.
func invitedText(code, email string) string {
	switch code {
	case codeAlreadyInvited:
		return email + " has already been invited"
	case codeAlreadySent:
		return "Invite has already been sent"
	}
	return email + "'s invitation failed because he has already been invited"
}

// rowError is why a row failed: JSON in text.
func (s *Simulator) rowError(row inviteInput, err error) rowError {
	out := rowError{Email: row.email}
	if row.first != nil {
		out.FirstName = *row.first
	}
	if row.last != nil {
		out.LastName = *row.last
	}
	f := &failure{code: codeInternal, message: messageInternal}
	errors.As(err, &f)
	if s.q.PlainRowErrors {
		out.Error = f.message
		return out
	}
	raw, failed := json.Marshal(map[string]any{"message": f.message, "variables": f.variables, "errorCode": f.code})
	if failed != nil {
		raw = []byte(`{}`)
	}
	out.Error = string(raw)
	return out
}

// newToken returns a secret for a link.
func newToken() string { return strings.ToLower(rand.Text()) }
