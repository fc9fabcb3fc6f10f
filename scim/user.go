package scim

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

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

func (e *wireEmail) read(v any) error {
	if text, err := textOf(v); err == nil {
		*e = wireEmail{Email{Value: text}, true}
		return nil
	}
	o, err := objectOf(v)
	if err != nil {
		return err
	}
	*e = wireEmail{Email: Email{Primary: booleanOf(memberOf(o, "primary"))}}
	return texts(o, textField{"value", &e.Value}, textField{"type", &e.Type})
}

// emails settles which address is the primary one: the first that says so,
// else the first bare one. There is one at most.
func emails(v any) ([]Email, error) {
	var kept []wireEmail
	for _, item := range itemsOf(v) {
		var e wireEmail
		if err := e.read(item); err != nil {
			return nil, err
		}
		if e.Value != "" {
			kept = append(kept, e)
		}
	}
	primary := slices.IndexFunc(kept, func(e wireEmail) bool { return e.Primary })
	if primary < 0 {
		primary = slices.IndexFunc(kept, func(e wireEmail) bool { return e.bare })
	}
	var all []Email
	for n, e := range kept {
		e.Primary = n == primary
		all = append(all, e.Email)
	}
	return all, nil
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
	// PreferredLanguage is a language tag such as "en-GB".
	PreferredLanguage string
	Meta              Meta
	Extensions        map[string]map[string]any
}

// UnmarshalJSON implements json.Unmarshaler.
func (u *User) UnmarshalJSON(raw []byte) error {
	v, err := tree(raw)
	if err != nil {
		return err
	}
	return u.read(v)
}

func (u *User) read(v any) error {
	o, err := objectOf(v)
	if err != nil {
		return err
	}
	*u = User{Extensions: extensionsOf(o)}
	if err := texts(o, textField{"id", &u.ID}, textField{"externalId", &u.ExternalID}, textField{"userName", &u.UserName}); err != nil {
		return err
	}
	u.PreferredLanguage, _ = textOf(memberOf(o, "preferredLanguage")) // some send a list
	if active := memberOf(o, "active"); active != nil {
		value := booleanOf(active)
		u.Active = &value
	}
	if u.Emails, err = emails(memberOf(o, "emails")); err != nil {
		return err
	}
	if u.Roles, err = references(memberOf(o, "roles")); err != nil {
		return err
	}
	if u.Groups, err = references(memberOf(o, "groups")); err != nil {
		return err
	}
	return errors.Join(u.Name.read(memberOf(o, "name")), u.Meta.read(memberOf(o, "meta")))
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
	w.text("preferredLanguage", u.PreferredLanguage)
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

// coreSchema is the core schema of users, which takes longer to build than to
// check a user against.
var coreSchema = sync.OnceValue(schema.CoreUserSchema)

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
	if _, failure := coreSchema().Validate(u.core().all); failure != nil {
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
