package nile_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/contracttest"
	"usher/internal/simtest"
	"usher/providers"
	"usher/providers/nile"
	"usher/providers/providertest"
	"usher/sandbox/fault"
	simulator "usher/sandbox/nile"
	"usher/sandbox/nile/contract"
	"usher/sandbox/sandboxtest"
	"usher/sandbox/stage"
)

// letters keeps the simulator's mails.
type letters struct{ sandboxtest.Mailbox }

func (l *letters) to(email string) []stage.Mail {
	return l.Mails(func(m stage.Mail) bool {
		return identity.SameEmail(m.To, email, identity.EmailLowercase) && m.Kind == simulator.MailInvite
	})
}

const (
	serviceEmail = "usher@example.com"
	servicePass  = "p4ssw0rd-of-the-gateway"
	simLink      = "https://usher.example.com/v1/invites/callback/secret-of-the-link"
)

// world is an adapter on a simulator with two tenants.
type world struct {
	*simulator.Simulator
	site     *simtest.Site[*simulator.Simulator]
	p        providers.Provider
	one, two string
	mails    *letters
}

func newWorld(t *testing.T, v *contracttest.Validator, rule identity.EmailRule, origin string, change func(*simulator.Quirks)) *world {
	t.Helper()
	q := simulator.DefaultQuirks()
	change(&q)
	w := &world{mails: &letters{}}
	w.site = simtest.Serve(t, v, func(base string) *simulator.Simulator {
		return simulator.New(simulator.Options{BaseURL: base, Mail: w.mails, Quirks: &q})
	})
	w.Simulator = w.site.Sim
	w.one, w.two = w.AddTenant("One"), w.AddTenant("Two")
	own := w.AddUser(simulator.Person{Email: serviceEmail, Password: servicePass})
	w.AddMember(w.one, own)
	w.AddMember(w.two, own)
	w.AddMember(w.one, w.AddUser(simulator.Person{Email: simtest.MemberEmail, Verified: true}))
	config := &nile.Config{BaseURL: w.URL(), Origin: origin, Email: serviceEmail, Password: servicePass, CallTimeout: "2s"}
	w.p = w.site.Open(t, config, providers.Deps{Roles: map[string]string{"member": "Member"}, EmailRule: rule})
	return w
}

// The adapter and the simulator were written apart, both from the vendor's
// facts: together they pass the suite, with every request and every answer
// valid against the documents, however the server is set up.
func TestConformanceOnTheSimulator(t *testing.T) {
	t.Parallel()
	loaded := contract.NewValidator(t)
	for name, tc := range map[string]struct {
		origin string
		quirks func(*simulator.Quirks)
	}{
		"as by default":           {"https://app.example.com", func(*simulator.Quirks) {}},
		"cookies without prefix":  {"http://localhost:3000", func(*simulator.Quirks) {}},
		"magic links, few words":  {"https://app.example.com", func(q *simulator.Quirks) { q.EmailProvider, q.EmptyDatabaseErrors = true, true }},
		"unlinking as documented": {"https://app.example.com", func(q *simulator.Quirks) { q.UnlinkNonMember = 404 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, providertest.Harness{Open: func(t *testing.T) *providertest.Vendor {
				return openSimulator(t, newWorld(t, loaded.Fresh(t), identity.EmailLowercase, tc.origin, tc.quirks))
			}})
		})
	}
}

func openSimulator(t *testing.T, w *world) *providertest.Vendor {
	t.Helper()
	vendor := w.site.Vendor(w.p, w.one, w.two, 7*24*time.Hour)
	vendor.Role = "member"
	vendor.Elsewhere = func(t *testing.T, o identity.OrgRef, email, _ string) { w.elsewhere(t, o.ProviderID, email) }
	vendor.Invitations = func(_ *testing.T, email string) int { return len(w.mails.to(email)) }
	vendor.Secrets = func() []string { return []string{servicePass, "eyJ", "secret-of-the-link", "token="} }
	vendor.Fail = w.site.Fail(fault.Match{Method: "POST", Path: "/invite$"}, "", "Internal Server Error")
	return vendor
}

func ref(tenant string) identity.OrgRef {
	return identity.OrgRef{ID: "org_" + tenant[len(tenant)-4:], ProviderID: tenant}
}

