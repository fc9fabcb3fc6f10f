package asgardeo

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

const maxBulkOperations = 1000

type bulkRequest struct {
	FailOnErrors int             `json:"failOnErrors"`
	Operations   []bulkOperation `json:"Operations"`
}

type bulkOperation struct {
	Method string          `json:"method"`
	Path   string          `json:"path"`
	BulkID string          `json:"bulkId"`
	Data   json.RawMessage `json:"data"`
}

// bulk runs the operations of one request: users first, then groups, then
// roles, whatever the order sent; the whole answers 200 even if all fail
// (FACTS.md sections 12 and 16).
func (s *Simulator) bulk(c *call) reply {
	var in bulkRequest
	if json.Unmarshal(c.body, &in) != nil {
		return s.refuse(unreadable())
	}
	if len(in.Operations) > maxBulkOperations {
		return s.scimError(http.StatusRequestEntityTooLarge, "tooLarge", "The number of operations exceeds the maximum of 1000.")
	}
	ops := slices.Clone(in.Operations)
	slices.SortStableFunc(ops, func(a, b bulkOperation) int { return bulkRank(a.Path) - bulkRank(b.Path) })
	made := map[string]string{}
	var results []map[string]any
	failed := 0
	for _, op := range ops {
		if in.FailOnErrors > 0 && failed >= in.FailOnErrors {
			break
		}
		p := s.bulkOne(c, op, made)
		result := map[string]any{"method": op.Method, "status": map[string]any{"code": p.Status}}
		if op.BulkID != "" {
			result["bulkId"] = op.BulkID
		}
		if location := p.Header["Location"]; location != "" {
			result["location"] = location
			made[op.BulkID] = location[strings.LastIndexByte(location, '/')+1:]
		}
		if p.Status >= http.StatusBadRequest {
			failed++
			result["response"] = string(p.Body)
		}
		results = append(results, result)
	}
	return s.scimReply(http.StatusOK, map[string]any{
		"schemas":    []string{"urn:ietf:params:scim:api:messages:2.0:BulkResponse"},
		"Operations": append([]map[string]any{}, results...),
	})
}

func bulkRank(path string) int {
	switch {
	case strings.HasPrefix(path, "/Users"):
		return 0
	case strings.HasPrefix(path, "/Groups"):
		return 1
	}
	return 2
}

// bulkOne hands one operation to the function of its route. The bulk scope
// stands for the scopes of the routes.
func (s *Simulator) bulkOne(c *call, op bulkOperation, made map[string]string) reply {
	replace := func(text string) string {
		for bulkID, id := range made {
			if bulkID != "" {
				text = strings.ReplaceAll(text, "bulkId:"+bulkID, id)
			}
		}
		return text
	}
	inner := &call{r: c.r.Clone(c.r.Context()), base: c.base, tenant: c.tenant, orgPath: c.orgPath, family: c.family,
		token: c.token, org: c.org, rest: "/scim2" + replace(op.Path), body: []byte(replace(string(op.Data)))}
	inner.r.Method = strings.ToUpper(op.Method)
	if inner.r.Method == http.MethodGet || strings.HasPrefix(op.Path, "/Bulk") || strings.Contains(op.Path, ".search") {
		return s.scimError(http.StatusBadRequest, "invalidSyntax", "The operation cannot be part of a bulk request.")
	}
	rt, p := s.match(inner)
	if rt != nil {
		p = rt.do(inner)
	}
	c.outbox = append(c.outbox, inner.outbox...)
	return p
}
