package workos

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/identity"
	"usher/providers"
	"usher/providers/providertest"
	"usher/providers/providertest/scripted"
	"usher/sandbox/fault"
)

func TestOneCall(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	request := r.request("New.Person+tag@Example.COM", "admin")
	request.GivenName, request.Locale, request.Metadata = "New", "de-AT", map[string]any{"a": 1}
	sent, err := r.client().Invite(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	rows := r.find("new.person+tag@example.com")
	if len(rows) != 1 || r.Total() != 1 {
		t.Fatalf("made %+v in %d calls, want one in one", rows, r.Total())
	}
	if row := rows[0]; row.org != orgOne || row.role != "org-admin" || row.days != 7 || row.locale != "de" || row.email != "new.person+tag@example.com" {
		t.Errorf("made %+v", row)
	}
	if sent.ProviderID != rows[0].id || !sent.ExpiresAt.Equal(rows[0].expires) || sent.Reference[refID] != rows[0].id || sent.Reference[refDays] != "7" {
		t.Errorf("sent %+v", sent)
	}
	if want := []string{"given_name", "locale", "metadata"}; !slices.Equal(sent.NotCarried, want) {
		t.Errorf("not carried %v, want %v", sent.NotCarried, want)
	}
}

// An invitation never lives longer than was asked for, and what the vendor
// cannot give is refused, not bent.
func TestLife(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		asked   time.Duration // 0: nothing
		setting int
		want    int // days; 0: refused
	}{
		{"usual", 0, 0, 7}, {"by the settings", 0, 21, 21},
		{"ten days", 10*day + time.Hour, 0, 10}, {"a part of a day is left off", 10*day + 20*time.Hour, 0, 10},
		{"a day", day + 2*time.Minute, 0, 1}, {"clocks differ", 2*day + time.Second, 0, 1},
		{"hours", 23 * time.Hour, 0, 0}, {"the longest", 30*day + 2*time.Minute, 0, 30}, {"too long", 40 * day, 0, 0},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *Config, _ *providers.Deps) { c.InviteDays = tc.setting })
			request := r.request("a@example.com")
			if tc.asked > 0 {
				at := r.Clock.Now().Add(tc.asked)
				request.ExpiresAt = &at
			}
			sent, err := r.p.Invite(t.Context(), request)
			if tc.want == 0 {
				wantCode(t, err, identity.CodeNotCarried)
				var known *identity.Error
				if !errors.As(err, &known) || known.Field != "/expires_at" || r.Total() != 0 {
					t.Errorf("refused with %v after %d calls", err, r.Total())
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := r.find("a@example.com")[0].days; got != tc.want {
				t.Errorf("%d days, want %d", got, tc.want)
			}
			if reported := slices.Contains(sent.NotCarried, "expires_at"); reported != (tc.asked > 0) {
				t.Errorf("not carried %v", sent.NotCarried)
			}
			if request.ExpiresAt != nil && sent.ExpiresAt.After(*request.ExpiresAt) {
				t.Errorf("lives until %v, asked for %v", sent.ExpiresAt, request.ExpiresAt)
			}
		})
	}
}

