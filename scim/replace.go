package scim

import (
	"encoding/json"
	"maps"
)

// WithMember returns a group as it came with one more member, for services that
// take groups as a whole only (RFC 7644 section 3.5.1): everything that was
// there stays, whether this package knows it or not, but for meta, which is the
// service's own.
func WithMember(group json.RawMessage, member Reference) (json.RawMessage, error) {
	v, err := tree(group)
	if err != nil {
		return nil, err
	}
	o, err := objectOf(v)
	if err != nil {
		return nil, err
	}
	if o == nil {
		return nil, errNoObject
	}
	changed := maps.Clone(o)
	key := keyOf(o, "members")
	delete(changed, keyOf(o, "meta"))
	members := itemsOf(o[key])
	changed[key] = append(members[:len(members):len(members)], member)
	if memberOf(o, "schemas") == nil {
		changed["schemas"] = []string{SchemaGroup}
	}
	return json.Marshal(changed)
}
