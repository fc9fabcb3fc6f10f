package scim2

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"usher/identity"
	"usher/providers"
	"usher/providers/providertest"
	"usher/providers/providertest/scripted"
)

func TestNewAccount(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	a := accepting(t, "Ada.B@Example.com", "member", "admin")
	a.GivenName, a.FamilyName, a.Locale = "Ada", "Byron", "en-GB"
	m, err := r.c.Accept(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	if m.ProviderID != "u0001" || m.OrganizationID != "org_"+acme || m.Email != "Ada.B@example.com" || m.UserName != "ada.b@example.com" || fmt.Sprint(m.Roles) != "[admin member]" {
		t.Errorf("member %+v", m)
	}
	// The organization's group is the last, so that half of it makes no member.
	want := []string{"POST /Users", "PATCH /Groups/" + acme + "-mem", "PATCH /Groups/" + acme + "-adm", "PATCH /Groups/" + acme}
	if got := r.writes(); !slices.Equal(got, want) {
		t.Errorf("written %v, want %v", got, want)
	}
	body := `POST /Users  {"active":true,"emails":[{"primary":true,"type":"work","value":"Ada.B@example.com"}],"name":{"familyName":"Byron","givenName":"Ada"},` +
		`"preferredLanguage":"en-GB","schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada.b@example.com"}`
	patch := `PATCH /Groups/` + acme + `  {"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"members","value":[{"value":"u0001"}]}]}`
	requests := r.asked()
	for _, want := range []string{body, patch} {
		if !slices.Contains(requests, want) {
			t.Errorf("not sent: %s\nin\n%s", want, strings.Join(requests, "\n"))
		}
	}
	for _, name := range []string{"accept_user", "accept_role_admin", "accept_role_member", "accept_organization"} {
		if step := a.Journal.(*providertest.Journal).Steps()[name]; !step.Done {
			t.Errorf("step %s is %+v", name, step)
		}
	}
}

// An account that exists is given the membership and is not changed, whatever
// the invitation says of its owner (CVE-2017-4992).
func TestAccountsAreNotChanged(t *testing.T) {
	t.Parallel()
	for _, patch := range []bool{true, false} {
		r := newRig(t, func(v *vendor, _ *Config, _ *providers.Deps) { v.patch = patch })
		id := r.addUser("Ada@example.com", "other@example.com")
		r.addUser("bob@example.com")
		r.users[id]["active"] = false
		before := r.shown(r.users)
		a := accepting(t, "ada@example.com", "admin")
		a.GivenName, a.FamilyName, a.Locale = "Mallory", "M", "de"
		if m, err := r.c.Accept(t.Context(), a); err != nil || m.ProviderID != id {
			t.Errorf("%+v, %v", m, err)
		}
		if after := r.shown(r.users); after != before {
			t.Errorf("before %s\nafter  %s", before, after)
		}
		for _, call := range r.writes() {
			if !strings.HasPrefix(call, "PATCH /Groups/") && !strings.HasPrefix(call, "PUT /Groups/") {
				t.Errorf("an account was written to: %s", call)
			}
		}
	}
}

// The service says that the name is taken, and its filters do not find whose it
// is: it compares them more closely than itself. Nobody gets a second account.
func TestTakenUnderAnotherSpelling(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(v *vendor, _ *Config, _ *providers.Deps) { v.exact = true })
	id := r.addUser("Ada@Example.com")
	if m, err := r.c.Accept(t.Context(), accepting(t, "ada@example.com")); err != nil || m.ProviderID != id || r.made != 0 {
		t.Errorf("%+v, %v, %d accounts made", m, err, r.made)
	}
}

// Taken by somebody who cannot be told to be the person: a refusal, and no
// membership for anybody.
func TestTakenBySomebodyElse(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(_ *vendor, _ *Config, d *providers.Deps) { d.EmailRule = identity.EmailExact })
	r.addUser("ADA@example.com")
	a := accepting(t, "ada@example.com")
	a.EmailKey = a.Address.Key(identity.EmailExact)
	_, err := r.c.Accept(t.Context(), a)
	wantCode(t, err, identity.CodeConflict)
	if unknown(err) || a.Journal.Step(stepUser).Begun || len(r.members(acme)) > 0 {
		t.Errorf("%v, step %+v, members %v", err, a.Journal.Step(stepUser), r.members(acme))
	}
}

// An account that waits for approval is not asked for again, and is used once
// it is there.
func TestApproval(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(v *vendor, _ *Config, _ *providers.Deps) { v.approves = true })
	a := accepting(t, "ada@example.com")
	for range 2 {
		_, err := r.c.Accept(t.Context(), a)
		wantCode(t, err, identity.CodeConflict)
	}
	if r.made != 1 || len(r.members(acme)) > 0 {
		t.Errorf("asked for %d accounts", r.made)
	}
	id := r.addUser("ada@example.com")
	if m, err := r.c.Accept(t.Context(), a); err != nil || m.ProviderID != id {
		t.Errorf("%+v, %v", m, err)
	}
}

