package api

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"usher/identity"
	"usher/internal/ijson"
)

// maxProblemErrors is the most that is said about one request, however much is
// wrong with it.
const maxProblemErrors = 50

// validationProblem turns what Huma found in a request into one document that
// names every field at fault and repeats no value.
func validationProblem(status int, msg string, errs []error) *Problem {
	switch {
	case status == http.StatusRequestEntityTooLarge:
		return newProblem(identity.CodePayloadTooLarge, "")
	case status == http.StatusUnsupportedMediaType:
		return newProblem(identity.CodeUnsupportedMediaType, "")
	case status >= http.StatusInternalServerError:
		p := newProblem(identity.CodeInternal, "")
		p.cause = errors.Join(append([]error{errors.New(msg)}, errs...)...)
		return p
	}
	var faults []ProblemError
	for _, err := range errs {
		var found *huma.ErrorDetail
		if errors.As(err, &found) {
			faults = append(faults, invalidField(found))
		}
	}
	p := invalidRequest(faults)
	if len(faults) == 0 && msg != "" {
		p.Detail = sentence(msg)
	}
	return p
}

// invalidRequest returns the document of a request with these faults, in an
// order that does not change.
func invalidRequest(faults []ProblemError) *Problem {
	p := newProblem(identity.CodeInvalidRequest, "")
	p.Errors = append(p.Errors, faults...)
	slices.SortStableFunc(p.Errors, func(a, b ProblemError) int {
		return cmp.Or(cmp.Compare(a.Parameter, b.Parameter), cmp.Compare(pointer(a), pointer(b)), cmp.Compare(a.Detail, b.Detail))
	})
	p.Errors = p.Errors[:min(len(p.Errors), maxProblemErrors)]
	if len(p.Errors) == 1 {
		p.Detail = p.Errors[0].Detail
	} else if len(p.Errors) > 1 {
		p.Detail = "The request is not valid in several places."
	}
	return p
}

func pointer(e ProblemError) string {
	if e.Pointer == nil {
		return ""
	}
	return *e.Pointer
}

// invalidField says in our words what Huma found. Its location reads
// "body.roles[0]" or "query.limit".
func invalidField(d *huma.ErrorDetail) ProblemError {
	place, name, _ := strings.Cut(d.Location, ".")
	if place == "query" || place == "path" {
		name, _, _ = strings.Cut(name, "[") // of a parameter that may be repeated: which of them
		return ProblemError{Parameter: name, Detail: sentence(d.Message)}
	}
	if _, raw := d.Value.(string); d.Location == "body" && raw {
		// The decoder's own words quote the body.
		return bodyError("", "The body is not what this operation takes.")
	}
	if missing, ok := strings.CutPrefix(d.Message, "expected required property "); ok {
		missing = strings.TrimSuffix(missing, " to be present")
		return bodyError(toPointer(d.Location)+"/"+ijson.Escape(missing), "The field is required.")
	}
	if d.Message == "unexpected property" {
		return bodyError(unexpected(d), "The field is not known here.")
	}
	return bodyError(toPointer(d.Location), sentence(d.Message))
}

func bodyError(at, detail string) ProblemError {
	at = ijson.Cut(at)
	return ProblemError{Pointer: &at, Detail: detail}
}

// unexpected returns the pointer of a field that should not be there. Its name
// may hold dots and brackets of its own, which Huma's location cannot tell
// from its own, so it is looked for among the names of the object. The only
// objects in requests that are closed are the bodies themselves.
func unexpected(d *huma.ErrorDetail) string {
	name := ""
	if object, ok := d.Value.(map[string]any); ok {
		for key := range object {
			if strings.HasSuffix(d.Location, "."+key) && len(key) >= len(name) {
				name = key
			}
		}
	}
	return "/" + ijson.Escape(name)
}

// toPointer turns Huma's location within a body into a JSON pointer.
func toPointer(location string) string {
	rest := strings.TrimPrefix(location, "body")
	return strings.NewReplacer("~", "~0", "/", "~1", ".", "/", "[", "/", "]", "").Replace(rest)
}

// sentence makes a validator's phrase read like our own texts.
func sentence(phrase string) string {
	if strings.HasPrefix(phrase, "invalid date/time") {
		phrase = "expected an RFC 3339 time"
	}
	return strings.ToUpper(phrase[:1]) + phrase[1:] + "."
}
