package internal

import (
	"encoding/json"
	"strings"
)

// Token is an answer of the token endpoint.
type Token struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int    `json:"expires_in"` // seconds; 0: not said
	// Scope is what was granted, which may be less than was asked for. nil
	// means that the answer did not say, and then everything was.
	Scope *Scopes `json:"scope"`
}

// Scopes is a set of scopes. It reads one blank-separated text or an array
// (FACTS.md section 13).
type Scopes []string

// UnmarshalJSON implements json.Unmarshaler.
func (s *Scopes) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) == nil {
		*s = strings.Fields(text)
		return nil
	}
	return json.Unmarshal(b, (*[]string)(s))
}

// Claims are what the adapter reads of an access token.
type Claims struct {
	Active  bool    `json:"active"` // introspection only
	OrgID   string  `json:"org_id"`
	UserOrg string  `json:"user_org"`
	Expires int64   `json:"exp"`   // seconds; 0: not said
	Scope   *Scopes `json:"scope"` // nil: not said
}

// Property is a key and a value.
type Property struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// GuestInvite is the body of a guest invitation. One user name a call: in a
// longer list one entry can spoil the next (FACTS.md section 15.12).
type GuestInvite struct {
	Usernames  []string   `json:"usernames"`
	UserDomain string     `json:"userDomain,omitempty"`
	Roles      []string   `json:"roles"`
	Properties []Property `json:"properties"`
}

// GuestResult is one row of the answer to a guest invitation. The confirmation
// code that may come with it is a secret and is not read.
type GuestResult struct {
	Username string `json:"username"`
	Result   struct {
		Status      string `json:"status"`
		ErrorCode   string `json:"errorCode"`
		Message     string `json:"errorMessage"`
		Description string `json:"errorDescription"`
	} `json:"result"`
}

// Invitation is one row of the list of guest invitations.
type Invitation struct {
	ID        string           `json:"id"`
	Username  string           `json:"username"`
	Email     string           `json:"email"`
	Status    string           `json:"status"`    // PENDING or EXPIRED
	ExpiredAt string           `json:"expiredAt"` // when it expires, as JDBC prints it
	Roles     []InvitationRole `json:"roles"`
}

// The values of Invitation.Status.
const (
	StatusPending = "PENDING"
	StatusExpired = "EXPIRED"
)

// InvitationRole is a role of an invitation.
type InvitationRole struct {
	ID          string    `json:"id"`
	DisplayName string    `json:"displayName"`
	Audience    Audiences `json:"audience"`
}

// Audience is what a role belongs to.
type Audience struct {
	Value   string `json:"value"`
	Display string `json:"display"`
	Type    string `json:"type"` // application or organization
}

// Audiences reads an array, as the server sends it, or one object, as its
// document says (FACTS.md section 5).
type Audiences []Audience

// UnmarshalJSON implements json.Unmarshaler.
func (a *Audiences) UnmarshalJSON(b []byte) error {
	if strings.HasPrefix(strings.TrimSpace(string(b)), "{") {
		var one Audience
		if err := json.Unmarshal(b, &one); err != nil {
			return err
		}
		*a = Audiences{one}
		return nil
	}
	return json.Unmarshal(b, (*[]Audience)(a))
}

// Application is an application as an organization knows it.
type Application struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// ResendCode is the body that asks for another set-password mail. The
// properties must be there (FACTS.md section 7).
type ResendCode struct {
	User struct {
		Username string `json:"username"`
		Realm    string `json:"realm"`
	} `json:"user"`
	Properties []Property `json:"properties"`
}
