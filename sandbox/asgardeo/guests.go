package asgardeo

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"usher/sandbox/stage"
)

const (
	statusPending = "PENDING"
	statusExpired = "EXPIRED"
	consoleApp    = "Console"
)

// guestText is message and description of one OUI code.
type guestText struct {
	status               int
	message, description string
}

// guestRows are the failures of one user name in an answer of 200 (FACTS.md section 4).
func guestRows() map[string]guestText {
	return map[string]guestText{
		"OUI-10032": {200, "Couldn't create the invitation.", "The user already exists in the organization."},
		"OUI-10018": {200, "Invitation already exists.", "An active invitation already exists for the user."},
		"OUI-10011": {200, "Invalid user identification provided.", "The user cannot be found in the parent organization."},
		"OUI-10030": {200, "Failed to resolve the email of the invited user.", "The invited user has no e-mail address."},
		"OUI-10031": {200, "Invited user doesn't have console access.", "The user cannot be given a role of the Console."},
	}
}

// guestErrors are the failures of whole requests.
func guestErrors() map[string]guestText {
	return map[string]guestText{
		"OUI-60001": {400, "Invalid invitation.", "No invitation with this id was initiated by the organization."},
		"OUI-60002": {400, "Invalid confirmation code.", "No invitation carries this confirmation code."},
		"OUI-60003": {400, "Multiple invitations found for the user.", "Several active invitations were found for the user."},
		"OUI-60004": {400, "Limit is not supported.", "Pagination of invitations is not supported."},
		"OUI-60005": {400, "Offset is not supported.", "Pagination of invitations is not supported."},
		"OUI-60006": {400, "Sorting is not supported.", "Sort order of invitations is not supported."},
		"OUI-60007": {400, "Sorting is not supported.", "Sorting invitations by an attribute is not supported."},
		"OUI-60009": {400, "Unsupported filter.", "Invitations can be filtered by status eq PENDING or status eq EXPIRED only."},
		"OUI-60010": {400, "Invalid confirmation code.", "The confirmation code is unknown, used or expired."},
		"OUI-60012": {400, "User already exists.", "The invited user is already in the organization."},
		"OUI-60013": {400, "Invalid role.", "A role of the request does not exist in the organization."},
		"OUI-60014": {400, "Invalid group.", "A group of the request does not exist in the organization."},
		"OUI-65001": {500, "Unable to create the invitation.", "The server met an error while creating the invitation."},
		"OUI-65005": {500, "Unable to accept the invitation.", "The server met an error while accepting the invitation."},
	}
}

func guestError(code string) reply {
	t := guestErrors()[code]
	return apiError(t.status, code, t.message, t.description)
}

type inviteRequest struct {
	UserNames  []string    `json:"usernames"`
	UserDomain string      `json:"userDomain"`
	Roles      []string    `json:"roles"`
	Groups     []string    `json:"groups"`
	Properties []attribute `json:"properties"`
}

// invite checks the whole request first, then each user name on its own; what
// fails in the middle leaves the earlier invitations made.
func (s *Simulator) invite(c *call) reply {
	var in inviteRequest
	if json.Unmarshal(c.body, &in) != nil || len(in.UserNames) == 0 {
		return apiError(http.StatusBadRequest, "UE-10000", "Invalid Request", "The property usernames is required.")
	}
	o := s.org(c.org)
	in.UserDomain = strings.ToUpper(in.UserDomain)
	if in.UserDomain == "" {
		in.UserDomain = defaultStore
	}
	if o.parent == "" || o.ready.After(s.clock.Now()) || !slices.Contains(s.stores, in.UserDomain) {
		return guestError("OUI-65001")
	}
	for _, id := range in.Roles {
		if s.role(o.id, id) == nil {
			return guestError("OUI-60013")
		}
	}
	for _, id := range in.Groups {
		if s.group(o.id, id) == nil {
			return guestError("OUI-60014")
		}
	}
	rows := make([]map[string]any, 0, len(in.UserNames))
	store := in.UserDomain
	for _, name := range in.UserNames {
		row, whole := s.inviteOne(c, o, &in, name, &store)
		if whole != "" {
			return guestError(whole)
		}
		rows = append(rows, row)
	}
	return jsonReply(s.q.InviteStatus, rows)
}

