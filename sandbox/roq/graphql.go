package roq

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strings"

	graphql "github.com/graph-gophers/graphql-go"
	gqlerrors "github.com/graph-gophers/graphql-go/errors"
)

// root has a method for each field of Query and Mutation.
type root struct{ s *Simulator }

// parse binds the resolvers to a schema. That they fit is a matter of the
// source alone.
func (s *Simulator) parse(schema string) *graphql.Schema {
	return graphql.MustParseSchema(schema, &root{s}, graphql.UseFieldResolvers(), graphql.Logger(engineLog{s}))
}

// engineLog tells of resolvers that panicked; their callers see an INTERNAL_ERROR.
type engineLog struct{ s *Simulator }

// LogPanic implements log.Logger.
func (l engineLog) LogPanic(ctx context.Context, value any) {
	l.s.log.ErrorContext(ctx, "roq sandbox: a resolver panicked", "panic", value)
}

func (s *Simulator) serverGraphQL(c *call) reply {
	failed := s.credentials(c)
	if failed == nil {
		c.actor, failed = s.bearer(c)
	}
	return s.graphQL(c, failed)
}

// clientGraphQL is for users' own tokens.
func (s *Simulator) clientGraphQL(c *call) reply {
	var failed *failure
	c.client = true
	if c.actor, failed = s.bearer(c); failed == nil && c.actor == nil {
		failed = unauthorized(codeInvalidToken, messageInvalidToken)
	}
	return s.graphQL(c, failed)
}

func (s *Simulator) graphQL(c *call, failed *failure) reply {
	if failed != nil {
		if s.q.AuthAsHTTP {
			return httpError(failed.status, failed.message)
		}
		return s.envelope(nil, []*gqlerrors.QueryError{{Message: failed.message, ResolverError: failed, Extensions: failed.Extensions()}})
	}
	kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return httpError(http.StatusBadRequest, "POST body missing, or not JSON by its Content-Type")
	}
	var in struct {
		Query         *string        `json:"query"`
		Variables     map[string]any `json:"variables"`
		OperationName *string        `json:"operationName"`
	}
	if err := json.Unmarshal(c.body, &in); err != nil {
		return httpError(http.StatusBadRequest, "The request body cannot be read")
	}
	if in.Query == nil || *in.Query == "" {
		return httpError(http.StatusBadRequest, "The request body has no query")
	}
	name := ""
	if in.OperationName != nil {
		name = *in.OperationName
	}
	schema := s.schema
	if s.q.V1Only {
		schema = s.older
	}
	// What has begun is done, also when the client has gone.
	ctx := context.WithValue(context.WithoutCancel(c.r.Context()), callKey{}, c)
	out := schema.Exec(ctx, *in.Query, name, in.Variables)
	return s.envelope(out.Data, out.Errors)
}

type callKey struct{}

// callOf is the call that a resolver works for.
func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// envelope writes data and errors as FACTS.md section 6 has them.
func (s *Simulator) envelope(data json.RawMessage, errs []*gqlerrors.QueryError) reply {
	if len(errs) == 0 {
		return jsonReply(http.StatusOK, map[string]any{"data": data})
	}
	out, status, unfit := map[string]any{"data": json.RawMessage("null")}, 0, false
	for _, e := range errs {
		if e.ResolverError == nil && len(e.Path) == 0 {
			unfit = true
			e.Extensions = s.validationExtensions(e)
		} else if e.Extensions == nil {
			f := &failure{status: http.StatusInternalServerError, code: codeInternal, message: messageInternal}
			e.Message, e.Extensions = f.message, f.Extensions()
		}
		if f := new(failure); status == 0 && errors.As(e.ResolverError, &f) {
			status = f.status
		}
	}
	out["errors"] = errs
	switch {
	case unfit:
		delete(out, "data")
		return jsonReply(s.q.ValidationStatus, out)
	case data != nil:
		out["data"] = data
	}
	if !s.q.ErrorStatusAsHTTP {
		status = http.StatusOK
	}
	if status == 0 {
		status = http.StatusInternalServerError
	}
	return jsonReply(status, out)
}

// validationExtensions tell of a document, or of variables, that do not fit
// the schema.
func (s *Simulator) validationExtensions(e *gqlerrors.QueryError) map[string]any {
	code := codeValidation
	// The engine finds most values of a wrong type without naming a rule.
	if e.Rule == "VariablesOfCorrectType" || e.Rule == "" && !errors.Is(e, gqlerrors.ErrSyntax) {
		code = s.q.VariableErrorCode
	}
	return map[string]any{"code": code, "response": map[string]any{
		"statusCode": http.StatusBadRequest, "error": "ValidationError", "errorCode": codeValidation,
		"message": strings.TrimSpace(e.Message), "variables": map[string]any{},
	}}
}

// may says whether the caller may use a root field. A service account may do
// everything; a user what one of his roles permits.
func (r *root) may(ctx context.Context, field string) (*call, error) {
	c := callOf(ctx)
	if c.actor == nil {
		return c, nil
	}
	if c.client && (field == "assignRolesToUser" || field == "unassignRolesFromUser") {
		return c, forbidden(field) // for servers alone (FACTS.md section 5)
	}
	for _, role := range r.s.rolesOf(c.actor) {
		if role.permits(field) {
			return c, nil
		}
	}
	return c, forbidden(field)
}

// sees reports whether what belongs to a tenant is there for the caller: a
// user acts within his own.
func (c *call) sees(tenantID *string) bool { return c.actor == nil || same(c.actor.tenant, tenantID) }