// elsewhere makes an invitation as the application's own backend would, with a
// session of its own.
func (w *world) elsewhere(t *testing.T, tenant, email string) {
	t.Helper()
	const owner, password = "owner@example.com", "correct horse battery staple"
	if id := w.AddUser(simulator.Person{Email: owner, Password: password}); id != "" {
		w.AddMember(tenant, id)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	call := func(method, path string, form url.Values) (int, *http.Response) {
		request, err := http.NewRequestWithContext(t.Context(), method, w.URL()+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("nile-origin", w.site.Base)
		request.Header.Set("nile-secure-cookies", "false")
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.StatusCode, answer
	}
	if _, answer := call(http.MethodGet, "/auth/csrf", nil); len(answer.Cookies()) == 0 {
		t.Fatal("no token for forms")
	}
	base, err := url.Parse(w.URL() + "/")
	if err != nil {
		t.Fatal(err)
	}
	token := ""
	for _, cookie := range jar.Cookies(base) {
		if cookie.Name == "nile.csrf-token" {
			token, _, _ = strings.Cut(cookie.Value, "%7C")
		}
	}
	call(http.MethodPost, "/auth/callback/credentials", url.Values{"email": {owner}, "password": {password}, "csrfToken": {token}, "callbackUrl": {w.site.Base}})
	status, _ := call(http.MethodPost, "/tenants/"+tenant+"/invite", url.Values{
		"identifier": {email}, "csrfToken": {token}, "callbackUrl": {w.site.Base + "/welcome"}, "redirectUrl": {w.site.Base + "/api/tenants/" + tenant + "/invite"},
	})
	if status != http.StatusCreated {
		t.Fatalf("invited elsewhere: status %d", status)
	}
}

// request is an invitation to the first tenant.
func (w *world) request(t *testing.T, email string) providers.InviteRequest {
	t.Helper()
	address, err := identity.ParseEmail(email)
	if err != nil {
		t.Fatal(err)
	}
	return providers.InviteRequest{
		InviteID: "inv_1", Org: ref(w.one), Address: address, EmailKey: address.Key(identity.EmailExact), Roles: []string{"member"},
		Notify: true, Attempt: 1, Link: simLink, Journal: providertest.NewJournal(), RedirectURL: "https://app.example.com/welcome?from=mail",
	}
}

func exact(t *testing.T, change func(*simulator.Quirks)) *world {
	t.Helper()
	return newWorld(t, contract.NewValidator(t), identity.EmailExact, "https://app.example.com", change)
}

func wantCode(t *testing.T, err error, want identity.Code) {
	t.Helper()
	if got := identity.CodeOf(err); got != want {
		t.Fatalf("code %q, want %q (error: %v)", got, want, err)
	}
}

// The mail's link leads to usher with what the vendor adds, and two spellings
// are two people.
func TestSimulatorMailsOurLink(t *testing.T) {
	t.Parallel()
	w := exact(t, func(*simulator.Quirks) {})
	for _, email := range []string{"guest+a@example.com", "Guest+a@example.com"} {
		if _, err := w.p.Invite(t.Context(), w.request(t, email)); err != nil {
			t.Fatal(err)
		}
	}
	mails := w.mails.to("guest+a@example.com")
	if len(mails) != 2 {
		t.Fatalf("%d mails", len(mails))
	}
	link, err := url.Parse(mails[0].Link)
	if err != nil || !strings.HasPrefix(mails[0].Link, simLink+"?") || link.Query().Get("identifier") != "guest+a@example.com" ||
		link.Query().Get("callbackUrl") != "https://app.example.com/welcome?from=mail" {
		t.Errorf("link %q, %v", mails[0].Link, err)
	}
}

// However mailing fails at the server, nothing is left that counts as sent, and
// sending works once the mail does.
func TestSimulatorMailFails(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		quirks func(*simulator.Quirks)
		want   identity.Code
	}{
		"no mail server": {func(q *simulator.Quirks) { q.NoEmailServer = true }, identity.CodeProviderError},
		"relay down":     {func(q *simulator.Quirks) { q.SMTPError = "connect ECONNREFUSED 10.0.0.7:587" }, identity.CodeProviderError},
		"no template":    {func(q *simulator.Quirks) { q.MissingTemplates = []string{"invite_user"} }, identity.CodeProviderError},
		"refused there":  {func(q *simulator.Quirks) { q.RejectedRecipients = []string{"guest@example.com"} }, identity.CodeEmailNotDeliverable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := exact(t, tc.quirks)
			request := w.request(t, "guest@example.com")
			_, err := w.p.Invite(t.Context(), request)
			wantCode(t, err, tc.want)
			if rows := w.State().Invites; len(rows) != 0 {
				t.Errorf("left %+v", rows)
			}
			if err := w.SetQuirks(func(q *simulator.Quirks) { *q = simulator.DefaultQuirks() }); err != nil {
				t.Fatal(err)
			}
			if _, err := w.p.Invite(t.Context(), request); err != nil || len(w.mails.to("guest@example.com")) != 1 {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// A server with another secret knows no session and no token of before.
func TestSimulatorRotatesItsSecret(t *testing.T) {
	t.Parallel()
	w := exact(t, func(*simulator.Quirks) {})
	if _, err := w.p.Invite(t.Context(), w.request(t, "one@example.com")); err != nil {
		t.Fatal(err)
	}
	w.RotateSecret()
	if _, err := w.p.Invite(t.Context(), w.request(t, "two@example.com")); err != nil {
		t.Error(err)
	}
}

// A server that lists the invitations of all tenants is not worked with.
func TestSimulatorWithoutRowLevelRules(t *testing.T) {
	t.Parallel()
	w := exact(t, func(q *simulator.Quirks) { q.UnfilteredInvites = true })
	w.elsewhere(t, w.two, "guest@example.com")
	_, err := w.p.Invite(t.Context(), w.request(t, "guest@example.com"))
	wantCode(t, err, identity.CodeProviderError)
	if n := len(w.mails.to("guest@example.com")); n != 1 {
		t.Errorf("%d mails", n)
	}
}

// The person accepts at the application itself while usher's link is open: usher
// sees the member, and says so.
func TestSimulatorAcceptedElsewhere(t *testing.T) {
	t.Parallel()
	w := exact(t, func(*simulator.Quirks) {})
	request := w.request(t, "guest@example.com")
	sent, err := w.p.Invite(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Accept(w.one, "guest@example.com"); err != nil {
		t.Fatal(err)
	}
	finder, accepter := w.p.(providers.MemberFinder), w.p.(providers.Accepter)
	if _, err := finder.FindMember(t.Context(), providertest.Ref(request, sent)); err != nil {
		t.Error(err)
	}
	request.Journal, request.Link = providertest.NewJournal(), ""
	_, err = accepter.Accept(t.Context(), providers.AcceptRequest{InviteRequest: request, ProviderID: sent.ProviderID})
	wantCode(t, err, identity.CodeAlreadyMember)
}
