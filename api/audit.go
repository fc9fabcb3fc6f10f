package api

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2/adapters/humagin"

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
	status, known := x.status, requestOf(x.ctx)
	if !finished {
		status, known.code = http.StatusInternalServerError, identity.CodeInternal
	}
	refused := status == http.StatusForbidden || status == http.StatusNotFound
	if a.audit == nil || !c.admitted || !writes(r.method) && !refused {
		return
	}
	e := &audit.Entry{
		Time: known.started.UTC(), RequestID: known.id,
		Source: a.source(humagin.Unwrap(x).Request).String(), Operation: r.id, Organization: known.organization,
		Targets: targets(x, r), Roles: rolesAsked(x.body),
		Status: status, Code: string(known.code), Replayed: known.replayed,
	}
	if p := known.principal; p != nil { // nobody: the holder of a link
		e.Issuer, e.Subject, e.ClientID = p.Issuer, audit.Name(p.Subject), audit.Name(p.ClientID)
	}
	if ref := x.Param("org"); e.Organization == "" && plausibleRef(ref) {
		e.OrganizationRef = ref
	}
	if err := a.audit.Record(e); err != nil {
		a.metrics.unrecorded.Inc()
		a.log.ErrorContext(x.ctx, "a call is missing in the audit record", "request_id", known.id, "operation", r.id,
			"status", status, "error", logged(err.Error()))
	}
}

// targets are what the path names below the organization, and what the answer
// names: a thing that was made, or the invite that a problem is about. The
// secret of a link is no name.
func targets(x *exchange, r route) map[string]string {
	found := map[string]string{}
	for segment := range strings.SplitSeq(r.path, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok && name != "org}" && name != "handle}" {
			name = strings.TrimSuffix(name, "}")
			if id := x.Param(name); plausibleRef(id) {
				found[name] = id
			}
		}
	}
	made := x.header.Get("Location")
	for _, id := range []string{requestOf(x.ctx).invite, made[strings.LastIndexByte(made, '/')+1:]} {
		prefix, _, _ := strings.Cut(id, "_")
		if name, ok := map[string]string{"inv": "invite", "mem": "member", "org": "organization"}[prefix]; ok && plausibleRef(id) {
			found[name] = id
		}
	}
	return found
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
