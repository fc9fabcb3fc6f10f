package roq

import (
	"testing"

	"usher/identity"
	"usher/providers"
	"usher/providers/providertest/scripted"
)

// add puts a row into a list of an answer.
func add(data row, list string, one row) {
	page := data[list].(row)
	page["data"] = append([]any{one}, page["data"].([]any)...)
}

// TestLooseFilters: a vendor that answers more than it was asked for. A hit
// counts only if it is what was asked for: somebody else's row decides nothing.
func TestLooseFilters(t *testing.T) {
	t.Parallel()
	const somebody = "9c0ffee0-0000-4000-8000-00000000eeee"
	who := func(tenant, email, reference string, active bool) row {
		return row{"id": somebody, "email": email, "reference": reference, "tenantId": tenant, "active": active}
	}
	subject := func(c *Config) { c.InviterFrom = inviterBySubject }
	for _, c := range []struct {
		name   string
		change func(*Config)
		edit   func(data row)
		want   identity.Code
	}{
		{"a member of another address", nil, func(data row) { add(data, "users", who(orgOne, "b@example.com", "b", true)) }, ""},
		{"pending for another address", nil, func(data row) {
			add(data, "pending", row{"id": somebody, "email": "b@example.com", "status": "pending", "tenantId": orgOne})
		}, ""},
		{"ended, and listed as pending", nil, func(data row) {
			add(data, "pending", row{"id": somebody, "email": "a@example.com", "status": "canceled", "tenantId": orgOne})
		}, ""},
		{"a caller of another address", nil, func(data row) { add(data, "caller", who(orgOne, "b@example.com", "b", true)) }, ""},
		{"a caller of another tenant", nil, func(data row) { add(data, "caller", who(orgTwo, "ada@example.com", "b", true)) }, ""},
		{"a caller who was deactivated", nil, func(data row) { add(data, "caller", who(orgOne, "ada@example.com", "b", false)) }, ""},
		{"a caller of another reference", subject, func(data row) { add(data, "callerByReference", who(orgOne, "b@example.com", "b", true)) }, ""},
		{"a caller of the reference and another tenant", subject, func(data row) { add(data, "callerByReference", who(orgTwo, "b@example.com", "ada", true)) }, ""},
		{"a caller of the reference who was deactivated", subject, func(data row) { add(data, "callerByReference", who(orgOne, "b@example.com", "ada", false)) }, ""},
		{"another inviter", nil, func(data row) { add(data, "inviter", who(orgOne, "b@example.com", "b", true)) }, ""},
		{"an inviter who was deactivated", nil, func(data row) {
			data["inviter"].(row)["data"].([]any)[0].(row)["active"] = false
		}, identity.CodeProviderCredentials},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(cfg *Config, _ *providers.Deps) {
				if c.change != nil {
					c.change(cfg)
				}
			})
			r.edit = func(op string, data row) {
				if op == "usherLook" {
					c.edit(data)
				}
			}
			request := r.request("a@example.com")
			request.Inviter = identity.Actor{Subject: "ada", Email: "ada@example.com"}
			_, err := r.p.Invite(t.Context(), request)
			wantCode(t, err, c.want)
			if err != nil {
				return
			}
			if _, item := r.item(0); item["createdByUserId"] != inviterID {
				t.Errorf("invited by %v", item["createdByUserId"])
			}
		})
	}
}

// The user by whom an invitation was accepted is asked for within the tenant,
// and compared again.
func TestAcceptedByAnotherTenant(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	i := r.invite(orgOne, "a@example.com")
	r.users = append(r.users, r.user(orgTwo, "a2@example.com"))
	i["status"], i["acceptedByUserId"] = "accepted", r.users[1]["id"]
	r.edit = func(op string, data row) {
		if op == "usherMember" {
			add(data, "users", row{"id": i["acceptedByUserId"], "email": "a2@example.com", "tenantId": orgTwo, "active": true})
		}
	}
	_, err := r.p.FindMember(t.Context(), r.ref("a@example.com", i["id"].(string)))
	wantCode(t, err, identity.CodeNotFound)
}

// An account in another tenant stands in the way even where the vendor would
// not mind.
func TestElsewhereAndAllowed(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.silent = true
	r.users = append(r.users, r.user(orgTwo, "a@example.com"))
	_, err := r.p.Invite(t.Context(), r.request("a@example.com"))
	wantCode(t, err, identity.CodeUnsupported)
	if r.Count("sendUserInvites") != 0 {
		t.Error("it was sent")
	}
}

// A sending that was answered and not recorded is not made again, whatever has
// become of the invitation since.
func TestAnsweredAndNotRecorded(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"pending", "accepted", "canceled", "gone"} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			request := r.request("a@example.com")
			sent, err := r.p.Invite(t.Context(), request)
			if err != nil {
				t.Fatal(err)
			}
			if r.row(sent.ProviderID)["status"] = status; status == "gone" {
				r.invites = nil
			}
			again, err := r.p.Invite(t.Context(), request)
			if err != nil || again.ProviderID != sent.ProviderID || r.mailed("a@example.com") != 1 {
				t.Errorf("answered %+v, %v, %d mails", again, err, r.mailed("a@example.com"))
			}
		})
	}
}

// A call of ours may be the reason of a refusal; while that cannot be found
// out, nobody knows.
func TestLateCallThatCannotBeFound(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	request := r.request("a@example.com")
	if err := request.Journal.Begin(t.Context(), stepSend); err != nil {
		t.Fatal(err)
	}
	r.Inject(scripted.Mishap{Op: "sendUserInvites", Status: 200, Body: refusedRow("a@example.com", `{"errorCode":"USER_INVITE_ALREADY_EXIST"}`)})
	r.Inject(scripted.Mishap{Op: "usherLook", Skip: 1, Times: -1, Refuse: true})
	_, err := r.p.Invite(t.Context(), request)
	wantActed(t, err, true)
	if !request.Journal.Step(stepSend).Begun {
		t.Error("the step was taken back")
	}
}

// A refusal that comes with a failure of the server's is none.
func TestRevokeRefusedWithAFailure(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	request := r.invited("a@example.com")
	r.Inject(scripted.Mishap{Op: "cancelUserInvite", Status: 500, Body: graphQLError("BAD_USER_INPUT", "USER_INVITE_CANCELLATION_FAILED", 400, `{}`)})
	err := r.p.Revoke(t.Context(), r.ref("a@example.com", request.ProviderID))
	wantActed(t, err, true)
	if identity.CodeOf(err) == identity.CodeNotFound {
		t.Errorf("got %v", err)
	}
}
