package roq

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/contracttest"
	"usher/providers"
	"usher/providers/providertest"
	"usher/providers/providertest/scripted"
	"usher/providers/roq/internal"
)

// TestSend: the row that goes out, and what is told about it.
func TestSend(t *testing.T) {
	t.Parallel()
	for _, generation := range []string{"v1", "v2"} {
		for _, c := range []struct {
			asked, sent string
			lost        []string
		}{
			{"", "de-DE", nil},
			{"en-US", "en-US", nil},
			{"en_us", "en-US", nil},
			{"en", "en-US", nil},
			{"en-GB", "de-DE", []string{"locale"}},
			{"fr", "de-DE", []string{"locale"}},
		} {
			t.Run(generation+" "+c.asked, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, func(cfg *Config, _ *providers.Deps) { cfg.Operations, cfg.DefaultLocale = generation, "de-DE" })
				request := r.request("New+Person@Example.com", "member", "admin")
				request.GivenName, request.FamilyName, request.Locale = "New", "Person", c.asked
				request.Metadata = map[string]any{"a": 1}
				sent, err := r.p.Invite(t.Context(), request)
				if err != nil {
					t.Fatal(err)
				}
				data, item := r.item(0)
				want := row{
					"createdByUserId": inviterID, "email": "new+person@example.com", "firstName": "New", "lastName": "Person",
					"locale": c.sent, "roles": []any{"org-member", "org-admin"},
				}
				if generation == "v1" {
					want["tenantId"], want["data"] = orgOne, row{"usher_invite_id": "inv_1"}
				}
				got, _ := json.Marshal(item)
				wanted, _ := json.Marshal(want)
				if data["tenantId"] != orgOne || string(got) != string(wanted) {
					t.Errorf("sent %s to %v, want %s", got, data["tenantId"], wanted)
				}
				id := r.invites[0]["id"].(string)
				expires := r.Clock.Now().Add(24 * time.Hour)
				if sent.ProviderID != id || !sent.ExpiresAt.Equal(expires) || !maps.Equal(sent.Reference, map[string]string{refID: id}) ||
					!slices.Equal(sent.NotCarried, append(c.lost, "metadata")) {
					t.Errorf("answered %+v", sent)
				}
				if step := request.Journal.Step(stepSend); !step.Done || step.Result[refID] != id {
					t.Errorf("the step is %+v", step)
				}
			})
		}
	}
}

// Names and locales that were not asked for are not sent, and nothing says how
// long an invitation lives where that is not known.
func TestSendLittle(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config, _ *providers.Deps) { c.InviteLife = "0s" })
	sent, err := r.p.Invite(t.Context(), r.request("a@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	_, item := r.item(0)
	if got := slices.Sorted(maps.Keys(item)); !slices.Equal(got, []string{"createdByUserId", "email", "roles"}) {
		t.Errorf("sent %v", got)
	}
	if sent.ExpiresAt != nil || len(sent.NotCarried) != 0 || r.p.Describe().Fields.Life != 0 {
		t.Errorf("answered %+v", sent)
	}
	if got := r.Total(); got != 3 {
		t.Errorf("%d calls, want a token, a look and the sending", got)
	}
}

// What the vendor shows decides about what it carries.
func TestNamesThatWereNotKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.edit = func(op string, data row) {
		if outcome, ok := data["sendUserInvitesV2"].(row); ok {
			outcome["success"].([]any)[0].(row)["lastName"] = nil
		}
	}
	request := r.request("a@example.com")
	request.GivenName, request.FamilyName = "A", "B"
	sent, err := r.p.Invite(t.Context(), request)
	if err != nil || !slices.Equal(sent.NotCarried, []string{"family_name"}) {
		t.Errorf("answered %+v, %v", sent, err)
	}
}

