package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"usher/providers"
	"usher/sandbox"
	"usher/sandbox/fault"
)

// equivalenceCases are the behaviours that every backend has.
func equivalenceCases() []equivalenceCase {
	return slices.Concat(sendingCases(), refusalCases(), fieldCases(), rightsCases(), keyCases(), listingCases(), lifeCases(), teamCases(), faultCases(), batchCases())
}

// refused is a case whose request answers a problem and leaves nothing behind.
func refused(name string, body func(b *backend, email string) any, status int, code, field string) equivalenceCase {
	return equivalenceCase{name: name, run: func(b *backend) {
		email := b.someone()
		got := b.ask("POST", "/invites", body(b, email)).is(status, code)
		if field != "" {
			got.at(field)
		}
		b.untouched(email)
	}}
}

// untouched checks that nothing is recorded of an address, and nothing mailed.
func (b *backend) untouched(email string) {
	b.t.Helper()
	if found := b.ask("GET", "/invites?email="+url.QueryEscape(email), nil).is(200, "").items(); len(found) != 0 {
		b.t.Errorf("%s has invites: %v", email, found)
	}
	if n := b.mailed(email); n != 0 {
		b.t.Errorf("%d mails went to %s", n, email)
	}
}

func sendingCases() []equivalenceCase {
	return []equivalenceCase{
		{name: "send to somebody new", run: func(b *backend) {
			email := b.someone()
			got := b.send(email)
			f := got.fields()
			if f["email"] != email || f["state"] != "pending" || f["state_reason"] != nil || fmt.Sprint(f["roles"]) != "[member]" || f["notify"] != true ||
				f["accepted_at"] != nil || f["sent_at"] == nil || !strings.HasPrefix(got.str("id"), "inv_") || !strings.HasPrefix(got.str("organization_id"), "org_") {
				b.t.Errorf("got %s", got.text)
			}
			provider, _ := f["provider"].(object)
			inviter, _ := f["inviter"].(object)
			if provider["connection"] != b.connection.Name || inviter["subject"] == nil {
				b.t.Errorf("got %s", got.text)
			}
			if life := b.document().InviteFields.Life; (life == nil) != (f["expires_at"] == nil) {
				b.t.Errorf("declared life %v, expires_at %v", life, f["expires_at"])
			}
			if b.mailed(email) == 0 {
				b.t.Error("nobody was mailed")
			}
		}},
		{name: "location leads to the invite", run: func(b *backend) {
			got := b.send(b.someone())
			read := b.ask("GET", got.header.Get("Location"), nil).is(200, "").fields()
			history, _ := read["history"].([]any)
			delete(read, "history")
			if want := got.fields(); fmt.Sprint(read) != fmt.Sprint(want) {
				b.t.Errorf("read %v, sent %v", read, want)
			}
			var states []string
			for _, e := range history {
				states = append(states, e.(object)["state"].(string))
			}
			if strings.Join(states, " ") != "sending pending" {
				b.t.Errorf("history %v", states)
			}
		}},
		{name: "a member already", run: func(b *backend) {
			b.ask("POST", "/invites", invitation(sandbox.MemberEmail)).is(409, "already_member")
			if n := b.mailed(sandbox.MemberEmail); n != 0 {
				b.t.Errorf("%d mails to a member", n)
			}
		}},
		{name: "a member already in capitals", run: func(b *backend) {
			if b.connection.Emails != "lowercase" {
				b.t.Skip("the connection tells capitals apart")
			}
			b.ask("POST", "/invites", invitation(strings.ToUpper(sandbox.MemberEmail))).is(409, "already_member")
		}},
		{name: "pending already", run: func(b *backend) {
			email := b.someone()
			id := b.send(email).str("id")
			mails := b.mailed(email)
			if got := b.ask("POST", "/invites", invitation(email)).is(409, "invite_pending"); got.str("invite_id") != id {
				b.t.Errorf("got %s, want the id %s", got.text, id)
			}
			if n := b.mailed(email); n != mails {
				b.t.Errorf("%d mails, and %d before", n, mails)
			}
		}},
		{name: "pending already in capitals", run: func(b *backend) {
			if b.connection.Emails != "lowercase" {
				b.t.Skip("the connection tells capitals apart")
			}
			email := b.someone()
			id := b.send(email).str("id")
			if got := b.ask("POST", "/invites", invitation(strings.ToUpper(email))).is(409, "invite_pending"); got.str("invite_id") != id {
				b.t.Errorf("got %s, want the id %s", got.text, id)
			}
		}},
		{name: "again after a revocation", run: func(b *backend) {
			email := b.someone()
			first := b.send(email).str("id")
			b.ask("POST", "/invites/"+first+"/revoke", nil).is(200, "")
			if second := b.send(email).str("id"); second == first {
				b.t.Error("the same id")
			}
		}},
		{name: "again after acceptance", run: func(b *backend) {
			email := b.someone()
			id := b.send(email).str("id")
			b.accept(email)
			if state := b.state(id); state != "accepted" {
				b.t.Fatalf("the invite is %s", state)
			}
			b.ask("POST", "/invites", invitation(email)).is(409, "already_member")
		}},
		{name: "every role that there is", run: func(b *backend) {
			roles := b.roles()
			most := b.document().InviteFields.MaxRoles
			email := b.someone()
			body := invitation(email, object{"roles": roles})
			if most != nil && *most < len(roles) {
				b.ask("POST", "/invites", body).is(422, "not_carried").at("/roles")
				b.untouched(email)
				return
			}
			got := b.ask("POST", "/invites", body).is(201, "")
			if fmt.Sprint(got.fields()["roles"]) != fmt.Sprint(roles) {
				b.t.Errorf("got %s, want the roles %v", got.text, roles)
			}
		}},
		{name: "each role by itself", run: func(b *backend) {
			for _, role := range b.roles() {
				email := b.someone()
				b.send(email, object{"roles": []string{role}})
				b.accept(email)
				if got := b.members()[email]; got != role {
					b.t.Errorf("invited as %s, a member as %q", role, got)
				}
			}
		}},
		{name: "many people at once", run: func(b *backend) {
			var all sync.WaitGroup
			emails := make([]string, 6)
			replies := make([]*reply, len(emails))
			b.token(asAdmin)
			for n := range emails {
				emails[n] = b.someone()
				all.Go(func() { replies[n] = b.ask("POST", "/invites", invitation(emails[n])) })
			}
			all.Wait()
			for n, r := range replies {
				if r.is(201, ""); r.str("email") != emails[n] {
					b.t.Errorf("%s was answered with %s", emails[n], r.text)
				}
			}
		}},
		{name: "one person many times at once", run: func(b *backend) {
			email, other := b.someone(), b.someone()
			b.send(other)
			b.token(asAdmin)
			var all sync.WaitGroup
			replies := make([]*reply, 6)
			for n := range replies {
				all.Go(func() { replies[n] = b.ask("POST", "/invites", invitation(email)) })
			}
			all.Wait()
			sent := 0
			for _, r := range replies {
				if r.status == 201 {
					sent++
					continue
				}
				r.is(409, "invite_pending")
			}
			if sent != 1 || b.mailed(email) != b.mailed(other) {
				b.t.Errorf("sent %d times with %d mails, want once with %d", sent, b.mailed(email), b.mailed(other))
			}
		}},
	}
}

