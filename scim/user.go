package scim

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/elimity-com/scim/schema"
)

// Email is one of a user's addresses.
type Email struct {
	Value   string `json:"value"`
	Type    string `json:"type,omitempty"`
	Primary bool   `json:"primary,omitempty"`
}

// wireEmail is an address as it came: an object, or a bare string as some
// services send the primary one (FACTS.md of asgardeo, section 2).
type wireEmail struct {
	Email
	bare bool
}

// UnmarshalJSON implements json.Unmarshaler.
func (e *wireEmail) UnmarshalJSON(raw []byte) error {
	var bare text
	if bare.UnmarshalJSON(raw) == nil {
		*e = wireEmail{Email{Value: string(bare)}, true}
		return nil
	}
	var parts struct {
		Value, Type text
		Primary     Boolean
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return err
	}
	*e = wireEmail{Email: Email{Value: string(parts.Value), Type: string(parts.Type), Primary: bool(parts.Primary)}}
	return nil
}

// emails settles which address is the primary one: the first that says so,
// else the first bare one. There is one at most.
func emails(wire list[wireEmail]) []Email {
	kept := wire.kept(func(e wireEmail) bool { return e.Value != "" })
	primary := slices.IndexFunc(kept, func(e wireEmail) bool { return e.Primary })
	if primary < 0 {
		primary = slices.IndexFunc(kept, func(e wireEmail) bool { return e.bare })
	}
	var all []Email
	for n, e := range kept {
		e.Primary = n == primary
		all = append(all, e.Email)
	}
	return all
}

// User is a SCIM user (RFC 7643 section 4.1) with the attributes usher deals
// in. Extensions holds everything below a schema URN. Groups and Meta are read
// and not written: they are the service's to say.
type User struct {
	ID         string
	ExternalID string
	UserName   string
	Name       Name
	Emails     []Email
	Roles      []Reference
	Groups     []Reference
	Active     *bool // nil: not said
	Meta       Meta
	Extensions map[string]map[string]any
}

// UnmarshalJSON implements json.Unmarshaler.
func (u *User) UnmarshalJSON(raw []byte) error {
	var parts struct {
		ID, ExternalID, UserName text
		Name                     Name
		Emails                   list[wireEmail]
		Roles, Groups            list[Reference]
		Active                   *Boolean
		Meta                     Meta
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return err
	}
	extended, err := extensions(raw)
	if err != nil {
		return err
	}
	*u = User{
		ID: string(parts.ID), ExternalID: string(parts.ExternalID), UserName: string(parts.UserName), Name: parts.Name,
		Emails: emails(parts.Emails), Roles: parts.Roles.kept(Reference.refers), Groups: parts.Groups.kept(Reference.refers),
		Active: (*bool)(parts.Active), Meta: parts.Meta, Extensions: extended,
	}
	return nil
}

// MarshalJSON implements json.Marshaler.
func (u User) MarshalJSON() ([]byte, error) {
	w := u.core()
	w.extensions(u.Extensions)
	return json.Marshal(w.finished())
}

// core returns the attributes of the core schema, in types of JSON.
func (u User) core() *writer {
	w := newWriter(SchemaUser)
	w.text("userName", u.UserName)
	w.text("id", u.ID)
	w.text("externalId", u.ExternalID)
	name := newWriter("")
	name.text("givenName", u.Name.GivenName)
	name.text("familyName", u.Name.FamilyName)
	name.text("formatted", u.Name.Formatted)
	if len(name.all) > 0 {
		w.all["name"] = name.all
	}
	var addresses, roles []any
	for _, e := range u.Emails {
		address := newWriter("")
		address.text("value", e.Value)
		address.text("type", e.Type)
		address.all["primary"] = e.Primary
		addresses = append(addresses, address.all)
	}
	for _, r := range u.Roles {
		role := newWriter("")
		role.text("value", r.Value)
		role.text("display", r.Display)
		role.text("type", r.Type)
		roles = append(roles, role.all)
	}
	if len(addresses) > 0 {
		w.all["emails"] = addresses
	}
	if len(roles) > 0 {
		w.all["roles"] = roles
	}
	if u.Active != nil {
		w.all["active"] = *u.Active
	}
	return w
}

// Validate checks a user that is about to be written: against the core schema
// (RFC 7643 section 4.1), and that nothing would be lost or smuggled in with
// it.
func (u User) Validate() error {
	primaries := 0
	for _, e := range u.Emails {
		if e.Value == "" {
			return errors.New("scim: an e-mail address is empty")
		}
		if e.Primary {
			primaries++
		}
	}
	if primaries > 1 {
		return errors.New("scim: more than one e-mail address is the primary one")
	}
	for _, urn := range slices.Sorted(maps.Keys(u.Extensions)) {
		if !isURN(urn) || urn == SchemaUser {
			return fmt.Errorf("scim: %q is not an extension's URN", urn)
		}
	}
	if _, failure := schema.CoreUserSchema().Validate(u.core().all); failure != nil {
		return fmt.Errorf("scim: the user does not fit its schema: %s", failure.Detail)
	}
	return nil
}

// Attribute returns an extension's attribute as text, from the first of the
// schemas that has it; booleans and numbers come as their JSON text.
func (u User) Attribute(name string, schemas ...string) string {
	for _, urn := range schemas {
		switch value := u.Extensions[urn][name].(type) {
		case nil:
		case string:
			return value
		default:
			return fmt.Sprint(value)
		}
	}
	return ""
}

// Addresses returns all of a user's addresses, the primary one first.
func (u User) Addresses() []string {
	var list []string
	for _, primary := range []bool{true, false} {
		for _, e := range u.Emails {
			if e.Primary == primary && e.Value != "" {
				list = append(list, e.Value)
			}
		}
	}
	return list
}
