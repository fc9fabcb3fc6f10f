package asgardeo

import (
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"

	"usher/identity"
	"usher/providers"
	"usher/providers/providertest"
	"usher/providers/providertest/scripted"
)

// invited returns a rig with a sent invitation and the request to send it again.
func invited(t *testing.T, s situation) (*rig, providers.ResendRequest) {
	t.Helper()
	r := newRig(t, nil)
	s.setup(r)
	request := r.request("a@example.com", "admin")
	sent, err := r.p.Invite(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	r.Lock()
	r.mails, r.Calls = map[string]int{}, nil
	r.Unlock()
	request.Journal, request.Reference = providertest.NewJournal(), sent.Reference
	return r, providers.ResendRequest{InviteRequest: request, ProviderID: sent.ProviderID}
}

// again are the mails of a resend: whoever has no password gets that link too.
func again(s situation) map[string]int {
	if s.name == "new" || s.name == "awaiting a password" {
		return map[string]int{"guest_invitation": 1, "set_password_again": 1}
	}
	return map[string]int{"guest_invitation": 1}
}

func TestResend(t *testing.T) {
	t.Parallel()
	for _, s := range situations() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			r, request := invited(t, s)
			r.Clock.Advance(time.Hour)
			old := r.orgs[orgOne].rows[0].id
			sent, err := r.p.Resend(t.Context(), request)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.mailsTo("a@example.com"); !maps.Equal(got, again(s)) {
				t.Errorf("mails %v, want %v", got, again(s))
			}
			rows := r.orgs[orgOne].rows
			if len(rows) != 1 || rows[0].id == old || !slices.Equal(rows[0].roles, []string{"adm-1008"}) {
				t.Errorf("rows %+v, want one new row with the role", rows)
			}
			if !maps.Equal(sent.Reference, request.Reference) || !sent.ExpiresAt.Equal(r.Clock.Now().Add(72*time.Hour)) {
				t.Errorf("sent %+v, reference before %v", sent, request.Reference)
			}
		})
	}
}

// TestResendCrash stops a resend at each entry of its journal and goes on with
// the same journal.
func TestResendCrash(t *testing.T) {
	t.Parallel()
	for _, s := range situations() {
		for n := 1; n <= 8; n++ {
			for _, recorded := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%d/%v", s.name, n, recorded), func(t *testing.T) {
					t.Parallel()
					r, request := invited(t, s)
					journal := providertest.NewJournal()
					journal.CrashAt(n, recorded)
					request.Journal = journal
					_, err := r.p.Resend(t.Context(), request)
					journal.CrashAt(0, false)
					if err != nil {
						if _, err := r.p.Resend(t.Context(), request); err != nil {
							t.Fatal(err)
						}
					}
					got, want := r.mailsTo("a@example.com"), again(s)
					if err == nil && got["set_password_again"] <= want["set_password_again"] {
						delete(got, "set_password_again")
						delete(want, "set_password_again")
					}
					if !maps.Equal(got, want) || len(r.orgs[orgOne].rows) != 1 {
						t.Errorf("mails %v, want %v; rows %+v", got, want, r.orgs[orgOne].rows)
					}
				})
			}
		}
	}
}

func TestResendFaults(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"list", "delete", "invite"} {
		for name, way := range map[string]scripted.Mishap{
			"down": {Status: 503, Times: 3}, "500 and done": {Status: 500, Acts: true}, "lost": {Acts: true, Cut: true, Times: 3},
			"cut": {Cut: true, Times: 3}, "429": {Status: 429, Times: 3}, "hangs": {Hang: true, Times: 3}, "HTML": {Status: 200, Body: "<html>"},
		} {
			t.Run(op+"/"+name, func(t *testing.T) {
				t.Parallel()
				r, request := invited(t, situations()[1])
				way.Op = op
				r.Inject(way)
				_, err := r.p.Resend(t.Context(), request)
				if name == "HTML" && op == "delete" {
					return // a 200 is a deletion
				}
				if err == nil {
					t.Fatal("no error")
				}
				if unsure := op != "list" && name != "429"; mayHaveActed(err) != unsure {
					t.Errorf("may have acted: %v (error: %v)", mayHaveActed(err), err)
				}
				r.failure(providertest.Back)
				if _, err := r.p.Resend(t.Context(), request); err != nil {
					t.Fatal(err)
				}
				if got, want := r.mailsTo("a@example.com"), map[string]int{"guest_invitation": 1}; !maps.Equal(got, want) || len(r.orgs[orgOne].rows) != 1 {
					t.Errorf("mails %v, want %v; rows %+v", got, want, r.orgs[orgOne].rows)
				}
			})
		}
	}
}

