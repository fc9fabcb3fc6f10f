package issuer

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

const maxBody = 64 << 10

// oauthError is an error answer of RFC 6749 section 5.2.
type oauthError struct {
	status      int
	code        string
	description string
}

// Error implements error.
func (e *oauthError) Error() string { return e.code + ": " + e.description }

func (i *Issuer) routes(path string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("GET /jwks", i.jwks)
	mux.HandleFunc("POST /token", i.token)
	mux.HandleFunc("POST /_sandbox/rotate", i.rotate)
	mux.HandleFunc("/", notFound)
	below := http.StripPrefix(path, mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, path+"/") {
			notFound(w, r)
			return
		}
		below.ServeHTTP(w, r)
	})
}

// ServeHTTP implements http.Handler.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	i.handler.ServeHTTP(w, r)
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	writeError(w, &oauthError{http.StatusNotFound, "not_found", "There is nothing at this path and method."})
}

func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                i.url,
		"jwks_uri":                              i.url + "/jwks",
		"token_endpoint":                        i.url + "/token",
		"grant_types_supported":                 []string{"client_credentials"},
		"response_types_supported":              []string{"none"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"},
	})
}

func (i *Issuer) jwks(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, i.publicKeys())
}

func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	answer, err := i.grant(r)
	if err != nil {
		writeError(w, err)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

func (i *Issuer) grant(r *http.Request) (map[string]any, error) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/x-www-form-urlencoded" {
		return nil, &oauthError{http.StatusBadRequest, "invalid_request", "The body must be a form."}
	}
	if err := r.ParseForm(); err != nil {
		return nil, &oauthError{http.StatusBadRequest, "invalid_request", "The form cannot be read."}
	}
	for name, values := range r.PostForm {
		if len(values) > 1 {
			return nil, &oauthError{http.StatusBadRequest, "invalid_request", "The parameter " + url.QueryEscape(name) + " is there twice."}
		}
	}
	client, err := i.authenticate(r)
	if err != nil {
		return nil, err
	}
	switch r.PostForm.Get("grant_type") {
	case "client_credentials":
	case "":
		return nil, &oauthError{http.StatusBadRequest, "invalid_request", "grant_type is missing."}
	default:
		return nil, &oauthError{http.StatusBadRequest, "unsupported_grant_type", "Only client_credentials is offered."}
	}
	token, scope, err := i.clientToken(client, r.PostForm.Get("scope"))
	if err != nil {
		return nil, err
	}
	answer := map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": int64(i.life.Seconds())}
	if scope != "" {
		answer["scope"] = scope
	}
	return answer, nil
}

// authenticate finds the client by Basic authentication (RFC 6749 section
// 2.3.1: both parts are form-encoded) or by the form, never by both.
func (i *Issuer) authenticate(r *http.Request) (Client, error) {
	refused := &oauthError{http.StatusUnauthorized, "invalid_client", "Unknown client or wrong secret."}
	id, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	if r.Header.Get("Authorization") != "" {
		if secret != "" {
			return Client{}, &oauthError{http.StatusBadRequest, "invalid_request", "The client authenticates twice."}
		}
		user, password, ok := r.BasicAuth()
		if !ok {
			return Client{}, refused
		}
		var err, err2 error
		user, err = url.QueryUnescape(user)
		secret, err2 = url.QueryUnescape(password)
		if err != nil || err2 != nil || (id != "" && id != user) {
			return Client{}, refused
		}
		id = user
	}
	client, ok := i.clients[id]
	// The unknown client's comparison is made all the same, against nothing.
	same := sameSecret(secret, client.Secret)
	if !ok || !same {
		return Client{}, refused
	}
	return client, nil
}

func sameSecret(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// rotate answers POST /_sandbox/rotate. The body {"drop": true} takes the
// older keys out of the key set as well; no body keeps them.
func (i *Issuer) rotate(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Drop bool `json:"drop"`
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil && !errors.Is(err, io.EOF) {
		writeError(w, &oauthError{http.StatusBadRequest, "invalid_request", "The body must be a JSON object with drop, or empty."})
		return
	}
	if err := i.Rotate(body.Drop); err != nil {
		writeError(w, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"kid": i.KeyID()})
}

func writeError(w http.ResponseWriter, err error) {
	var e *oauthError
	if !errors.As(err, &e) {
		e = &oauthError{http.StatusInternalServerError, "server_error", "The token could not be made."}
	}
	if e.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="sandbox"`)
	}
	writeJSON(w, e.status, map[string]string{"error": e.code, "error_description": e.description})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, `{"error":"server_error"}`, http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
}