func refusalCases() []equivalenceCase {
	with := func(more object) func(*backend, string) any {
		return func(_ *backend, email string) any { return invitation(email, more) }
	}
	text := func(format string) func(*backend, string) any {
		return func(_ *backend, email string) any { return strings.ReplaceAll(format, "EMAIL", email) }
	}
	return []equivalenceCase{
		refused("a role that is not mapped", with(object{"roles": []string{"no-such-role"}}), 422, "unknown_role", "/roles/0"),
		refused("a second role that is not mapped", with(object{"roles": []string{"member", "no-such-role"}}), 422, "unknown_role", "/roles/1"),
		refused("no roles", with(object{"roles": []string{}}), 400, "invalid_request", "/roles"),
		refused("roles left out", text(`{"email":"EMAIL"}`), 400, "invalid_request", "/roles"),
		refused("a role twice", with(object{"roles": []string{"member", "member"}}), 400, "invalid_request", ""),
		refused("an unknown field", with(object{"colour": "blue"}), 400, "invalid_request", "/colour"),
		refused("a field in other letters", text(`{"EMAIL":"EMAIL","roles":["member"]}`), 400, "invalid_request", ""),
		refused("a field twice", text(`{"email":"EMAIL","email":"x@example.com","roles":["member"]}`), 400, "invalid_request", ""),
		refused("half a body", text(`{"email":"EMAIL","roles":["member"`), 400, "invalid_request", ""),
		refused("a list for a body", text(`["EMAIL"]`), 400, "invalid_request", ""),
		refused("an expiry in the past", with(object{"expires_at": "2001-01-01T00:00:00Z"}), 400, "invalid_request", "/expires_at"),
		refused("a page that is not configured", with(object{"redirect_url": "https://evil.example.com/welcome"}), 400, "invalid_request", "/redirect_url"),
		refused("a page that is nearly configured", with(object{"redirect_url": pageOfTheApplication + "/"}), 400, "invalid_request", "/redirect_url"),
		refused("a message with a link", with(object{"message": "see https://evil.example.com"}), 400, "invalid_request", "/message"),
		refused("a message that is too long", with(object{"message": strings.Repeat("a", 501)}), 400, "invalid_request", "/message"),
		refused("a name with a line break", with(object{"given_name": "Ada\r\nBcc: x@example.com"}), 400, "invalid_request", "/given_name"),
		refused("a locale that is none", with(object{"locale": "no such locale"}), 400, "invalid_request", "/locale"),
		{name: "addresses that are none", run: func(b *backend) {
			for _, email := range []string{"", "x", "x@", "@example.com", "a b@example.com", "Ada <ada@example.com>", "a@example.com,b@example.com", "*@example.com", "a\"b@example.com", "a@exa mple.com", strings.Repeat("a", 300) + "@example.com"} {
				b.ask("POST", "/invites", invitation(email)).is(400, "invalid_request").at("/email")
			}
		}},
		{name: "other requests that are none", run: func(b *backend) {
			email := b.someone()
			b.ask("POST", "/invites?notify=false", invitation(email)).is(400, "invalid_request")
			b.ask("POST", "/invites", invitation(email), "Content-Type", "text/plain").is(415, "unsupported_media_type")
			b.ask("POST", "/invites", invitation(email), "Accept", "text/html").is(406, "not_acceptable")
			b.ask("POST", "/invites", invitation(email, object{"metadata": object{"x": strings.Repeat("a", 70_000)}})).is(413, "payload_too_large")
			b.ask("PUT", "/invites", invitation(email)).is(405, "method_not_allowed")
			b.untouched(email)
		}},
	}
}