// Whatever comes back from a write, or does not: the error says whether it may
// have happened, and accepting again ends with one account in each group once.
func TestFaultsOfWrites(t *testing.T) {
	t.Parallel()
	html := "<html>token=" + secret + "</html>"
	for name, tt := range map[string]struct {
		scripted.Mishap
		want  identity.Code
		acted bool
	}{
		"cut before":  {scripted.Mishap{Cut: true}, identity.CodeProviderUnavailable, true},
		"cut after":   {scripted.Mishap{Cut: true, Acts: true}, identity.CodeProviderUnavailable, true},
		"hangs":       {scripted.Mishap{Hang: true}, identity.CodeProviderTimeout, true},
		"500":         {scripted.Mishap{Status: 500, Body: `{"status":"500"}`}, identity.CodeProviderError, true},
		"503":         {scripted.Mishap{Status: 503, Body: html}, identity.CodeProviderUnavailable, true},
		"504 after":   {scripted.Mishap{Status: 504, Body: html, Acts: true}, identity.CodeProviderTimeout, true},
		"401":         {scripted.Mishap{Status: 401, Body: `{"status":"401"}`}, identity.CodeProviderCredentials, false},
		"403":         {scripted.Mishap{Status: 403, Body: `{"status":"403","detail":"not with Bearer ` + secret + `"}`}, identity.CodeProviderCredentials, false},
		"value":       {scripted.Mishap{Status: 400, Body: `{"status":"400","scimType":"invalidValue"}`}, identity.CodeProviderError, false},
		"429":         {scripted.Mishap{Status: 429, Header: http.Header{"Retry-After": {"7"}}, Times: 9}, identity.CodeProviderRateLimited, false},
		"a redirect":  {scripted.Mishap{Status: 302, Header: http.Header{"Location": {"https://evil.test/"}}}, identity.CodeProviderError, true},
		"gone, 404":   {scripted.Mishap{Status: 404, Body: `{"status":"404"}`}, identity.CodeProviderError, false},
		"seats, plan": {scripted.Mishap{Status: 403, Body: `{"scimType":"userLimitReached"}`}, identity.CodeQuotaExceeded, false},
	} {
		for _, call := range []string{"POST /Users", "PATCH /Groups/" + acme + "-mem", "PATCH /Groups/" + acme, "PUT /Groups/" + acme} {
			t.Run(name+" "+call, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, func(v *vendor, _ *Config, _ *providers.Deps) { v.patch = !strings.HasPrefix(call, "PUT") })
				m := tt.Mishap
				m.Op = call + "*"
				r.Inject(m)
				a := accepting(t, "ada@example.com", "member")
				_, err := r.c.Accept(t.Context(), a)
				wantCode(t, err, tt.want)
				if unknown(err) != tt.acted {
					t.Errorf("may have acted: %v, want %v (%v)", unknown(err), tt.acted, err)
				}
				known := err.(*identity.Error)
				if strings.Contains(known.Detail+r.log.String()+err.Error(), secret) {
					t.Errorf("a secret is in %v", err)
				}
				if tt.Status == 429 && known.RetryAfter.Seconds() != 7 {
					t.Errorf("retry after %v", known.RetryAfter)
				}
				begun := 0
				for _, step := range a.Journal.(*providertest.Journal).Steps() {
					if step.Begun && !step.Done {
						begun++
					}
				}
				if want := map[bool]int{true: 1}[tt.acted]; begun != want {
					t.Errorf("%d steps are open, want %d", begun, want)
				}
				r.Heal()
				if _, err := r.c.Accept(t.Context(), a); err != nil && identity.CodeOf(err) != identity.CodeAlreadyMember {
					t.Errorf("again: %v", err)
				}
				for _, group := range []string{acme, acme + "-mem"} {
					if got := r.members(group); len(got) != 1 {
						t.Errorf("%s holds %v", group, got)
					}
				}
				if len(r.users) != 1 {
					t.Errorf("%d accounts", len(r.users))
				}
			})
		}
	}
}

// Half an answer to the creation names no account: it is looked for.
func TestHalfAnAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Inject(scripted.Mishap{Op: "POST /Users*", Acts: true, Half: true})
	a := accepting(t, "ada@example.com")
	_, err := r.c.Accept(t.Context(), a)
	wantCode(t, err, identity.CodeProviderError)
	if !unknown(err) {
		t.Errorf("got %v", err)
	}
	if m, err := r.c.Accept(t.Context(), a); err != nil || m.ProviderID != "u0001" || r.made != 1 {
		t.Errorf("%+v, %v, %d made", m, err, r.made)
	}
}