// TestResendGoesOn: where a resend takes up again.
func TestResendGoesOn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		setup func(t *testing.T, r *rig, j providers.Journal)
		calls map[string]int
	}{
		{"the invitation went away meanwhile", func(_ *testing.T, r *rig, _ providers.Journal) {
			r.Inject(scripted.Mishap{Op: "delete", Acts: true, Status: 400, Body: `{"code":"OUI-60001"}`})
		}, map[string]int{"delete": 1, "invite": 1}},
		{"nothing is pending", func(_ *testing.T, r *rig, _ providers.Journal) { r.orgs[orgOne].rows = nil }, map[string]int{"delete": 0, "invite": 1}},
		{"the new invitation is there", func(t *testing.T, _ *rig, j providers.Journal) {
			if err := j.Begin(t.Context(), stepInvite); err != nil {
				t.Fatal(err)
			}
		}, map[string]int{"delete": 0, "invite": 0}},
		{"the old one is deleted", func(t *testing.T, r *rig, j providers.Journal) {
			r.orgs[orgOne].rows = nil
			if err := j.Done(t.Context(), stepDelete, nil); err != nil {
				t.Fatal(err)
			}
		}, map[string]int{"list": 0, "delete": 0, "invite": 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, request := invited(t, situations()[1])
			c.setup(t, r, request.Journal)
			if _, err := r.p.Resend(t.Context(), request); err != nil {
				t.Fatal(err)
			}
			for op, want := range c.calls {
				if got := r.Count(op); got != want {
					t.Errorf("%d calls of %s, want %d", got, op, want)
				}
			}
			if len(r.orgs[orgOne].rows) != 1 {
				t.Errorf("rows %+v", r.orgs[orgOne].rows)
			}
		})
	}
}

func TestResendElsewhere(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.addUser(person{userName: "DEFAULT/alias", email: "a@example.com", state: "PENDING_AP"})
	r.elsewhere(orgOne, "alias", "Research and Development")
	r.orgs[orgOne].rows[0].email = "a@example.com"
	page, err := r.p.ListInvites(t.Context(), org(orgOne), identity.PageRequest{})
	if err != nil || len(page.Items) != 1 {
		t.Fatal(page, err)
	}
	adopted := page.Items[0]
	request := r.request("a@example.com")
	request.Roles, request.Reference = adopted.Roles, adopted.Reference
	if _, err := r.p.Resend(t.Context(), providers.ResendRequest{InviteRequest: request, ProviderID: adopted.ProviderID}); err != nil {
		t.Fatal(err)
	}
	if rows := r.orgs[orgOne].rows; len(rows) != 1 || !slices.Equal(rows[0].roles, []string{"rnd-1008"}) || rows[0].username != "alias" {
		t.Errorf("rows %+v, want the role it had, though it is not mapped", rows[0])
	}
	request = r.request("nobody@example.com")
	request.Roles = nil
	_, err = r.p.Resend(t.Context(), providers.ResendRequest{InviteRequest: request})
	wantCode(t, err, identity.CodeUnknownRole)
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		id     func(r *rig) string
		break_ func(r *rig)
		want   identity.Code
		left   int
	}{
		{"without an id", func(*rig) string { return "" }, nil, "", 0},
		{"by id", func(r *rig) string { return r.orgs[orgOne].rows[0].id }, nil, "", 0},
		{"by an id that was replaced", func(*rig) string { return "inv-old" }, nil, "", 0},
		{"gone", func(*rig) string { return "inv-old" }, func(r *rig) { r.orgs[orgOne].rows = nil }, identity.CodeNotFound, 0},
		{"expired", func(*rig) string { return "" }, func(r *rig) { r.Clock.Advance(73 * time.Hour) }, identity.CodeNotFound, 1},
		{"of somebody else", func(*rig) string { return "" }, func(r *rig) { r.orgs[orgOne].rows[0].username = "b@example.com" }, identity.CodeNotFound, 1},
		{"refused", func(*rig) string { return "" }, func(r *rig) { r.Inject(scripted.Mishap{Op: "delete", Times: -1, Status: 403}) }, identity.CodeProviderCredentials, 1},
		{"not offered", func(*rig) string { return "x" }, func(r *rig) {
			r.Inject(scripted.Mishap{Op: "delete", Status: 404, Body: `{"code":404,"description":"Organization specific routing failed."}`})
		}, identity.CodeProviderError, 1},
		{"an id that is a path", func(*rig) string { return "../../organizations" }, nil, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, request := invited(t, situations()[0])
			if c.break_ != nil {
				c.break_(r)
			}
			err := r.p.Revoke(t.Context(), providers.InviteRef{
				Org: request.Org, ProviderID: c.id(r), Address: request.Address, Reference: request.Reference,
			})
			wantCode(t, err, c.want)
			if got := len(r.orgs[orgOne].rows); got != c.left || len(r.users) != 1 {
				t.Errorf("%d rows and %d users left, want %d and the user", got, len(r.users), c.left)
			}
		})
	}
	r, request := invited(t, situations()[1])
	r.Inject(scripted.Mishap{Op: "delete", Acts: true, Cut: true})
	err := r.p.Revoke(t.Context(), providers.InviteRef{Org: request.Org, Address: request.Address, Reference: request.Reference})
	if !mayHaveActed(err) || r.Count("delete") != 1 {
		t.Errorf("an answer that was lost: %v after %d calls", err, r.Count("delete"))
	}
}