// carried is a case of a field that a vendor may not be able to carry: then it
// is refused and named, and never dropped.
func carried(name, field string, value func(b *backend) any, can func(document) bool) equivalenceCase {
	return equivalenceCase{name: name, run: func(b *backend) {
		email := b.someone()
		got := b.ask("POST", "/invites", invitation(email, object{field: value(b)}))
		if !can(b.document()) {
			got.is(422, "not_carried").at("/" + field)
			b.untouched(email)
			return
		}
		got.is(201, "")
	}}
}

func fieldCases() []equivalenceCase {
	constant := func(v any) func(*backend) any { return func(*backend) any { return v } }
	return []equivalenceCase{
		carried("a message", "message", constant("We are glad to have you."), func(d document) bool { return d.InviteFields.Message }),
		carried("a page to end on", "redirect_url", constant(pageOfTheApplication), func(d document) bool { return d.InviteFields.RedirectURL }),
		carried("nobody is to be mailed", "notify", constant(false), func(d document) bool { return d.InviteFields.NotifyFalse }),
		carried("an expiry", "expires_at", func(b *backend) any { return b.clock.Now().Add(48 * time.Hour).Format(time.RFC3339) },
			func(d document) bool { return d.InviteFields.ExpiresAt }),
		carried("an expiry in a thousand days", "expires_at", func(b *backend) any { return b.clock.Now().Add(1000 * 24 * time.Hour).Format(time.RFC3339) },
			func(d document) bool {
				return d.InviteFields.ExpiresAt && (d.InviteFields.MaxLife == nil || *d.InviteFields.MaxLife >= 1000*24*3600)
			}),
		{name: "an expiry is what was asked for", run: func(b *backend) {
			if !b.document().InviteFields.ExpiresAt {
				b.t.Skip("the vendor decides")
			}
			at := b.clock.Now().Add(48 * time.Hour).Truncate(time.Second)
			got := b.send(b.someone(), object{"expires_at": at.Format(time.RFC3339)})
			expires, err := time.Parse(time.RFC3339, got.str("expires_at"))
			told := slices.Contains(got.fields()["not_carried"].([]any), any("expires_at"))
			if err != nil || expires.After(at) || !told && expires.Before(at.Add(-time.Minute)) {
				b.t.Errorf("it expires at %q, want %s and not a moment later: %s", got.str("expires_at"), at, got.text)
			}
		}},
		{name: "nobody is mailed where nobody is to be", run: func(b *backend) {
			if !b.document().InviteFields.NotifyFalse {
				b.t.Skip("the vendor always mails")
			}
			email := b.someone()
			if got := b.send(email, object{"notify": false}); got.fields()["notify"] != false || b.mailed(email) != 0 {
				b.t.Errorf("%d mails, %s", b.mailed(email), got.text)
			}
		}},
		{name: "names, locale and metadata", run: func(b *backend) {
			more := object{"given_name": "Zoë 王", "family_name": "O’Néill-Ødegård", "locale": "de-CH", "metadata": object{"team": "blü", "n": 7.0, "deep": object{"a": []any{true, nil}}}}
			got := b.send(b.someone(), more)
			f := got.fields()
			for name, value := range more {
				if fmt.Sprint(f[name]) != fmt.Sprint(value) {
					b.t.Errorf("%s came back as %v, want %v", name, f[name], value)
				}
			}
			for _, name := range f["not_carried"].([]any) {
				if !slices.Contains([]any{"given_name", "family_name", "locale", "metadata"}, name) {
					b.t.Errorf("not carried: %v", name)
				}
			}
			if read := b.invite(got.str("id")).fields(); fmt.Sprint(read["metadata"]) != fmt.Sprint(more["metadata"]) {
				b.t.Errorf("read %v", read["metadata"])
			}
		}},
		{name: "what was not asked for is null", run: func(b *backend) {
			f := b.send(b.someone()).fields()
			for _, name := range []string{"given_name", "family_name", "locale", "redirect_url", "metadata"} {
				if value, there := f[name]; !there || value != nil {
					b.t.Errorf("%s is %v", name, value)
				}
			}
			if list, ok := f["not_carried"].([]any); !ok || len(list) != 0 {
				b.t.Errorf("not_carried is %v", f["not_carried"])
			}
		}},
		{name: "odd addresses", run: func(b *backend) {
			own := fmt.Sprint(b.connection.Name, b.people.Add(1))
			for _, email := range []string{
				"o'brien-" + own + "@example.com", "plus+tag." + own + "@example.com", "and-" + own + "@or.example",
				"ü-" + own + "@bücher.example", "under_score%" + own + "@example.com", "a=b&c-" + own + "@example.com",
			} {
				before := b.mailed(sandbox.MemberEmail) + b.mailed(sandbox.AdministratorEmail)
				got := b.ask("POST", "/invites", invitation(email))
				if got.status != 201 {
					got.is(422, "email_not_deliverable")
					b.untouched(email)
					continue
				}
				if got.str("email") != email || b.mailed(email) == 0 {
					b.t.Errorf("%s: %d mails, %s", email, b.mailed(email), got.text)
				}
				if after := b.mailed(sandbox.MemberEmail) + b.mailed(sandbox.AdministratorEmail); after != before {
					b.t.Errorf("%s: somebody else was mailed", email)
				}
			}
		}},
	}
}

