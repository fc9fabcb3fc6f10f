package workos

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"usher/sandbox/stage"
)

const (
	kindJSON = "application/json"

	notProcessed = "Request could not be processed."
	notValid     = "Validation failed."
)

// object is a JSON object.
type object = map[string]any

// reply is an answer before it is written.
type reply = stage.Reply

func empty(status int) reply { return reply{Status: status} }

func jsonReply(status int, v any) reply {
	b, err := json.Marshal(v)
	if err != nil { // not for the plain maps it is given
		b = []byte(`{}`)
	}
	return reply{Status: status, Kind: kindJSON + "; charset=utf-8", Body: b}
}

func ok(v any) reply { return jsonReply(http.StatusOK, v) }

func created(v any) reply { return jsonReply(http.StatusCreated, v) }

// The four shapes of FACTS.md section 2.

// refusal is an error with a code of its own.
func refusal(status int, code string) reply {
	return jsonReply(status, object{"code": code, "message": notProcessed})
}

func badRequest(code string) reply { return refusal(http.StatusBadRequest, code) }

// messageReply is an error with a message alone.
func messageReply(status int, message string) reply {
	return jsonReply(status, object{"message": message})
}

// notFound names what is unknown; kind begins with a capital letter.
func (s *Simulator) notFound(kind, id string) reply {
	m := object{"message": fmt.Sprintf("%s not found: '%s'.", kind, id)}
	if !s.q.NotFoundWithoutCode {
		m["code"], m["entity_id"] = "entity_not_found", id
	}
	return jsonReply(http.StatusNotFound, m)
}

// problem is one item of "errors".
type problem struct {
	Field   string `json:"field,omitempty"`
	Code    string `json:"code"`
	Message string `json:"message,omitempty"`
}

// invalid lists what is wrong with a request.
func invalid(problems ...problem) reply {
	return jsonReply(http.StatusUnprocessableEntity, object{"code": "invalid_request_parameters", "message": notValid, "errors": problems})
}

// failed is a 400 that lists its reasons.
func failed(code string, problems ...problem) reply {
	return jsonReply(http.StatusBadRequest, object{"code": code, "message": notValid, "errors": problems})
}

func oauthError(code string) reply {
	return jsonReply(http.StatusBadRequest, object{"error": code, "error_description": "The request failed due to: " + code + "."})
}

// stamp is the vendor's form of a time.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// stampOrNull is null for the zero time.
func stampOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return stamp(t)
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