// TestInviter: in whose name an invitation goes out. An inviter of another
// tenant could bring the invitee into that one (FACTS.md section 4.1).
func TestInviter(t *testing.T) {
	t.Parallel()
	const ada, bob, far = "ada@example.com", "bob@example.com", "far@example.com"
	set := func(c *Config, from, id string) { c.InviterFrom, c.InviterID = from, id }
	for _, c := range []struct {
		name   string
		by     identity.Actor
		change func(c *Config, ids map[string]string)
		vendor func(v *vendor)
		want   string // who; empty: refused
	}{
		{"nobody in particular", identity.Actor{}, nil, nil, "inviter"},
		{"a proven address", identity.Actor{Email: "Ada@Example.com", Subject: "s"}, nil, nil, ada},
		{"nobody here has the address", identity.Actor{Email: "x@example.com"}, nil, nil, "inviter"},
		{"a user of another tenant has it", identity.Actor{Email: far}, nil, nil, "inviter"},
		{"a user who was deactivated has it", identity.Actor{Email: ada}, nil, func(v *vendor) { v.users[1]["active"] = false }, "inviter"},
		{"no address is proven", identity.Actor{Subject: "ref-of-" + ada}, nil, nil, "inviter"},
		{"by subject", identity.Actor{Subject: "ref-of-" + bob}, func(c *Config, _ map[string]string) { set(c, "subject", inviterID) }, nil, bob},
		{"by subject, other letters", identity.Actor{Subject: "REF-of-" + bob}, func(c *Config, _ map[string]string) { set(c, "subject", inviterID) }, nil, "inviter"},
		{"by subject, of another tenant", identity.Actor{Subject: "ref-of-" + far}, func(c *Config, _ map[string]string) { set(c, "subject", inviterID) }, nil, "inviter"},
		{"by subject, without one", identity.Actor{Email: ada}, func(c *Config, _ map[string]string) { set(c, "subject", inviterID) }, nil, "inviter"},
		{"always the configured one", identity.Actor{Email: ada}, func(c *Config, _ map[string]string) { set(c, "settings", inviterID) }, nil, "inviter"},
		{"one for this tenant", identity.Actor{}, func(c *Config, ids map[string]string) {
			c.Inviters = map[string]string{strings.ToUpper(orgOne): ids[bob], orgTwo: ids[far]}
		}, nil, bob},
		{"none is configured", identity.Actor{Email: "x@example.com"}, func(c *Config, _ map[string]string) { c.InviterID = "" }, nil, ""},
		{"none is configured, and none needed", identity.Actor{Email: ada}, func(c *Config, _ map[string]string) { c.InviterID = "" }, nil, ada},
		{"is no user", identity.Actor{}, func(c *Config, _ map[string]string) { c.InviterID = orgOne }, nil, ""},
		{"was deactivated", identity.Actor{}, nil, func(v *vendor) { v.users[0]["active"] = false }, ""},
		{"belongs to another tenant", identity.Actor{}, func(c *Config, ids map[string]string) { c.InviterID = ids[far] }, nil, ""},
		{"belongs to another tenant, and may", identity.Actor{}, func(c *Config, ids map[string]string) {
			c.InviterID, c.InviterAnyTenant = ids[far], yes()
		}, nil, far},
		{"belongs to none", identity.Actor{}, nil, func(v *vendor) { v.users[0]["tenantId"] = nil }, "inviter"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ids := map[string]string{"inviter": inviterID}
			r := newRig(t, func(cfg *Config, d *providers.Deps) {
				v := d.Transport.(*vendor)
				v.users = append(v.users, v.user(orgOne, ada), v.user(orgOne, bob), v.user(orgTwo, far))
				for _, u := range v.users[1:] {
					ids[u["email"].(string)] = u["id"].(string)
				}
				if c.change != nil {
					c.change(cfg, ids)
				}
				if c.vendor != nil {
					c.vendor(v)
				}
				d.Transport = checked(t, v)
			})
			request := r.request("a@example.com")
			request.Inviter = c.by
			_, err := r.p.Invite(t.Context(), request)
			if c.want == "" {
				wantCode(t, err, identity.CodeProviderCredentials)
				wantActed(t, err, false)
				if r.mailed("a@example.com") != 0 || request.Journal.Step(stepSend).Begun {
					t.Error("something was sent")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, item := r.item(0); item["createdByUserId"] != ids[c.want] {
				t.Errorf("invited by %v, want %s", item["createdByUserId"], c.want)
			}
		})
	}
}

// TestPeople: whose account stands in the way of an invitation.
func TestPeople(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		tenant string
		off    bool
		want   identity.Code
	}{
		{"member", orgOne, false, identity.CodeAlreadyMember},
		{"of another tenant", orgTwo, false, identity.CodeUnsupported},
		{"of no tenant", "", false, identity.CodeUnsupported},
		{"deactivated member", orgOne, true, identity.CodeConflict},
		{"deactivated elsewhere", orgTwo, true, identity.CodeUnsupported},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			u := r.user(c.tenant, "a@example.com")
			u["active"] = !c.off
			r.users = append(r.users, u)
			request := r.request("A@example.com")
			_, err := r.p.Invite(t.Context(), request)
			wantCode(t, err, c.want)
			wantActed(t, err, false)
			if r.mailed("a@example.com") != 0 || request.Journal.Step(stepSend).Begun {
				t.Error("the step is begun")
			}
		})
	}
}