func TestListInvites(t *testing.T) {
	t.Parallel()
	at := func(text string) *time.Time {
		parsed, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return &parsed
	}
	const role = `{"id":"r","displayName":"Administrator","audience":%s}`
	for _, c := range []struct {
		name, rows string
		want       []providers.RemoteInvite
	}{
		{"null", `null`, []providers.RemoteInvite{}},
		{"a row", `[{"id":"1","username":"a@example.com","email":"A@example.com","status":"PENDING","expiredAt":"2024-01-22 13:09:41.702",
			"roles":[` + fmt.Sprintf(role, `[{"value":"x","display":"Team App","type":"application"}]`) + `]}]`,
			[]providers.RemoteInvite{{ProviderID: "1", Email: "A@example.com", State: identity.StatePending, Roles: []string{"admin"}, ExpiresAt: at("2024-01-22T13:09:41.702Z")}}},
		{"audience as an object", `[{"id":"1","username":"a@example.com","email":"a@example.com","status":"EXPIRED","expiredAt":"2024-01-22 13:09:41.7",
			"roles":[` + fmt.Sprintf(role, `{"value":"x","display":"Team App","type":"application"}`) + `]}]`,
			[]providers.RemoteInvite{{ProviderID: "1", Email: "a@example.com", State: identity.StateExpired, Roles: []string{"admin"}, ExpiresAt: at("2024-01-22T13:09:41.7Z")}}},
		{"role of another application", `[{"id":"1","username":"a@example.com","email":"a@example.com","status":"PENDING","expiredAt":"2024-01-22 13:09:41.123456789",
			"roles":[` + fmt.Sprintf(role, `[{"display":"Console","type":"application"}]`) + `,` + fmt.Sprintf(role, `[]`) + `]}]`,
			[]providers.RemoteInvite{{ProviderID: "1", Email: "a@example.com", State: identity.StatePending, Roles: []string{}, UnmappedRoles: true, ExpiresAt: at("2024-01-22T13:09:41.123456789Z")}}},
		{"another user name", `[{"id":"1","username":"alias","email":"a@example.com","status":"PENDING","expiredAt":"soon"}]`,
			[]providers.RemoteInvite{{ProviderID: "1", Email: "a@example.com", State: identity.StatePending, Roles: []string{}, Reference: map[string]string{refUsername: "alias"}}}},
		{"no address", `[{"id":"1","username":"a@example.com","status":"PENDING","expiredAt":"2024-01-22 13:09:41"}]`,
			[]providers.RemoteInvite{{ProviderID: "1", Email: "a@example.com", State: identity.StatePending, Roles: []string{}, ExpiresAt: at("2024-01-22T13:09:41Z")}}},
		{"rows nobody understands", `[{"id":"1","username":"a","status":"ODD"},{"username":"b","status":"PENDING"}]`, []providers.RemoteInvite{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.Inject(scripted.Mishap{Op: "list", Status: 200, Body: `{"invitations":` + c.rows + `}`, Header: http.Header{"Content-Type": {"application/json"}}})
			page, err := r.p.ListInvites(t.Context(), org(orgOne), identity.PageRequest{Limit: 1})
			if err != nil || !reflect.DeepEqual(page.Items, c.want) || page.Next != "" {
				t.Errorf("listed %+v, %v; want %+v", page, err, c.want)
			}
		})
	}
	r := newRig(t, func(c *Config, _ *providers.Deps) { c.ExpiryTimeZone = "Asia/Colombo" })
	r.Inject(scripted.Mishap{Op: "list", Status: 200, Body: `{"invitations":[{"id":"1","username":"a","status":"PENDING","expiredAt":"2024-01-22 13:09:41.702"}]}`})
	page, err := r.p.ListInvites(t.Context(), org(orgOne), identity.PageRequest{})
	if err != nil || !page.Items[0].ExpiresAt.Equal(*at("2024-01-22T07:39:41.702Z")) {
		t.Errorf("in another zone: %+v, %v", page, err)
	}
	_, err = r.p.ListInvites(t.Context(), org(orgOne), identity.PageRequest{Cursor: "2"})
	wantCode(t, err, identity.CodeInvalidRequest)
}

