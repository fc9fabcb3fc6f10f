package roq

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/quota"
	"usher/providers"
	"usher/providers/providertest"
	"usher/providers/providertest/scripted"
)

const (
	one   = "one@example.com"
	two   = "two@example.com"
	three = "three@example.com"
)

// several returns a request of one row for each address, in the role member.
func (r *rig) several(emails ...string) providers.BulkRequest {
	b := providers.BulkRequest{Org: org(orgOne)}
	for n, email := range emails {
		one := r.request(email)
		one.InviteID = fmt.Sprintf("inv_%d", n+1)
		b.Invites = append(b.Invites, one)
	}
	b.Journal = providertest.NewBulkJournal(b.Invites)
	return b
}

// told is an outcome in one word: sent, untried, the code, or the code and a
// question mark where nobody knows.
func told(o providers.BulkOutcome) string {
	switch {
	case o.Sent != nil:
		return "sent"
	case o.Err == nil:
		return "untried"
	}
	known, _ := o.Err.(*identity.Error)
	if known.Unknown {
		return string(known.Code) + "?"
	}
	return string(known.Code)
}

func wantOutcomes(t *testing.T, r providers.BulkRequest, outcomes []providers.BulkOutcome, want ...string) {
	t.Helper()
	got := make([]string, len(outcomes))
	for n, o := range outcomes {
		got[n] = told(o)
		step := r.Invites[n].Journal.Step(stepSend)
		known, _ := o.Err.(*identity.Error)
		if open := step.Begun && !step.Done; open != (known != nil && known.Unknown) || step.Done != (o.Sent != nil) {
			t.Errorf("row %d is %s with the step %+v", n, got[n], step)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("outcomes %v, want %v", got, want)
	}
}

func refusal(f fail) string {
	text, _ := json.Marshal(row{"errors": []any{f.json()}, "data": nil})
	return string(text)
}

// What the refusal of a whole call means for its rows.
func TestBulkRefused(t *testing.T) {
	t.Parallel()
	all := func(word string) []string { return []string{word, word, word} }
	check := func(path string) string {
		return refusal(fail{kind: "BAD_USER_INPUT", code: "IS_EMAIL", status: 400, variables: row{
			"isValidationError": true, "property": "email", "each": false, "propertyPath": path,
		}})
	}
	for name, tc := range map[string]struct {
		m      scripted.Mishap
		want   []string
		code   identity.Code
		singly bool
	}{
		"an address, by its place":     {scripted.Mishap{Status: 200, Body: check("userInvites.1.email")}, []string{"untried", "email_not_deliverable", "untried"}, "", false},
		"an address, by no place":      {scripted.Mishap{Status: 200, Body: check("email")}, all("untried"), identity.CodeEmailNotDeliverable, true},
		"an address, by another place": {scripted.Mishap{Status: 200, Body: check("userInvites.3.email")}, all("untried"), identity.CodeEmailNotDeliverable, true},
		"too many rows": {scripted.Mishap{Status: 200, Body: refusal(fail{kind: "BAD_USER_INPUT", code: "BULK_USER_INVITE_LIMIT_EXCEEDED", status: 400})},
			all("untried"), identity.CodeProviderError, true},
		"a role": {scripted.Mishap{Status: 200, Body: refusal(fail{kind: "NOT_FOUND", code: "ROLE_NOT_FOUND", status: 404})}, all("untried"), identity.CodeNotFound, true},
		"an older instance": {scripted.Mishap{Status: 400, Body: refusal(fail{kind: "GRAPHQL_VALIDATION_FAILED", code: "GRAPHQL_VALIDATION_FAILED", status: 400})},
			all("untried"), identity.CodeProviderError, true},
		"not now":      {scripted.Mishap{Status: 429, Times: -1, Body: "slow down", Header: http.Header{"Retry-After": {"7"}}}, all("untried"), identity.CodeProviderRateLimited, false},
		"credentials":  {scripted.Mishap{Status: 401, Times: -1, Body: `{"statusCode":401}`}, all("untried"), identity.CodeProviderCredentials, false},
		"nobody there": {scripted.Mishap{Refuse: true, Times: -1}, all("untried"), identity.CodeProviderUnavailable, false},
		"an error of its own": {scripted.Mishap{Status: 200, Body: refusal(fail{kind: "INTERNAL_SERVER_ERROR", code: "INTERNAL_ERROR", status: 500})},
			all("provider_error?"), "", false},
		"failed":        {scripted.Mishap{Status: 500, Body: `{"statusCode":500}`}, all("provider_error?"), "", false},
		"no data":       {scripted.Mishap{Status: 200, Body: `{"data":null}`}, all("provider_error?"), "", false},
		"nothing of it": {scripted.Mishap{Status: 200, Body: `{"data":{"sendUserInvitesV2":null}}`}, all("provider_error?"), "", false},
		"no lists":      {scripted.Mishap{Status: 200, Body: `{"data":{"sendUserInvitesV2":{"success":null,"errors":null}}}`}, all("provider_error?"), "", false},
		"cut":           {scripted.Mishap{Acts: true, Cut: true}, all("provider_unavailable?"), "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			tc.m.Op = "sendUserInvites"
			r.Inject(tc.m)
			request := r.several(one, two, three)
			outcomes, err := r.client().InviteMany(t.Context(), request)
			wantOutcomes(t, request, outcomes, tc.want...)
			if got := identity.CodeOf(err); got != tc.code || providers.Singly(err) != tc.singly {
				t.Errorf("error %v, singly %v", err, providers.Singly(err))
			}
			if tc.m.Times == 0 && r.Count("sendUserInvites") != 1 {
				t.Errorf("calls %v", r.Calls)
			}
		})
	}
}

