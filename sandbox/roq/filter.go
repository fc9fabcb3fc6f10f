package roq

import (
	"regexp"
	"slices"
	"strings"
	"time"

	graphql "github.com/graph-gophers/graphql-go"
)

// The filters compare as SQL does (FACTS.md section 4.5): what is null matches
// nothing but a filter for null, and several conditions are joined by and.
// Every match method takes a nil filter, which lets everything through.

type stringFilter struct {
	EqualTo, NotEqualTo graphql.NullString
	ValueIn, ValueNotIn *[]string
	Like, ILike         graphql.NullString
}

func (f *stringFilter) match(v *string) bool {
	if f == nil {
		return true
	}
	return equal(f.EqualTo.Set, f.EqualTo.Value, v) && unequal(f.NotEqualTo.Set, f.NotEqualTo.Value, v) &&
		among(f.ValueIn, v) && notAmong(f.ValueNotIn, v) &&
		like(f.Like.Value, v, "") && like(f.ILike.Value, v, "i")
}

type idFilter struct {
	EqualTo, NotEqualTo graphql.NullID
	ValueIn, ValueNotIn *[]graphql.ID
}

func (f *idFilter) match(v *string) bool {
	if f == nil {
		return true
	}
	return equal(f.EqualTo.Set, text(f.EqualTo.Value), v) && unequal(f.NotEqualTo.Set, text(f.NotEqualTo.Value), v) &&
		among(texts(f.ValueIn), v) && notAmong(texts(f.ValueNotIn), v)
}

// matchAny is match for a thing that has many ids, such as the roles of a user.
func (f *idFilter) matchAny(ids []string) bool {
	return anyOf(ids, f.match)
}

func (f *stringFilter) matchAny(values []string) bool {
	return anyOf(values, f.match)
}

func anyOf(values []string, match func(*string) bool) bool {
	if len(values) == 0 {
		return match(nil)
	}
	return slices.ContainsFunc(values, func(v string) bool { return match(&v) })
}

// groupIDFilter and groupNameFilter are for the groups of a user, and can ask
// for several at once.
type groupIDFilter struct {
	idFilter
	All *[]graphql.ID
}

func (f *groupIDFilter) match(ids []string) bool {
	return f == nil || f.matchAny(ids) && all(texts(f.All), ids)
}

type groupNameFilter struct {
	stringFilter
	All *[]string
}

func (f *groupNameFilter) match(names []string) bool {
	return f == nil || f.matchAny(names) && all(f.All, names)
}

func all(want *[]string, have []string) bool {
	return want == nil || !slices.ContainsFunc(*want, func(w string) bool { return !slices.Contains(have, w) })
}

type boolFilter struct{ EqualTo, NotEqualTo graphql.NullBool }

func (f *boolFilter) match(v bool) bool {
	if f == nil {
		return true
	}
	return equal(f.EqualTo.Set, f.EqualTo.Value, &v) && unequal(f.NotEqualTo.Set, f.NotEqualTo.Value, &v)
}

// isTrue tells whether the filter asks for true.
func (f *boolFilter) isTrue() bool {
	return f != nil && (f.EqualTo.Value != nil && *f.EqualTo.Value || f.NotEqualTo.Value != nil && !*f.NotEqualTo.Value)
}

type dateFilter struct {
	EqualTo, NotEqualTo, LessThan, LessThanEqual, MoreThan, MoreThanEqual date
}

func (f *dateFilter) match(at time.Time) bool {
	if f == nil {
		return true
	}
	has := !at.IsZero()
	holds := func(d date, compares bool) bool { return !d.set || d.null || has && compares }
	switch {
	case f.EqualTo.set && f.EqualTo.null && has, f.NotEqualTo.set && f.NotEqualTo.null && !has:
		return false
	}
	return holds(f.EqualTo, at.Equal(f.EqualTo.at)) && holds(f.NotEqualTo, !at.Equal(f.NotEqualTo.at)) &&
		holds(f.LessThan, at.Before(f.LessThan.at)) && holds(f.LessThanEqual, !at.After(f.LessThanEqual.at)) &&
		holds(f.MoreThan, at.After(f.MoreThan.at)) && holds(f.MoreThanEqual, !at.Before(f.MoreThanEqual.at))
}

func equal[T comparable](set bool, want, v *T) bool {
	switch {
	case !set:
		return true
	case want == nil || v == nil:
		return want == nil && v == nil
	}
	return *want == *v
}

func unequal[T comparable](set bool, want, v *T) bool {
	switch {
	case !set:
		return true
	case want == nil:
		return v != nil
	}
	return v != nil && *want != *v
}

func among(list *[]string, v *string) bool {
	return list == nil || v != nil && slices.Contains(*list, *v)
}

func notAmong(list *[]string, v *string) bool {
	return list == nil || v != nil && !slices.Contains(*list, *v)
}

// like is SQL's: % is any text, _ any character, \ takes the next one as it is.
func like(pattern, v *string, flags string) bool {
	if pattern == nil {
		return true
	}
	if v == nil {
		return false
	}
	var b strings.Builder
	b.WriteString("(?s" + flags + ")^")
	escaped := false
	for _, r := range *pattern {
		switch {
		case escaped || r != '%' && r != '_' && r != '\\':
			b.WriteString(regexp.QuoteMeta(string(r)))
			escaped = false
		case r == '\\':
			escaped = true
		case r == '%':
			b.WriteString(".*")
		default:
			b.WriteString(".")
		}
	}
	b.WriteString("$")
	re, err := regexp.Compile(b.String())
	return err == nil && re.MatchString(*v)
}

func text(id *graphql.ID) *string {
	if id == nil {
		return nil
	}
	s := string(*id)
	return &s
}

func texts(ids *[]graphql.ID) *[]string {
	if ids == nil {
		return nil
	}
	out := make([]string, 0, len(*ids))
	for _, id := range *ids {
		out = append(out, string(id))
	}
	return &out
}