func rightsCases() []equivalenceCase {
	return []equivalenceCase{
		{name: "nobody", run: func(b *backend) {
			email := b.someone()
			b.askAs("", "POST", "/invites", invitation(email)).is(401, "unauthenticated")
			b.askAs("", "POST", "/invites", invitation(email), "Authorization", "Bearer not.a.token").is(401, "unauthenticated")
			b.untouched(email)
		}},
		{name: "an outsider", run: func(b *backend) {
			email := b.someone()
			id := b.send(b.someone()).str("id")
			for _, path := range []string{"", "/invites", "/invites/" + id, "/members", "/roles", "/capabilities"} {
				b.askAs(asOutsider, "GET", path, nil).is(404, "not_found")
			}
			b.askAs(asOutsider, "POST", "/invites", invitation(email)).is(404, "not_found")
			b.askAs(asOutsider, "POST", "/invites/"+id+"/revoke", nil).is(404, "not_found")
			b.askAs(asOutsider, "POST", "/invites/"+id+"/resend", nil).is(404, "not_found")
			b.untouched(email)
			if state := b.invite(id).str("state"); state != "pending" {
				b.t.Errorf("the invite is %s", state)
			}
		}},
		{name: "a reader", run: func(b *backend) {
			email := b.someone()
			id := b.send(b.someone()).str("id")
			for _, path := range []string{"", "/invites", "/invites/" + id, "/members", "/roles", "/capabilities"} {
				b.askAs(asReader, "GET", path, nil).is(200, "")
			}
			b.askAs(asReader, "POST", "/invites", invitation(email)).is(403, "permission_denied")
			b.askAs(asReader, "POST", "/invites/"+id+"/revoke", nil).is(403, "permission_denied")
			b.askAs(asReader, "POST", "/invites/"+id+"/resend", nil).is(403, "permission_denied")
			b.untouched(email)
		}},
		{name: "a person of the organization", run: func(b *backend) {
			id := b.askAs(asPerson, "POST", "/v1/organizations/current/invites", invitation(b.someone())).is(201, "").str("id")
			b.askAs(asPerson, "GET", "/invites/"+id, nil).is(200, "")
		}},
		{name: "a person at another organization", run: func(b *backend) {
			email := b.someone()
			other := b.backends.backends[0]
			if other.connection.Name == b.connection.Name {
				other = b.backends.backends[len(b.backends.backends)-1]
			}
			path := "/v1/organizations/" + other.organization.Slug + "/invites"
			b.askAs(asPerson, "POST", path, invitation(email)).is(404, "not_found")
			b.askAs(asPerson, "GET", path, nil).is(404, "not_found")
			id := other.at(b.t).send(b.someone()).str("id")
			b.ask("GET", "/invites/"+id, nil).is(404, "not_found")
			b.ask("POST", "/invites/"+id+"/revoke", nil).is(404, "not_found")
			b.ask("POST", "/invites/"+id+"/resend", nil).is(404, "not_found")
			b.untouched(email)
		}},
		{name: "a role that the caller may not grant", run: func(b *backend) {
			if !slices.Contains(b.roles(), sandbox.RoleAdmin) {
				b.t.Skip("there is no such role")
			}
			email := b.someone()
			b.askAs(asMember, "POST", "/invites", invitation(email, object{"roles": []string{"admin"}})).is(403, "role_not_grantable").at("/roles/0")
			b.untouched(email)
			b.askAs(asMember, "POST", "/invites", invitation(email)).is(201, "")
		}},
	}
}

func keyCases() []equivalenceCase {
	return []equivalenceCase{
		{name: "the same key again", run: func(b *backend) {
			email := b.someone()
			key := "key-of-" + email
			first := b.ask("POST", "/invites", invitation(email), "Idempotency-Key", key).is(201, "")
			mails := b.mailed(email)
			again := b.ask("POST", "/invites", invitation(email), "Idempotency-Key", key).is(201, "")
			if again.text != first.text || again.header.Get("Idempotency-Replayed") != "true" || again.header.Get("Location") != first.header.Get("Location") {
				b.t.Errorf("first %s, again %s", first.text, again.text)
			}
			if n := b.mailed(email); n != mails {
				b.t.Errorf("%d mails, and %d before", n, mails)
			}
		}},
		{name: "the key for another request", run: func(b *backend) {
			email, other := b.someone(), b.someone()
			b.ask("POST", "/invites", invitation(email), "Idempotency-Key", "key-of-"+email).is(201, "")
			b.ask("POST", "/invites", invitation(other), "Idempotency-Key", "key-of-"+email).is(422, "idempotency_key_reused").at("Idempotency-Key")
			b.untouched(other)
		}},
		{name: "the key of a refusal", run: func(b *backend) {
			email := b.someone()
			body := invitation(email, object{"roles": []string{"no-such-role"}})
			first := b.ask("POST", "/invites", body, "Idempotency-Key", "key-of-"+email).is(422, "unknown_role")
			if again := b.ask("POST", "/invites", body, "Idempotency-Key", "key-of-"+email).is(422, "unknown_role"); again.text != first.text {
				b.t.Errorf("first %s, again %s", first.text, again.text)
			}
		}},
		{name: "a key at once from many", run: func(b *backend) {
			email, other := b.someone(), b.someone()
			b.send(other)
			b.token(asAdmin)
			var all sync.WaitGroup
			replies := make([]*reply, 6)
			for n := range replies {
				all.Go(func() {
					replies[n] = b.ask("POST", "/invites", invitation(email), "Idempotency-Key", "key-of-"+email)
				})
			}
			all.Wait()
			ids := map[string]bool{}
			for _, r := range replies {
				if r.status == 201 {
					ids[r.str("id")] = true
					continue
				}
				r.is(409, "idempotency_in_progress")
			}
			if len(ids) != 1 || b.mailed(email) != b.mailed(other) {
				b.t.Errorf("invites %v with %d mails, want one with %d", ids, b.mailed(email), b.mailed(other))
			}
		}},
		{name: "the key of a resend", run: func(b *backend) {
			if !b.document().supports(providers.CapResend) {
				b.t.Skip("the vendor cannot send again")
			}
			email := b.someone()
			id := b.send(email).str("id")
			first := b.ask("POST", "/invites/"+id+"/resend", nil, "Idempotency-Key", "key-of-"+email).is(200, "")
			mails := b.mailed(email)
			again := b.ask("POST", "/invites/"+id+"/resend", nil, "Idempotency-Key", "key-of-"+email).is(200, "")
			if n := b.mailed(email); n != mails || again.text != first.text {
				b.t.Errorf("%d mails and %d before; first %s, again %s", n, mails, first.text, again.text)
			}
		}},
	}
}