// A call that succeeds holds a word about each row, found by its address.
func TestBulkRows(t *testing.T) {
	t.Parallel()
	refused := func(email, code string) row {
		text, _ := json.Marshal(row{"message": "no", "errorCode": code, "variables": row{}})
		return row{"email": email, "error": string(text), "firstName": "", "lastName": ""}
	}
	for name, tc := range map[string]struct {
		edit func(sent row, made []any)
		want []string
		code identity.Code
	}{
		"in another order":   {func(_ row, made []any) { slices.Reverse(made) }, []string{"sent", "sent", "sent"}, ""},
		"in capital letters": {func(_ row, made []any) { made[0].(row)["email"] = strings.ToUpper(one) }, []string{"sent", "sent", "sent"}, ""},
		"one is missing":     {func(sent row, made []any) { sent["success"] = made[1:] }, []string{"provider_error?", "sent", "sent"}, ""},
		"one too many": {func(sent row, made []any) {
			stranger := row{}
			for name, value := range made[0].(row) {
				stranger[name] = value
			}
			stranger["email"] = "stranger@example.com"
			sent["success"] = append(made, stranger)
		}, []string{"sent", "sent", "sent"}, ""},
		"one of another tenant": {func(_ row, made []any) { made[2].(row)["tenantId"] = orgTwo }, []string{"sent", "sent", "provider_error?"}, ""},
		"one both ways":         {func(sent row, _ []any) { sent["errors"] = []any{refused(two, "IS_EMAIL")} }, []string{"sent", "email_not_deliverable?", "sent"}, ""},
		"one without a word": {func(sent row, made []any) {
			sent["success"], sent["errors"] = made[:2], []any{row{"email": three, "error": "odd"}}
		}, []string{"sent", "sent", "provider_error?"}, ""},
		"one for its role": {func(sent row, made []any) {
			sent["success"], sent["errors"] = made[1:], []any{refused(one, "FORBIDDEN")}
		},
			[]string{"provider_rejected_credentials", "sent", "sent"}, ""},
		"one that was invited before": {func(sent row, made []any) {
			sent["success"], sent["errors"] = made[1:], []any{refused(one, "USER_INVITE_ALREADY_EXIST")}
		}, []string{"untried", "sent", "sent"}, identity.CodeInvitePending},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.edit = func(op string, data row) {
				if sent, ok := data["sendUserInvitesV2"].(row); ok && op == "sendUserInvites" {
					tc.edit(sent, sent["success"].([]any))
				}
			}
			request := r.several(one, two, three)
			outcomes, err := r.client().InviteMany(t.Context(), request)
			wantOutcomes(t, request, outcomes, tc.want...)
			if identity.CodeOf(err) != tc.code || providers.Singly(err) != (tc.code != "") {
				t.Errorf("error %v", err)
			}
			for n, o := range outcomes {
				if o.Sent != nil && r.row(o.Sent.ProviderID)["email"] != request.Invites[n].EmailKey {
					t.Errorf("row %d has the id of another", n)
				}
			}
		})
	}
}

