package asgardeo

import (
	"encoding/json"
	"net/http"
	"strconv"

	"usher/sandbox/stage"
)

const (
	kindSCIM = "application/scim+json"
	kindJSON = "application/json"
	kindText = "text/plain; charset=utf-8"
	kindHTML = "text/html; charset=utf-8"

	schemaError = "urn:ietf:params:scim:api:messages:2.0:Error"
	schemaList  = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
)

// reply is an answer before it is written.
type reply = stage.Reply

func empty(status int) reply { return reply{Status: status} }

func jsonReply(status int, v any) reply {
	return reply{Status: status, Kind: kindJSON, Body: encode(v)}
}

// encode cannot fail for the plain maps and structs it is given.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte(`{}`)
	}
	return b
}

func (s *Simulator) scimReply(status int, v any) reply {
	p := jsonReply(status, v)
	if !s.q.SCIMAsJSON {
		p.Kind = kindSCIM
	}
	return p
}

// scimError is an error of the SCIM layer: status is a string there (FACTS.md section 11).
func (s *Simulator) scimError(status int, scimType, detail string) reply {
	return s.scimEnvelope(status, strconv.Itoa(status), scimType, detail)
}

func (s *Simulator) scimEnvelope(status int, shown any, scimType, detail string) reply {
	m := map[string]any{"schemas": []string{schemaError}, "status": shown, "detail": detail}
	if s.q.SCIMErrorsSchemasText {
		m["schemas"] = schemaError
	}
	if scimType != "" {
		m["scimType"] = scimType
	}
	return s.scimReply(status, m)
}

func (s *Simulator) notFound(what string) reply {
	return s.scimError(http.StatusNotFound, "", "Specified resource (e.g., "+what+") or endpoint does not exist.")
}

// apiError is an error of the server APIs.
func apiError(status int, code any, message, description string) reply {
	return jsonReply(status, map[string]any{"code": code, "message": message, "description": description, "traceId": newCode()})
}

func oauthError(status int, code, description string) reply {
	return jsonReply(status, map[string]string{"error": code, "error_description": description}).
		With("Cache-Control", "no-store").With("Pragma", "no-cache")
}

// refusal is an error of the authentication layer, before any API is reached.
// Its numbers are numbers, and the URI test knows /scim2 only right after the
// tenant, so that /o/scim2 gets the other envelope (FACTS.md section 11).
func (s *Simulator) refusal(c *call, status int, description string) reply {
	var p reply
	if c.family == "scim2" && (!c.orgPath || s.q.OrgSCIMAuthEnvelope) {
		p = s.scimEnvelope(status, status, "", description)
	} else {
		p = apiError(status, status, http.StatusText(status), description)
	}
	if status == http.StatusUnauthorized {
		p = p.With("WWW-Authenticate", `Bearer realm="asgardeo"`)
	}
	return p
}
