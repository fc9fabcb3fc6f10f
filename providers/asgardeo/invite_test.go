package asgardeo

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/contracttest"
	"usher/providers"
	"usher/providers/asgardeo/internal"
	"usher/providers/providertest"
	"usher/providers/providertest/scripted"
	"usher/sandbox/asgardeo/contract"
)

// situation is who is invited, and what a whole sending costs.
type situation struct {
	name  string
	setup func(r *rig)
	mails map[string]int // by kind, in the end
	calls map[string]int // of an undisturbed sending
}

func situations() []situation {
	const address = "a@example.com"
	return []situation{
		{"new", func(*rig) {}, map[string]int{"set_password": 1, "guest_invitation": 1},
			map[string]int{"find": 1, "create": 1, "invite": 1, "resend": 0, "list": 0}},
		{"existing", func(r *rig) { r.addUser(person{userName: "DEFAULT/" + address, email: address}) },
			map[string]int{"guest_invitation": 1}, map[string]int{"find": 1, "create": 0, "invite": 1, "resend": 0, "list": 0}},
		{"awaiting a password", func(r *rig) {
			r.addUser(person{userName: "DEFAULT/" + address, email: address, state: "PENDING_AP"})
		}, map[string]int{"guest_invitation": 1, "set_password_again": 1},
			map[string]int{"find": 1, "create": 0, "invite": 1, "resend": 1, "list": 0}},
		{"verified under another name", func(r *rig) {
			r.addUser(person{userName: "DEFAULT/alias", email: address, verified: "true"})
		}, map[string]int{"guest_invitation": 1}, map[string]int{"find": 2, "create": 0, "invite": 1, "resend": 0, "list": 1}},
	}
}

func (r *rig) mailsTo(address string) map[string]int {
	r.Lock()
	defer r.Unlock()
	got := map[string]int{}
	for key, n := range r.mails {
		if kind, to, _ := strings.Cut(key, " "); to == address {
			got[kind] = n
		}
	}
	return got
}

func TestInvite(t *testing.T) {
	t.Parallel()
	for _, s := range situations() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			s.setup(r)
			request := r.request("A@Example.com", "admin", "member")
			request.GivenName, request.Locale, request.Metadata = "Ann", "de", map[string]any{"k": 1}
			sent, err := r.p.Invite(t.Context(), request)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.mailsTo("a@example.com"); !maps.Equal(got, s.mails) {
				t.Errorf("mails %v, want %v", got, s.mails)
			}
			for op, want := range s.calls {
				if got := r.Count(op); got != want {
					t.Errorf("%d calls of %s, want %d", got, op, want)
				}
			}
			expires := r.Clock.Now().Add(72 * time.Hour)
			want := &providers.Sent{
				ExpiresAt: &expires, NotCarried: []string{"given_name", "locale", "metadata"},
				Reference: map[string]string{refUsername: "a@example.com", refDomain: "DEFAULT", refUserID: r.users[0].id},
			}
			if s.name == "new" {
				want.NotCarried = []string{"locale", "metadata"}
				want.Reference[refCreated] = "true"
				if r.users[0].given != "Ann" {
					t.Errorf("made %+v", r.users[0])
				}
			}
			if strings.HasPrefix(s.name, "verified") {
				want.Reference[refUsername], want.ProviderID = "alias", r.orgs[orgOne].rows[0].id
			}
			if !reflect.DeepEqual(sent, want) {
				t.Errorf("sent %+v, want %+v", sent, want)
			}
			if got := r.orgs[orgOne].rows[0].roles; !slices.Equal(got, []string{"adm-1008", "mem-1008"}) {
				t.Errorf("invited with the roles %v", got)
			}
		})
	}
}

// goOn does what the house does after a send ended in an error: it asks what
// became of it and, if it was not sent, sends on with the same journal.
func goOn(t *testing.T, r *rig, request providers.InviteRequest) {
	t.Helper()
	for range 3 {
		settled, err := r.p.Settle(t.Context(), request)
		if err != nil {
			t.Fatalf("settle: %v", err)
		}
		if settled.Verdict != providers.VerdictNotSent {
			return
		}
		if _, err := r.p.Invite(t.Context(), request); err == nil {
			return
		}
	}
	t.Error("the sending never came to an end")
}

