package roq_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/sandbox/fault"
	"usher/sandbox/roq"
	"usher/sandbox/sandboxtest"
)

// Every operation of the vendor's schema is carried out once, and every answer
// fits it.
func TestEveryOperation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sim.AddGroup(roq.Group{Name: "Team", Type: "club", Roles: []string{"member"}, Users: []string{w.member}})
	w.post("/v01/authorize", vars{"environmentId": w.sim.EnvironmentID(), "apiKey": w.sim.APIKey(), "userId": w.admin}, http.Header{"roq-platform-authorization": {"Bearer " + w.account()}})
	all := func(field string) string {
		a := w.must(w.do(`{`+field+`{data{id}totalCount}}`, nil))
		id := a.Text("data", field, "data", 0, "id")
		w.must(w.do(`query($id: ID!){`+strings.TrimSuffix(field, "s")+`(id:$id){id}}`, vars{"id": id}))
		return id
	}
	first, second := w.invite("a@example.com"), w.invite("b@example.com")
	w.must(w.do(`mutation($i: ID!, $t: ID!){sendUserInvites(userInvites:{tenantId:$t userInvites:[{createdByUserId:$i email:"c@example.com"}]}){success{id}}}`, vars{"i": w.admin, "t": w.acme}))
	for _, field := range []string{"userInvites", "users", "userProfiles", "tenants", "roles", "userGroups"} {
		all(field)
	}
	w.must(w.do(`query($t: String!){isTenantsActive checkUserInviteToken(token:$t){isValid isExpired email}}`, vars{"t": w.secret("a@example.com")}))
	w.must(w.byID("cancelUserInvite", second))
	w.must(w.byID("resendUserInvite", second))
	w.must(w.do(`mutation($id: ID!){updateUserInvite(id:$id, userInvite:{firstName:"A"}){`+strings.Trim(inviteFields, "{ }")+` createdBy{email} acceptedBy{email} roles{totalCount}}}`, vars{"id": first}))
	w.must(w.accept(w.secret("a@example.com")))
	w.must(w.do(`mutation($t: String!){acceptUserInvite(acceptUserInvite:{token:$t}){status acceptedBy{id email}}}`, vars{"t": w.secret("b@example.com")}))
	w.must(w.do(createUser, vars{"user": vars{"email": "u@example.com", "reference": "u"}}))
	w.must(w.do(updateUser, vars{"id": w.member, "user": vars{"firstName": "M"}}))
	w.must(w.do(`mutation($u: ID!){assignRolesToUser(userId:$u roleKeys:["admin"]) unassignRolesFromUser(userId:$u roleKeys:["admin"])
	  verifyPassword(userId:$u password:"x") sendUserResetPasswordMail(userId:$u) sendUserConfirmationMail(userId:$u)}`, vars{"u": w.member}))
	w.must(w.do(`mutation($u: ID!, $s: String!){changeUserPassword(id:$u input:{password:"secret" newPassword:"s2"}) changeUserPasswordV2(data:{userId:$s password:"s2" newPassword:"s3"})}`, vars{"u": w.admin, "s": w.admin}))
	w.must(w.do(`mutation($t: ID!){createTenant(tenant:{name:"T"}){id} updateTenant(id:$t tenant:{name:"A"}){id} sendMail(mail:{key:"k" locale:"en-US" emails:[]}){mailsSent{count}}}`, vars{"t": w.acme}))
	if w.contract == nil {
		t.Skip("carried out, and held against nothing")
	}
	for _, operation := range w.contract.Operations() {
		if !w.contract.Seen(operation) {
			t.Errorf("%s was not carried out", operation)
		}
	}
}

