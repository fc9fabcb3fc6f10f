package clerk

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"usher/identity"
	"usher/internal/contracttest"
	"usher/providers"
	"usher/providers/clerk/internal"
	"usher/providers/providertest/scripted"
)

// Each refusal of a creation has the code and the field that the caller can do
// something with, says whether the vendor may have acted, and takes the step
// back where it did not.
func TestRefusals(t *testing.T) {
	t.Parallel()
	param := func(name string) map[string]any { return map[string]any{"param_name": name} }
	for _, c := range []struct {
		status int
		code   string
		meta   map[string]any
		want   identity.Code
		field  string
		acted  bool
	}{
		{400, "organization_invitation_not_unique", nil, identity.CodeInvitePending, "", false},
		{409, "organization_invitation_not_unique", nil, identity.CodeInvitePending, "", false},
		{422, "duplicate_record", map[string]any{"email_addresses": []string{"a@example.com"}}, identity.CodeInvitePending, "", false},
		{400, "already_a_member_in_organization", nil, identity.CodeAlreadyMember, "", false},
		{403, "organization_membership_quota_exceeded", nil, identity.CodeQuotaExceeded, "", false},
		{402, "insufficient_seats", map[string]any{"seats_quantity": 5}, identity.CodeQuotaExceeded, "", false},
		{402, "something_new", nil, identity.CodeQuotaExceeded, "", false},
		{403, "user_quota_exceeded", nil, identity.CodeQuotaExceeded, "", false},
		{400, "dev_monthly_email_limit_exceeded", nil, identity.CodeQuotaExceeded, "", false},
		{404, "resource_not_found", param("role"), identity.CodeUnknownRole, "/roles/0", false},
		{404, "resource_not_found", nil, identity.CodeNotFound, "", false},
		{404, "organization_not_found_or_unauthorized", nil, identity.CodeNotFound, "", false},
		{404, "", nil, identity.CodeProviderError, "", false},
		{403, "authorization_invalid", nil, identity.CodeProviderCredentials, "", false},
		{403, "something_new", nil, identity.CodeProviderCredentials, "", false},
		{401, "", nil, identity.CodeProviderCredentials, "", false},
		{403, "missing_organization_permission", nil, identity.CodeProviderError, "", false},
		{403, "organization_not_enabled_in_instance", nil, identity.CodeProviderError, "", false},
		{403, "invitations_not_supported_in_organization", nil, identity.CodeUnsupported, "", false},
		{403, "not_allowed_access", nil, identity.CodeEmailNotDeliverable, "/email", false},
		{422, "form_param_format_invalid", param("email_address"), identity.CodeEmailNotDeliverable, "/email", false},
		{422, "form_param_format_invalid", map[string]any{"email_addresses": []string{"a@example.com"}}, identity.CodeEmailNotDeliverable, "/email", false},
		{422, "form_param_format_invalid", param("redirect_url"), identity.CodeNotCarried, "/redirect_url", false},
		{422, "form_param_value_invalid", param("expires_in_days"), identity.CodeNotCarried, "/expires_at", false},
		{422, "form_param_exceeds_allowed_size", param("private_metadata"), identity.CodeNotCarried, "/metadata", false},
		{422, "form_param_unknown", param("email_address"), identity.CodeProviderError, "", false},
		{422, "form_param_value_invalid", param("something"), identity.CodeProviderError, "", false},
		{422, "exclusive_organization_membership", nil, identity.CodeConflict, "", false},
		{409, "resource_locked", nil, identity.CodeProviderUnavailable, "", false},
		{400, "api_version_invalid", nil, identity.CodeProviderError, "", false},
		{429, "too_many_requests", nil, identity.CodeProviderRateLimited, "", false},
		{429, "", nil, identity.CodeProviderRateLimited, "", false},
		{500, "internal_clerk_error", nil, identity.CodeProviderError, "", true},
		{503, "service_unavailable", nil, identity.CodeProviderUnavailable, "", true},
		{504, "", nil, identity.CodeProviderTimeout, "", true},
		{408, "", nil, identity.CodeProviderTimeout, "", true},
		{201, "", nil, identity.CodeProviderError, "", true},
	} {
		t.Run(fmt.Sprint(c.status, c.code, c.meta), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			m := scripted.Mishap{Op: "create", Times: -1, Status: c.status, Body: "<html>"}
			if c.code != "" {
				m.Body = problem(c.code, c.meta)
			}
			r.Inject(m)
			request := r.request("a@example.com")
			_, err := r.client().Invite(t.Context(), request)
			known, ok := err.(*identity.Error)
			if !ok || known.Code != c.want || known.Field != c.field || known.Unknown != c.acted {
				t.Errorf("the caller sees %+v, want %s at %q, unknown %v", known, c.want, c.field, c.acted)
			}
			if got := providers.Refused(err); got != (c.status/100 == 4) {
				t.Errorf("it counts as an answer: %v", got)
			}
			full := []string{"organization_membership_quota_exceeded", "insufficient_seats", "dev_monthly_email_limit_exceeded"}
			if got := providers.Exhausted(err); got != slices.Contains(full, c.code) {
				t.Errorf("it counts as about everybody: %v", got)
			}
			if got := request.Journal.Step(stepCreate).Begun; got != c.acted {
				t.Errorf("the step is begun: %v", got)
			}
		})
	}
}

// No code of the facts that can come back from the calls made here is without a
// meaning of its own: what the status alone would make of it is another thing
// only where the table says so.
func TestEveryCode(t *testing.T) {
	t.Parallel()
	facts, err := os.ReadFile(filepath.Join(contracttest.Dir(t, "clerk"), "FACTS.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(facts), "## 2. Errors")
	section, _, _ = strings.Cut(section, "## 3.")
	// Codes of calls that are not made here: making users, organizations and
	// application invitations, and changing memberships.
	other := regexp.MustCompile(`^(invitation_already_|revoked_invitation|form_identifier_|form_data_|form_password_|organization_minimum_|organization_creator_|unsupported_content_type)`)
	rows := regexp.MustCompile(`(?m)^\| (\d{3})[^|]*\| ([^|]+) \|`).FindAllStringSubmatch(section, -1)
	if len(rows) < 30 {
		t.Fatalf("found %d rows", len(rows))
	}
	named := regexp.MustCompile("`([a-z_]+)`")
	for _, row := range rows {
		status, err := strconv.Atoi(row[1])
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range named.FindAllStringSubmatch(row[2], -1) {
			if other.MatchString(code[1]) || code[1] == "meta" {
				continue
			}
			known := (&internal.APIError{Code: code[1], Status: 418}).Problem()
			if strings.HasPrefix(code[1], "form_param_") {
				known = (&internal.APIError{Code: code[1], Status: 418, Param: "email_address"}).Problem()
				if known.Code == identity.CodeProviderError && known.Detail == "" {
					t.Errorf("%d %s means nothing", status, code[1])
				}
				continue
			}
			if known.Code == identity.CodeProviderError && known.Detail == "" && status < 500 {
				t.Errorf("%d %s has no row", status, code[1])
			}
		}
	}
}
