package api

import (
	"time"

	"github.com/danielgtaylor/huma/v2"

	"usher/identity"
)

// Paging is how every list is asked for.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many at most."`
	Cursor string `query:"cursor" maxLength:"4096" doc:"Where to go on: next_cursor of the page before, with the same filters."`
}

func (p Paging) request() identity.PageRequest {
	return identity.PageRequest{Limit: p.Limit, Cursor: p.Cursor}
}

// InOrganization is the path of everything below an organization.
type InOrganization struct {
	Org string `path:"org" example:"acme" doc:"The organization's id or slug, or current for the single organization of the token."`
}

// items converts the items of a list.
func items[T, I any](from []I, convert func(*I) T) []T {
	out := make([]T, len(from))
	for n := range from {
		out[n] = convert(&from[n])
	}
	return out
}

// optional returns nil for an empty text, since absent values are null, and
// otherwise what it was given.
func optional(s *string) *string {
	if *s == "" {
		return nil
	}
	return s
}

func utc(t time.Time) time.Time { return t.UTC() }

func optionalTime(t *time.Time) *time.Time {
	if t == nil || t.Location() == time.UTC {
		return t
	}
	in := t.UTC()
	return &in
}

// list returns an empty list for nil: lists are never null.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// orNull makes a property of object type nullable, which Huma has no tag for.
func orNull(s *huma.Schema, property string) {
	described := s.Properties[property]
	s.Properties[property] = &huma.Schema{
		Description: described.Description,
		AnyOf:       []*huma.Schema{{Ref: described.Ref}, {Type: "null"}},
	}
}
