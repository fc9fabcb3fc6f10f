package roq_test

import (
	"testing"

	"usher/sandbox/roq"
)

// A user's token never reaches another tenant.
func TestUsersActWithinTheirTenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stranger := w.sim.AddUser(roq.User{Email: "stranger@example.com", TenantID: w.other, Roles: []string{"admin"}})
	id := w.invite("a@example.com")
	ask := func(query string, v vars) answer { return w.as(w.user(stranger), query, v) }
	for _, field := range []string{"users", "userProfiles", "userInvites", "tenants"} {
		want := 1.0
		if field == "userInvites" {
			want = 0
		}
		if a := w.must(ask(`{`+field+`{totalCount}}`, nil)); a.At("data", field, "totalCount") != want {
			t.Errorf("%s: %s", field, a.Raw)
		}
	}
	for query, one := range map[string]string{
		`query($id: ID!){user(id:$id){id}}`:                                            w.admin,
		`query($id: ID!){tenant(id:$id){id}}`:                                          w.acme,
		`query($id: ID!){userInvite(id:$id){id}}`:                                      id,
		`mutation($id: ID!){resendUserInvite(id:$id){id}}`:                             id,
		`mutation($id: ID!){cancelUserInvite(id:$id){id}}`:                             id,
		`mutation($id: ID!){updateUser(id:$id, user:{firstName:"x"}){id}}`:             w.admin,
		`mutation($id: ID!){updateTenant(id:$id, tenant:{name:"x"}){id}}`:              w.acme,
		`mutation($id: ID!){assignRolesToUser(userId:$id, roleKeys:["admin"])}`:        w.member,
		`mutation($id: ID!){updateUserInvite(id:$id, userInvite:{firstName:"x"}){id}}`: id,
		`mutation($id: ID!){sendUserResetPasswordMail(userId:$id)}`:                    w.admin,
	} {
		if a := ask(query, vars{"id": one}); a.At("errors", 0, "extensions", "response", "statusCode") != 404.0 {
			t.Errorf("%s: %s", query, a.Raw)
		}
	}
	row := vars{"createdByUserId": stranger, "email": "b@example.com"}
	w.refused(ask(sendV2, vars{"data": vars{"tenantId": w.acme, "userInvites": []any{row}}}), 403, "FORBIDDEN")
	w.refused(ask(sendV2, vars{"data": vars{"tenantId": w.other, "userInvites": []any{w.row("b@example.com")}}}), 403, "FORBIDDEN") // as somebody else
	w.must(ask(sendV2, vars{"data": vars{"tenantId": w.other, "userInvites": []any{row}}}))
	w.refused(ask(createUser, vars{"user": vars{"email": "c@example.com", "reference": "c", "tenantId": w.acme}}), 403, "FORBIDDEN")
	if a := w.must(ask(createUser, vars{"user": vars{"email": "c@example.com", "reference": "c"}})); a.Text("data", "createUser", "tenantId") != w.other {
		t.Error(a.Raw)
	}
}

func TestUsersActWithinTheirRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sim.AddRole(roq.Role{Key: "lead", Name: "Lead", Invites: []string{"member"}, Permissions: []string{"sendUserInvitesV2"}})
	lead := w.sim.AddUser(roq.User{Email: "lead@example.com", TenantID: w.acme, Roles: []string{"lead"}})
	send := func(as, email string, roles ...string) answer {
		return w.as(w.user(as), sendV2, vars{"data": vars{"tenantId": w.acme, "userInvites": []any{vars{"createdByUserId": as, "email": email, "roles": roles}}}})
	}
	a := w.refused(send(w.member, "a@example.com"), 403, "FORBIDDEN")
	if a.Text("errors", 0, "message") != "You don't have permissions to do this. Please make sure that you have these permission(s): sendUserInvitesV2" {
		t.Error(a.Raw)
	}
	for key, want := range map[string]bool{"member": true, "lead": true, "admin": false} {
		a := w.must(send(lead, key+"@new.example.com", key))
		if got := a.Len("data", "sendUserInvitesV2", "success") == 1; got != want {
			t.Errorf("%s: %s", key, a.Raw)
		}
	}
	id := w.invite("x@example.com")
	w.refused(w.as(w.user(lead), `mutation($id: ID!){cancelUserInvite(id:$id){id}}`, vars{"id": id}), 403, "FORBIDDEN")
	w.must(w.as(w.user(lead), updateUser, vars{"id": lead, "user": vars{"firstName": "Me"}}))
	w.refused(w.as(w.user(lead), updateUser, vars{"id": w.admin, "user": vars{"firstName": "You"}}), 403, "FORBIDDEN")
	w.refused(w.as(w.user(lead), `mutation($id: ID!){assignRolesToUser(userId:$id, roleKeys:["admin"])}`, vars{"id": lead}), 403, "FORBIDDEN")
	roles := w.must(w.as(w.user(lead), `{roles(filter:{invite:{equalTo:true}} order:{sort:key order:ASC}){data{key}totalCount}}`, nil))
	if roles.At("data", "roles", "totalCount") != 2.0 || roles.Text("data", "roles", "data", 0, "key") != "lead" {
		t.Error(roles.Raw)
	}
}
