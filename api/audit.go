package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"usher/identity"
	"usher/internal/audit"
)

// maxAuditedRoles is how many of the roles asked for the record names.
const maxAuditedRoles = 50

// record writes the line of a call that has got past authentication and rate:
// of each that writes, and of each that was told that it may not or that there
// is no such thing. It is deferred, and so a panic is recorded too. A line that
// cannot be written stops nobody: what the call did at the vendor is done, and
// is in the ledger with its actor. It is logged as an error and counted.
func (a *API) record(x *exchange, r route, c *call, finished bool) {
	status := outcome(x.ctx, x.status, finished)
	if !c.admitted || !a.recorded(r.method, status) {
		return
	}
	e := a.entry(humagin.Unwrap(x).Request, r.id, status)
	e.Roles = rolesAsked(x.body)
	addTargets(e.Targets, x, r)
	if ref := x.Param("org"); e.Organization == "" && plausibleRef(ref) {
		e.OrganizationRef = ref
	}
	a.enter(x.ctx, e)
}

// recordPage is record for usher's own page, which does for people what an
// operation does.
func (a *API) recordPage(c *gin.Context, operation string, finished bool) {
	ctx := c.Request.Context()
	status := outcome(ctx, c.Writer.Status(), finished)
	if !a.recorded(c.Request.Method, status) {
		return
	}
	e := a.entry(c.Request, operation, status)
	addTarget(e.Targets, requestOf(ctx).invite)
	a.enter(ctx, e)
}

// outcome is the status of an answer. Without one there was a panic.
func outcome(ctx context.Context, status int, finished bool) int {
	if finished {
		return status
	}
	requestOf(ctx).code = identity.CodeInternal
	return http.StatusInternalServerError
}

// recorded reports whether a call leaves a line.
func (a *API) recorded(method string, status int) bool {
	refused := status == http.StatusForbidden || status == http.StatusNotFound
	return a.audit != nil && (writes(method) || refused)
}

// entry is the line of a call, with what is known of every one.
func (a *API) entry(r *http.Request, operation string, status int) *audit.Entry {
	known := requestOf(r.Context())
	e := &audit.Entry{
		Time: known.started.UTC(), RequestID: known.id,
		Source: a.source(r).String(), Operation: operation, Organization: known.organization,
		Targets: map[string]string{},
		Status:  status, Code: string(known.code), Replayed: known.replayed,
	}
	if p := known.principal; p != nil { // nobody: the holder of a link
		e.Issuer, e.Subject, e.ClientID = p.Issuer, audit.Name(p.Subject), audit.Name(p.ClientID)
	}
	return e
}

// enter puts a line into the record.
func (a *API) enter(ctx context.Context, e *audit.Entry) {
	if err := a.audit.Record(e); err != nil {
		a.metrics.unrecorded.Inc()
		a.log.ErrorContext(ctx, "a call is missing in the audit record", "request_id", e.RequestID, "operation", e.Operation,
			"status", e.Status, "error", logged(err.Error()))
	}
}

// addTargets adds what the path names below the organization, and what the
// answer is about: a thing that was made, or an invite. The secret of a link is
// no name.
func addTargets(found map[string]string, x *exchange, r route) {
	for segment := range strings.SplitSeq(r.path, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok && name != "org}" && name != "handle}" {
			name = strings.TrimSuffix(name, "}")
			if id := x.Param(name); plausibleRef(id) {
				found[name] = id
			}
		}
	}
	made := x.header.Get("Location")
	addTarget(found, requestOf(x.ctx).invite)
	addTarget(found, made[strings.LastIndexByte(made, '/')+1:])
}

// addTarget adds a thing by its id, whose prefix tells its kind.
func addTarget(found map[string]string, id string) {
	prefix, _, _ := strings.Cut(id, "_")
	if name, ok := map[string]string{"inv": "invite", "mem": "member", "org": "organization"}[prefix]; ok && plausibleRef(id) {
		found[name] = id
	}
}

// rolesAsked reads the roles out of a body, valid or not. What cannot be a
// portable role is not one, and may be anything.
func rolesAsked(body []byte) []string {
	var asked struct{ Roles []string }
	if len(body) == 0 || json.Unmarshal(body, &asked) != nil {
		return nil
	}
	for n, role := range asked.Roles {
		if !plausibleRef(role) {
			asked.Roles[n] = "?"
		}
	}
	return asked.Roles[:min(len(asked.Roles), maxAuditedRoles)]
}
