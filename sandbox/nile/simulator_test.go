package nile_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/sandbox/fault"
	"usher/sandbox/nile"
)

// TestAccept plays the invitee, without HTTP.
func TestAccept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	owner := w.signIn("owner@example.com")
	if err := w.sim.Accept(w.acme, "guest@example.com"); !errors.Is(err, nile.ErrNoInvite) {
		t.Errorf("no invite: %v", err)
	}
	for _, email := range []string{"guest@example.com", "outsider@example.com", "late@example.com"} {
		w.want(w.invite(owner, email), 201)
	}
	if err := w.sim.Accept(w.acme, "guest@example.com"); err != nil {
		t.Error(err)
	}
	outsider := w.sim.State().Users[1].ID
	if !w.sim.AddMember(w.acme, outsider) || w.sim.AddMember(w.acme, outsider) || w.sim.AddMember("x", outsider) || w.sim.AddMember(w.acme, "x") {
		t.Error("AddMember takes what it should not, or does not what it should")
	}
	if err := w.sim.Accept(w.acme, "outsider@example.com"); err == nil || !strings.Contains(err.Error(), "400 User is already a member of the tenant") {
		t.Errorf("already a member: %v", err)
	}
	w.advance(8 * 24 * time.Hour)
	if err := w.sim.Accept(w.acme, "late@example.com"); err == nil || !strings.Contains(err.Error(), "410 Invite has expired.") {
		t.Errorf("expired: %v", err)
	}
	if w.sim.AddUser(nile.Person{Email: "guest@example.com"}) != "" || w.sim.MagicSession("x") != "" {
		t.Error("a taken address or an unknown user is taken")
	}
}

// TestAcceptOnce races two acceptances of one invite: one wins.
func TestAcceptOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	token := w.want(w.invite(w.signIn("owner@example.com"), "guest@example.com"), 201).Text("token")
	statuses := make([]int, 8)
	var all sync.WaitGroup
	for i := range statuses {
		all.Go(func() { statuses[i] = w.accept("guest@example.com", token).Status })
	}
	all.Wait()
	slices.Sort(statuses)
	if !slices.Equal(statuses, []int{204, 404, 404, 404, 404, 404, 404, 404}) || len(w.sim.State().Tenants[0].Members) != 2 {
		t.Errorf("statuses %v", statuses)
	}
}

// TestLostAnswer: the vendor acted and nobody heard of it. Asking again kills
// the link that was mailed.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	owner := w.signIn("owner@example.com")
	if _, err := w.sim.Injector().Add(fault.Fault{Match: fault.Match{Method: "POST", Path: "/invite$"}, Do: fault.Action{Cut: "after"}, Times: 1}); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), "POST", w.srv.URL+"/v2/databases/"+nile.DefaultDatabase+"/tenants/"+w.acme+"/invite",
		strings.NewReader(w.inviteForm(owner, "guest@example.com").Encode()))
	r.RequestURI = ""
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("nile-origin", origin)
	r.Header.Set("Cookie", owner.header())
	if resp, err := w.client.Do(r); err == nil {
		_ = resp.Body.Close()
		t.Fatal("the answer came")
	}
	link := w.mails.last(t, "guest@example.com").Link
	if n := len(w.sim.State().Invites); n != 1 {
		t.Fatalf("%d rows", n)
	}
	w.want(w.invite(owner, "guest@example.com"), 201)
	if w.mails.last(t, "guest@example.com").Link == link || w.mails.count() != 2 {
		t.Error("asking again changed nothing")
	}
}

