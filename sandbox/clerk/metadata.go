package clerk

import "maps"

// metadata are a user's metadata by parameter.
func (u *user) metadata() map[string]*any {
	return map[string]*any{"public_metadata": &u.public, "private_metadata": &u.private, "unsafe_metadata": &u.unsafe}
}

func (o *organization) metadata() map[string]*any {
	return map[string]*any{"public_metadata": &o.public, "private_metadata": &o.private}
}

func (m *membership) metadata() map[string]*any {
	return map[string]*any{"public_metadata": &m.public, "private_metadata": &m.private}
}

// metadataBody reads metadata. Null is a value for PUT alone, which stores it
// (FACTS.md section 1).
func (c *call) metadataBody(replace bool, of map[string]*any) (body, *failure) {
	var fields []field
	for name := range of {
		fields = append(fields, field{name: name, kind: kindObject, null: replace})
	}
	return c.read(fields...)
}

// replaceMetadata sets what a body names, and leaves the rest.
func replaceMetadata(in body, of map[string]*any) {
	for name, to := range of {
		if in.has(name) {
			*to = in[name]
		}
	}
}

// mergeMetadata merges what a body names, at every depth; null removes a key.
func mergeMetadata(in body, of map[string]*any) {
	for name, to := range of {
		if in.has(name) {
			old, _ := (*to).(map[string]any)
			*to = merged(old, in.object(name))
		}
	}
}

func merged(old, changes map[string]any) map[string]any {
	out := maps.Clone(old)
	if out == nil {
		out = map[string]any{}
	}
	for key, v := range changes {
		change, nested := v.(map[string]any)
		switch before, was := out[key].(map[string]any); {
		case v == nil:
			delete(out, key)
		case nested && was:
			out[key] = merged(before, change)
		case nested:
			out[key] = merged(nil, change)
		default:
			out[key] = v
		}
	}
	return out
}

func (s *Simulator) userMetadata(replace bool) func(*call) (any, *failure) {
	return func(c *call) (any, *failure) {
		in, f := c.metadataBody(replace, (&user{}).metadata())
		if f != nil {
			return nil, f
		}
		u, f := s.userOf(c)
		if f != nil {
			return nil, f
		}
		writeMetadata(replace, in, u.metadata())
		u.updated = s.clock.Now()
		return s.userView(u), nil
	}
}

func (s *Simulator) organizationMetadata(replace bool) func(*call) (any, *failure) {
	return func(c *call) (any, *failure) {
		in, f := c.metadataBody(replace, (&organization{}).metadata())
		if f != nil {
			return nil, f
		}
		o, f := s.orgOf(c)
		if f != nil {
			return nil, f
		}
		writeMetadata(replace, in, o.metadata())
		o.updated = s.clock.Now()
		return s.orgView(o), nil
	}
}

func writeMetadata(replace bool, in body, of map[string]*any) {
	if replace {
		replaceMetadata(in, of)
	} else {
		mergeMetadata(in, of)
	}
}
