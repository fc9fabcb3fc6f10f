package scim

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
)

// The schema URNs of messages and core resources.
const (
	SchemaUser         = "urn:ietf:params:scim:schemas:core:2.0:User"
	SchemaGroup        = "urn:ietf:params:scim:schemas:core:2.0:Group"
	SchemaEnterprise   = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	SchemaListResponse = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	SchemaPatchOp      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	SchemaError        = "urn:ietf:params:scim:api:messages:2.0:Error"
	SchemaSearch       = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
)

// ContentType is the media type of SCIM messages (RFC 7644 section 8.1).
const ContentType = "application/scim+json"

// ListResponse is one page of a listing (RFC 7644 section 3.4.2). Services
// omit Resources when there are none, and their TotalResults is not to be
// trusted: page until a page is short.
type ListResponse[T any] struct {
	TotalResults int
	StartIndex   int
	ItemsPerPage int
	Resources    []T
}

// UnmarshalJSON implements json.Unmarshaler. What is no list response is an
// error: read as one it would say that nobody was found.
func (l *ListResponse[T]) UnmarshalJSON(raw []byte) error {
	if _, ok := any(new(T)).(treeReader); ok {
		return l.readAll(raw)
	}
	var parts struct {
		Schemas                                list[text]
		TotalResults, StartIndex, ItemsPerPage *number
		Resources                              list[T]
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return err
	}
	if parts.TotalResults == nil && parts.Resources == nil && !slices.Contains(parts.Schemas, SchemaListResponse) {
		return errNoList
	}
	at := func(n *number) int {
		if n == nil {
			return 0
		}
		return int(*n)
	}
	*l = ListResponse[T]{
		TotalResults: at(parts.TotalResults), StartIndex: at(parts.StartIndex),
		ItemsPerPage: at(parts.ItemsPerPage), Resources: parts.Resources,
	}
	return nil
}

var errNoList = errors.New("scim: this is not a list response")

// readAll reads a page of resources that are read from a tree.
func (l *ListResponse[T]) readAll(raw []byte) error {
	v, err := tree(raw)
	if err != nil {
		return err
	}
	o, err := objectOf(v)
	if err != nil {
		return err
	}
	items := itemsOf(memberOf(o, "Resources"))
	total := countOf(memberOf(o, "totalResults"))
	if total == nil && items == nil && !slices.Contains(itemsOf(memberOf(o, "schemas")), any(SchemaListResponse)) {
		return errNoList
	}
	*l = ListResponse[T]{}
	if items != nil {
		l.Resources = make([]T, len(items))
	}
	for _, count := range []struct {
		sent *int
		to   *int
	}{
		{total, &l.TotalResults}, {countOf(memberOf(o, "startIndex")), &l.StartIndex}, {countOf(memberOf(o, "itemsPerPage")), &l.ItemsPerPage},
	} {
		if count.sent != nil {
			*count.to = *count.sent
		}
	}
	for n, item := range items {
		if err := any(&l.Resources[n]).(treeReader).read(item); err != nil {
			return err
		}
	}
	return nil
}

// MarshalJSON implements json.Marshaler.
func (l ListResponse[T]) MarshalJSON() ([]byte, error) {
	resources := l.Resources
	if resources == nil {
		resources = []T{}
	}
	return json.Marshal(struct {
		Schemas      []string `json:"schemas"`
		TotalResults int      `json:"totalResults"`
		StartIndex   int      `json:"startIndex"`
		ItemsPerPage int      `json:"itemsPerPage"`
		Resources    []T      `json:"Resources"`
	}{[]string{SchemaListResponse}, l.TotalResults, l.StartIndex, l.ItemsPerPage, resources})
}

// Error is the error message (RFC 7644 section 3.12). It is read with status
// as string or number and written with a string.
type Error struct {
	Status   int
	ScimType string
	Detail   string
}

// MarshalJSON implements json.Marshaler.
func (e Error) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Schemas  []string `json:"schemas"`
		Status   string   `json:"status"`
		ScimType string   `json:"scimType,omitempty"`
		Detail   string   `json:"detail,omitempty"`
	}{[]string{SchemaError}, strconv.Itoa(e.Status), e.ScimType, e.Detail})
}

// UnmarshalJSON implements json.Unmarshaler.
func (e *Error) UnmarshalJSON(raw []byte) error {
	var parts struct {
		Status           number
		ScimType, Detail text
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return err
	}
	*e = Error{Status: int(parts.Status), ScimType: string(parts.ScimType), Detail: string(parts.Detail)}
	return nil
}