// Who stands in the way is found by one look for all, and by one more for those
// whom it did not show.
func TestBulkInTheWay(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config, d *providers.Deps) {
		v := d.Transport.(*vendor)
		v.hardEnded, v.lateKeys = true, false
	})
	ended, ghost, ghostElsewhere := "ended@example.com", "ghost@example.com", "ghost.elsewhere@example.com"
	member, elsewhere, pending := "member@example.com", "elsewhere@example.com", "pending@example.com"
	r.With(func() {
		r.users = append(r.users, r.user(orgOne, member), r.user(orgTwo, elsewhere), r.user(orgOne, ghost), r.user(orgTwo, ghostElsewhere))
		r.users[len(r.users)-1]["active"], r.users[len(r.users)-2]["active"] = false, false
		r.invite(orgOne, pending, "org-member")
		r.invite(orgOne, ended, "org-member")["status"] = "canceled"
	})
	request := r.several(member, elsewhere, pending, ended, ghost, ghostElsewhere, one, two)
	request.Invites[7].Roles = []string{"gone"}
	c := r.client()
	r.p.deps.Roles["gone"] = "no-such-role"
	outcomes, err := c.InviteMany(t.Context(), request)
	wantOutcomes(t, request, outcomes, "already_member", "unsupported_by_provider", "invite_pending", "untried", "conflict", "unsupported_by_provider", "sent", "unknown_role")
	wantCode(t, err, identity.CodeInvitePending)
	if want := []string{"token", "usherLook", "sendUserInvites", "usherHolders"}; !slices.Equal(r.Calls, want) {
		t.Errorf("calls %v, want %v", r.Calls, want)
	}
	if !providers.Singly(err) {
		t.Fatalf("%v", err)
	}
	if _, err := c.Invite(t.Context(), request.Invites[3]); err != nil || r.mailed(ended) != 1 {
		t.Errorf("by itself: %v, %d mails", err, r.mailed(ended))
	}
}