func listingCases() []equivalenceCase {
	ids := func(r *reply) (list []string) {
		for _, item := range r.items() {
			list = append(list, item["id"].(string))
		}
		return list
	}
	return []equivalenceCase{
		{name: "the newest first", run: func(b *backend) {
			first := b.send(b.someone()).str("id")
			second := b.send(b.someone()).str("id")
			list := ids(b.ask("GET", "/invites?limit=200", nil).is(200, ""))
			if slices.Index(list, second) < 0 || slices.Index(list, second) > slices.Index(list, first) {
				b.t.Errorf("%s and then %s in %v", first, second, list)
			}
		}},
		{name: "by state", run: func(b *backend) {
			pending := b.send(b.someone()).str("id")
			revoked := b.send(b.someone()).str("id")
			b.ask("POST", "/invites/"+revoked+"/revoke", nil).is(200, "")
			for filter, want := range map[string][2]bool{
				"state=pending": {true, false}, "state=revoked": {false, true}, "state=pending&state=revoked": {true, true}, "state=declined": {false, false},
			} {
				list := ids(b.ask("GET", "/invites?limit=200&"+filter, nil).is(200, ""))
				if got := [2]bool{slices.Contains(list, pending), slices.Contains(list, revoked)}; got != want {
					b.t.Errorf("%s: pending and revoked %v, want %v", filter, got, want)
				}
			}
			b.ask("GET", "/invites?state=lost", nil).is(400, "invalid_request")
		}},
		{name: "by address", run: func(b *backend) {
			email := b.someone()
			id := b.send(email).str("id")
			written := email
			if b.connection.Emails == "lowercase" {
				written = strings.ToUpper(email)
			}
			if list := ids(b.ask("GET", "/invites?email="+url.QueryEscape(written), nil).is(200, "")); len(list) != 1 || list[0] != id {
				b.t.Errorf("got %v", list)
			}
			if list := ids(b.ask("GET", "/invites?email="+url.QueryEscape(b.someone()), nil).is(200, "")); len(list) != 0 {
				b.t.Errorf("nobody has %v", list)
			}
		}},
		{name: "by role", run: func(b *backend) {
			id := b.send(b.someone()).str("id")
			if !slices.Contains(ids(b.ask("GET", "/invites?limit=200&role=member", nil).is(200, "")), id) {
				b.t.Error("not among the members")
			}
			if slices.Contains(ids(b.ask("GET", "/invites?limit=200&role=admin", nil).is(200, "")), id) {
				b.t.Error("among the administrators")
			}
		}},
		{name: "by time", run: func(b *backend) {
			b.send(b.someone())
			after := url.QueryEscape(b.clock.Now().Add(time.Hour).Format(time.RFC3339))
			if list := ids(b.ask("GET", "/invites?created_after="+after, nil).is(200, "")); len(list) != 0 {
				b.t.Errorf("from the future: %v", list)
			}
			b.ask("GET", "/invites?created_after=yesterday", nil).is(400, "invalid_request")
		}},
		{name: "page by page while others come and go", run: func(b *backend) {
			var want []string
			for range 3 {
				want = append(want, b.send(b.someone(), object{"given_name": "Paged"}).str("id"))
			}
			var got []string
			path := "/invites?limit=1"
			for range 1000 {
				page := b.ask("GET", path, nil).is(200, "")
				got = append(got, ids(page)...)
				if len(got) == 1 {
					b.send(b.someone())
				}
				next := page.str("next_cursor")
				if next == "" || slices.Contains(got, want[0]) {
					break
				}
				path = "/invites?limit=1&cursor=" + url.QueryEscape(next)
			}
			slices.Reverse(want)
			seen := slices.DeleteFunc(slices.Clone(got), func(id string) bool { return !slices.Contains(want, id) })
			if !slices.Equal(seen, want) {
				b.t.Errorf("of %v came %v", want, seen)
			}
		}},
		{name: "cursors are bound to their filters", run: func(b *backend) {
			b.send(b.someone())
			b.send(b.someone())
			next := url.QueryEscape(b.ask("GET", "/invites?limit=1", nil).is(200, "").str("next_cursor"))
			b.ask("GET", "/invites?limit=1&state=pending&cursor="+next, nil).is(400, "invalid_request").at("cursor")
			b.ask("GET", "/invites?limit=1&cursor=invented", nil).is(400, "invalid_request").at("cursor")
			b.ask("GET", "/members?limit=1&cursor="+next, nil).is(400, "invalid_request").at("cursor")
		}},
		{name: "limits and parameters", run: func(b *backend) {
			for _, path := range []string{"/invites?limit=0", "/invites?limit=201", "/invites?limit=x", "/invites?colour=blue", "/invites?limit=1&limit=2", "/members?limit=201"} {
				b.ask("GET", path, nil).is(400, "invalid_request")
			}
		}},
		{name: "an invite that is not there", run: func(b *backend) {
			for _, id := range []string{"inv_none", "x", "org_1", "inv_0dhvc8kt7g6qeb8ugt3i8f7m9c"} {
				b.ask("GET", "/invites/"+id, nil).is(404, "not_found")
				b.ask("POST", "/invites/"+id+"/resend", nil).is(404, "not_found")
				b.ask("POST", "/invites/"+id+"/revoke", nil).is(404, "not_found")
			}
		}},
		{name: "HEAD is GET without a body", run: func(b *backend) {
			if got := b.ask("HEAD", "/invites", nil); got.status != http.StatusOK || got.text != "" {
				b.t.Errorf("%d %q", got.status, got.text)
			}
		}},
	}
}

