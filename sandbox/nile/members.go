package nile

import (
	"net/http"
	"slices"
)

// memberRow is a user as the list of a tenant's users shows it: no roles and
// no dates.
type memberRow struct {
	ID          string  `json:"id"`
	Email       string  `json:"email"`
	Name        *string `json:"name"`
	Family      *string `json:"familyName"`
	Given       *string `json:"givenName"`
	Picture     *string `json:"picture"`
	Verified    *stamp  `json:"emailVerified"`
	MultiFactor *string `json:"multiFactor"`
}

// updatedRow is a user as a change of it by another member shows it, createdRow
// as its creation in a tenant does.
type (
	updatedRow struct {
		ID      string  `json:"id"`
		Email   string  `json:"email"`
		Name    *string `json:"name"`
		Family  *string `json:"familyName"`
		Given   *string `json:"givenName"`
		Picture *string `json:"picture"`
		Created stamp   `json:"created"`
		Updated stamp   `json:"updated"`
	}
	createdRow struct {
		updatedRow
		Verified    *stamp  `json:"emailVerified"`
		MultiFactor *string `json:"multiFactor"`
	}
)

// linkedRow is a user as linking shows it: the raw row, in snake case.
type linkedRow struct {
	ID          string  `json:"id"`
	Created     stamp   `json:"created"`
	Updated     stamp   `json:"updated"`
	Deleted     *stamp  `json:"deleted"`
	Name        *string `json:"name"`
	Family      *string `json:"family_name"`
	Given       *string `json:"given_name"`
	Email       string  `json:"email"`
	Picture     *string `json:"picture"`
	Verified    *stamp  `json:"email_verified"`
	MultiFactor *string `json:"multi_factor"`
}

func (u *user) updated() updatedRow {
	return updatedRow{u.id, u.email, u.name, u.family, u.given, u.picture, stamp(u.created), stamp(u.created)}
}

func (s *Simulator) listMembers(c *call) reply {
	id := c.params["tenant"]
	if p, ok := s.context(id, c.user); !ok {
		return p
	}
	out := []memberRow{}
	for _, m := range s.members {
		if u := s.userByID(m.user); m.tenant == id && u != nil && !u.deleted {
			out = append(out, memberRow{u.id, u.email, u.name, u.family, u.given, u.picture, stampOf(u.verified), u.multiFactor})
		}
	}
	return rows(http.StatusOK, out)
}

// postMember makes a new user in a tenant; who exists already is refused.
func (s *Simulator) postMember(c *call) reply {
	id := c.params["tenant"]
	if p, ok := s.context(id, c.user); !ok {
		return p
	}
	var in newUser
	if p, ok := c.readJSON(&in); !ok {
		return p
	}
	switch {
	case in.Email == "":
		return text(http.StatusBadRequest, "email is required")
	case !signUpAddress(in.Email):
		return text(http.StatusBadRequest, "Invalid email address")
	case s.userByEmail(in.Email) != nil:
		return text(http.StatusBadRequest, "User with email "+in.Email+" already exists.")
	}
	u := s.create(in)
	s.addMember(id, u.id)
	return rows(http.StatusCreated, createdRow{updatedRow: u.updated()})
}

func (s *Simulator) putMember(c *call) reply {
	id, target := c.params["tenant"], c.params["user"]
	if p, ok := s.context(id, c.user); !ok {
		return p
	}
	if !isUUID(target) {
		return s.malformed(target)
	}
	u := s.userByID(target)
	if u == nil || !s.isMember(id, target) {
		return empty(http.StatusNotFound)
	}
	var in profile
	if p, ok := c.readJSON(&in); !ok {
		return p
	}
	in.apply(u)
	return rows(http.StatusOK, u.updated())
}

// link makes an existing user a member, without asking him. Whether the user
// exists is told to outsiders too.
func (s *Simulator) link(c *call) reply {
	id, target := c.params["tenant"], c.params["user"]
	if !isUUID(target) {
		return s.malformed(target)
	}
	u := s.userByID(target)
	if u == nil || u.deleted {
		return text(http.StatusBadRequest, "User does not exist or has been deleted.")
	}
	if p, ok := s.context(id, c.user); !ok {
		return p
	}
	if s.isMember(id, target) {
		return text(http.StatusBadRequest, `duplicate key value violates unique constraint "tenant_users_pkey"`)
	}
	s.addMember(id, target)
	return rows(http.StatusCreated, linkedRow{ID: u.id, Created: stamp(u.created), Updated: stamp(u.created), Name: u.name, Family: u.family,
		Given: u.given, Email: u.email, Picture: u.picture, Verified: stampOf(u.verified), MultiFactor: u.multiFactor})
}

// unlink removes a membership, the caller's own too; the user stays.
func (s *Simulator) unlink(c *call) reply {
	id, target := c.params["tenant"], c.params["user"]
	if p, ok := s.context(id, c.user); !ok {
		return p
	}
	if !isUUID(target) {
		return s.malformed(target)
	}
	at := slices.Index(s.members, member{id, target})
	switch {
	case at < 0 && s.q.UnlinkNonMember == http.StatusNotFound:
		return empty(http.StatusNotFound)
	case at < 0:
		return s.unauthorized()
	}
	s.members = slices.Delete(s.members, at, at+1)
	return empty(http.StatusNoContent)
}
