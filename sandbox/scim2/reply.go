package scim2

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
)

const (
	kindSCIM = "application/scim+json"
	kindJSON = "application/json"

	urnError        = "urn:ietf:params:scim:api:messages:2.0:Error"
	urnList         = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	urnPatch        = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	urnSearch       = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
	urnBulkRequest  = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
	urnBulkResponse = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
)

// The scimType keywords of RFC 7644 section 3.12, table 9, that are used here.
const (
	invalidFilter = "invalidFilter"
	invalidPath   = "invalidPath"
	invalidSyntax = "invalidSyntax"
	invalidValue  = "invalidValue"
	mutability    = "mutability"
	noTarget      = "noTarget"
	uniqueness    = "uniqueness"
)

// problem is a refusal on its way to a reply.
type problem struct {
	status           int
	scimType, detail string
}

// bad is a 400 with a scimType.
func bad(scimType, format string, args ...any) *problem {
	return &problem{http.StatusBadRequest, scimType, fmt.Sprintf(format, args...)}
}

// reply is an answer before it is written.
type reply struct {
	status int
	kind   string
	header map[string]string
	value  any // what body encodes
	body   []byte
}

func (p reply) with(name, value string) reply {
	h := maps.Clone(p.header)
	if h == nil {
		h = map[string]string{}
	}
	h[name] = value
	p.header = h
	return p
}

func (p reply) write(w http.ResponseWriter) {
	for name, value := range p.header {
		w.Header().Set(name, value)
	}
	if len(p.body) > 0 {
		w.Header().Set("Content-Type", p.kind)
		w.Header().Set("Content-Length", strconv.Itoa(len(p.body)))
	}
	w.WriteHeader(p.status)
	w.Write(p.body) //nolint:errcheck // the client is gone
}

func empty(status int) reply { return reply{status: status} }

// answer is a SCIM answer. Encoding cannot fail for the plain maps it is given.
func (s *Simulator) answer(status int, v any) reply {
	body, err := json.Marshal(v)
	if err != nil {
		body = []byte(`{}`)
	}
	p := reply{status: status, kind: kindSCIM, value: v, body: body}
	if s.q.AsJSON {
		p.kind = kindJSON
	}
	return p
}

// fail is the error of RFC 7644 section 3.12, where status is a string.
func (s *Simulator) fail(p *problem) reply {
	m := map[string]any{"schemas": []string{urnError}, "status": strconv.Itoa(p.status), "detail": p.detail}
	if s.q.NumericStatus {
		m["status"] = p.status
	}
	if p.scimType != "" {
		m["scimType"] = p.scimType
	}
	return s.answer(p.status, m)
}