func lifeCases() []equivalenceCase {
	return []equivalenceCase{
		{name: "resend while pending", run: func(b *backend) {
			email := b.someone()
			id := b.send(email).str("id")
			mails := b.mailed(email)
			got := b.ask("POST", "/invites/"+id+"/resend", nil)
			if !b.document().supports(providers.CapResend) {
				got.is(422, "unsupported_by_provider")
				return
			}
			if got.is(200, ""); got.str("id") != id || got.str("state") != "pending" || b.mailed(email) <= mails {
				b.t.Errorf("%d mails, and %d before: %s", b.mailed(email), mails, got.text)
			}
			if list := b.ask("GET", "/invites?email="+email, nil).is(200, "").items(); len(list) != 1 {
				b.t.Errorf("%d invites", len(list))
			}
			b.accept(email)
			if state := b.state(id); state != "accepted" {
				b.t.Errorf("after the second mail: %s", state)
			}
		}},
		{name: "revoke while pending", run: func(b *backend) {
			email := b.someone()
			id := b.send(email).str("id")
			got := b.ask("POST", "/invites/"+id+"/revoke", nil)
			if !b.document().supports(providers.CapRevoke) {
				got.is(422, "unsupported_by_provider")
				return
			}
			if got.is(200, ""); got.str("state") != "revoked" || got.str("id") != id {
				b.t.Errorf("got %s", got.text)
			}
			mails := b.mailed(email)
			again := b.ask("POST", "/invites/"+id+"/revoke", nil).is(200, "")
			if again.text != got.text || b.mailed(email) != mails {
				b.t.Errorf("again %s", again.text)
			}
			b.ask("POST", "/invites/"+id+"/resend", nil).is(409, "invite_not_pending")
			if state := b.state(id); state != "revoked" {
				b.t.Errorf("compared with the vendor it is %s", state)
			}
			if role, joined := b.members()[email]; joined {
				b.t.Errorf("he is a member as %q", role)
			}
		}},
		{name: "accepted", run: func(b *backend) {
			email := b.someone()
			id := b.send(email).str("id")
			b.accept(email)
			if state := b.state(id); state != "accepted" {
				b.t.Fatalf("the invite is %s", state)
			}
			read := b.invite(id)
			if read.fields()["accepted_at"] == nil {
				b.t.Errorf("got %s", read.text)
			}
			if got := b.members()[email]; got != "member" {
				b.t.Errorf("he is a member as %q", got)
			}
			b.ask("POST", "/invites/"+id+"/resend", nil).is(409, "invite_not_pending")
			b.ask("POST", "/invites/"+id+"/revoke", nil).is(409, "invite_not_pending")
		}},
		{name: "accepted by another way before a revocation", run: func(b *backend) {
			email := b.someone()
			id := b.send(email).str("id")
			b.accept(email)
			got := b.ask("POST", "/invites/"+id+"/revoke", nil).is(409, "invite_not_pending")
			if got.str("invite_id") != id || b.state(id) != "accepted" {
				b.t.Errorf("got %s", got.text)
			}
		}},
		{name: "bodies that are not asked for", run: func(b *backend) {
			id := b.send(b.someone()).str("id")
			b.ask("POST", "/invites/"+id+"/revoke", object{"why": "because"}).is(400, "invalid_request")
			b.ask("POST", "/invites/"+id+"/resend", object{"roles": []string{"admin"}}).is(400, "invalid_request")
			b.ask("POST", "/invites/"+id+"/revoke", object{}).is(200, "")
		}},
		{name: "expired", alone: true, run: func(b *backend) {
			life := b.document().InviteFields.Life
			if life == nil {
				b.t.Skip("invitations do not expire here")
			}
			email, other := b.someone(), b.someone()
			id, kept := b.send(email).str("id"), b.send(other).str("id")
			b.pass(time.Duration(*life)*time.Second + time.Minute)
			if state := b.state(id); state != "expired" {
				b.t.Fatalf("past its life the invite is %s", state)
			}
			b.ask("POST", "/invites/"+id+"/revoke", nil).is(409, "invite_not_pending")
			if b.document().supports(providers.CapResend) {
				again := b.ask("POST", "/invites/"+id+"/resend", nil).is(200, "")
				if again.str("id") != id || again.str("state") != "pending" {
					b.t.Errorf("sent again: %s", again.text)
				}
			}
			if again := b.send(other).str("id"); again == kept {
				b.t.Error("the same id")
			}
			b.accept(other)
			if got := b.members()[other]; got != "member" {
				b.t.Errorf("he is a member as %q", got)
			}
		}},
		{name: "an expired one is not accepted", alone: true, run: func(b *backend) {
			life := b.document().InviteFields.Life
			if life == nil {
				b.t.Skip("invitations do not expire here")
			}
			email := b.someone()
			id := b.send(email).str("id")
			b.pass(time.Duration(*life)*time.Second + time.Minute)
			for _, m := range b.mails(email) {
				_, _ = sandbox.OpenMail(b.t.Context(), m) // whatever the page says
			}
			if _, joined := b.members()[email]; joined {
				b.t.Error("somebody joined by an expired invitation")
			}
			if state := b.state(id); state != "expired" {
				b.t.Errorf("the invite is %s", state)
			}
		}},
		{name: "made elsewhere", run: func(b *backend) {
			if !b.document().supports(providers.CapInviteList) {
				b.t.Skip("nobody else makes invitations here")
			}
			email := b.someone()
			b.elsewhere(email)
			got := b.ask("POST", "/invites", invitation(email)).is(409, "invite_pending")
			id := got.str("invite_id")
			read := b.invite(id)
			if read.str("email") != email || read.str("state") != "pending" || read.fields()["inviter"] != nil || fmt.Sprint(read.fields()["roles"]) != "[member]" {
				b.t.Errorf("adopted as %s", read.text)
			}
			b.ask("POST", "/invites/"+id+"/revoke", nil).is(200, "")
			if state := b.state(id); state != "revoked" {
				b.t.Errorf("it is %s", state)
			}
		}},
		{name: "made elsewhere and seen", run: func(b *backend) {
			if !b.document().supports(providers.CapInviteList) {
				b.t.Skip("nobody else makes invitations here")
			}
			email := b.someone()
			b.elsewhere(email)
			b.ask("GET", "/invites?refresh=true&limit=1", nil).is(200, "")
			list := b.ask("GET", "/invites?email="+email, nil).is(200, "").items()
			if len(list) != 1 || list[0]["state"] != "pending" || list[0]["state_reason"] != "adopted" {
				b.t.Errorf("got %v", list)
			}
		}},
	}
}

