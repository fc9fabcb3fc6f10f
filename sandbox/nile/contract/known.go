package contract

import (
	"regexp"

	"usher/internal/contracttest"
)

// known is the table of exemptions, and the only one. Requests among them are
// wrong on purpose: they are there for the refusal.
func known() []contracttest.Exemption {
	re := regexp.MustCompile
	undocumented, noKind := re(`status is not supported`), re(`Content-Type has unexpected value: ""`)
	tenants, reset := re(`/tenants(/|$)`), re(`/auth/reset-password$`)
	return []contracttest.Exemption{
		{Status: 429, Error: undocumented, Reason: "section 11: what stands before the hosted service may refuse"},
		{Status: 401, Error: noKind, Reason: "section 3: without a session the 401 is empty"},
		{Status: 400, Path: tenants, Error: undocumented, Reason: "section 11: malformed ids and what else the database refuses"},
		{Status: 404, Path: tenants, Error: undocumented, Reason: "sections 3 and 11: unknown tenants"},
		{Status: 404, Path: re(`/tenants/\{tenantId\}$`), Error: noKind, Reason: "section 11: unknown tenants, should the hosted service give no text"},
		{Status: 404, Path: re(`/invite$`), Error: noKind, Reason: "sections 5 and 6: unknown tenant, inviter that left"},
		{Status: 400, Path: re(`/invite$`), Method: "PUT", Error: noKind, Reason: "section 6: an empty 400 for who is a member already"},
		{Status: 400, Path: re(`/auth/(csrf|callback/\{provider\})$`), Error: undocumented, Reason: "sections 2 and 7: malformed origin, broken e-mail provider"},
		{Status: 401, Path: re(`/auth/callback`), Error: re(`Content-Type has unexpected value: "application/json"`), Reason: "section 2: a wrong password with json=true, a second factor"},
		{Path: re(`/auth/providers$`), Status: 200, Error: re(`value must be an array`), Reason: "section 7: {} or an object by name"},
		{Path: re(`/auth/session$`), Status: 200, Error: re(`"/user/image": Value is not nullable`), Reason: "section 2: an opaque session's user has nulls"},
		{Path: re(`/users/\{userId\}/tenants$`), Status: 200, Error: re(`value must be an object`), Reason: "section 3: a list"},
		{Path: re(`/auth/sign(in|out)$`), Status: 200, Error: noKind, Reason: "sections 3 and 8: a redirection becomes an empty 200"},
		{Document: "openapi.yaml", Path: reset, Status: 204, Error: undocumented, Reason: "section 6: the new password is answered 204"},
		{Document: "openapi.yaml", Path: reset, Status: 500, Error: undocumented, Reason: "section 5: errors of the relay and of the body"},
		{Document: "openapi.yaml", Path: reset, Status: 404, Error: noKind, Reason: "section 3: errors are text or empty"},
		{Document: "openapi.yaml", Path: reset, Status: 400, Error: re(`unexpected value: "application/json"`), Reason: "section 3: JSON is named text, errors of the reset among it"},
		{Document: "openapi.yaml", Path: re(`/auth/verify-email$`), Status: 201, Error: undocumented, Reason: "section 7: verify_email is answered as password_reset is"},
		{Request: true, Document: "openapi.yaml", Path: reset, Error: re(`"redirect"|callbackUrl`), Reason: "section 6: links have no redirect; callbackUrl may be absent"},
		{Request: true, Path: re(`/auth/callback`), Error: re(`"/json": Value is not nullable`), Reason: "section 2: json is left out of forms"},
		{Request: true, Path: re(`/invite$`), Error: re(`Content-Type|multipart|"/(identifier|token)"`), Reason: "sections 5 and 6: what is no form or lacks a field is refused"},
	}
}

// uncovered are routes that FACTS.md describes and no document has.
func uncovered() []*regexp.Regexp {
	const base = `^/v2/databases/[^/]+`
	re := regexp.MustCompile
	return []*regexp.Regexp{
		re(`^/v2/ready$`),                  // section 3
		re(`^/api/`),                       // section 6: the application's own pages
		re(base + `/auth/callback/email$`), // section 6: magic links
		re(base + `/auth/signin/[^/]+$`),   // section 3
		re(base + `/auth/session/token$`),  // section 8: by GET too
	}
}