// An environment without the role would give the invitee that of the inviter.
func TestRoleThatIsNotThere(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(_ *Config, d *providers.Deps) { d.Roles["boss"] = "org-boss" })
	_, err := r.p.Invite(t.Context(), r.request("a@example.com", "member", "boss"))
	wantCode(t, err, identity.CodeUnknownRole)
	if !strings.Contains(err.Error(), "/roles/1") || r.Count("sendUserInvites") != 0 {
		t.Errorf("error %v, calls %v", err, r.Calls)
	}
}

// A filter holds an address as it is: nothing in one is a pattern, and nothing
// reads as anything else than text.
func TestOddAddresses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"a%b@example.com", "a_b@example.com", "a'b@example.com", "$tenant@example.com", "{a}@example.com", "null@example.com"} {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			var asked row
			r := newRig(t, func(_ *Config, d *providers.Deps) { d.Transport = checked(t, d.Transport) })
			r.users = append(r.users, r.user(orgOne, "axb@example.com"), r.user(orgTwo, "ab@example.com"))
			r.edit = func(op string, data row) {
				if op == "usherLook" {
					asked = data
				}
			}
			if _, err := r.p.Invite(t.Context(), r.request(address)); err != nil {
				t.Fatal(err)
			}
			if people := asked["users"].(row)["data"].([]any); len(people) != 0 {
				t.Errorf("found %v", people)
			}
			if _, item := r.item(0); item["email"] != address {
				t.Errorf("invited %v", item["email"])
			}
		})
	}
}

func rowsOf(success, failed string) string {
	return fmt.Sprintf(`{"data":{"sendUserInvitesV2":{"success":%s,"errors":%s}}}`, success, failed)
}

// refusedRow is an answer whose one row was refused with a text.
func refusedRow(email, text string) string {
	quoted, _ := json.Marshal(text)
	return rowsOf("[]", fmt.Sprintf(`[{"email":%q,"error":%s,"firstName":"","lastName":""}]`, email, quoted))
}

func graphQLError(kind, code string, status int, variables string) string {
	return fmt.Sprintf(`{"errors":[{"message":"m a@example.com","extensions":{"code":%q,"response":{"statusCode":%d,"errorCode":%q,"message":"m","variables":%s}}}],"data":null}`,
		kind, status, code, variables)
}