// A look that fails in the middle of the writes says so, and grants nothing.
func TestFaultsOfReads(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]scripted.Mishap{
		"hangs": {Hang: true}, "html": {Status: 200, Body: "<html>"}, "500": {Status: 500}, "another shape": {Status: 200, Body: `{"ok":true}`},
		"404 of another service": {Status: 404, Body: `{"status":"404"}`}, "401": {Status: 401},
	} {
		for _, call := range []string{"GET /Users", "GET /ServiceProviderConfig", "GET /Groups/" + acme, "GET /Groups"} {
			r := newRig(t, func(v *vendor, _ *Config, _ *providers.Deps) { v.filter = name != "404 of another service" })
			m.Op, m.Times = call+"*", -1
			r.Inject(m)
			a := accepting(t, "ada@example.com")
			_, err := r.c.Accept(t.Context(), a)
			if err == nil && call == "GET /ServiceProviderConfig" && m.Status == 404 {
				continue // it need not say anything
			}
			if code := identity.CodeOf(err); !strings.HasPrefix(string(code), "provider_") || unknown(err) {
				t.Errorf("%s %s: %v", name, call, err)
			}
			if w := r.writes(); len(w) > 0 {
				t.Errorf("%s %s: written %v", name, call, w)
			}
		}
	}
}

// A look that fails after a write leaves it open whether anything was granted.
func TestFaultAfterAWrite(t *testing.T) {
	t.Parallel()
	for _, patch := range []bool{true, false} {
		r := newRig(t, func(v *vendor, _ *Config, _ *providers.Deps) { v.patch = patch })
		for _, write := range []string{"PATCH *", "PUT *"} {
			r.Inject(scripted.Mishap{Op: write, Times: -1, During: func() {
				r.Inject(scripted.Mishap{Op: "GET /Groups/*", Times: -1, Status: 500})
			}})
		}
		_, err := r.c.Accept(t.Context(), accepting(t, "ada@example.com"))
		wantCode(t, err, identity.CodeProviderError)
		if !unknown(err) {
			t.Errorf("patch %v: %v", patch, err)
		}
	}
}

// A service that takes a membership and keeps none has granted nothing.
func TestWritesWithoutEffect(t *testing.T) {
	t.Parallel()
	for _, patch := range []bool{true, false} {
		r := newRig(t, func(v *vendor, _ *Config, _ *providers.Deps) { v.deaf, v.patch = true, patch })
		a := accepting(t, "ada@example.com")
		_, err := r.c.Accept(t.Context(), a)
		wantCode(t, err, identity.CodeProviderError)
		if !unknown(err) {
			t.Errorf("got %v", err)
		}
		r.Lock()
		r.deaf = false
		r.Unlock()
		if _, err := r.c.Accept(t.Context(), a); err != nil || len(r.members(acme)) != 1 {
			t.Errorf("patch %v: again: %v", patch, err)
		}
	}
}

// An acceptance that is repeated does not bring back who was taken out since.
func TestTakenBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	a := accepting(t, "ada@example.com", "admin")
	if _, err := r.c.Accept(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	r.Lock()
	delete(r.groups[acme], "members")
	delete(r.groups[acme+"-adm"], "members")
	r.Unlock()
	_, err := r.c.Accept(t.Context(), a)
	wantCode(t, err, identity.CodeNotFound)
	if len(r.members(acme)) != 0 || len(r.members(acme+"-adm")) != 0 {
		t.Error("the membership is back")
	}
}

// not_found would end the invitation, which is not what is missing.
func TestOrganizationIsGone(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	a := accepting(t, "ada@example.com")
	a.Org = org("gone")
	_, err := r.c.Accept(t.Context(), a)
	wantCode(t, err, identity.CodeProviderError)
	a.Org = org("")
	_, err = r.c.Accept(t.Context(), a)
	wantCode(t, err, identity.CodeProviderError)
	_, err = r.c.Invite(t.Context(), a.InviteRequest)
	wantCode(t, err, identity.CodeNotFound)
	if len(r.writes()) > 0 {
		t.Error("something was written")
	}
}

// An answer about another account than the one that was made joins nobody.
func TestAnotherAccountComes(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.addUser("mallory@example.com")
	r.Inject(scripted.Mishap{Op: "POST /Users*", Status: 201, Body: `{"id":"u0001","userName":"mallory@example.com"}`})
	a := accepting(t, "ada@example.com")
	_, err := r.c.Accept(t.Context(), a)
	wantCode(t, err, identity.CodeProviderError)
	if !unknown(err) || len(r.members(acme)) > 0 || len(r.members(acme+"-mem")) > 0 {
		t.Errorf("%v, members %v", err, r.members(acme))
	}
}

// The account that an earlier try made is used though the look-up lags behind,
// and not if it has become somebody else's.
func TestMadeBefore(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, userName string
		want           identity.Code
	}{{"lag", "ada@example.com", ""}, {"renamed", "mallory@example.com", identity.CodeProviderError}} {
		r := newRig(t, func(v *vendor, _ *Config, _ *providers.Deps) {
			v.blind = map[string]bool{"userName": true, "emails.value": true}
		})
		id := r.addUser(tt.userName)
		a := accepting(t, "ada@example.com")
		if err := a.Journal.Done(t.Context(), stepUser, map[string]string{resultID: id}); err != nil {
			t.Fatal(err)
		}
		_, err := r.c.Accept(t.Context(), a)
		if identity.CodeOf(err) != tt.want || r.made != 0 || (len(r.members(acme)) == 1) != (tt.want == "") {
			t.Errorf("%s: %v, %d made", tt.name, err, r.made)
		}
	}
}
