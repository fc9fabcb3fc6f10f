package asgardeo

import (
	"net/http"
	"time"
)

// operation is one piece of asynchronous work and what became of it.
type operation struct {
	id, correlation, kind, subject, org, user, policy, status string
	created, modified                                         time.Time
	units                                                     []*unit
}

// unit is an operation's work for one user and organization.
type unit struct {
	id, operation, resident, org, orgName, status, message string
	created                                                time.Time
}

func (s *Simulator) newOperation(c *call, kind, policy string) *operation {
	now := s.clock.Now()
	return &operation{id: s.newID(), correlation: newCode(), kind: kind, subject: "USER", org: c.org, user: c.token.subject(),
		policy: policy, status: "IN_PROGRESS", created: now, modified: now}
}

func (o *operation) counts() (success, failed, partial int) {
	for _, u := range o.units {
		switch u.status {
		case "SUCCESS":
			success++
		case "FAILED":
			failed++
		default:
			partial++
		}
	}
	return success, failed, partial
}

func (o *operation) finish(now time.Time) {
	success, failed, partial := o.counts()
	o.modified = now
	switch {
	case failed+partial == 0:
		o.status = "SUCCESS"
	case success+partial == 0:
		o.status = "FAILED"
	default:
		o.status = "PARTIALLY_COMPLETED"
	}
}

func (o *operation) json() map[string]any {
	success, failed, partial := o.counts()
	m := map[string]any{
		"operationId": o.id, "correlationId": o.correlation, "operationType": o.kind, "subjectType": o.subject, "subjectId": o.user,
		"initiatedOrgId": o.org, "initiatedUserId": o.user, "status": o.status, "createdTime": stamp(o.created), "modifiedTime": stamp(o.modified),
		"unitOperationDetail": map[string]any{"ref": "/api/server/v1/async-operations/" + o.id + "/unit-operations?limit=10",
			"summary": map[string]any{"success": success, "failed": failed, "partiallyCompleted": partial}},
	}
	if o.policy != "" {
		m["policy"] = o.policy
	}
	return m
}

func (u *unit) json() map[string]any {
	return map[string]any{"unitOperationId": u.id, "operationId": u.operation, "residentResourceId": u.resident, "targetOrgId": u.org,
		"targetOrgName": u.orgName, "status": u.status, "statusMessage": u.message, "createdTime": stamp(u.created)}
}

func asyncError(status int, code, message string) reply {
	return apiError(status, code, message, message)
}

func (s *Simulator) listOperations(c *call) reply {
	keep, err := filterBy(s, c.query("filter"), func(path string) func(*operation) string {
		switch path {
		case "correlationId":
			return func(o *operation) string { return o.correlation }
		case "operationType":
			return func(o *operation) string { return o.kind }
		case "subjectType":
			return func(o *operation) string { return o.subject }
		case "initiatedOrgId":
			return func(o *operation) string { return o.org }
		case "initiatedUserId":
			return func(o *operation) string { return o.user }
		}
		return nil
	})
	var all []*operation
	for i := len(s.operations) - 1; i >= 0 && err == nil; i-- { // newest first
		if o := s.operations[i]; o.org == c.org && keep(o) {
			all = append(all, o)
		}
	}
	page, links, code := cursorPage(c, all, func(o *operation) string { return o.id })
	if err != nil || code != "" {
		return asyncError(http.StatusBadRequest, "ASYNC-STATUS-60001", "Invalid filter, limit or cursor.")
	}
	rows := []map[string]any{}
	for _, o := range page {
		rows = append(rows, o.json())
	}
	m := map[string]any{"operations": rows}
	if len(links) > 0 {
		m["links"] = links
	}
	return jsonReply(http.StatusOK, m)
}

func (s *Simulator) operation(c *call) *operation {
	return find(s.operations, func(o *operation) bool { return o.id == c.params["id"] && o.org == c.org })
}

func noOperation() reply {
	return asyncError(http.StatusNotFound, "ASYNC-STATUS-60002", "The operation does not exist.")
}

func (s *Simulator) getOperation(c *call) reply {
	if o := s.operation(c); o != nil {
		return jsonReply(http.StatusOK, o.json())
	}
	return noOperation()
}

func (s *Simulator) listUnits(c *call) reply {
	o := s.operation(c)
	if o == nil {
		return asyncError(http.StatusBadRequest, "ASYNC-STATUS-60002", "The operation does not exist.")
	}
	keep, err := filterBy(s, c.query("filter"), func(path string) func(*unit) string {
		switch path {
		case "residentResourceId":
			return func(u *unit) string { return u.resident }
		case "targetOrgId":
			return func(u *unit) string { return u.org }
		case "status":
			return func(u *unit) string { return u.status }
		}
		return nil
	})
	if err != nil {
		return asyncError(http.StatusBadRequest, "ASYNC-STATUS-60001", "Invalid filter, limit or cursor.")
	}
	rows := []map[string]any{}
	for _, u := range o.units {
		if keep(u) {
			rows = append(rows, u.json())
		}
	}
	return jsonReply(http.StatusOK, map[string]any{"unitOperations": rows})
}

func (s *Simulator) getUnit(c *call) reply {
	if o := s.operation(c); o != nil {
		if u := find(o.units, func(u *unit) bool { return u.id == c.params["unit"] }); u != nil {
			return jsonReply(http.StatusOK, u.json())
		}
	}
	return noOperation()
}
