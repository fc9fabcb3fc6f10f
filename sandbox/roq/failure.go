package roq

import (
	"fmt"
	"net/http"
	"strings"
)

// Error codes of FACTS.md sections 3, 4 and 6.
const (
	codeMissingAuth        = "MISSING_AUTH"
	codeInvalidAuthHeader  = "INVALID_AUTH_HEADER"
	codeInvalidToken       = "INVALID_TOKEN"
	codeInvalidCredentials = "INVALID_CREDENTIALS"
	codeForbidden          = "FORBIDDEN"
	codeInvalidUUID        = "INVALID_UUID"
	codeIsEmail            = "IS_EMAIL"
	codeIsNotEmpty         = "IS_NOT_EMPTY"
	codeInternal           = "INTERNAL_ERROR"
	codeValidation         = "GRAPHQL_VALIDATION_FAILED"
	codeBadInput           = "BAD_USER_INPUT"

	codeInviteExists     = "USER_INVITE_ALREADY_EXIST"
	codeAlreadyInvited   = "USER_ALREADY_INVITED"
	codeAlreadySent      = "USER_INVITE_ALREADY_SENT"
	codeUserExists       = "USER_ALREADY_EXISTS"
	codeBulkLimit        = "BULK_USER_INVITE_LIMIT_EXCEEDED"
	codeResendFailed     = "USER_INVITE_RESENDING_FAILED"
	codeCancelFailed     = "USER_INVITE_CANCELLATION_FAILED"
	codeAcceptFailed     = "USER_INVITE_ACCEPTANCE_FAILED"
	codeInviteNotFound   = "USER_INVITATION_NOT_FOUND"
	codeAlreadyAccepted  = "USER_INVITE_ALREADY_ACCEPTED"
	codeTokenExpired     = "EXPIRED_USER_TOKEN"
	codeTokenInvalid     = "INVALID_USER_TOKEN"
	codeTokenUnknown     = "USER_TOKEN_NOT_FOUND_IN_DB"
	codeTenantNotFound   = "TENANT_NOT_FOUND"
	codeUserNotFound     = "USER_NOT_FOUND"
	codeRoleNotFound     = "ROLE_NOT_FOUND"
	codeGroupNotFound    = "USER_GROUP_NOT_FOUND"
	messageInternal      = "Something Went Wrong. Please Try Later"
	messageNoPermission  = "You don't have permissions to do this. Please make sure that you have these permission(s): "
	messageInvalidUUID   = "Provided argument should have been a valid uuid"
	messageMissingHeader = "Authorization header is not passed"
	messageInvalidToken  = "Token provided is wrong"
	messageCredentials   = "Credentials are wrong"
)

// failure is one of the vendor's own exceptions.
type failure struct {
	status    int
	code      string
	message   string
	variables map[string]any
}

// Error implements error.
func (f *failure) Error() string { return f.message }

// Extensions is what the engine puts beside the message (FACTS.md section 6).
func (f *failure) Extensions() map[string]any {
	variables := f.variables
	if variables == nil {
		variables = map[string]any{}
	}
	return map[string]any{
		"code": f.graphqlCode(),
		"response": map[string]any{
			"statusCode": f.status, "error": http.StatusText(f.status), "errorCode": f.code, "message": f.message, "variables": variables,
		},
	}
}

// graphqlCode is the HTTP name, but for 400.
func (f *failure) graphqlCode() string {
	if f.status == http.StatusBadRequest {
		return codeBadInput
	}
	return strings.ToUpper(strings.ReplaceAll(http.StatusText(f.status), " ", "_"))
}

func badRequest(code, message string, variables map[string]any) error {
	return &failure{http.StatusBadRequest, code, message, variables}
}

func notFound(code, what, id string) error {
	return &failure{http.StatusNotFound, code, fmt.Sprintf("%s with id %s not found", what, id), map[string]any{"id": id}}
}

func unauthorized(code, message string) *failure {
	return &failure{http.StatusUnauthorized, code, message, nil}
}

func forbidden(permission string) error {
	return &failure{http.StatusForbidden, codeForbidden, messageNoPermission + permission, map[string]any{"resourceId": permission}}
}

func internal() error {
	return &failure{http.StatusInternalServerError, codeInternal, messageInternal, nil}
}

// badInput is a failed check of one input, named by its path.
func badInput(code, path, message string) error {
	property := path[strings.LastIndex(path, ".")+1:]
	return badRequest(code, message, map[string]any{"isValidationError": true, "property": property, "each": false, "propertyPath": path})
}

// checkUUID refuses what is no UUID. The vendor does so for the ids of
// invitations (FACTS.md section 4.4), and here for every id.
func checkUUID(id string) error {
	if !isUUID(id) {
		return badRequest(codeInvalidUUID, messageInvalidUUID, nil)
	}
	return nil
}

func checkEmail(path, address string) error {
	local, domain, ok := strings.Cut(address, "@")
	if !ok || local == "" || strings.ContainsAny(address, " \t\r\n<>,;\"") || strings.Contains(domain, "@") ||
		!strings.Contains(domain, ".") || strings.HasPrefix(domain, ".") || strings.HasSuffix(domain, ".") {
		return badInput(codeIsEmail, path, path[strings.LastIndex(path, ".")+1:]+" must be an email")
	}
	return nil
}

func checkFilled(path, value string) error {
	if strings.TrimSpace(value) == "" {
		return badInput(codeIsNotEmpty, path, path[strings.LastIndex(path, ".")+1:]+" should not be empty")
	}
	return nil
}
