package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/providers"
	"usher/sandbox"
	"usher/sandbox/fault"
)

const (
	fileNDJSON = "application/x-ndjson"
	fileCSV    = "text/csv"
)

// lines is a file of invitations, one on each line.
func lines(rows ...any) string {
	var file bytes.Buffer
	for _, row := range rows {
		if raw, ok := row.(string); ok {
			file.WriteString(raw + "\n")
			continue
		}
		text, err := json.Marshal(row)
		if err != nil {
			panic(err)
		}
		file.Write(append(text, '\n'))
	}
	return file.String()
}

// upload hands in a file that has to be taken, and returns the batch's id.
func (b *backend) upload(as, kind, file string, headers ...string) string {
	b.t.Helper()
	got := b.askAs(as, "POST", "/invite-batches", file, append(headers, "Content-Type", kind)...).is(202, "")
	id := got.str("id")
	if !strings.HasPrefix(id, "bat_") || !strings.HasSuffix(got.header.Get("Location"), "/invite-batches/"+id) {
		b.t.Errorf("a batch %q at %q", id, got.header.Get("Location"))
	}
	return id
}

func (b *backend) batch(id string) *reply {
	b.t.Helper()
	return b.ask("GET", "/invite-batches/"+id, nil).is(200, "")
}

// ended waits for the end of a batch, and returns its state. pass is how much
// time passes for everybody whenever it is looked at, in which breakers and
// pauses end.
func (b *backend) ended(id string, pass time.Duration) string {
	b.t.Helper()
	limit := time.After(3 * time.Minute)
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		got := b.batch(id)
		if state := got.str("state"); state == "done" || state == "cancelled" {
			if got.fields()["finished_at"] == nil || got.fields()["estimated_finish_at"] != nil {
				b.t.Errorf("it has ended: %s", got.text)
			}
			return state
		}
		select {
		case <-limit:
			b.t.Fatalf("the batch does not end: %s %v", got.text, b.rows(id))
		case <-look.C:
		}
		b.clock.Advance(pass)
	}
}

// rows are a batch's, as "email outcome code field", and whether there is an
// invite to it.
func (b *backend) rows(id string) (rows []string) {
	b.t.Helper()
	path := "/invite-batches/" + id + "/items?limit=3"
	for next := path; next != ""; {
		page := b.ask("GET", next, nil).is(200, "")
		for _, i := range page.items() {
			text := fmt.Sprint(i["email"], " ", i["outcome"])
			for _, name := range []string{"code", "field"} {
				if i[name] != nil {
					text += fmt.Sprint(" ", i[name])
				}
			}
			if i["invite_id"] != nil {
				text += " has an invite"
			}
			rows = append(rows, text)
		}
		if next = page.str("next_cursor"); next != "" {
			next = path + "&cursor=" + next
		}
	}
	return rows
}