// TestRefusals walks everything the vendor can answer to an invitation: the
// code, the field, whether it may have been sent, and that the step is taken
// back if it was not.
func TestRefusals(t *testing.T) {
	t.Parallel()
	const okRow = `[{"id":"9c0ffee0-0000-4000-8000-00000000ffff","email":"a@example.com","status":"pending","tenantId":"` + orgOne + `"}]`
	for _, c := range []struct {
		name, body string
		status     int
		want       identity.Code
		field      string
		acted      bool
	}{
		{"row: unknown code", refusedRow("a@example.com", `{"errorCode":"SOMETHING_NEW","message":"m","variables":{}}`), 200, identity.CodeProviderError, "", true},
		{"row: no JSON", refusedRow("a@example.com", `it failed`), 200, identity.CodeProviderError, "", true},
		{"row: JSON of another kind", refusedRow("a@example.com", `["USER_ALREADY_EXISTS"]`), 200, identity.CodeProviderError, "", true},
		{"row: no text", refusedRow("a@example.com", ``), 200, identity.CodeProviderError, "", true},
		{"row: address", refusedRow("A@Example.com", `{"errorCode":"IS_EMAIL"}`), 200, identity.CodeEmailNotDeliverable, "/email", false},
		{"row: check of the address", refusedRow("a@example.com", `{"errorCode":"MAX_LENGTH","variables":{"isValidationError":true,"property":"email"}}`), 200, identity.CodeEmailNotDeliverable, "/email", false},
		{"row: internal", refusedRow("a@example.com", `{"errorCode":"INTERNAL_ERROR"}`), 200, identity.CodeProviderError, "", true},
		{"row: forbidden", refusedRow("a@example.com", `{"errorCode":"FORBIDDEN"}`), 200, identity.CodeProviderCredentials, "", false},
		{"row of somebody else", refusedRow("b@example.com", `{"errorCode":"IS_EMAIL"}`), 200, identity.CodeProviderError, "", true},
		{"row sent and refused", rowsOf(okRow, `[{"email":"a@example.com","error":"{\"errorCode\":\"IS_EMAIL\"}"}]`), 200, identity.CodeEmailNotDeliverable, "/email", true},
		{"success of somebody else", rowsOf(strings.Replace(okRow, "a@", "b@", 1), "[]"), 200, identity.CodeProviderError, "", true},
		{"success without an id", rowsOf(`[{"email":"a@example.com","tenantId":"`+orgOne+`"}]`, "[]"), 200, identity.CodeProviderError, "", true},
		{"success in another tenant", rowsOf(strings.Replace(okRow, orgOne, orgTwo, 1), "[]"), 200, identity.CodeProviderError, "", true},
		{"success in no tenant", rowsOf(strings.Replace(okRow, `"`+orgOne+`"`, "null", 1), "[]"), 200, identity.CodeProviderError, "", true},
		{"no rows", rowsOf("[]", "[]"), 200, identity.CodeProviderError, "", true},
		{"null rows", rowsOf("null", "null"), 200, identity.CodeProviderError, "", true},
		{"rows of another kind", rowsOf(`{}`, `"x"`), 200, identity.CodeProviderError, "", true},
		{"null result", `{"data":{"sendUserInvitesV2":null}}`, 200, identity.CodeProviderError, "", true},
		{"no data", `{"data":null}`, 200, identity.CodeProviderError, "", true},
		{"nothing", `{}`, 200, identity.CodeProviderError, "", true},
		{"a list", `[]`, 200, identity.CodeProviderError, "", true},
		{"HTML", `<html>`, 200, identity.CodeProviderError, "", true},
		{"half an answer", rowsOf(okRow, "[]")[:60], 200, identity.CodeProviderError, "", true},
		{"redirect", `{}`, 302, identity.CodeProviderError, "", true},
		{"misunderstood", graphQLError("GRAPHQL_VALIDATION_FAILED", "GRAPHQL_VALIDATION_FAILED", 400, `{}`), 400, identity.CodeProviderError, "", false},
		{"misunderstood without a response", `{"errors":[{"message":"Cannot query field","extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}`, 400, identity.CodeProviderError, "", false},
		{"forbidden", graphQLError("FORBIDDEN", "FORBIDDEN", 403, `{"resourceId":"x"}`), 200, identity.CodeProviderCredentials, "", false},
		{"token refused", graphQLError("UNAUTHENTICATED", "INVALID_TOKEN", 401, `{}`), 200, identity.CodeProviderCredentials, "", false},
		{"tenant not found", graphQLError("NOT_FOUND", "TENANT_NOT_FOUND", 404, `{}`), 200, identity.CodeNotFound, "", false},
		{"too many rows", graphQLError("BAD_USER_INPUT", "BULK_USER_INVITE_LIMIT_EXCEEDED", 400, `{"maxAllowed":0}`), 200, identity.CodeProviderError, "", false},
		{"a new refusal", graphQLError("BAD_USER_INPUT", "SOMETHING_NEW", 400, `{}`), 200, identity.CodeProviderError, "", false},
		{"a refusal by status alone", graphQLError("", "", 422, `{}`), 200, identity.CodeProviderError, "", false},
		{"status in a text", strings.Replace(graphQLError("", "X", 403, `{}`), "403", `"403"`, 1), 200, identity.CodeProviderCredentials, "", false},
		{"rate limited inside", graphQLError("", "THROTTLED", 429, `{}`), 200, identity.CodeProviderRateLimited, "", false},
		{"timed out inside", graphQLError("", "X", 408, `{}`), 200, identity.CodeProviderTimeout, "", true},
		{"internal", graphQLError("INTERNAL_SERVER_ERROR", "INTERNAL_ERROR", 500, `{}`), 200, identity.CodeProviderError, "", true},
		{"internal, without a response", `{"errors":[{"message":"m"}],"data":null}`, 200, identity.CodeProviderError, "", true},
		{"errors of another kind", `{"errors":[{"message":"m","extensions":"x"}],"data":null}`, 200, identity.CodeProviderError, "", true},
		{"a refusal with status 500", graphQLError("FORBIDDEN", "FORBIDDEN", 403, `{}`), 500, identity.CodeProviderCredentials, "", true},
		{"a refusal beside data", strings.Replace(graphQLError("FORBIDDEN", "FORBIDDEN", 403, `{}`), `"data":null`, `"data":{"sendUserInvitesV2":null}`, 1), 200, identity.CodeProviderCredentials, "", true},
		{"a refusal and a failure", strings.Replace(graphQLError("FORBIDDEN", "FORBIDDEN", 403, `{}`), `}],"data"`, `},{"message":"m"}],"data"`, 1), 200, identity.CodeProviderCredentials, "", true},
		{"401", `{"statusCode":401,"message":"Unauthorized","error":"Unauthorized"}`, 401, identity.CodeProviderCredentials, "", false},
		{"403", `{"statusCode":403,"message":["a","b"]}`, 403, identity.CodeProviderCredentials, "", false},
		{"404", `{"statusCode":404,"message":"Cannot POST"}`, 404, identity.CodeProviderError, "", false},
		{"413", `<html>`, 413, identity.CodeProviderError, "", false},
		{"408", ``, 408, identity.CodeProviderTimeout, "", true},
		{"500", `{"statusCode":500,"message":"m"}`, 500, identity.CodeProviderError, "", true},
		{"502", `<html>bad gateway</html>`, 502, identity.CodeProviderError, "", true},
		{"503", ``, 503, identity.CodeProviderUnavailable, "", true},
		{"504", ``, 504, identity.CodeProviderTimeout, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.Inject(scripted.Mishap{Op: "sendUserInvites", Times: -1, Status: c.status, Body: c.body})
			request := r.request("a@example.com")
			_, err := r.p.Invite(t.Context(), request)
			wantCode(t, err, c.want)
			wantActed(t, err, c.acted)
			if got := request.Journal.Step(stepSend).Begun; got != c.acted {
				t.Errorf("the step is begun: %v", got)
			}
			_, err = r.client().Invite(t.Context(), r.request("a@example.com"))
			known, ok := err.(*identity.Error)
			if !ok || known.Code != c.want || known.Field != c.field || known.Unknown != c.acted {
				t.Errorf("the caller sees %+v, want %s at %q", known, c.want, c.field)
			}
			for _, text := range []string{"a@example.com", "m a", secret} {
				if strings.Contains(known.Detail, text) || text != "m a" && strings.Contains(err.Error(), text) {
					t.Errorf("%q is in %v (detail %q)", text, err, known.Detail)
				}
			}
		})
	}
}