// inviteOne makes the row of one user name, or the code the whole request
// fails with. store changes as the vendor's loop changes it.
func (s *Simulator) inviteOne(c *call, o *organization, in *inviteRequest, name string, store *string) (map[string]any, string) {
	code, u := s.refusedGuest(o, in, name, store)
	if strings.HasPrefix(code, "OUI-6") {
		return nil, code
	}
	if code != "" {
		t := guestRows()[code]
		return map[string]any{"username": name, "result": map[string]any{
			"status": "Failed", "errorCode": code, "errorMessage": t.message, "errorDescription": t.description}}, ""
	}
	now := s.clock.Now()
	i := &invitation{id: s.newID(), org: o.id, parent: o.parent, name: name, store: in.UserDomain, code: newCode(),
		roles: slices.Clone(in.Roles), groups: slices.Clone(in.Groups), created: now,
		expires: now.Add(time.Duration(s.q.InvitationLifeMinutes) * time.Minute)}
	s.invitations = append(s.invitations, i)
	row := map[string]any{"username": name, "result": map[string]any{"status": "Successful"}}
	if s.guestMailed(in) {
		c.outbox = append(c.outbox, stage.NewMail(MailGuestInvitation, u.primary(), "You are invited to "+o.name,
			"You are invited to join the organization "+o.name+".", s.inviteLink(c, i)))
	} else {
		row["confirmationCode"] = i.code
	}
	return row, ""
}

// guestMailed tells whether the server mails the invitation: the property
// decides, without it the organization's setting.
func (s *Simulator) guestMailed(in *inviteRequest) bool {
	for _, p := range in.Properties {
		if p.Key == "manageNotificationsInternally" {
			return !strings.EqualFold(p.Value, "false")
		}
	}
	return !s.q.ExternalNotifications
}

// refusedGuest finds the first reason against an invitation, in the vendor's
// order, or the user it goes to.
func (s *Simulator) refusedGuest(o *organization, in *inviteRequest, name string, store *string) (string, *user) {
	if len(s.q.NextInviteErrors) > 0 {
		code := s.q.NextInviteErrors[0]
		s.q.NextInviteErrors = s.q.NextInviteErrors[1:]
		return code, nil
	}
	prefix, bare := splitStore(name)
	if prefix != "" && prefix != defaultStore && slices.Contains(s.stores, prefix) {
		return "OUI-65001", nil // product-is#28387
	}
	if prefix != defaultStore {
		bare = name
	}
	if s.userByName(o.id, in.UserDomain, bare) != nil || s.userByName(o.id, defaultStore, bare) != nil {
		return "OUI-10032", nil
	}
	if s.pendingInvitation(o, in.UserDomain, name) != nil {
		return "OUI-10018", nil
	}
	return s.refusedUser(o, in, s.userByName(o.parent, in.UserDomain, bare), store)
}

// refusedUser goes on with the user of the name.
func (s *Simulator) refusedUser(o *organization, in *inviteRequest, u *user, store *string) (string, *user) {
	if u == nil || *store != in.UserDomain && u.shared == "" {
		return "OUI-10011", nil
	}
	if u.shared != "" && s.q.BatchLosesStore {
		*store = "of a shared user" // the loop keeps the shared user's store for all that follow
	}
	switch {
	case u.primary() == "":
		return "OUI-10030", nil
	case u.noConsole && slices.ContainsFunc(in.Roles, func(id string) bool { return s.audienceName(s.role(o.id, id)) == consoleApp }):
		return "OUI-10031", nil
	}
	return "", u
}

func (s *Simulator) pendingInvitation(o *organization, store, name string) *invitation {
	return find(s.invitations, func(i *invitation) bool {
		same := i.name == name || s.q.InvitationNamesMerge && strings.EqualFold(i.name, name)
		return same && i.org == o.id && i.parent == o.parent && i.store == store && s.alive(i)
	})
}

func (s *Simulator) alive(i *invitation) bool { return i.expires.After(s.clock.Now()) }

func (s *Simulator) invitationStatus(i *invitation) string {
	if s.alive(i) {
		return statusPending
	}
	return statusExpired
}

// guest is the user an invitation was sent to; nil when it is gone.
func (s *Simulator) guest(i *invitation) *user {
	name := i.name
	if prefix, bare := splitStore(name); prefix == defaultStore {
		name = bare
	}
	return s.userByName(i.parent, i.store, name)
}