// TestCallerGone: a caller that hangs up while the relay is slow leaves row and mail.
func TestCallerGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	owner := w.signIn("owner@example.com")
	ctx, hangUp := context.WithCancel(t.Context())
	w.mails.seen = hangUp
	r := httptest.NewRequestWithContext(ctx, "POST", w.sim.URL()+"/tenants/"+w.acme+"/invite", strings.NewReader(w.inviteForm(owner, "guest@example.com").Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("nile-origin", origin)
	r.Header.Set("Cookie", owner.header())
	w.sim.ServeHTTP(httptest.NewRecorder(), r)
	if state := w.sim.State(); len(state.Invites) != 1 || state.MailsByKind[nile.MailInvite] != 1 || ctx.Err() == nil {
		t.Errorf("%+v", state)
	}
}

// TestDelays: a slow relay is waited for inside the request.
func TestDelays(t *testing.T) {
	t.Parallel()
	var slept []time.Duration
	stop := errors.New("stopped")
	q := nile.DefaultQuirks()
	q.MailDelayMS, q.WriteDelayMS = 700, 300
	sim := nile.New(nile.Options{Quirks: &q, Now: start, Sleep: func(_ context.Context, d time.Duration) error {
		slept = append(slept, d)
		if len(slept) > 2 {
			return stop
		}
		return nil
	}})
	srv := httptest.NewServer(sim)
	t.Cleanup(srv.Close)
	id := sim.AddUser(nile.Person{Email: "owner@example.com", Password: password})
	acme := sim.AddTenant("Acme")
	sim.AddMember(acme, id)
	base := srv.URL + "/v2/databases/" + nile.DefaultDatabase
	resp, err := srv.Client().Get(base + "/auth/csrf")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	as := who{session: sim.MagicSession(id), csrf: answer{Header: resp.Header}.Cookie("nile.csrf-token")}
	send := func() (*http.Response, error) {
		body := form("identifier", "guest@example.com", "csrfToken", as.token(), "redirectUrl", origin, "callbackUrl", origin)
		r, err := http.NewRequestWithContext(t.Context(), "POST", base+"/tenants/"+acme+"/invite", strings.NewReader(body.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Cookie", as.header())
		return srv.Client().Do(r)
	}
	if resp, err = send(); err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 201 || !slices.Equal(slept, []time.Duration{300 * time.Millisecond, 700 * time.Millisecond}) {
		t.Errorf("%d after %v", resp.StatusCode, slept)
	}
	if resp, err := send(); err == nil {
		_ = resp.Body.Close()
		t.Error("a caller that is gone was answered")
	}
}

func TestQuirks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, bad := range []string{
		`{"unlink_non_member":500}`, `{"unknown":1}`, `{"missing_templates":["x"]}`, `{"rate_limit":-1}`, `{`, `{"mail_delay_ms":-1}`,
	} {
		before := w.sim.Quirks()
		if err := w.sim.PatchQuirks([]byte(bad)); err == nil {
			t.Errorf("%s is taken", bad)
		}
		if got, want := mustJSON(t, w.sim.Quirks()), mustJSON(t, before); got != want {
			t.Errorf("%s changed the quirks to %s", bad, got)
		}
	}
	w.want(w.do("PATCH", "//_sandbox/quirks", nobody(), map[string]any{"email_provider": true, "missing_templates": []string{"verify_email"}}), 200)
	if q := w.sim.Quirks(); !q.EmailProvider || !slices.Equal(q.MissingTemplates, []string{"verify_email"}) {
		t.Errorf("%+v", q)
	}
}

// TestStateKeepsSecrets: what GET /_sandbox/state shows opens nothing.
func TestStateKeepsSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	owner := w.signIn("owner@example.com")
	token := w.want(w.invite(owner, "guest@example.com"), 201).Text("token")
	magic := w.sim.MagicSession(w.owner)
	state := w.want(w.do("GET", "//_sandbox/state", nobody(), nil), 200)
	for _, secret := range []string{token, magic, password, owner.session, owner.token()} {
		if strings.Contains(state.Raw, secret) {
			t.Errorf("the state shows a secret: %s", state.Raw)
		}
	}
	if state.Text("invites", 0, "identifier") != "guest@example.com" || state.At("sessions") != 1.0 || state.Text("tenants", 0, "name") != "Acme" {
		t.Errorf("%s", state.Raw)
	}
	w.want(w.do("POST", "//_sandbox/secret", nobody(), nil), 204)
	w.wantText(w.do("GET", "/me", owner, nil), 401, "")
}

func TestLargeBodyIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.want(w.do("POST", "/users", nobody(), `{"email":"`+strings.Repeat("a", 1<<20)+`"}`), 413)
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