// TestEveryCode: no error code of FACTS.md is without a row in the table.
func TestEveryCode(t *testing.T) {
	t.Parallel()
	facts, err := os.ReadFile(filepath.Join(contracttest.Dir(t, "roq"), "FACTS.md"))
	if err != nil {
		t.Fatal(err)
	}
	others := []string{"INTERNAL_ERROR", "INTERNAL_SERVER_ERROR", "CREATED_AT", "MAX_INVITE_PER_REQUEST"}
	codes := 0
	for _, match := range regexp.MustCompile("`([A-Z]+(?:_[A-Z]+)+)`").FindAllStringSubmatch(string(facts), -1) {
		code := match[1]
		if slices.Contains(others, code) || strings.HasPrefix(code, "ROQ_") {
			continue
		}
		codes++
		known := (&internal.APIError{Code: code, Status: 503}).Problem()
		if unknown := (&internal.APIError{Code: "X", Status: 503}).Problem(); known.Code == unknown.Code {
			t.Errorf("%s has no row", code)
		}
	}
	if codes < 20 {
		t.Errorf("found %d codes", codes)
	}
}

// TestGoingOn makes every call of a send fail in every way, and goes on with
// the same journal: one mail in the end, whatever happened.
func TestGoingOn(t *testing.T) {
	t.Parallel()
	failures := []providertest.Failure{
		providertest.Refused, providertest.Credentials, providertest.ServerError, providertest.AnswerLost, providertest.NotJSON,
		providertest.EndlessBody, providertest.Hang, providertest.Unreachable,
	}
	for _, op := range []string{"token", "usherLook", "sendUserInvites"} {
		for _, f := range failures {
			t.Run(op+"/"+string(f), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, func(c *Config, _ *providers.Deps) { c.CallTimeout = "2s" })
				request := r.request("a@example.com")
				r.failure(op, f)
				_, err := r.p.Invite(t.Context(), request)
				if err == nil {
					t.Fatal("no error")
				}
				wantActed(t, err, op == "sendUserInvites" && !slices.Contains(
					[]providertest.Failure{providertest.Refused, providertest.Credentials, providertest.Unreachable}, f))
				r.failure(op, providertest.Back)
				settled, err := r.p.Settle(t.Context(), request)
				if err != nil {
					t.Fatal(err)
				}
				want := providers.VerdictNotSent
				if op == "sendUserInvites" && f == providertest.AnswerLost {
					want = providers.VerdictSent
				}
				if settled.Verdict != want || (settled.Sent != nil) != (want == providers.VerdictSent) {
					t.Errorf("settled as %+v", settled)
				}
				sent, err := r.p.Invite(t.Context(), request)
				if err != nil || sent.ProviderID != r.invites[0]["id"] {
					t.Errorf("going on: %+v, %v", sent, err)
				}
				if n := r.mailed("a@example.com"); n != 1 || len(r.invites) != 1 {
					t.Errorf("%d mails, %d invitations", n, len(r.invites))
				}
			})
		}
	}
}