// TestCrash stops a sending at each entry of its journal, before and after it
// is written, and goes on.
func TestCrash(t *testing.T) {
	t.Parallel()
	for _, s := range situations() {
		for n := 1; n <= 8; n++ {
			for _, recorded := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%d/%v", s.name, n, recorded), func(t *testing.T) {
					t.Parallel()
					r := newRig(t, nil)
					s.setup(r)
					request := r.request("a@example.com")
					journal := providertest.NewJournal()
					journal.CrashAt(n, recorded)
					request.Journal = journal
					_, err := r.p.Invite(t.Context(), request)
					journal.CrashAt(0, false)
					if err != nil {
						goOn(t, r, request)
						if _, err := r.p.Invite(t.Context(), request); err != nil { // as after a crash of the house
							t.Errorf("once more: %v", err)
						}
					}
					got := r.mailsTo("a@example.com")
					// A crash right at the reminder may cost the reminder: it is
					// never mailed when it may have been.
					if again := got["set_password_again"]; again < s.mails["set_password_again"] && err == nil {
						got["set_password_again"] = s.mails["set_password_again"]
					}
					if got["set_password_again"] == 0 {
						delete(got, "set_password_again")
					}
					if !maps.Equal(got, s.mails) {
						t.Errorf("mails %v, want %v (journal %v)", got, s.mails, journal.Steps())
					}
				})
			}
		}
	}
}

// TestFaults breaks each vendor call of a sending in each way, once, and goes
// on until it is sent. Nothing is ever mailed twice.
func TestFaults(t *testing.T) {
	t.Parallel()
	ways := map[string]scripted.Mishap{
		"down":         {Status: 503, Times: 3},
		"500":          {Status: 500, Body: `{"code":"OUI-65001","message":"m"}`},
		"500 and done": {Status: 500, Acts: true},
		"lost":         {Acts: true, Cut: true, Times: 3},
		"cut":          {Cut: true, Times: 3},
		"HTML":         {Status: 200, Body: "<html>"},
		"HTML, done":   {Status: 200, Body: "<html>", Acts: true},
		"429":          {Status: 429, Times: 3},
		"nobody there": {Refuse: true, Times: 3},
		"hangs":        {Hang: true, Times: 3},
	}
	for _, s := range situations() {
		for _, op := range []string{"token", "switch", "applications", "roles", "find", "create", "invite", "list", "resend"} {
			for name, way := range ways {
				t.Run(s.name+"/"+op+"/"+name, func(t *testing.T) {
					t.Parallel()
					r := newRig(t, func(c *Config, _ *providers.Deps) {
						if way.Hang {
							c.CallTimeout = "300ms"
						}
					})
					s.setup(r)
					way.Op = op
					r.Inject(way)
					request := r.request("a@example.com")
					_, err := r.p.Invite(t.Context(), request)
					write := op == "create" || op == "invite"
					unsure := map[string]bool{"500": true, "500 and done": true, "lost": true, "cut": true, "HTML": true, "HTML, done": true, "hangs": true, "down": true}[name]
					if err != nil && mayHaveActed(err) != (write && unsure) {
						t.Errorf("may have acted: %v (error: %v)", mayHaveActed(err), err)
					}
					r.failure(providertest.Back)
					if err != nil {
						goOn(t, r, request)
					}
					got, want := r.mailsTo("a@example.com"), maps.Clone(s.mails)
					if op == "resend" { // a failed reminder does not matter, and is not repeated
						delete(got, "set_password_again")
						delete(want, "set_password_again")
					}
					if settledFirst := op == "invite" && (name == "lost" || strings.Contains(name, "done")); settledFirst {
						delete(got, "set_password_again")
						delete(want, "set_password_again")
					}
					if !maps.Equal(got, want) {
						t.Errorf("mails %v, want %v", got, want)
					}
				})
			}
		}
	}
}