// A row is told to the vendor as it would be by itself, in the name of its own
// caller.
func TestBulkCarriesTheSame(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"by address": func(*Config) {},
		"by subject": func(c *Config) { c.InviterFrom = "subject" },
		"v1":         func(c *Config) { c.Operations = "v1" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			open := func() *rig {
				r := newRig(t, func(c *Config, d *providers.Deps) {
					change(c)
					d.Transport = checked(t, d.Transport)
				})
				r.With(func() {
					r.users = append(r.users, r.user(orgOne, "ada@example.com"), r.user(orgOne, "bob@example.com"), r.user(orgTwo, "eve@example.com"))
				})
				return r
			}
			r, single := open(), open()
			request := r.several(one, "Two.Names@example.com", three, "four@example.com")
			for n, by := range []string{"ada", "bob", "eve", ""} {
				request.Invites[n].Inviter = identity.Actor{Subject: "ref-of-" + by + "@example.com", Email: by + "@example.com"}
				request.Invites[n].GivenName, request.Invites[n].Locale = by, "de"
			}
			request.Invites[1].Roles = []string{"admin", "member"}
			outcomes, err := r.client().InviteMany(t.Context(), request)
			wantOutcomes(t, request, outcomes, "sent", "sent", "sent", "sent")
			if err != nil || r.Count("usherLook") != 1 || r.Count("sendUserInvites") != 1 {
				t.Fatalf("calls %v, %v", r.Calls, err)
			}
			_, _ = r.item(0)
			items := func(sent row) []any {
				for _, name := range []string{"data", "userInvites"} {
					if data, _ := sent[name].(row); data != nil {
						return data["userInvites"].([]any)
					}
				}
				return nil
			}
			together := items(r.sent[0])
			for n := range request.Invites {
				request.Invites[n].Journal = providertest.NewJournal()
				sent, err := single.p.Invite(t.Context(), request.Invites[n])
				if err != nil {
					t.Fatal(err)
				}
				if _, alone := single.item(n); !reflect.DeepEqual(together[n], any(alone)) {
					t.Errorf("together %v, alone %v", together[n], alone)
				}
				sent.ProviderID, sent.Reference = outcomes[n].Sent.ProviderID, outcomes[n].Sent.Reference
				if !reflect.DeepEqual(sent, outcomes[n].Sent) {
					t.Errorf("alone %+v, together %+v", sent, outcomes[n].Sent)
				}
			}
		})
	}
}

// Addresses that differ by their case alone never go in one call: an answer does
// not tell them apart.
func TestBulkCase(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(_ *Config, d *providers.Deps) { d.EmailRule = identity.EmailExact })
	request := r.several("Case@example.com", "case@example.com", one)
	for n := range request.Invites {
		request.Invites[n].EmailKey = request.Invites[n].Address.Key(identity.EmailExact)
	}
	outcomes, err := r.client().InviteMany(t.Context(), request)
	wantOutcomes(t, request, outcomes, "sent", "untried", "sent")
	if err != nil {
		t.Error(err)
	}
}

// Rows of another tenant end everything before anything is sent.
func TestBulkComparesTenants(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(data row){
		"the tenant": func(data row) { data["tenants"] = row{"data": []any{row{"id": orgTwo}}} },
		"pending": func(data row) {
			data["pending"] = row{"data": []any{row{"id": inviterID, "email": "somebody@example.com", "status": "pending", "tenantId": orgTwo}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.edit = func(op string, data row) {
				if op == "usherLook" {
					edit(data)
				}
			}
			outcomes, err := r.client().InviteMany(t.Context(), r.several(one, two))
			for _, o := range outcomes {
				if o.Sent != nil || o.Untried() && err == nil {
					t.Errorf("%+v, %v", o, err)
				}
			}
			if r.Count("sendUserInvites") != 0 {
				t.Errorf("calls %v", r.Calls)
			}
		})
	}
}

// How many go in one call is a setting, and so is how often one goes.
func TestBulkSize(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]int{0: 10, 1: 0, 2: 2, 200: 200} {
		r := newRig(t, func(c *Config, _ *providers.Deps) { c.BulkSize = size })
		c := r.client()
		if c.Fields().Bulk != want || c.Has(providers.CapInviteMany) != (want > 0) {
			t.Errorf("%d: %d in a call", size, c.Fields().Bulk)
		}
	}
	quotas := quota.New(nil)
	t.Cleanup(func() { _ = quotas.Close() })
	r := newRig(t, func(_ *Config, d *providers.Deps) {
		d.Quotas, d.Limits = quotas, map[string]quota.Limit{"graphql": {Calls: 60, Window: time.Minute}}
	})
	for _, bulk := range []bool{false, true} {
		if calls, window := r.client().Pace(bulk); calls != 28 || window != time.Minute {
			t.Errorf("%d sendings in %v, each of a look and a call", calls, window)
		}
	}
	if calls, _ := newRig(t, nil).client().Pace(true); calls != 0 {
		t.Errorf("%d calls where no limit is known", calls)
	}
}
