package contract

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

// The paths of FACTS.md section 2.
const (
	pathServer         = "/v01/server/graphql"
	pathClient         = "/v01/graphql"
	pathServiceAccount = "/v01/authorize/serviceAccount"
	pathUser           = "/v01/authorize"
)

// readToken checks the body of a token call: every one of the keys is text.
func (x *exchange) readToken(body []byte, keys ...string) {
	var in map[string]any
	if err := json.Unmarshal(body, &in); err != nil {
		x.wrong("not a JSON object")
		return
	}
	for _, key := range keys {
		if _, ok := in[key].(string); !ok {
			x.wrong("no %s", key)
		}
	}
}

// token checks the answer of a token call (FACTS.md section 3): an access
// token whose payload an SDK can read.
func (x *exchange) token(status int, _ http.Header, got []byte) (wrong []string, refused bool) {
	if status >= 300 {
		return nestError(status, got), true
	}
	var in map[string]any
	if err := json.Unmarshal(got, &in); err != nil {
		return []string{"not a JSON object"}, false
	}
	for key, value := range in {
		if _, ok := value.(string); !ok || key != "accessToken" && key != "idToken" && key != "refreshToken" {
			wrong = append(wrong, "unknown or not text: "+key)
		}
	}
	token, _ := in["accessToken"].(string)
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return append(wrong, "accessToken is no JWT"), false
	}
	var payload map[string]any
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(raw, &payload) != nil {
		return append(wrong, "accessToken has no payload"), false
	}
	for _, key := range []string{"roqEnvironmentId", "roqUserId", "notificationToken"} {
		if _, ok := payload[key].(string); !ok {
			wrong = append(wrong, "no "+key+" in the payload")
		}
	}
	for _, key := range []string{"iat", "exp"} {
		if _, ok := payload[key].(float64); !ok {
			wrong = append(wrong, "no "+key+" in the payload")
		}
	}
	if len(wrong) == 0 {
		_, operation, _ := strings.Cut(x.name, " ")
		x.v.saw(operation)
	}
	return wrong, false
}

func (v *Validator) saw(operation string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seen[operation] = true
}