// TestLateCall: the first call was lost on its way, nothing was there when the
// vendor was asked, and then it arrived before the second one.
func TestLateCall(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"OUI-10018", "OUI-10032"} {
		r := newRig(t, nil)
		r.addUser(person{userName: "DEFAULT/a@example.com", email: "a@example.com"})
		request := r.request("a@example.com")
		if err := request.Journal.Begin(t.Context(), stepInvite); err != nil {
			t.Fatal(err)
		}
		r.Inject(scripted.Mishap{Op: "invite", Status: 200, Body: rowOf("a@example.com", code)})
		if _, err := r.p.Invite(t.Context(), request); err != nil {
			t.Errorf("%s for a call of our own: %v", code, err)
		}
		if step := request.Journal.Step(stepInvite); !step.Done {
			t.Errorf("%s: the step is %+v", code, step)
		}
	}
}

// TestAskedFirst: what was begun and not done is asked about, not repeated.
func TestAskedFirst(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		step  string
		setup func(r *rig)
		calls map[string]int
	}{
		{"invitation pending", stepInvite, func(r *rig) { r.elsewhere(orgOne, "a@example.com", "Team Member") }, map[string]int{"list": 1, "invite": 0}},
		{"joined", stepInvite, func(r *rig) { r.users = nil; r.addMember(orgOne, "a@example.com") }, map[string]int{"list": 1, "member": 1, "invite": 0}},
		{"nothing there", stepInvite, func(*rig) {}, map[string]int{"list": 1, "member": 1, "invite": 1}},
		{"account there", stepCreate, func(*rig) {}, map[string]int{"find": 1, "create": 0, "invite": 1, "resend": 0}},
		{"account there with another address", stepCreate, func(r *rig) { r.users[0].email = "other@example.com" },
			map[string]int{"find": 2, "create": 0, "invite": 1, "resend": 0}},
		{"no account", stepCreate, func(r *rig) { r.users = nil }, map[string]int{"find": 2, "create": 1, "invite": 1, "resend": 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.addUser(person{userName: "DEFAULT/a@example.com", email: "a@example.com", state: map[string]string{stepCreate: "PENDING_AP"}[c.step]})
			c.setup(r)
			request := r.request("a@example.com")
			if err := request.Journal.Begin(t.Context(), c.step); err != nil {
				t.Fatal(err)
			}
			if _, err := r.p.Invite(t.Context(), request); err != nil {
				t.Fatal(err)
			}
			for op, want := range c.calls {
				if got := r.Count(op); got != want {
					t.Errorf("%d calls of %s, want %d", got, op, want)
				}
			}
			if !request.Journal.Step(c.step).Done || !request.Journal.Step(stepInvite).Done {
				t.Error("the steps are not done")
			}
		})
	}
	// While the vendor cannot be asked, nobody knows.
	r := newRig(t, nil)
	r.addUser(person{userName: "DEFAULT/a@example.com", email: "a@example.com"})
	request := r.request("a@example.com")
	if err := request.Journal.Begin(t.Context(), stepInvite); err != nil {
		t.Fatal(err)
	}
	r.Inject(scripted.Mishap{Op: "list", Times: -1, Refuse: true})
	_, err := r.p.Invite(t.Context(), request)
	wantCode(t, err, identity.CodeProviderUnavailable)
	if !mayHaveActed(err) {
		t.Errorf("%v says that nothing was sent", err)
	}
}

func rowOf(username, code string) string {
	return fmt.Sprintf(`[{"username":%q,"result":{"status":"Failed","errorCode":%q,"errorMessage":"m","errorDescription":"d"}}]`, username, code)
}

