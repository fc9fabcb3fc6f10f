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

// read: a bare string is the whole name.
func (n *Name) read(v any) error {
	*n = Name{}
	if whole, err := textOf(v); err == nil {
		n.Formatted = whole
		return nil
	}
	o, err := objectOf(v)
	if err != nil {
		return err
	}
	return texts(o, textField{"givenName", &n.GivenName}, textField{"familyName", &n.FamilyName}, textField{"formatted", &n.Formatted})
}

// Meta is what a service says about a resource.
type Meta struct {
	ResourceType string     `json:"resourceType,omitempty"`
	Location     string     `json:"location,omitempty"`
	Created      *time.Time `json:"created,omitempty"`
	Version      string     `json:"version,omitempty"` // the entity tag (RFC 7644 section 3.14)
}

// read leaves a time out that cannot be read.
func (m *Meta) read(v any) error {
	o, err := objectOf(v)
	if err != nil {
		return err
	}
	*m = Meta{}
	var created string
	err = texts(o, textField{"resourceType", &m.ResourceType}, textField{"location", &m.Location}, textField{"created", &created}, textField{"version", &m.Version})
	if at, bad := time.Parse(time.RFC3339Nano, created); bad == nil {
		at = at.UTC()
		m.Created = &at
	}
	return err
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
	v, err := tree(raw)
	if err != nil {
		return err
	}
	return r.read(v)
}

func (r *Reference) read(v any) error {
	*r = Reference{}
	if bare, err := textOf(v); err == nil {
		r.Value = bare
		return nil
	}
	o, err := objectOf(v)
	if err != nil {
		return err
	}
	return texts(o, textField{"value", &r.Value}, textField{"display", &r.Display}, textField{"type", &r.Type}, textField{"$ref", &r.Ref})
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
	v, err := tree(raw)
	if err != nil {
		return err
	}
	return g.read(v)
}

func (g *Group) read(v any) error {
	o, err := objectOf(v)
	if err != nil {
		return err
	}
	*g = Group{Extensions: extensionsOf(o)}
	if err := texts(o, textField{"id", &g.ID}, textField{"externalId", &g.ExternalID}, textField{"displayName", &g.DisplayName}); err != nil {
		return err
	}
	if g.Members, err = references(memberOf(o, "members")); err != nil {
		return err
	}
	return g.Meta.read(memberOf(o, "meta"))
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