// pass lets time pass for everybody.
func (b *backend) pass(d time.Duration) {
	b.clock.Advance(d)
	clear(b.tokens)
}

func teamCases() []equivalenceCase {
	return []equivalenceCase{
		{name: "the people from the start", run: func(b *backend) {
			members := b.members()
			roles := b.roles()
			for email, role := range map[string]string{sandbox.AdministratorEmail: "admin", sandbox.MemberEmail: "member"} {
				if !slices.Contains(roles, role) {
					role = roles[0]
				}
				if got, there := members[email]; !there || got != role {
					b.t.Errorf("%s is a member as %q, want %q", email, got, role)
				}
			}
		}},
		{name: "members have usher's ids", run: func(b *backend) {
			first := b.ask("GET", "/members?limit=200", nil).is(200, "")
			second := b.ask("GET", "/members?limit=200", nil).is(200, "")
			for n, m := range first.items() {
				if id, _ := m["id"].(string); !strings.HasPrefix(id, "mem_") || id != second.items()[n]["id"] || m["email"] == "" {
					b.t.Errorf("member %v, then %v", m, second.items()[n])
				}
			}
		}},
		{name: "roles are those configured", run: func(b *backend) {
			var want []string
			for _, r := range b.connection.Roles {
				want = append(want, r.Key)
			}
			if got := b.roles(); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
				b.t.Errorf("got %v, want %v", got, want)
			}
		}},
		{name: "the document is the connection's", run: func(b *backend) {
			ofOrganization := b.ask("GET", "/capabilities", nil).is(200, "")
			ofConnection := b.ask("GET", "/v1/connections/"+b.connection.Name+"/capabilities", nil).is(200, "")
			if ofOrganization.text != ofConnection.text {
				b.t.Errorf("%s and %s", ofOrganization.text, ofConnection.text)
			}
			for _, c := range b.document().Capabilities {
				if (c.Support == "emulated") != (c.How != nil) {
					b.t.Errorf("%+v", c)
				}
			}
		}},
		{name: "links are accepted where it says so", run: func(b *backend) {
			email := b.someone()
			b.send(email)
			if can, link := b.document().supports(providers.CapAccept), b.link(email); can != (link != "") {
				b.t.Errorf("declared %v, the link is %q", can, link)
			}
			b.ask("POST", "/v1/invites/accept", object{"token": "no-such-link"}).is(404, "not_found")
		}},
		{name: "the organization reads the same", run: func(b *backend) {
			got := b.ask("GET", "", nil).is(200, "")
			if got.str("slug") != b.organization.Slug || got.str("name") != "Acme" {
				b.t.Errorf("got %s", got.text)
			}
			byID := b.ask("GET", "/v1/organizations/"+got.str("id"), nil).is(200, "")
			if byID.text != got.text {
				b.t.Errorf("by id %s, by slug %s", byID.text, got.text)
			}
		}},
	}
}

