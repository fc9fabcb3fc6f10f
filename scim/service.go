package scim

// ServiceProviderConfig is what a service says that it can do (RFC 7643
// section 5). It is read and never written. What is not said cannot be done.
type ServiceProviderConfig struct {
	Patch, Filter, ETag bool
	// MaxResults is the most resources that an answer to a filter holds; 0: not
	// said.
	MaxResults int
}

// UnmarshalJSON implements json.Unmarshaler. What holds none of the features is
// an error: read as a configuration it would deny them all.
func (c *ServiceProviderConfig) UnmarshalJSON(raw []byte) error {
	v, err := tree(raw)
	if err != nil {
		return err
	}
	o, err := objectOf(v)
	if err != nil {
		return err
	}
	*c = ServiceProviderConfig{}
	said := false
	for _, feature := range []struct {
		name string
		to   *bool
	}{{"patch", &c.Patch}, {"filter", &c.Filter}, {"etag", &c.ETag}} {
		about, ok := memberOf(o, feature.name).(map[string]any)
		if !ok {
			continue
		}
		said = true
		*feature.to = booleanOf(memberOf(about, "supported"))
		if count := countOf(memberOf(about, "maxResults")); count != nil && *count > 0 {
			c.MaxResults = *count
		}
	}
	if !said {
		return errNoConfig
	}
	return nil
}