// An answer that gets lost leaves what was done: a gateway must look, not send
// again.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.account()
	if _, err := w.sim.Injector().Add(fault.Fault{Match: fault.Match{Method: "POST", Path: "/v01/server/graphql", Body: "sendUserInvitesV2"}, Do: fault.Action{Status: 502, After: true}, Times: 1}); err != nil {
		t.Fatal(err)
	}
	if a := w.sendIn(w.acme, w.row("a@example.com")); a.Status != 502 {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	a := w.must(w.do(listInvites, vars{"filter": vars{"email": vars{"equalTo": "a@example.com"}, "tenantId": vars{"equalTo": w.acme}, "status": vars{"equalTo": "pending"}}}))
	if a.At("data", "userInvites", "totalCount") != 1.0 || len(w.mails.To("a@example.com")) != 1 {
		t.Error(a.Raw)
	}
}

func TestAdminSurface(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.invite("a@example.com", "injectableVariables", vars{"k": "v"})
	if a := w.post("/_sandbox/clock", vars{"advance": "24h"}, nil); a.Status != 200 {
		t.Fatal(a.Raw)
	}
	_, state := w.get(w.srv.URL + "/_sandbox/state")
	if !strings.Contains(state, `"status":"expired"`) || !strings.Contains(state, id) {
		t.Error(state)
	}
	for _, secret := range []string{w.secret("a@example.com"), w.sim.APIKey(), "secret"} {
		if strings.Contains(state, secret) {
			t.Errorf("the state tells %s", secret)
		}
	}
	a := sandboxtest.Send(t, w.srv.Client(), sandboxtest.NewRequest(t, http.MethodPatch, w.srv.URL+"/_sandbox/quirks", `{"bulk_limit":3}`))
	if a.Status != 200 || w.sim.Quirks().BulkLimit != 3 {
		t.Errorf("%d %+v", a.Status, w.sim.Quirks())
	}
	for _, patch := range []string{`{"nope":1}`, `{"bulk_limit":-1}`, `{"invited_code":"X"}`, `{"invited_statuses":["sent"]}`, `{"token_status":418}`, `{"validation_status":500}`,
		`{"inviter_tenant":"x"}`, `{"list_cap":0}`, `{"expiry_job_minutes":-2}`, `{`} {
		if w.sim.PatchQuirks([]byte(patch)) == nil {
			t.Errorf("%s was taken", patch)
		}
	}
	if w.sim.Quirks().BulkLimit != 3 {
		t.Error("a refused patch changed something")
	}
	if now := w.sim.Now(); !now.Equal(w.clock.Now().Add(24 * time.Hour)) {
		t.Errorf("now %s", now)
	}
}

func TestTransportRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := vars{"query": `{isTenantsActive}`}
	h := w.headers(w.account())
	w.must(w.post("/v01/server/graphql", good, h))
	for body, status := range map[string]int{``: 400, `[]`: 400, `{"query":5}`: 400, `{"variables":{}}`: 400, `{"query":"` + strings.Repeat(" ", 1<<20) + `"}`: 413} {
		if a := w.post("/v01/server/graphql", body, h); a.Status != status || a.Text("message") == "" {
			t.Errorf("%.20q: %d %.200s", body, a.Status, a.Raw)
		}
	}
	h.Set("Content-Type", "text/plain")
	if a := w.post("/v01/server/graphql", good, h); a.Status != 400 {
		t.Errorf("as text: %d", a.Status)
	}
	if a := w.post("/v01/authorize/refreshToken", good, h); a.Status != 404 || a.Text("message") != "Cannot POST /v01/authorize/refreshToken" {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
}

// Of many calls at once one invites: the check and the writing are one step.
func TestConcurrentSends(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.account()
	sent := make(chan answer, 8)
	var reading sync.WaitGroup
	for range cap(sent) {
		reading.Go(func() {
			sent <- w.sendIn(w.acme, w.row("a@example.com"))
			w.do(`{users{data{roles{data{users{totalCount}}}}} userInvites{data{createdBy{email}}}}`, nil)
		})
	}
	reading.Wait()
	success := 0
	for range cap(sent) {
		a := <-sent
		success += a.Len("data", "sendUserInvitesV2", "success")
	}
	if success != 1 || len(w.mails.To("a@example.com")) != 1 {
		t.Errorf("%d invitations", success)
	}
}
