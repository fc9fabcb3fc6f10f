package api

import (
	"net/url"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"usher/identity"
	"usher/internal/ijson"
)

// checkQuery refuses every query that could be read in two ways: parameters
// the operation does not have, ones that are there twice or empty, and what
// does not decode. It names all parameters at fault. What a link was given on
// its way is not for usher, and is passed on.
func checkQuery(x *exchange, r route, _ *call) error {
	raw := humagin.Unwrap(x).Request.URL.RawQuery
	if raw == "" || r.follows() {
		return nil
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return identity.Errorf(identity.CodeInvalidRequest, "The query is not well formed.")
	}
	var faults []ProblemError
	for name, values := range query {
		if fault := queryFault(parameter(x.Operation(), name), values); fault != "" {
			faults = append(faults, ProblemError{Parameter: ijson.Cut(name), Detail: fault})
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return invalidRequest(faults)
}

// queryFault says what is wrong with a parameter, or "".
func queryFault(p *huma.Param, values []string) string {
	switch {
	case p == nil:
		return "The parameter is not known here."
	case len(values) > 1 && p.Schema.Type != huma.TypeArray:
		return "The parameter is there twice."
	case slices.Contains(values, ""):
		return "The parameter is empty."
	case p.Schema.Type == huma.TypeBoolean && values[0] != "true" && values[0] != "false":
		return "Expected true or false."
	}
	return ""
}

// parameter returns a query parameter of an operation, or nil.
func parameter(op *huma.Operation, name string) *huma.Param {
	for _, p := range op.Parameters {
		if p.In == "query" && p.Name == name {
			return p
		}
	}
	return nil
}
