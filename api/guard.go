package api

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"usher/identity"
	"usher/invites"
	"usher/oidc"
	"usher/providers"
)

// bodyTime is how long a client may take to send a body.
const bodyTime = 10 * time.Second

// maxRef is the length of the longest id or slug that is looked up.
const maxRef = 64

// guard stands before an operation: it establishes who calls, for which
// organization, with which right and under which key, in the order that
// DESIGN section 3 gives, before anything of the input is looked at.
func (a *API) guard(r route) func(huma.Context, func(huma.Context)) {
	checks := []func(*exchange, route, *call) error{
		a.authenticate, a.limit, a.resolve, a.permit, checkKey, checkQuery, keepQuery, checkAccept, a.readBody,
	}
	return func(hc huma.Context, next func(huma.Context)) {
		x, c := newExchange(hc), &call{}
		finished := false
		defer func() { a.record(x, r, c, finished) }()
		var err error
		for _, check := range checks {
			if err = check(x, r, c); err != nil {
				break
			}
		}
		if err != nil {
			x.refuse(err)
		} else {
			x.ctx = context.WithValue(x.ctx, callKey{}, c)
			a.carryOut(x, r, c, next)
		}
		finished = true
		x.flush()
	}
}

// authenticate establishes the caller, or answers 401 with a challenge as
// RFC 6750 section 3 has it.
func (a *API) authenticate(x *exchange, r route, c *call) error {
	request := humagin.Unwrap(x).Request
	given := request.Header.Values("Authorization")
	if len(given) == 0 && r.permission == holder {
		return nil
	}
	if len(given) == 0 {
		x.SetHeader("WWW-Authenticate", `Bearer realm="usher"`)
		return identity.Errorf(identity.CodeUnauthenticated, "A bearer token is required.")
	}
	token, ok := bearer(given)
	if !ok {
		x.SetHeader("WWW-Authenticate", `Bearer realm="usher", error="invalid_request"`)
		return identity.Errorf(identity.CodeUnauthenticated, "The Authorization header does not hold one bearer token.")
	}
	p, err := a.auth.Authenticate(oidc.WithOrigin(x.ctx, a.origin(request, x.Param("org"))), token)
	if err != nil {
		if identity.CodeOf(err) != identity.CodeUnauthenticated {
			return &identity.Error{Code: identity.CodeInternal, Op: "authenticate", Err: err}
		}
		x.SetHeader("WWW-Authenticate", `Bearer realm="usher", error="invalid_token"`)
		return err
	}
	requestOf(x.ctx).principal = p
	c.caller = invites.Caller{
		Actor: p.Actor(), Access: p.Access, Roles: p.Roles,
		Credential: providers.Caller{Issuer: p.Issuer, Token: p.Token},
	}
	return nil
}

// bearer reads the one credential of an Authorization header.
func bearer(values []string) (string, bool) {
	if len(values) != 1 {
		return "", false
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	token = strings.TrimLeft(token, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", false
	}
	for _, c := range []byte(token) {
		if c <= ' ' || c > '~' {
			return "", false
		}
	}
	return token, true
}

// resolve loads the organization of the path and checks the loaded row against
// the caller once more.
func (a *API) resolve(x *exchange, r route, c *call) error {
	if !strings.Contains(r.path, "{org}") {
		return nil
	}
	missing := func() error { return identity.Errorf(identity.CodeNotFound, "There is no such organization.") }
	ref := x.Param("org")
	if !plausibleRef(ref) {
		return missing()
	}
	org, err := a.organization(x.ctx, c.caller, ref)
	if err != nil {
		return err
	}
	if !c.caller.Access.Allows(org) {
		return missing()
	}
	c.org = org
	requestOf(x.ctx).organization = org.ID
	return nil
}

// plausibleRef allows what can be an id or a slug; anything else is not looked
// up at all.
func plausibleRef(ref string) bool {
	if ref == "" || len(ref) > maxRef {
		return false
	}
	for _, c := range []byte(ref) {
		if !wordByte(c) {
			return false
		}
	}
	return true
}

func (a *API) permit(x *exchange, r route, _ *call) error {
	if r.permission == anyone || r.permission == holder || requestOf(x.ctx).principal.Can(r.permission) {
		return nil
	}
	return identity.Errorf(identity.CodePermissionDenied, "This needs the permission %s.", r.permission)
}

// readBody reads the body of a request that writes: never more than the limit,
// and never for longer than bodyTime. A file is read later.
func (a *API) readBody(x *exchange, r route, _ *call) error {
	if !writes(r.method) || r.streams() {
		return nil
	}
	gc := humagin.Unwrap(x)
	tooLarge := identity.Errorf(identity.CodePayloadTooLarge, "The request body may have %d bytes at most.", a.maxBody)
	if gc.Request.ContentLength != 0 && !isJSON(gc.Request.Header.Values("Content-Type")) {
		return identity.Errorf(identity.CodeUnsupportedMediaType, "Request bodies are application/json in UTF-8.")
	}
	if gc.Request.ContentLength > a.maxBody {
		return tooLarge
	}
	setReadDeadline(gc.Writer, time.Now().Add(a.bodyTime))
	body, err := io.ReadAll(http.MaxBytesReader(gc.Writer, gc.Request.Body, a.maxBody))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return tooLarge
	case err != nil:
		return &identity.Error{Code: identity.CodeInvalidRequest, Detail: "The request body did not arrive.", Err: err}
	}
	setReadDeadline(gc.Writer, time.Time{})
	x.body = body
	return nil
}

func isJSON(values []string) bool {
	if len(values) != 1 {
		return false
	}
	media, parameters, err := mime.ParseMediaType(values[0])
	if err != nil || media != mediaJSON {
		return false
	}
	charset, ok := parameters["charset"]
	return !ok || strings.EqualFold(charset, "utf-8")
}

// checkAccept answers 406 before anything is done that could not be told.
func checkAccept(x *exchange, r route, _ *call) error {
	if r.follows() {
		return nil
	}
	accept := strings.Join(humagin.Unwrap(x).Request.Header.Values("Accept"), ",")
	if acceptsJSON(accept) {
		return nil
	}
	return identity.Errorf(identity.CodeNotAcceptable, "Answers are application/json, and the Accept header excludes that.")
}

// acceptsJSON reads an Accept header as RFC 9110 section 12.5.1 has it: the
// most specific range that matches decides, and q=0 excludes.
func acceptsJSON(accept string) bool {
	if strings.TrimSpace(accept) == "" {
		return true
	}
	best, acceptable := 0, false
	for element := range strings.SplitSeq(accept, ",") {
		media, parameters, _ := strings.Cut(element, ";")
		specific := map[string]int{"*/*": 1, "application/*": 2, mediaJSON: 3}[strings.ToLower(strings.TrimSpace(media))]
		if specific > best {
			best, acceptable = specific, !excluded(parameters)
		}
	}
	return acceptable
}

// excluded reports a weight of zero.
func excluded(parameters string) bool {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		if weight, err := strconv.ParseFloat(value, 64); strings.EqualFold(name, "q") && err == nil && weight == 0 {
			return true
		}
	}
	return false
}