// What cannot be meant is refused before anything is sent.
func TestRefusedHere(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	cases := []struct {
		name   string
		change func(*providers.InviteRequest)
		want   identity.Code
	}{
		{"two roles", func(q *providers.InviteRequest) { q.Roles = []string{"admin", "member"} }, identity.CodeNotCarried},
		{"a role without a mapping", func(q *providers.InviteRequest) { q.Roles = []string{"viewer"} }, identity.CodeUnknownRole},
		{"the vendor's own name of a role", func(q *providers.InviteRequest) { q.Roles = []string{"org-admin"} }, identity.CodeUnknownRole},
		{"no role", func(q *providers.InviteRequest) { q.Roles = nil }, identity.CodeUnknownRole},
		{"letters beyond ASCII", func(q *providers.InviteRequest) { q.Address.Local = "jürgen" }, identity.CodeEmailNotDeliverable},
		// Without an organization the vendor makes an invitation that anybody may accept.
		{"no organization", func(q *providers.InviteRequest) { q.Org.ProviderID = "" }, identity.CodeNotFound},
		{"an organization that is a path", func(q *providers.InviteRequest) { q.Org.ProviderID = "../" + orgOne }, identity.CodeNotFound},
	}
	for _, tc := range cases {
		request := r.request("a@example.com")
		tc.change(&request)
		_, err := r.client().Invite(t.Context(), request)
		wantRefusal(t, tc.name, err, tc.want, request)
	}
	if n := r.Total(); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// wantRefusal wants an error after which nothing was sent, and no step that
// says otherwise.
func wantRefusal(t *testing.T, name string, err error, want identity.Code, r providers.InviteRequest) {
	t.Helper()
	var known *identity.Error
	if !errors.As(err, &known) || known.Code != want || known.Unknown {
		t.Errorf("%s: got %v, want the definite code %s", name, err, want)
	}
	if steps := r.Journal.(*providertest.Journal).Steps(); len(steps) != 0 {
		t.Errorf("%s: the journal holds %v", name, steps)
	}
}

// A refusal of the vendor's is definite, has our code, and leaves no step.
func TestRefusedByTheVendor(t *testing.T) {
	t.Parallel()
	const message = `"message":"Request could not be processed, tell nobody@example.com."`
	cases := []struct {
		status int
		body   string
		want   identity.Code
		field  string
	}{
		{400, `{"code":"email_already_invited_to_organization",` + message + `}`, identity.CodeInvitePending, ""},
		{400, `{"code":"user_already_organization_member",` + message + `}`, identity.CodeAlreadyMember, ""},
		{400, `{"code":"email_already_invited",` + message + `}`, identity.CodeConflict, "/email"},
		{400, `{"code":"user_already_exists",` + message + `}`, identity.CodeConflict, "/email"},
		{400, `{"code":"expires_in_days_too_long",` + message + `}`, identity.CodeNotCarried, "/expires_at"},
		{400, `{"code":"expires_in_days_too_short",` + message + `}`, identity.CodeNotCarried, "/expires_at"},
		{400, `{"code":"invalid_role",` + message + `}`, identity.CodeUnknownRole, "/roles/0"},
		{400, `{"code":"organization_blocked_from_sending_invites",` + message + `}`, identity.CodeConflict, ""},
		{400, `{"code":"email_domain_not_deliverable",` + message + `}`, identity.CodeEmailNotDeliverable, "/email"},
		{400, `{"code":"something_new",` + message + `}`, identity.CodeProviderError, ""},
		{401, `{` + message + `}`, identity.CodeProviderCredentials, ""},
		{403, `{` + message + `}`, identity.CodeProviderCredentials, ""},
		{404, `{` + message + `}`, identity.CodeNotFound, ""},
		{404, `{"code":"entity_not_found","entity_id":"org_1",` + message + `}`, identity.CodeNotFound, ""},
		{404, `<html>no such page</html>`, identity.CodeProviderError, ""}, // somebody else's server
		{404, `{}`, identity.CodeProviderError, ""},
		{422, `{"code":"invalid_request_parameters",` + message + `,"errors":[{"field":"email","code":"invalid"}]}`, identity.CodeEmailNotDeliverable, "/email"},
		{422, `{"code":"invalid_request_parameters",` + message + `,"errors":["email must be an email"]}`, identity.CodeProviderError, ""},
		{422, `{"code":"invalid_request_parameters",` + message + `}`, identity.CodeProviderError, ""},
		{429, `{"code":"daily_quota_exceeded",` + message + `}`, identity.CodeQuotaExceeded, ""},
		{429, `Rate limit exceeded.`, identity.CodeProviderRateLimited, ""},
		{400, `{"error":"invitation_invalid","error_description":"The request failed."}`, identity.CodeProviderError, ""},
	}
	for _, tc := range cases {
		t.Run(fmt.Sprint(tc.status, tc.body), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.Inject(scripted.Mishap{Op: "send", Times: -1, Status: tc.status, Body: tc.body})
			request := r.request("a@example.com")
			_, err := r.client().Invite(t.Context(), request)
			wantRefusal(t, "refused", err, tc.want, request)
			var known *identity.Error
			if !errors.As(err, &known) || known.Field != tc.field {
				t.Errorf("field of %v, want %q", err, tc.field)
			}
			if strings.Contains(known.Detail, "tell nobody") || strings.Contains(err.Error(), "nobody@example.com") {
				t.Errorf("the vendor's words are passed on: %q, %v", known.Detail, err)
			}
			if got := providers.Exhausted(err); got != (tc.want == identity.CodeQuotaExceeded) || !providers.Refused(err) {
				t.Errorf("it counts as about everybody: %v, as an answer: %v", got, providers.Refused(err))
			}
			if tc.status == 429 && known.RetryAfter != 10*time.Second {
				t.Errorf("again after %v, want the vendor's window", known.RetryAfter)
			}
		})
	}
}