// faultCases: whatever happens between usher and the vendor, in the end there
// is one invite and no second mail.
func faultCases() []equivalenceCase {
	write := fault.Match{Method: "POST"}
	var cases []equivalenceCase
	for _, f := range []struct {
		name string
		do   fault.Action
	}{
		{"the connection is cut before the vendor acts", fault.Action{Cut: "before"}},
		{"the answer is lost", fault.Action{Cut: "after"}},
		{"half an answer", fault.Action{HalfBody: true, After: true, Status: 200}},
		{"an answer of 500", fault.Action{Status: 500, Body: "{}"}},
		{"an answer of 503", fault.Action{Status: 503, Headers: map[string]string{"Retry-After": "1"}, Body: "{}"}},
		{"a page instead of an answer", fault.Action{HTML: true, Status: 502}},
		{"a page after the vendor has acted", fault.Action{HTML: true, After: true, Status: 504}},
		{"no answer", fault.Action{Hang: true}},
	} {
		cases = append(cases, equivalenceCase{name: f.name, alone: true, run: func(b *backend) {
			clean, email := b.someone(), b.someone()
			b.send(clean)
			key := []string{"Idempotency-Key", "key-of-" + email}
			if !b.fault(fault.Fault{Match: write, Do: f.do}) {
				b.t.Skip("there is no vendor beside usher")
			}
			first := b.ask("POST", "/invites", invitation(email), key...)
			b.heal()
			id := ""
			if first.status != 201 {
				if !slices.Contains([]int{429, 502, 503, 504}, first.status) { // 429: somebody else met the fault, and the vendor is left alone
					b.t.Fatalf("got %d %s", first.status, first.text)
				}
				id = first.str("invite_id")
				if strings.Contains(first.text, "<html") || strings.Contains(first.text, b.vendor()) {
					b.t.Errorf("the vendor's words reach the caller: %s", first.text)
				}
			}
			b.once(email, id, key, b.mailed(clean))
		}})
	}
	return append(cases,
		equivalenceCase{name: "the vendor wants to be left alone", alone: true, run: func(b *backend) {
			clean, email := b.someone(), b.someone()
			b.send(clean)
			key := []string{"Idempotency-Key", "key-of-" + email}
			if !b.fault(fault.Fault{Times: -1, Do: fault.Action{Status: 429, Headers: map[string]string{"Retry-After": "7"}, Body: "{}"}}) {
				b.t.Skip("there is no vendor beside usher")
			}
			got := b.ask("POST", "/invites", invitation(email), key...).is(429, "provider_rate_limited")
			if after := got.header.Get("Retry-After"); after != "7" {
				b.t.Errorf("Retry-After is %q", after)
			}
			b.heal()
			if n := b.mailed(email); n != 0 {
				b.t.Errorf("%d mails", n)
			}
		}},
		equivalenceCase{name: "answers are lost while somebody accepts", alone: true, run: func(b *backend) {
			if !b.document().supports(providers.CapAccept) || b.vendor() == "" {
				b.t.Skip("people accept on the vendor's own page, or there is no vendor beside usher")
			}
			for _, method := range []string{"POST", "PUT", "PATCH"} {
				for _, cut := range []string{"before", "after"} {
					email := b.someone()
					id := b.send(email).str("id")
					b.fault(fault.Fault{Match: fault.Match{Method: method}, Do: fault.Action{Cut: cut}})
					mails := b.mails(email)
					_, _ = sandbox.OpenMail(b.t.Context(), mails[len(mails)-1]) // whatever the page says
					b.heal()
					b.clock.Advance(20 * time.Second) // a breaker is over
					if b.state(id) != "accepted" {
						b.accept(email)
					}
					if state, role := b.state(id), b.members()[email]; state != "accepted" || role != "member" {
						b.t.Errorf("%s cut %s: %s, a member as %q", method, cut, state, role)
					}
				}
			}
		}},
		equivalenceCase{name: "the credential is refused", alone: true, run: func(b *backend) {
			email := b.someone()
			b.send(b.someone())
			if !b.fault(fault.Fault{Match: fault.Match{}, Times: -1, Do: fault.Action{Status: 401, Body: "{}"}}) {
				b.t.Skip("there is no vendor beside usher")
			}
			b.ask("POST", "/invites", invitation(email)).is(502, "provider_rejected_credentials")
			b.heal()
			if n := b.mailed(email); n != 0 {
				b.t.Errorf("%d mails", n)
			}
		}},
	)
}

// once repeats a request until it is answered, and checks that there is one
// invite in the end, under the id that was told first, and no mail too many.
func (b *backend) once(email, id string, key []string, mails int) {
	b.t.Helper()
	var last *reply
	for range 8 {
		last = b.ask("POST", "/invites", invitation(email), key...)
		if last.status == 201 {
			break
		}
		b.clock.Advance(20 * time.Second) // a breaker or a pause is over
	}
	last.is(201, "")
	if id != "" && last.str("id") != id {
		b.t.Errorf("it was told as %s and is %s", id, last.text)
	}
	list := b.ask("GET", "/invites?refresh=true&email="+url.QueryEscape(email), nil).is(200, "").items()
	if len(list) != 1 || list[0]["state"] != "pending" {
		text, _ := json.Marshal(list)
		b.t.Errorf("invites %s", text)
	}
	if n := b.mailed(email); n != mails {
		b.t.Errorf("%d mails, want %d", n, mails)
	}
	b.accept(email)
	if state := b.state(last.str("id")); state != "accepted" {
		b.t.Errorf("accepted, it is %s", state)
	}
}
