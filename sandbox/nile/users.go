package nile

import (
	"net/http"
	"regexp"
)

// newUser is the body that makes a user. A user without a password exists and
// cannot sign in with one.
type newUser struct {
	Email    string  `json:"email"`
	Password string  `json:"password"`
	Name     *string `json:"name"`
	Family   *string `json:"familyName"`
	Given    *string `json:"givenName"`
	Picture  *string `json:"picture"`
}

// create adds the user without asking who wants it: sign-up is open.
func (s *Simulator) create(in newUser) *user {
	u := s.addUser(in.Email)
	u.password = in.Password
	u.name, u.family, u.given, u.picture = in.Name, in.Family, in.Given, in.Picture
	return u
}

// createdUser is a user as POST /users and POST /signup show it.
type createdUser struct {
	ID          string   `json:"id"`
	Email       string   `json:"email"`
	Verified    *stamp   `json:"emailVerified"`
	MultiFactor *string  `json:"multiFactor"`
	Name        *string  `json:"name"`
	Family      *string  `json:"familyName"`
	Given       *string  `json:"givenName"`
	Picture     *string  `json:"picture"`
	Created     stamp    `json:"created"`
	Updated     stamp    `json:"updated"`
	Tenants     []string `json:"tenants"`
}

func (s *Simulator) postUser(c *call) reply {
	var in newUser
	if p, ok := c.readJSON(&in); !ok {
		return p
	}
	p, _ := s.register(c, in)
	return p
}

// register makes a user and, where the query says so, a member of any tenant
// or of a new one. What fails at the tenant leaves the user behind.
func (s *Simulator) register(c *call, in newUser) (reply, *user) {
	switch {
	case in.Email == "":
		return text(http.StatusBadRequest, "email is required"), nil
	case !signUpAddress(in.Email):
		return text(http.StatusBadRequest, "Invalid email address"), nil
	case s.userByEmail(in.Email) != nil:
		return text(http.StatusBadRequest, "The user "+in.Email+" already exists"), nil
	}
	u := s.create(in)
	tenant := c.query("tenantId")
	if name := c.query("newTenantName"); name != "" {
		tenant = s.addTenant(newID(), name).id
	}
	out := createdUser{ID: u.id, Email: u.email, Name: u.name, Family: u.family, Given: u.given, Picture: u.picture,
		Created: stamp(u.created), Updated: stamp(u.created), Tenants: []string{}}
	switch {
	case tenant == "":
		return rows(http.StatusCreated, out), u
	case !isUUID(tenant):
		return s.malformed(tenant), nil
	case s.tenant(tenant) == nil:
		return s.databaseError(http.StatusBadRequest, `An error has occurred: insert or update on table "tenant_users" violates foreign key constraint "tenant_users_tenant_id_fkey"`), nil
	}
	s.addMember(tenant, u.id)
	out.Tenants = append(out.Tenants, tenant)
	return rows(http.StatusCreated, out), u
}

// signUpAddress is wider than the rule for invitees (FACTS.md section 5).
func signUpAddress(s string) bool {
	return regexp.MustCompile("^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9-]+(?:\\.[a-zA-Z0-9-]+)*$").MatchString(s)
}

// signUp makes a user and signs in. Where only the second fails the answer is
// an error, and the user exists.
func (s *Simulator) signUp(c *call) reply {
	if _, ok := s.csrfToken(c); !ok {
		return text(http.StatusBadRequest, "Request blocked")
	}
	var in newUser
	if p, ok := c.readJSON(&in); !ok {
		return p
	}
	p, u := s.register(c, in)
	if u == nil {
		return p
	}
	if u.password == "" || s.signInBroken() {
		return text(http.StatusInternalServerError, "Invalid URL")
	}
	token, expires := s.seal(u)
	p.status, p.location, p.cookie = http.StatusOK, c.callback(""), c.sessionCookie(token, expires)
	return p
}

// me is a user as /me shows it.
type me struct {
	ID          string   `json:"id"`
	Email       string   `json:"email"`
	Name        *string  `json:"name"`
	Family      *string  `json:"familyName"`
	Given       *string  `json:"givenName"`
	Picture     *string  `json:"picture"`
	Created     stamp    `json:"created"`
	Updated     stamp    `json:"updated"`
	Verified    *stamp   `json:"emailVerified"`
	MultiFactor *string  `json:"multiFactor"`
	Tenants     []string `json:"tenants"`
}

func (s *Simulator) showMe(u *user) reply {
	out := me{u.id, u.email, u.name, u.family, u.given, u.picture, stamp(u.created), stamp(u.created), stampOf(u.verified), u.multiFactor, []string{}}
	for _, t := range s.tenantsOf(u.id) {
		out.Tenants = append(out.Tenants, t.id)
	}
	return rows(http.StatusOK, out)
}

func (s *Simulator) getMe(c *call) reply {
	u := s.userByID(c.user)
	if u == nil || u.deleted {
		return empty(http.StatusNotFound)
	}
	return s.showMe(u)
}

// profile is what may be changed of a user; what is absent stays.
type profile struct {
	Name     *string `json:"name"`
	Family   *string `json:"familyName"`
	Given    *string `json:"givenName"`
	Picture  *string `json:"picture"`
	Verified bool    `json:"emailVerified"`
}

func (f profile) apply(u *user) {
	for _, field := range []struct {
		to   **string
		from *string
	}{{&u.name, f.Name}, {&u.family, f.Family}, {&u.given, f.Given}, {&u.picture, f.Picture}} {
		if field.from != nil {
			*field.to = field.from
		}
	}
}

// putMe lets users prove their own address by saying so.
func (s *Simulator) putMe(c *call) reply {
	u := s.userByID(c.user)
	if u == nil || u.deleted {
		return empty(http.StatusNotFound)
	}
	var in profile
	if p, ok := c.readJSON(&in); !ok {
		return p
	}
	in.apply(u)
	if in.Verified {
		now := s.clock.Now()
		u.verified = &now
	}
	return s.showMe(u)
}

// deleteMe hides the user. Sessions and memberships stay and go on working
// for tenants' routes (FACTS.md section 2).
func (s *Simulator) deleteMe(c *call) reply {
	if u := s.userByID(c.user); u != nil {
		u.deleted = true
	}
	return empty(http.StatusNoContent)
}
