package scim2

import (
	"strings"

	"github.com/elimity-com/scim/schema"
	filter "github.com/scim2/filter-parser/v2"
)

// kind is a resource type (RFC 7643 section 6) with its schemas (section 8.7).
type kind struct {
	name, endpoint string
	core           schema.Schema
	extension      *schema.Schema    // nil: none
	attributes     schema.Attributes // the common ones and the core schema's
}

func userKind() *kind {
	extension := schema.ExtensionEnterpriseUser()
	return newKind("User", "/Users", schema.CoreUserSchema(), &extension)
}

func groupKind() *kind { return newKind("Group", "/Groups", schema.CoreGroupSchema(), nil) }

func newKind(name, endpoint string, core schema.Schema, extension *schema.Schema) *kind {
	k := &kind{name: name, endpoint: endpoint, core: core, extension: extension}
	k.attributes = append(k.attributes, schema.CommonAttributes()...)
	k.attributes = append(k.attributes, core.Attributes...)
	return k
}

// extends tells whether a name is that of the kind's extension.
func (k *kind) extends(urn string) bool {
	return k.extension != nil && strings.EqualFold(urn, k.extension.ID)
}

// target is what an attribute path names.
type target struct {
	urn   string // of the extension it belongs to; empty: none
	whole bool   // the extension itself
	attr  schema.CoreAttribute
	sub   *schema.CoreAttribute // nil: the attribute itself
}

// locate finds what a path names (RFC 7644 section 3.10). Names are compared
// without case (RFC 7643 section 2.1); an attribute of an extension needs its
// URN before it.
func (k *kind) locate(p filter.AttributePath) (target, bool) {
	var t target
	attributes := k.attributes
	switch uri := p.URI(); {
	case uri == "" || strings.EqualFold(uri, k.core.ID):
	case k.extends(uri):
		t.urn, attributes = k.extension.ID, k.extension.Attributes
	case k.extends(uri+":"+p.AttributeName) && p.SubAttribute == nil:
		return target{urn: k.extension.ID, whole: true}, true
	default:
		return t, false
	}
	var ok bool
	if t.attr, ok = attributes.ContainsAttribute(p.AttributeName); !ok {
		return t, false
	}
	if p.SubAttribute == nil {
		return t, true
	}
	sub, ok := t.attr.SubAttributes().ContainsAttribute(*p.SubAttribute)
	t.sub = &sub
	return t, ok
}

// holder is the object that holds the attribute in a resource; nil where the
// resource has none.
func (t target) holder(resource map[string]any) map[string]any {
	if t.urn == "" {
		return resource
	}
	m, _ := resource[t.urn].(map[string]any)
	return m
}

// leaf is the attribute whose values count: the sub-attribute where one is named.
func (t target) leaf() schema.CoreAttribute {
	if t.sub != nil {
		return *t.sub
	}
	return t.attr
}

// values are the target's values in a resource: of a list, all of them.
func (t target) values(resource map[string]any) []any {
	var all []any
	switch v := t.holder(resource)[t.attr.Name()].(type) {
	case nil:
		return nil
	case []any:
		all = v
	default:
		all = []any{v}
	}
	if t.sub == nil {
		return all
	}
	var out []any
	for _, v := range all {
		if m, ok := v.(map[string]any); ok && m[t.sub.Name()] != nil {
			out = append(out, m[t.sub.Name()])
		}
	}
	return out
}

// fold says how values of an attribute are compared: by case where the schema
// says so (RFC 7643 section 2.2).
func (s *Simulator) fold(a schema.CoreAttribute) func(string) string {
	if a.CaseExact() || a.Name() == "userName" && s.q.CaseExactUserNames {
		return func(v string) string { return v }
	}
	return strings.ToLower
}