// TestRefusals walks everything the vendor can answer to an invitation: the
// code, the field, that nothing is unsure, and that the step is taken back.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		op, body string
		status   int
		want     identity.Code
		field    string
		acted    bool
	}{
		{"invite", rowOf("a@example.com", "OUI-10032"), 200, identity.CodeAlreadyMember, "", false},
		{"invite", rowOf("a@example.com", "OUI-10018"), 201, identity.CodeInvitePending, "", false},
		{"invite", rowOf("a@example.com", "OUI-10011"), 200, identity.CodeProviderError, "", false},
		{"invite", rowOf("a@example.com", "OUI-10030"), 200, identity.CodeEmailNotDeliverable, "/email", false},
		{"invite", rowOf("a@example.com", "OUI-10031"), 200, identity.CodeRoleNotGrantable, "/roles", false},
		{"invite", rowOf("a@example.com", "OUI-99999"), 200, identity.CodeProviderError, "", false},
		{"invite", rowOf("A@EXAMPLE.com", "OUI-10032"), 200, identity.CodeAlreadyMember, "", false},
		{"invite", rowOf("somebody@example.com", "OUI-10032"), 200, identity.CodeProviderError, "", true},
		{"invite", `[]`, 200, identity.CodeProviderError, "", true},
		{"invite", `null`, 200, identity.CodeProviderError, "", true},
		{"invite", `{"username":"a@example.com"}`, 200, identity.CodeProviderError, "", true},
		{"invite", `[{"username":"a@example.com","result":{"status":"Maybe"}}]`, 200, identity.CodeProviderError, "", true},
		{"invite", `[{"username":"a@example.com"}]`, 200, identity.CodeProviderError, "", true},
		{"invite", `{}`, 302, identity.CodeProviderError, "", true},
		{"invite", `{"code":"OUI-60013"}`, 400, identity.CodeUnknownRole, "/roles", false},
		{"invite", `{"code":"OUI-60014"}`, 400, identity.CodeProviderError, "", false},
		{"invite", `{"code":"OUI-60003"}`, 400, identity.CodeInvitePending, "", false},
		{"invite", `{"code":"OUI-65001"}`, 500, identity.CodeProviderError, "", true},
		{"invite", `{"code":403}`, 403, identity.CodeProviderCredentials, "", false},
		{"invite", `nothing`, 404, identity.CodeProviderError, "", false},
		{"invite", ``, 504, identity.CodeProviderTimeout, "", true},
		{"invite", ``, 503, identity.CodeProviderUnavailable, "", true},
		{"invite", ``, 408, identity.CodeProviderTimeout, "", true},
		{"create", `{"scimType":"invalidValue","status":"400"}`, 400, identity.CodeEmailNotDeliverable, "/email", false},
		{"create", `{"scimType":"uniqueness","status":409}`, 409, identity.CodeConflict, "/email", false},
		{"create", `{"scimType":"userLimitReached","status":"403"}`, 403, identity.CodeQuotaExceeded, "", false},
		{"create", `{"status":403}`, 403, identity.CodeProviderCredentials, "", false},
		{"create", ``, 202, identity.CodeConflict, "/email", false},
		{"create", ``, 406, identity.CodeProviderError, "", false},
		{"create", `{"status":"500"}`, 500, identity.CodeProviderError, "", true},
		{"create", `<html>`, 201, identity.CodeProviderError, "", true},
		{"find", `{"scimType":"InvalidFilter","status":"400"}`, 400, identity.CodeProviderError, "", false},
		{"find", `{"detail":"Unsupported Operation"}`, 500, identity.CodeProviderError, "", false},
	} {
		t.Run(fmt.Sprintf("%s %d %s", c.op, c.status, c.body), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.Inject(scripted.Mishap{Op: c.op, Times: -1, Status: c.status, Body: c.body})
			request := r.request("a@example.com")
			_, err := r.p.Invite(t.Context(), request)
			wantCode(t, err, c.want)
			if got := mayHaveActed(err); got != c.acted {
				t.Errorf("may have acted: %v, want %v (error: %v)", got, c.acted, err)
			}
			wrapped := providers.NewClient("c", r.p, nil)
			r2 := r.request("a@example.com")
			_, err = wrapped.Invite(t.Context(), r2)
			known, ok := err.(*identity.Error)
			if !ok || known.Code != c.want || (known.Field != c.field && known.Code != identity.CodeConflict) {
				t.Errorf("the caller sees %+v, want %s at %q", known, c.want, c.field)
			}
			step := map[string]string{"invite": stepInvite, "create": stepCreate, "find": stepCreate}[c.op]
			if got := request.Journal.Step(step).Begun; got != (c.acted || c.status == 202) {
				t.Errorf("the step is begun: %v", got)
			}
		})
	}
}