// became checks what became of a batch's rows, and that the counts agree.
func (b *backend) became(id string, want ...string) {
	b.t.Helper()
	got := b.rows(id)
	if !slices.Equal(got, want) {
		b.t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	counted := map[string]int{"rows": len(want)}
	for _, row := range got {
		for _, outcome := range []string{"queued", "sending", "uncertain", "sent", "skipped", "failed", "cancelled"} {
			if strings.Contains(row, " "+outcome) {
				counted[outcome]++
			}
		}
	}
	counts, _ := b.batch(id).fields()["counts"].(object)
	for name, n := range counts {
		if n != float64(counted[name]) {
			b.t.Errorf("%v of the rows are %s, counted %v", counted[name], name, counts)
		}
	}
}

// mailedAs checks that addresses were mailed as often as somebody who was
// invited alone.
func (b *backend) mailedAs(alone string, emails ...string) {
	b.t.Helper()
	want := b.mailed(alone)
	for _, email := range emails {
		if n := b.mailed(email); n != want || n == 0 {
			b.t.Errorf("%d mails to %s, want %d", n, email, want)
		}
	}
}

// unusedBatch is the id of no batch.
const unusedBatch = "bat_00000000000000000000000000"

func batchCases() []equivalenceCase {
	cases := slices.Concat(batchFileCases(), batchRightsCases())
	if testing.Short() { // each of the others has a world of its own, and waits for its settler
		return cases
	}
	return append(cases, batchFaultCases()...)
}

func batchFileCases() []equivalenceCase {
	return []equivalenceCase{
		{name: "a batch with everything that rows can be", run: func(b *backend) {
			alone, living, one, two, unlucky := b.someone(), b.someone(), b.someone(), b.someone(), b.someone()
			b.send(alone)
			b.send(living)
			mails := b.mailed(living)
			id := b.upload(asAdmin, fileNDJSON, lines(
				invitation(one, object{"given_name": "Zoë 王", "family_name": "O’Néill-Ødegård", "metadata": object{"team": "blü"}}),
				invitation("not an address"),
				invitation(one),
				"",
				invitation(living),
				invitation(sandbox.MemberEmail),
				invitation(unlucky, object{"roles": []string{"no-such-role"}}),
				invitation(unlucky, object{"colour": "red"}),
				"not JSON",
				invitation(two),
			))
			if state := b.ended(id, 0); state != "done" {
				b.t.Errorf("the batch is %s", state)
			}
			b.became(id,
				one+" sent has an invite",
				"not an address failed invalid_request /email",
				one+" skipped duplicate_row /email",
				living+" skipped invite_pending /email has an invite",
				sandbox.MemberEmail+" skipped already_member has an invite",
				unlucky+" failed unknown_role /roles/0",
				unlucky+" failed invalid_request /colour",
				" failed invalid_request",
				two+" sent has an invite",
			)
			b.mailedAs(alone, one, two)
			b.untouched(unlucky)
			if n := b.mailed(living); n != mails {
				b.t.Errorf("%d mails to somebody with an invite, and %d before", n, mails)
			}
			if n := b.mailed(sandbox.MemberEmail); n != 0 {
				b.t.Errorf("%d mails to a member", n)
			}
			list := b.ask("GET", "/invites?email="+one, nil).is(200, "").items()
			if len(list) != 1 || list[0]["state"] != "pending" || list[0]["given_name"] != "Zoë 王" || list[0]["family_name"] != "O’Néill-Ødegård" ||
				fmt.Sprint(list[0]["metadata"]) != "map[team:blü]" {
				b.t.Errorf("got %v", list)
			}
		}},
		{name: "a batch from a spreadsheet", run: func(b *backend) {
			alone, one, two := b.someone(), b.someone(), b.someone()
			b.send(alone)
			file := "\ufeffEmail;Roles;Given_Name\r\n\"" + one + "\";member;\"Zoë; or \"\"Z\"\"\"\r\n" +
				sandbox.MemberEmail + ";member;\r\n" + two + ";member;王\r\n" + one + ";member;\r\nx@;member;\r\n"
			id := b.upload(asAdmin, fileCSV, file)
			b.ended(id, 0)
			b.became(id,
				one+" sent has an invite",
				sandbox.MemberEmail+" skipped already_member has an invite",
				two+" sent has an invite",
				one+" skipped duplicate_row /email",
				"x@ failed invalid_request /email",
			)
			b.mailedAs(alone, one, two)
			for email, name := range map[string]string{one: `Zoë; or "Z"`, two: "王"} {
				if list := b.ask("GET", "/invites?email="+email, nil).is(200, "").items(); len(list) != 1 || list[0]["given_name"] != name {
					b.t.Errorf("got %v, want %s", list, name)
				}
			}
		}},
		{name: "a batch of more than one call takes", run: func(b *backend) {
			alone, emails := b.someone(), []string{}
			b.send(alone)
			var rows []any
			var want []string
			for range 23 {
				email := b.someone()
				emails, rows, want = append(emails, email), append(rows, invitation(email)), append(want, email+" sent has an invite")
			}
			id := b.upload(asAdmin, fileNDJSON, lines(rows...))
			b.ended(id, 0)
			b.became(id, want...)
			b.mailedAs(alone, emails...)
			b.accept(emails[0])
			if role := b.members()[emails[0]]; role != sandbox.RoleMember {
				b.t.Errorf("a member as %q", role)
			}
		}},
		{name: "a batch of what is pending elsewhere", run: func(b *backend) {
			if !b.document().supports(providers.CapInviteList) {
				b.t.Skip("nobody else makes invitations here")
			}
			alone, known, other := b.someone(), b.someone(), b.someone()
			b.send(alone)
			b.elsewhere(known)
			mails := b.mailed(known)
			id := b.upload(asAdmin, fileNDJSON, lines(invitation(known), invitation(other)))
			b.ended(id, 0)
			b.became(id, known+" skipped invite_pending has an invite", other+" sent has an invite")
			b.mailedAs(alone, other)
			if n := b.mailed(known); n != mails {
				b.t.Errorf("%d mails, and %d before", n, mails)
			}
		}},
		{name: "a batch of what cannot be carried", run: func(b *backend) {
			fields := b.document().InviteFields
			for field, value := range map[string]any{"message": "Welcome.", "redirect_url": pageOfTheApplication, "notify": false} {
				can := map[string]bool{"message": fields.Message, "redirect_url": fields.RedirectURL, "notify": fields.NotifyFalse}[field]
				email, want := b.someone(), " sent has an invite"
				if !can {
					want = " failed not_carried /" + field
				}
				id := b.upload(asAdmin, fileNDJSON, lines(invitation(email, object{field: value})))
				b.ended(id, 0)
				b.became(id, email+want)
				if !can {
					b.untouched(email)
				}
			}
		}},
		{name: "files that are none", run: func(b *backend) {
			for _, file := range []struct {
				kind, text string
				status     int
				code       string
			}{
				{fileNDJSON, "", 400, "invalid_request"},
				{fileCSV, "email,roles\n", 400, "invalid_request"},
				{fileCSV, "name,roles\na,b\n", 400, "invalid_request"},
				{"application/json", `{"email":"x@example.com","roles":["member"]}`, 415, "unsupported_media_type"},
			} {
				b.ask("POST", "/invite-batches", file.text, "Content-Type", file.kind).is(file.status, file.code)
			}
		}},
		{name: "the key of a batch", run: func(b *backend) {
			alone, email, other := b.someone(), b.someone(), b.someone()
			b.send(alone)
			key := []string{"Idempotency-Key", "key-of-" + email, "Content-Type", fileNDJSON}
			file := lines(invitation(email))
			first := b.ask("POST", "/invite-batches", file, key...).is(202, "")
			again := b.ask("POST", "/invite-batches", file, key...).is(202, "")
			b.ended(first.str("id"), 0)
			third := b.ask("POST", "/invite-batches", file, key...).is(202, "")
			for _, r := range []*reply{again, third} {
				if r.text != first.text || r.header.Get("Idempotency-Replayed") != "true" || r.header.Get("Location") != first.header.Get("Location") {
					b.t.Errorf("first %s, again %s", first.text, r.text)
				}
			}
			b.ask("POST", "/invite-batches", lines(invitation(other)), key...).is(422, "idempotency_key_reused").at("Idempotency-Key")
			b.untouched(other)
			b.mailedAs(alone, email)
			b.became(first.str("id"), email+" sent has an invite")
		}},
		{name: "a batch that has ended", run: func(b *backend) {
			email := b.someone()
			id := b.upload(asAdmin, fileNDJSON, lines(invitation(email), invitation("bad")))
			b.ended(id, 0)
			mails, text := b.mailed(email), b.batch(id).text
			for _, verb := range []string{"cancel", "retry", "cancel"} {
				if got := b.ask("POST", "/invite-batches/"+id+"/"+verb, nil).is(200, ""); got.text != text {
					b.t.Errorf("%s: %s, and before %s", verb, got.text, text)
				}
			}
			b.became(id, email+" sent has an invite", "bad failed invalid_request /email")
			if n := b.mailed(email); n != mails {
				b.t.Errorf("%d mails, and %d before", n, mails)
			}
		}},
		{name: "a batch for those who were invited before", run: func(b *backend) {
			revoked, accepted := b.someone(), b.someone()
			b.ask("POST", "/invites/"+b.send(revoked).str("id")+"/revoke", nil).is(200, "")
			joined := b.send(accepted).str("id")
			b.accept(accepted)
			if state := b.state(joined); state != "accepted" {
				b.t.Fatalf("the invite is %s", state)
			}
			mails := b.mailed(accepted)
			id := b.upload(asAdmin, fileNDJSON, lines(invitation(revoked), invitation(accepted)))
			b.ended(id, 0)
			b.became(id, revoked+" sent has an invite", accepted+" skipped already_member has an invite")
			if n := b.mailed(accepted); n != mails {
				b.t.Errorf("%d mails to a member, and %d before", n, mails)
			}
		}},
	}
}

func batchRightsCases() []equivalenceCase {
	return []equivalenceCase{
		{name: "who may not send a batch", run: func(b *backend) {
			email := b.someone()
			file := lines(invitation(email))
			b.askAs("", "POST", "/invite-batches", file, "Content-Type", fileNDJSON).is(401, "unauthenticated")
			b.askAs(asOutsider, "POST", "/invite-batches", file, "Content-Type", fileNDJSON).is(404, "not_found")
			b.askAs(asReader, "POST", "/invite-batches", file, "Content-Type", fileNDJSON).is(403, "permission_denied")
			b.untouched(email)
		}},
		{name: "who may not touch a batch", run: func(b *backend) {
			id := b.upload(asAdmin, fileNDJSON, lines(invitation(b.someone())))
			b.ended(id, 0)
			one := "/invite-batches/" + id
			for _, path := range []string{"/invite-batches", one, one + "/items"} {
				b.askAs("", "GET", path, nil).is(401, "unauthenticated")
				b.askAs(asOutsider, "GET", path, nil).is(404, "not_found")
				b.askAs(asReader, "GET", path, nil).is(200, "")
			}
			for _, verb := range []string{"/cancel", "/retry"} {
				b.askAs("", "POST", one+verb, nil).is(401, "unauthenticated")
				b.askAs(asOutsider, "POST", one+verb, nil).is(404, "not_found")
				b.askAs(asReader, "POST", one+verb, nil).is(403, "permission_denied")
			}
		}},
		{name: "a batch of another organization and none", run: func(b *backend) {
			other := b.backends.backends[0]
			if other.connection.Name == b.connection.Name {
				other = b.backends.backends[len(b.backends.backends)-1]
			}
			email := b.someone()
			theirs := other.at(b.t).upload(asAdmin, fileNDJSON, lines(invitation(email)))
			other.at(b.t).ended(theirs, 0)
			for _, id := range []string{theirs, unusedBatch, "bat_", "no-such-batch"} {
				one := "/invite-batches/" + id
				b.ask("GET", one, nil).is(404, "not_found")
				b.ask("GET", one+"/items", nil).is(404, "not_found")
				b.ask("POST", one+"/cancel", nil).is(404, "not_found")
				b.ask("POST", one+"/retry", nil).is(404, "not_found")
			}
			if found := b.ask("GET", "/invites?email="+email, nil).is(200, "").items(); len(found) != 0 {
				b.t.Errorf("invites %v", found)
			}
		}},
		{name: "a batch with a role that the caller may not grant", run: func(b *backend) {
			code := "role_not_grantable"
			if !slices.Contains(b.roles(), sandbox.RoleAdmin) {
				code = "unknown_role"
			}
			alone, refused, email := b.someone(), b.someone(), b.someone()
			b.send(alone)
			id := b.upload(asMember, fileNDJSON, lines(invitation(refused, object{"roles": []string{sandbox.RoleAdmin}}), invitation(email)))
			b.ended(id, 0)
			b.became(id, refused+" failed "+code+" /roles/0", email+" sent has an invite")
			b.mailedAs(alone, email)
			b.untouched(refused)
			b.ask("POST", "/invite-batches/"+id+"/retry", nil).is(200, "")
			b.ended(id, 0)
			b.became(id, refused+" failed "+code+" /roles/0", email+" sent has an invite")
		}},
	}
}

// batchFaultCases: whatever happens between usher and the vendor while a batch
// is sent, its rows end true, and nobody is mailed twice.
func batchFaultCases() []equivalenceCase {
	var cases []equivalenceCase
	for _, f := range []struct {
		name string
		do   fault.Action
	}{
		{"a batch whose answer is lost", fault.Action{Cut: "after"}},
		{"a batch while the vendor is away", fault.Action{Status: 503, Headers: map[string]string{"Retry-After": "1"}, Body: "{}"}},
	} {
		cases = append(cases, equivalenceCase{name: f.name, alone: true, run: func(b *backend) {
			alone, one, two, three := b.someone(), b.someone(), b.someone(), b.someone()
			b.send(alone)
			if !b.fault(fault.Fault{Match: fault.Match{Method: "POST"}, Do: f.do}) {
				b.t.Skip("there is no vendor beside usher")
			}
			id := b.upload(asAdmin, fileNDJSON, lines(invitation(one), invitation(two), invitation(three)))
			if state := b.ended(id, time.Second); state != "done" {
				b.t.Errorf("the batch is %s", state)
			}
			b.heal()
			b.became(id, one+" sent has an invite", two+" sent has an invite", three+" sent has an invite")
			b.mailedAs(alone, one, two, three)
			b.accept(two)
			if role := b.members()[two]; role != sandbox.RoleMember {
				b.t.Errorf("a member as %q", role)
			}
		}})
	}
	return append(cases,
		equivalenceCase{name: "a batch that is cancelled while it waits", alone: true, run: func(b *backend) {
			alone, one, two := b.someone(), b.someone(), b.someone()
			b.send(alone)
			if !b.fault(fault.Fault{Times: -1, Do: fault.Action{Status: 429, Headers: map[string]string{"Retry-After": "1"}, Body: "{}"}}) {
				b.t.Skip("there is no vendor beside usher")
			}
			id := b.upload(asAdmin, fileNDJSON, lines(invitation(one), invitation(two), invitation("bad")))
			if state := b.batch(id).str("state"); state != "running" {
				b.t.Errorf("the batch is %s", state)
			}
			b.ask("POST", "/invite-batches/"+id+"/cancel", nil).is(200, "")
			if state := b.ended(id, time.Second); state != "cancelled" {
				b.t.Errorf("the batch is %s", state)
			}
			b.heal()
			for _, row := range b.rows(id)[:2] {
				if !strings.Contains(row, " cancelled") {
					b.t.Errorf("got %s", row)
				}
			}
			if b.mailed(one)+b.mailed(two) != 0 {
				b.t.Error("somebody was mailed")
			}
			b.ask("POST", "/invite-batches/"+id+"/retry", nil).is(200, "")
			if state := b.ended(id, 0); state != "cancelled" {
				b.t.Errorf("cancelled rows are sent again: the batch is %s", state)
			}
			b.clock.Advance(time.Minute) // the pause is over
			again := b.upload(asAdmin, fileNDJSON, lines(invitation(one), invitation(two)))
			b.ended(again, time.Second)
			b.became(again, one+" sent has an invite", two+" sent has an invite")
			b.mailedAs(alone, one, two)
		}},
		equivalenceCase{name: "a batch that is sent again after a refusal", alone: true, run: func(b *backend) {
			alone, one, two := b.someone(), b.someone(), b.someone()
			b.send(alone)
			if !b.fault(fault.Fault{Times: -1, Do: fault.Action{Status: 400, Body: "{}"}}) {
				b.t.Skip("there is no vendor beside usher")
			}
			id := b.upload(asAdmin, fileNDJSON, lines(invitation(one), invitation("bad"), invitation(two)))
			b.ended(id, time.Second)
			bad := "bad failed invalid_request /email"
			b.became(id, one+" failed provider_error has an invite", bad, two+" failed provider_error has an invite")
			b.heal()
			if n := b.mailed(one) + b.mailed(two); n != 0 {
				b.t.Errorf("%d mails", n)
			}
			b.ask("POST", "/invite-batches/"+id+"/retry", nil).is(200, "")
			if state := b.ended(id, time.Second); state != "done" {
				b.t.Errorf("the batch is %s", state)
			}
			b.became(id, one+" sent has an invite", bad, two+" sent has an invite")
			b.mailedAs(alone, one, two)
		}},
	)
}
