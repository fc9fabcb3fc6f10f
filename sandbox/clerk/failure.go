package clerk

import (
	"encoding/json"
	"net/http"
	"strings"
)

const (
	typeJSON = "application/json" // exactly: the vendor's SDK compares it so
	typeHTML = "text/html; charset=utf-8"
	typeText = "text/plain; charset=utf-8"
)

// apiError is one entry of the envelope (FACTS.md section 2).
type apiError struct {
	Code        string         `json:"code"`
	Message     string         `json:"message"`
	LongMessage string         `json:"long_message"`
	Meta        map[string]any `json:"meta,omitempty"`
}

// failure is an answer other than 200.
type failure struct {
	status int
	errors []apiError
	header map[string]string
	kind   string // with body: instead of the envelope
	body   []byte
}

// statuses are the codes the simulator answers with, and their statuses.
func statuses() map[string]int {
	return map[string]int{
		"api_version_invalid": 400, "request_body_invalid": 400, "bulk_size_exceeded": 400,
		"organization_invitation_not_unique": 400, "duplicate_record": 400, "already_a_member_in_organization": 400,
		"invitation_already_revoked": 400, "invitation_already_accepted": 400, "revoked_invitation": 400,
		"invitations_not_supported": 400, "organization_minimum_permissions_needed": 400,
		"organization_creator_not_found": 400, "dev_monthly_email_limit_exceeded": 400, "password_not_set": 400,
		"ticket_expired_code": 400, "ticket_invalid_code": 400, "organization_invitation_revoked_code": 400,
		"organization_invitation_already_accepted": 400, "organization_invitation_to_deleted_organization": 400,

		"clerk_key_invalid": 401, "authentication_invalid": 401, "authorization_header_format_invalid": 401,
		"insufficient_seats": 402,

		"authorization_invalid": 403, "invitations_not_supported_in_organization": 403, "organization_not_enabled_in_instance": 403,
		"organization_membership_quota_exceeded": 403, "not_a_member_in_organization": 403, "missing_organization_permission": 403,
		"user_quota_exceeded": 403, "not_allowed_access": 403, "organization_slugs_disabled": 403,

		"resource_not_found": 404, "organization_not_found_or_unauthorized": 404,
		"organization_invitation_not_pending": 404, "organization_invitation_not_found": 404,

		"organization_membership_managed_by_scim": 409, "conflict": 409,
		"request_body_too_large": 413, "unsupported_content_type": 415,

		"form_param_missing": 422, "form_param_nil": 422, "form_param_format_invalid": 422, "form_param_value_invalid": 422,
		"form_param_type_invalid": 422, "form_param_unknown": 422, "form_param_duplicate": 422, "form_param_value_too_large": 422,
		"form_param_max_length_exceeded": 422, "form_identifier_exists": 422, "form_data_missing": 422,
		"form_password_pwned": 422, "form_password_length_too_short": 422, "form_password_digest_invalid_code": 422,
		"incorrect_password": 422, "exclusive_organization_membership": 422, "organization_role_assigned_members": 422,
		"organization_role_exists_in_invitations": 422, "organization_role_used_as_default": 422,

		"too_many_requests": 429, "internal_clerk_error": 500,
	}
}

// refuse is a failure with one error; meta are names and values.
func refuse(code, long string, meta ...any) *failure {
	return &failure{status: statuses()[code], errors: []apiError{newError(code, long, meta...)}}
}

func newError(code, long string, meta ...any) apiError {
	e := apiError{Code: code, Message: strings.ReplaceAll(code, "_", " "), LongMessage: long}
	for i := 0; i+1 < len(meta); i += 2 {
		if e.Meta == nil {
			e.Meta = map[string]any{}
		}
		e.Meta[meta[i].(string)] = meta[i+1]
	}
	return e
}

func invalid(param, long string) *failure {
	return refuse("form_param_value_invalid", long, "param_name", param)
}

func badFormat(param, long string) *failure {
	return refuse("form_param_format_invalid", long, "param_name", param)
}

func notFound(what string, meta ...any) *failure {
	return refuse("resource_not_found", "The given "+what+" was not found.", meta...)
}

func (f *failure) with(name, value string) *failure {
	if f.header == nil {
		f.header = map[string]string{}
	}
	f.header[name] = value
	return f
}

func (f *failure) write(w http.ResponseWriter) {
	trace := newTraceID()
	kind, body := f.kind, f.body
	if kind == "" {
		kind = typeJSON
		body, _ = json.Marshal(map[string]any{"errors": f.errors, "meta": map[string]any{}, "clerk_trace_id": trace}) //nolint:errchkjson // plain values
	}
	for name, value := range f.header {
		w.Header().Set(name, value)
	}
	w.Header().Set("Clerk-Trace-Id", trace)
	send(w, f.status, kind, body)
}

func send(w http.ResponseWriter, status int, kind string, body []byte) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	w.Write(body) //nolint:errcheck // the client is gone
}