// TestEveryCode: no OUI code of FACTS.md is without a row in the table.
func TestEveryCode(t *testing.T) {
	t.Parallel()
	facts, err := os.ReadFile(filepath.Join(contracttest.Dir(t, "asgardeo"), "FACTS.md"))
	if err != nil {
		t.Fatal(err)
	}
	codes := regexp.MustCompile(`OUI-\d{5}(?:/\d{5})*`).FindAllString(string(facts), -1)
	if len(codes) < 15 {
		t.Fatalf("found %v", codes)
	}
	for _, listed := range codes {
		for _, number := range strings.Split(strings.TrimPrefix(listed, "OUI-"), "/") {
			known := (&internal.APIError{Code: "OUI-" + number, Status: 418}).Problem()
			unknown := (&internal.APIError{Code: "OUI-", Status: 403}).Problem()
			if known.Code == unknown.Code {
				t.Errorf("OUI-%s has no row", number)
			}
		}
	}
}

func TestApproval(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Inject(scripted.Mishap{Op: "create", Status: 202})
	request := r.request("a@example.com")
	for range 2 {
		_, err := r.p.Invite(t.Context(), request)
		wantCode(t, err, identity.CodeConflict)
	}
	if r.Count("create") != 1 || r.Count("invite") != 0 {
		t.Errorf("calls %v, want one creation and no invitation", r.Calls)
	}
	r.addUser(person{userName: "DEFAULT/a@example.com", email: "a@example.com", state: "PENDING_AP"}) // approved
	if _, err := r.p.Invite(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	if got, want := r.mailsTo("a@example.com"), map[string]int{"guest_invitation": 1}; !maps.Equal(got, want) {
		t.Errorf("mails %v, want %v", got, want)
	}
}

// TestRace: somebody else makes the account between the look-up and ours.
func TestRace(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.addUser(person{userName: "DEFAULT/a@example.com", email: "a@example.com", state: "PENDING_AP"})
	r.Inject(scripted.Mishap{Op: "find", Status: 200, Body: `{"totalResults":0}`})
	request := r.request("a@example.com")
	request.FamilyName = "B"
	sent, err := r.p.Invite(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := r.mailsTo("a@example.com"), map[string]int{"guest_invitation": 1}; !maps.Equal(got, want) {
		t.Errorf("mails %v, want %v: the first mail is on its way", got, want)
	}
	if sent.Reference[refCreated] != "" || !slices.Equal(sent.NotCarried, []string{"family_name"}) {
		t.Errorf("sent %+v", sent)
	}
}

// TestRolesChanged: role ids that were remembered have changed.
func TestRolesChanged(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	if _, err := r.p.Invite(t.Context(), r.request("a@example.com")); err != nil {
		t.Fatal(err)
	}
	r.Lock()
	r.orgs[orgOne].roles["Team Member"] = "new-id"
	r.Unlock()
	if _, err := r.p.Invite(t.Context(), r.request("b@example.com")); err != nil {
		t.Fatal(err)
	}
	if got := r.orgs[orgOne].rows[1].roles; !slices.Equal(got, []string{"new-id"}) || r.mailed("guest_invitation", "b@example.com") != 1 {
		t.Errorf("invited with %v", got)
	}
	r.Lock()
	delete(r.orgs[orgOne].roles, "Team Member")
	r.Unlock()
	request := r.request("c@example.com", "admin", "member")
	_, err := r.p.Invite(t.Context(), request)
	wantCode(t, err, identity.CodeUnknownRole)
	if !strings.Contains(err.Error(), "/roles/1") {
		t.Errorf("error %v, want the second role named", err)
	}
}

// TestAccountGone: the account the journal knows was deleted meanwhile.
func TestAccountGone(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	request := r.request("a@example.com")
	r.Inject(scripted.Mishap{Op: "invite", Status: 400, Body: `{"code":"OUI-60003"}`})
	if _, err := r.p.Invite(t.Context(), request); err == nil {
		t.Fatal("no error")
	}
	r.Lock()
	r.users = nil
	r.Unlock()
	_, err := r.p.Invite(t.Context(), request)
	wantCode(t, err, identity.CodeProviderError)
	if _, err := r.p.Invite(t.Context(), request); err != nil {
		t.Errorf("after the account was forgotten: %v", err)
	}
}

func TestSwitches(t *testing.T) {
	t.Parallel()
	off := false
	r := newRig(t, func(c *Config, _ *providers.Deps) {
		c.ResendPasswordMail, c.SendNames, c.UsernamePrefix, c.TrustVerifiedEmails = &off, &off, &off, &off
	})
	r.addUser(person{userName: "DEFAULT/a@example.com", email: "a@example.com", state: "PENDING_AP"})
	if _, err := r.p.Invite(t.Context(), r.request("a@example.com")); err != nil {
		t.Fatal(err)
	}
	if r.Count("resend") != 0 {
		t.Error("mailed the link again")
	}
	r.addUser(person{userName: "DEFAULT/other", email: "b@example.com", verified: "true"})
	request := r.request("b@example.com")
	request.GivenName = "B"
	r.Inject(scripted.Mishap{Op: "invite", Status: 200, Body: `[{"username":"b@example.com","result":{"status":"Successful"}}]`})
	sent, err := r.p.Invite(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	made := r.users[len(r.users)-1]
	if made.userName != "b@example.com" || made.given != "" || !slices.Equal(sent.NotCarried, []string{"given_name"}) {
		t.Errorf("made %+v, not carried %v", made, sent.NotCarried)
	}
}

// TestContract validates every request the adapter sends, and the answers the
// tests give it, against the vendor's documents.
func TestContract(t *testing.T) {
	t.Parallel()
	validator := contract.NewValidator(t)
	r := newRig(t, func(_ *Config, d *providers.Deps) { d.Transport = validator.RoundTripper(d.Transport) })
	r.hide = true
	r.addUser(person{userName: "DEFAULT/awaiting@example.com", email: "awaiting@example.com", state: "PENDING_AP"})
	for _, address := range []string{"new+tag@example.com", "awaiting@example.com"} {
		request := r.request(address, "admin")
		request.GivenName, request.FamilyName = "A", "B"
		sent, err := r.p.Invite(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		request.Journal, request.Reference = providertest.NewJournal(), sent.Reference
		if _, err := r.p.Resend(t.Context(), providers.ResendRequest{InviteRequest: request}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.accept(orgOne, "new+tag@example.com"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.p.ListMembers(t.Context(), org(orgOne), identity.PageRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.p.Settle(t.Context(), r.request("new+tag@example.com")); err != nil {
		t.Fatal(err)
	}
	for _, operation := range []string{
		"oauth2.handwritten.yaml POST /oauth2/token", "oauth2.handwritten.yaml POST /oauth2/introspect",
		"scim2.yaml GET /Users", "scim2.yaml POST /Users", "scim2.yaml GET /v2/Roles", "scim2.yaml GET /v2/Roles/{id}",
		"guest-invitations.yaml POST /guests/invite", "guest-invitations.yaml GET /guests/invitations",
		"guest-invitations.yaml DELETE /guests/invitations/{invitationId}", "identity-user.yaml POST /resend-code",
	} {
		if !validator.Seen(operation) {
			t.Errorf("%s was not exercised", operation)
		}
	}
}
