package scim2

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// bulkOperation is one operation of a bulk request, and what became of it.
type bulkOperation struct {
	method, path, bulkID, version string
	data                          string
	waits                         []string // bulkIds that it names
	result                        map[string]any
}

// bulk runs many operations (RFC 7644 section 3.7). They run in the order sent,
// but for those that name the bulkId of one that has not run yet: these wait.
// What waits for each other in a circle is refused with 409 (section 3.7.1).
func (s *Simulator) bulk(c *call) reply {
	if s.q.NoBulk {
		return s.fail(&problem{http.StatusNotImplemented, "", "Bulk is not supported."})
	}
	if len(c.body) > s.q.MaxPayload {
		return s.fail(&problem{http.StatusRequestEntityTooLarge, "", fmt.Sprintf("The request is larger than maxPayloadSize (%d).", s.q.MaxPayload)})
	}
	m, p := s.message(c.body, urnBulkRequest)
	if p != nil {
		return s.fail(p)
	}
	ops, p := s.readBulk(m)
	if p != nil {
		return s.fail(p)
	}
	limit, _ := field(m, "failOnErrors").(float64)
	s.runBulk(c, ops, int(limit))
	results := []any{}
	for _, op := range ops {
		if op.result != nil {
			results = append(results, op.result)
		}
	}
	return s.answer(http.StatusOK, map[string]any{"schemas": []string{urnBulkResponse}, "Operations": results})
}

func (s *Simulator) readBulk(m map[string]any) ([]*bulkOperation, *problem) {
	list, ok := field(m, "Operations").([]any)
	if !ok || len(list) == 0 {
		return nil, bad(invalidSyntax, "A bulk request needs Operations.")
	}
	if len(list) > s.q.MaxOperations {
		return nil, &problem{http.StatusRequestEntityTooLarge, "", fmt.Sprintf("There are more operations than maxOperations (%d).", s.q.MaxOperations)}
	}
	var out []*bulkOperation
	reference := references()
	known := map[string]bool{}
	for _, item := range list {
		m, ok := item.(map[string]any)
		if !ok {
			return nil, bad(invalidSyntax, "An operation has to be an object.")
		}
		op := &bulkOperation{}
		for name, into := range map[string]*string{"method": &op.method, "path": &op.path, "bulkId": &op.bulkID, "version": &op.version} {
			*into, _ = field(m, name).(string)
		}
		op.method = strings.ToUpper(op.method)
		data, err := json.Marshal(field(m, "data"))
		if err != nil {
			return nil, bad(invalidSyntax, "The data of an operation cannot be read.")
		}
		op.data = string(data)
		if op.bulkID != "" && known[op.bulkID] {
			return nil, bad(invalidValue, "The bulkId %s is there twice.", op.bulkID)
		}
		known[op.bulkID] = true
		for _, found := range reference.FindAllStringSubmatch(op.path+"/"+op.data, -1) {
			op.waits = append(op.waits, found[1])
		}
		out = append(out, op)
	}
	return out, nil
}

// references finds "bulkId:…" in paths and data.
func references() *regexp.Regexp { return regexp.MustCompile(`bulkId:([^"/\\\]]+)`) }

// runBulk runs operations until all are done or failOnErrors have failed.
func (s *Simulator) runBulk(c *call, ops []*bulkOperation, limit int) {
	ids := map[string]string{} // of what was made, by bulkId
	failed := 0
	finish := func(op *bulkOperation, p reply, made string) bool {
		s.settleBulk(c, op, p)
		if made != "" {
			ids[op.bulkID] = made
		}
		if p.status >= http.StatusBadRequest {
			failed++
		}
		return limit > 0 && failed >= limit
	}
	for progress := true; progress; {
		progress = false
		for _, op := range ops {
			if op.result != nil || !ready(op, ops) {
				continue
			}
			progress = true
			p := s.runOne(c, op, ids)
			if finish(op, p, createdID(p)) {
				return
			}
		}
	}
	for _, op := range ops {
		if op.result == nil && finish(op, s.fail(&problem{http.StatusConflict, "", "The operations wait for each other."}), "") {
			return
		}
	}
}

// ready tells whether all operations whose bulkId one names have run.
func ready(op *bulkOperation, ops []*bulkOperation) bool {
	for _, id := range op.waits {
		for _, other := range ops {
			if other.bulkID == id && other.result == nil {
				return false
			}
		}
	}
	return true
}

func createdID(p reply) string {
	if p.status != http.StatusCreated {
		return ""
	}
	return p.header["Location"][strings.LastIndexByte(p.header["Location"], '/')+1:]
}

// runOne hands one operation to the function of its route.
func (s *Simulator) runOne(c *call, op *bulkOperation, ids map[string]string) reply {
	for _, id := range op.waits {
		if ids[id] == "" {
			return s.fail(bad(invalidValue, "The bulkId %s made nothing.", id))
		}
	}
	known := func(name string) string { return ids[strings.TrimPrefix(name, "bulkId:")] }
	path := references().ReplaceAllStringFunc(op.path, known)
	data := references().ReplaceAllStringFunc(op.data, known)
	resource := strings.HasPrefix(path, "/Users") || strings.HasPrefix(path, "/Groups")
	if !resource || op.method == http.MethodGet || strings.HasSuffix(path, "/.search") || op.method == http.MethodPost && op.bulkID == "" {
		return s.fail(bad(invalidSyntax, "The operation cannot be part of a bulk request."))
	}
	target, err := url.Parse(path)
	if err != nil {
		return s.fail(bad(invalidPath, "The path cannot be read."))
	}
	rt, params, refused := s.match(op.method, target.Path)
	if rt == nil {
		return refused
	}
	r := c.r.Clone(c.r.Context())
	r.Method, r.URL = op.method, target
	r.Header.Del("If-Match")
	if op.version != "" {
		r.Header.Set("If-Match", op.version)
	}
	return rt.do(&call{r: r, base: c.base, params: params, body: []byte(data)})
}

// settleBulk notes what became of an operation; only a failed POST has no
// location (section 3.7.3).
func (s *Simulator) settleBulk(c *call, op *bulkOperation, p reply) {
	op.result = map[string]any{"method": op.method, "status": strconv.Itoa(p.status)}
	if s.q.NumericStatus {
		op.result["status"] = p.status
	}
	if op.bulkID != "" {
		op.result["bulkId"] = op.bulkID
	}
	if p.header["ETag"] != "" {
		op.result["version"] = p.header["ETag"]
	}
	if location := p.header["Location"]; location != "" {
		op.result["location"] = location
	} else if op.method != http.MethodPost {
		op.result["location"] = c.base + op.path
	}
	if p.status >= http.StatusBadRequest {
		op.result["response"] = p.value
	}
}