// While the vendor cannot be asked what became of a sending, nobody knows.
func TestAskedFirst(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	request := r.request("a@example.com")
	if err := request.Journal.Begin(t.Context(), stepSend); err != nil {
		t.Fatal(err)
	}
	r.Inject(scripted.Mishap{Op: "usherLook", Times: -1, Refuse: true})
	_, err := r.p.Invite(t.Context(), request)
	wantCode(t, err, identity.CodeProviderUnavailable)
	wantActed(t, err, true)
	if r.Count("sendUserInvites") != 0 {
		t.Error("it was sent blindly")
	}
}

// TestLateCall: the first call was lost on its way, nothing was there when the
// vendor was asked, and then it arrived before the second one.
func TestLateCall(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		data any // of the invitation that arrived
		want identity.Code
	}{
		{"ours", nil, ""},
		{"ours by its reference", row{"usher_invite_id": "inv_1"}, ""},
		{"somebody else's", row{"usher_invite_id": "inv_2"}, identity.CodeInvitePending},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			request := r.request("a@example.com")
			if err := request.Journal.Begin(t.Context(), stepSend); err != nil {
				t.Fatal(err)
			}
			once := false
			r.edit = func(op string, _ row) {
				if op == "usherLook" && !once {
					once = true
					r.invite(orgOne, "a@example.com", "org-member")["data"] = c.data
				}
			}
			sent, err := r.p.Invite(t.Context(), request)
			wantCode(t, err, c.want)
			if err != nil {
				return
			}
			if sent.ProviderID != r.invites[0]["id"] || !request.Journal.Step(stepSend).Done || r.mailed("a@example.com") != 0 {
				t.Errorf("answered %+v, journal %+v", sent, request.Journal.Step(stepSend))
			}
		})
	}
}

