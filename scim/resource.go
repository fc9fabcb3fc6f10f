package scim

import (
	"encoding/json"
	"time"
)

// Name is a user's name in parts.
type Name struct {
	GivenName  string `json:"givenName,omitempty"`
	FamilyName string `json:"familyName,omitempty"`
	Formatted  string `json:"formatted,omitempty"`
}

// UnmarshalJSON implements json.Unmarshaler: a bare string is the whole name.
func (n *Name) UnmarshalJSON(raw []byte) error {
	var whole text
	if whole.UnmarshalJSON(raw) == nil {
		*n = Name{Formatted: string(whole)}
		return nil
	}
	var parts struct{ GivenName, FamilyName, Formatted text }
	if err := json.Unmarshal(raw, &parts); err != nil {
		return err
	}
	*n = Name{GivenName: string(parts.GivenName), FamilyName: string(parts.FamilyName), Formatted: string(parts.Formatted)}
	return nil
}

// Meta is what a service says about a resource.
type Meta struct {
	ResourceType string     `json:"resourceType,omitempty"`
	Location     string     `json:"location,omitempty"`
	Created      *time.Time `json:"created,omitempty"`
}

// UnmarshalJSON implements json.Unmarshaler. A time that cannot be read is
// left out.
func (m *Meta) UnmarshalJSON(raw []byte) error {
	var parts struct{ ResourceType, Location, Created text }
	if err := json.Unmarshal(raw, &parts); err != nil {
		return err
	}
	*m = Meta{ResourceType: string(parts.ResourceType), Location: string(parts.Location)}
	if at, err := time.Parse(time.RFC3339Nano, string(parts.Created)); err == nil {
		at = at.UTC()
		m.Created = &at
	}
	return nil
}

// Reference is a member of a group, a role or a group of a user and the like.
type Reference struct {
	Value   string `json:"value"`
	Display string `json:"display,omitempty"`
	Type    string `json:"type,omitempty"`
	Ref     string `json:"$ref,omitempty"`
}

// UnmarshalJSON implements json.Unmarshaler: a bare string is the value.
func (r *Reference) UnmarshalJSON(raw []byte) error {
	var bare text
	if bare.UnmarshalJSON(raw) == nil {
		*r = Reference{Value: string(bare)}
		return nil
	}
	var parts struct {
		Value, Display, Type text
		Ref                  text `json:"$ref"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return err
	}
	*r = Reference{Value: string(parts.Value), Display: string(parts.Display), Type: string(parts.Type), Ref: string(parts.Ref)}
	return nil
}

func (r Reference) refers() bool { return r.Value != "" || r.Display != "" || r.Ref != "" }

// Group is a SCIM group (RFC 7643 section 4.2). Meta is read and not written.
type Group struct {
	ID          string
	ExternalID  string
	DisplayName string
	Members     []Reference
	Meta        Meta
	Extensions  map[string]map[string]any
}

// UnmarshalJSON implements json.Unmarshaler.
func (g *Group) UnmarshalJSON(raw []byte) error {
	var parts struct {
		ID, ExternalID, DisplayName text
		Members                     list[Reference]
		Meta                        Meta
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return err
	}
	extended, err := extensions(raw)
	if err != nil {
		return err
	}
	*g = Group{
		ID: string(parts.ID), ExternalID: string(parts.ExternalID), DisplayName: string(parts.DisplayName),
		Members: parts.Members.kept(Reference.refers), Meta: parts.Meta, Extensions: extended,
	}
	return nil
}

// MarshalJSON implements json.Marshaler.
func (g Group) MarshalJSON() ([]byte, error) {
	w := newWriter(SchemaGroup)
	w.text("id", g.ID)
	w.text("externalId", g.ExternalID)
	w.text("displayName", g.DisplayName)
	if len(g.Members) > 0 {
		w.all["members"] = g.Members
	}
	w.extensions(g.Extensions)
	return json.Marshal(w.finished())
}