// A refusal that names a time is tried again after it, and no sooner.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Inject(scripted.Mishap{Op: "send", Status: 429, Header: http.Header{"Retry-After": {"2"}}, Body: `{"message":"Too many requests."}`})
	if _, err := r.p.Invite(t.Context(), r.request("a@example.com")); err != nil || r.slept != 2*time.Second || r.mailed("a@example.com") != 1 {
		t.Errorf("%v after waiting %v, %d mails", err, r.slept, r.mailed("a@example.com"))
	}
}

// lost sends an invitation whose answer is lost.
func lost(t *testing.T, r *rig, m scripted.Mishap) providers.InviteRequest {
	t.Helper()
	m.Op = "send"
	r.Inject(m)
	request := r.request("lost@example.com")
	_, err := r.client().Invite(t.Context(), request)
	var known *identity.Error
	if !errors.As(err, &known) || !known.Unknown {
		t.Fatalf("got %v, want an error after which the vendor may have acted", err)
	}
	if step := request.Journal.Step(stepSend); !step.Begun || step.Done {
		t.Fatalf("the step is %+v", step)
	}
	return request
}

func settled(t *testing.T, r *rig, request providers.InviteRequest, want providers.Verdict) *providers.Settlement {
	t.Helper()
	settlement, err := r.client().Settle(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if settlement.Verdict != want {
		t.Fatalf("verdict %s, want %s", settlement.Verdict, want)
	}
	return settlement
}

// However an answer is lost: the vendor is asked, and nobody is mailed twice.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	other := `{"object":"invitation","id":"invitation_9","email":"lost@example.com","state":"pending","organization_id":%s}`
	for name, m := range map[string]scripted.Mishap{
		"cut":                       {Acts: true, Cut: true},
		"half an answer":            {Acts: true, Half: true},
		"500":                       {Acts: true, Status: 500, Body: `{"message":"Internal Server Error"}`},
		"502 of a gateway":          {Acts: true, Status: 502, Body: "<html>bad gateway</html>"},
		"408":                       {Acts: true, Status: 408},
		"a page":                    {Acts: true, Status: 201, Body: "<html>welcome</html>"},
		"nothing":                   {Acts: true, Status: 201, Body: `{}`},
		"no id":                     {Acts: true, Status: 201, Body: `{"email":"lost@example.com","state":"pending","organization_id":"` + orgOne + `"}`},
		"a redirect":                {Acts: true, Status: 302, Header: http.Header{"Location": {"https://example.com/"}}},
		"another organization":      {Acts: true, Status: 201, Body: fmt.Sprintf(other, `"`+orgTwo+`"`)},
		"no organization":           {Acts: true, Status: 201, Body: fmt.Sprintf(other, "null")},
		"not carried out at all":    {Cut: true},
		"500 and not carried out":   {Status: 500},
		"not JSON, not carried out": {Status: 200, Body: "<html>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			request := lost(t, r, m)
			want := providers.VerdictNotSent
			if m.Acts {
				want = providers.VerdictSent
			}
			settlement := settled(t, r, request, want)
			if m.Acts && (settlement.Sent.ProviderID != r.find("lost@example.com")[0].id || settlement.Sent.Reference[refDays] != "7") {
				t.Errorf("settled as %+v", settlement.Sent)
			}
			sent, err := r.client().Invite(t.Context(), request)
			if err != nil || sent.ProviderID != r.find("lost@example.com")[0].id || r.mailed("lost@example.com") != 1 {
				t.Errorf("went on with %+v, %v, %d mails", sent, err, r.mailed("lost@example.com"))
			}
			calls := r.Total()
			again, err := r.client().Invite(t.Context(), request)
			if err != nil || again.ProviderID != sent.ProviderID || !again.ExpiresAt.Equal(*sent.ExpiresAt) || again.Reference[refDays] != "7" || r.Total() != calls {
				t.Errorf("what is done is not simply answered: %+v, %v", again, err)
			}
		})
	}
}