func TestSettle(t *testing.T) {
	t.Parallel()
	for _, s := range situations() {
		r, request := invited(t, s)
		for name, reference := range map[string]map[string]string{"with a reference": request.Reference, "without": nil} {
			asked := request.InviteRequest
			asked.Reference = reference
			got, err := r.p.Settle(t.Context(), asked)
			if err != nil || got.Verdict != providers.VerdictSent || got.Sent.ProviderID != r.orgs[orgOne].rows[0].id ||
				got.Sent.Reference[refUsername] != request.Reference[refUsername] || got.Sent.Reference[refCreated] != reference[refCreated] {
				t.Errorf("%s, %s: %+v, %v", s.name, name, got, err)
			}
		}
		if err := r.accept(orgOne, request.Reference[refUsername]); err != nil {
			t.Fatal(err)
		}
		if got, err := r.p.Settle(t.Context(), request.InviteRequest); err != nil || got.Verdict != providers.VerdictMember {
			t.Errorf("%s: after accepting %+v, %v", s.name, got, err)
		}
		other := request.InviteRequest
		other.Org = org(orgTwo)
		if got, err := r.p.Settle(t.Context(), other); err != nil || got.Verdict != providers.VerdictNotSent {
			t.Errorf("%s: in the other organization %+v, %v", s.name, got, err)
		}
	}
}

// No invitations are null, or nothing at all. An error that is answered 200 is
// neither, and does not end every invite of an organization.
func TestNoList(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]identity.Code{
		`{}`: "", `{"invitations":null}`: "", `{"invitations":[]}`: "",
		`{"code":"OUI-65001","message":"m","description":"d","traceId":"t"}`: identity.CodeProviderError,
		`{"code":401,"message":"Unauthorized"}`:                              identity.CodeProviderError,
		`{"invitations":{}}`:                                                 identity.CodeProviderError,
		`null`:                                                               identity.CodeProviderError,
		`[]`:                                                                 identity.CodeProviderError,
		`<html>`:                                                             identity.CodeProviderError,
		``:                                                                   identity.CodeProviderError,
	} {
		r := newRig(t, nil)
		r.Inject(scripted.Mishap{Op: "list", Times: -1, Status: 200, Body: body})
		_, err := r.p.ListInvites(t.Context(), org(orgOne), identity.PageRequest{})
		if code := identity.CodeOf(err); code != want {
			t.Errorf("%s: %v", body, err)
		}
		settled, err := r.p.Settle(t.Context(), r.request("a@example.com"))
		if code := identity.CodeOf(err); code != want {
			t.Errorf("%s: settled %+v, %v", body, settled, err)
		}
	}
}