// TestEndedStandsInTheWay: where ended invitations refuse a new one, the old
// one is sent again, if it grants the same and nothing else.
func TestEndedStandsInTheWay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		status string
		roles  []string
		age    time.Duration
		want   identity.Code
	}{
		{"canceled", "canceled", []string{"org-member"}, time.Hour, ""},
		{"expired", "expired", []string{"org-member"}, time.Hour, ""},
		{"pending past its life", "pending", []string{"org-member"}, 25 * time.Hour, ""},
		{"pending", "pending", []string{"org-member"}, 23 * time.Hour, identity.CodeInvitePending},
		{"with another role", "canceled", []string{"org-admin"}, time.Hour, identity.CodeConflict},
		{"with one more role", "canceled", []string{"org-member", "org-admin"}, time.Hour, identity.CodeConflict},
		{"with a role nobody maps", "canceled", []string{"org-member", "auditor"}, time.Hour, identity.CodeConflict},
		{"without roles", "canceled", nil, time.Hour, identity.CodeConflict},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.hardEnded, r.job = true, true
			old := r.invite(orgOne, "a@example.com", c.roles...)
			old["status"] = c.status
			r.invite(orgTwo, "a@example.com", c.roles...)
			r.Clock.Advance(c.age)
			request := r.request("a@example.com")
			sent, err := r.p.Invite(t.Context(), request)
			wantCode(t, err, c.want)
			mails := r.mailed("a@example.com")
			if err != nil {
				wantActed(t, err, false)
				if mails != 0 || len(request.Journal.(*providertest.Journal).Steps()) != 0 {
					t.Errorf("%d mails, journal %v", mails, request.Journal)
				}
				return
			}
			if sent.ProviderID != old["id"] || old["status"] != "pending" || mails != 1 || len(r.invites) != 2 {
				t.Errorf("answered %+v, %d mails", sent, mails)
			}
			again, err := r.p.Invite(t.Context(), request) // crashed before it was recorded
			if err != nil || again.ProviderID != sent.ProviderID || r.mailed("a@example.com") != 1 {
				t.Errorf("again: %+v, %v", again, err)
			}
		})
	}
}