// An invitation of somebody else's, with another role, is not ours, and who asks
// for a role must not be told that he got it.
func TestNotOurs(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	request := lost(t, r, scripted.Mishap{Cut: true})
	r.elsewhere(orgOne, "lost@example.com", "viewer")
	settled(t, r, request, providers.VerdictNotSent)
	_, err := r.client().Invite(t.Context(), request)
	wantRefusal(t, "going on", err, identity.CodeInvitePending, request)
}

// One that is older than the attempt is not ours either.
func TestOlderThanTheAttempt(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.elsewhere(orgOne, "lost@example.com", "member")
	r.Clock.Advance(2 * skew)
	request := lost(t, r, scripted.Mishap{Cut: true})
	settled(t, r, request, providers.VerdictNotSent)
	_, err := r.client().Invite(t.Context(), request)
	wantRefusal(t, "going on", err, identity.CodeInvitePending, request)
}

// Sent, revoked, sent again within seconds, and the last answer lost: the
// revoked one is not what was sent last.
func TestRevokedJustBefore(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	row := r.elsewhere(orgOne, "lost@example.com", "member")
	r.Clock.Advance(time.Second)
	r.revoked(row)
	r.Clock.Advance(time.Second)
	request := lost(t, r, scripted.Mishap{Cut: true})
	settled(t, r, request, providers.VerdictNotSent)
	if _, err := r.client().Invite(t.Context(), request); err != nil || r.mailed("lost@example.com") != 2 {
		t.Errorf("%v, %d mails", err, r.mailed("lost@example.com"))
	}
}

// The same where the vendor's clock is ahead of ours: which of the two the revoked
// one is cannot be told.
func TestRevokedJustBeforeByAnotherClock(t *testing.T) {
	t.Parallel()
	var r *rig
	r = newRig(t, func(_ *Config, d *providers.Deps) {
		d.Now = func() time.Time { return r.Clock.Now().Add(-5 * time.Second) }
	})
	row := r.elsewhere(orgOne, "lost@example.com", "member")
	r.Clock.Advance(time.Second)
	r.revoked(row)
	r.Clock.Advance(time.Second)
	request := lost(t, r, scripted.Mishap{Cut: true})
	settled(t, r, request, providers.VerdictUnknown)
	_, err := r.client().Invite(t.Context(), request)
	var known *identity.Error
	if !errors.As(err, &known) || !known.Unknown || r.mailed("lost@example.com") != 1 {
		t.Errorf("%v, %d mails", err, r.mailed("lost@example.com"))
	}
}

// What became of a lost call before anybody asked: it is not repeated.
func TestEndedBeforeAnybodyAsked(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		then func(t *testing.T, r *rig)
		want providers.Verdict
	}{
		"accepted": {func(t *testing.T, r *rig) {
			if err := r.accept(orgOne, "lost@example.com", "lost@example.com"); err != nil {
				t.Fatal(err)
			}
		}, providers.VerdictMember},
		"accepted by a colleague": {func(t *testing.T, r *rig) {
			if err := r.accept(orgOne, "lost@example.com", "colleague@example.com"); err != nil {
				t.Fatal(err)
			}
		}, providers.VerdictMember},
		"revoked": {func(_ *testing.T, r *rig) { r.revoked(r.rows[0]) }, providers.VerdictSent},
		"expired": {func(_ *testing.T, r *rig) { r.Clock.Advance(8 * day) }, providers.VerdictSent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			request := lost(t, r, scripted.Mishap{Acts: true, Cut: true})
			r.Clock.Advance(time.Minute)
			tc.then(t, r)
			settled(t, r, request, tc.want)
			sent, err := r.client().Invite(t.Context(), request)
			if err != nil || sent.ProviderID != r.find("lost@example.com")[0].id || r.mailed("lost@example.com") != 1 {
				t.Errorf("went on with %+v, %v, %d mails", sent, err, r.mailed("lost@example.com"))
			}
		})
	}
}

// The lost call arrives while the sending goes on, after it was looked for.
func TestArrivesLate(t *testing.T) {
	t.Parallel()
	for name, during := range map[string]func(t *testing.T, r *rig){
		"and is pending": func(_ *testing.T, r *rig) { r.elsewhere(orgOne, "lost@example.com", "member") },
		"and was accepted": func(t *testing.T, r *rig) {
			r.elsewhere(orgOne, "lost@example.com", "member")
			if err := r.accept(orgOne, "lost@example.com", "lost@example.com"); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			request := lost(t, r, scripted.Mishap{Cut: true})
			r.Inject(scripted.Mishap{Op: "send", During: func() { during(t, r) }})
			sent, err := r.client().Invite(t.Context(), request)
			if err != nil || sent.ProviderID != r.find("lost@example.com")[0].id || r.mailed("lost@example.com") != 1 {
				t.Errorf("went on with %+v, %v", sent, err)
			}
		})
	}
}

