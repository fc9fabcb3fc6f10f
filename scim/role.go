package scim

import "encoding/json"

// Audience says what a WSO2 role is for: an application or an organization.
type Audience struct {
	Value   string `json:"value"`
	Display string `json:"display"`
	Type    string `json:"type"`
}

// UnmarshalJSON implements json.Unmarshaler: a list of one counts as the one
// (FACTS.md of asgardeo, section 5).
func (a *Audience) UnmarshalJSON(raw []byte) error {
	type plain struct{ Value, Display, Type text }
	var all list[plain]
	if err := json.Unmarshal(raw, &all); err != nil {
		return err
	}
	*a = Audience{}
	if len(all) > 0 {
		*a = Audience{Value: string(all[0].Value), Display: string(all[0].Display), Type: string(all[0].Type)}
	}
	return nil
}

// Role is a WSO2 role resource (roles v2).
type Role struct {
	ID          string      `json:"id"`
	DisplayName string      `json:"displayName"`
	Audience    Audience    `json:"audience"`
	Users       []Reference `json:"users"`
}
