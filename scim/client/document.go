package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"usher/identity"
	"usher/internal/httpx"
	"usher/scim"
)

// Document is a resource as it came, so that it can be sent back with nothing
// lost.
type Document struct {
	Raw     json.RawMessage
	Version string // its entity tag (RFC 7644 section 3.14); empty: it has none
}

// Read reads one resource, and of it the attributes named, if any are: by name
// a service also returns what it leaves out otherwise (RFC 7644 section
// 3.4.2.5). not_found if there is none.
func (c *Client) Read(ctx context.Context, path, id string, attributes ...string) (*Document, error) {
	var d Document
	query := url.Values{}
	if len(attributes) > 0 {
		query.Set("attributes", strings.Join(attributes, ","))
	}
	err := c.call(ctx, call{
		op: "get", method: http.MethodGet, path: path, id: &id, query: query, into: &d.Raw, wanted: []int{http.StatusOK},
		answered: func(r *httpx.Response) bool {
			d.Version = r.Header.Get("ETag")
			return true
		},
	})
	if err != nil {
		return nil, err
	}
	var named scim.Group // reads an id and a version as tolerantly as any resource
	if json.Unmarshal(d.Raw, &named) != nil || named.ID == "" {
		return nil, notTheResource()
	}
	if d.Version == "" {
		d.Version = named.Meta.Version
	}
	return &d, nil
}

func notTheResource() error {
	return &Error{Op: "get", Status: http.StatusOK, Detail: "the answer is not the resource", code: identity.CodeProviderError}
}

// Replace writes a whole resource in the place of what is there (RFC 7644
// section 3.5.1), provided that its version is still the one given; an empty one
// is any. Codes: not_found, and precondition_failed where it is another one.
func (c *Client) Replace(ctx context.Context, path, id string, resource any, version string) error {
	return c.call(ctx, call{
		op: "replace", method: http.MethodPut, path: path, id: &id, body: resource, ifMatch: version,
		wanted: []int{http.StatusOK, http.StatusNoContent},
	})
}

// ServiceProviderConfig reads what the service says that it can do; not_found
// if it says nothing (RFC 7644 section 4).
func (c *Client) ServiceProviderConfig(ctx context.Context) (*scim.ServiceProviderConfig, error) {
	config := &scim.ServiceProviderConfig{}
	err := c.call(ctx, call{
		op: "service provider config", method: http.MethodGet, path: "/ServiceProviderConfig", into: config, wanted: []int{http.StatusOK},
	})
	if err != nil {
		return nil, err
	}
	return config, nil
}