// While it cannot be asked, what was lost stays uncertain.
func TestCannotBeAsked(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(r *rig){
		"before": func(r *rig) { r.Inject(scripted.Mishap{Op: "list", Times: -1, Status: 500}) },
		"after the refusal": func(r *rig) {
			r.Inject(scripted.Mishap{Op: "send", During: func() { r.elsewhere(orgOne, "lost@example.com", "member") }})
			r.Inject(scripted.Mishap{Op: "list", Skip: 1, Times: -1, Status: 400, Body: `{"message":"no"}`})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			request := lost(t, r, scripted.Mishap{Cut: true})
			prepare(r)
			_, err := r.client().Invite(t.Context(), request)
			var known *identity.Error
			if !errors.As(err, &known) || !known.Unknown || !request.Journal.Step(stepSend).Begun {
				t.Errorf("got %+v, step %+v", err, request.Journal.Step(stepSend))
			}
		})
	}
}

// What has become impossible since a call was lost ends it, once the vendor
// shows that it did not happen: else it would be uncertain for ever.
func TestImpossibleSince(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	request := lost(t, r, scripted.Mishap{Cut: true})
	at := r.Clock.Now().Add(time.Hour)
	request.ExpiresAt = &at
	_, err := r.client().Invite(t.Context(), request)
	wantRefusal(t, "going on", err, identity.CodeNotCarried, request)
}

// An invitation that has run out but still blocks the address is withdrawn.
func TestRunOutAndInTheWay(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]*scripted.Mishap{
		"goes":           nil,
		"answer lost":    {Op: "revoke", Acts: true, Cut: true},
		"not carried on": {Op: "revoke", Cut: true},
		"just gone":      {Op: "revoke", Acts: true, Status: 400, Body: `{"code":"invite_not_pending","message":"m"}`},
		"key refused":    {Op: "revoke", Status: 401, Body: `{"message":"m"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.lazyExpiry = true
			r.elsewhere(orgOne, "old@example.com", "member")
			r.Clock.Advance(8 * day)
			if m != nil {
				r.Inject(*m)
			}
			request := r.request("old@example.com")
			_, err := r.client().Invite(t.Context(), request)
			if m != nil && m.Cut {
				var known *identity.Error
				if !errors.As(err, &known) || !known.Unknown {
					t.Fatalf("got %v", err)
				}
				settled(t, r, request, providers.VerdictNotSent)
				_, err = r.client().Invite(t.Context(), request)
			}
			if m != nil && m.Status == 401 {
				wantRefusal(t, name, err, identity.CodeProviderCredentials, request)
				return
			}
			if rows := r.find("old@example.com"); err != nil || len(rows) != 2 || rows[0].state != "revoked" || rows[1].state != "pending" {
				t.Errorf("%v, rows %+v", err, rows)
			}
		})
	}
}

// One that has not run out stays, whoever made it.
func TestInTheWayStays(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.elsewhere(orgOne, "old@example.com", "member")
	r.Clock.Advance(6 * day)
	_, err := r.client().Invite(t.Context(), r.request("old@example.com"))
	wantCode(t, err, identity.CodeInvitePending)
	if rows := r.find("old@example.com"); len(rows) != 1 || rows[0].state != "pending" || r.Count("revoke") != 0 {
		t.Errorf("rows %+v", rows)
	}
}

func TestErrorsNameTheRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Inject(scripted.Mishap{Op: "send", Status: 500, Body: `{"message":"token=abc ` + apiKey + `"}`, Header: http.Header{"X-Request-Id": {"01J-request"}, fault.Header: {"1"}}})
	_, err := r.client().Invite(t.Context(), r.request("a@example.com"))
	if err == nil || !strings.Contains(err.Error(), "(request 01J-request)") || strings.Contains(err.Error(), apiKey) || strings.Contains(err.Error(), "abc") {
		t.Errorf("got %v", err)
	}
}
