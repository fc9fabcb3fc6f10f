package identity

import "regexp"

// Current is the {org} of a path that stands for the single organization of
// the caller's token.
const Current = "current"

// CheckSlug reports whether a text can be a slug: 1 to 63 lower-case letters,
// digits and inner hyphens, and no reserved word. The underscore that every id
// has cannot occur, so no slug can begin like an id. Errors have code
// invalid_request and point to /slug.
func CheckSlug(slug string) error {
	switch {
	case !regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`).MatchString(slug):
		return FieldError(CodeInvalidRequest, "/slug", "A slug is 1 to 63 lower-case letters, digits and inner hyphens.")
	case slug == Current || slug == "me":
		return FieldError(CodeInvalidRequest, "/slug", "This slug is reserved.")
	}
	return nil
}
