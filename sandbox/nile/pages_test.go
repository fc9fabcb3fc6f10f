package nile_test

import (
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"usher/sandbox/nile"
)

// browse opens a page of the application; a form makes it a POST.
func (w *world) browse(method, link, form string) (int, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, link, strings.NewReader(form))
	if err != nil {
		w.t.Fatal(err)
	}
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	a := w.send(r)
	if a.Status < 400 && (a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Referrer-Policy") != "no-referrer") {
		w.t.Errorf("%s: %v", link, a.Header)
	}
	return a.Status, a.Raw
}

// TestPages: a link scanner reads every link first and must change nothing; a
// person presses the button once.
func TestPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.quirks(func(q *nile.Quirks) { q.EmailProvider = true })
	p := w.visitor()
	w.want(w.invite(w.signIn("owner@example.com"), "guest@example.com"), 201)
	invite := w.mails.last(t, "guest@example.com").Link
	w.want(w.reset(p, "outsider@example.com", ""), 201)
	reset := w.mails.last(t, "outsider@example.com").Link
	w.want(w.do("POST", "/auth/signin/email", p, form("email", "owner@example.com", "csrfToken", p.token()), "nile-origin", w.sim.AppURL()), 200)
	magic := w.mails.last(t, "owner@example.com").Link

	before := w.sim.State()
	for _, link := range []string{invite, reset, magic} {
		for _, method := range []string{"HEAD", "GET"} {
			if status, _ := w.browse(method, link, ""); status != 200 {
				t.Errorf("%s %s: %d", method, link, status)
			}
		}
		if status, _ := w.browse("PUT", link, ""); status != 405 {
			t.Errorf("PUT: %d", status)
		}
	}
	if after := w.sim.State(); !reflect.DeepEqual(after, before) {
		t.Errorf("looking changed the world: %+v", after)
	}
	if status, page := w.browse("POST", reset, ""); status != 400 || !strings.Contains(page, "A password is needed") {
		t.Errorf("%d %s", status, page)
	}
	for _, test := range []struct{ link, form, good, again string }{
		{invite, "", "You are now a member of Acme.", "Invite not found"},
		{reset, "password=New-horse-9", "Done. You can sign in now.", "unknown, used or expired"},
		{magic, "", "You are signed in as owner@example.com.", "unknown, used or expired"},
	} {
		if status, page := w.browse("POST", test.link, test.form); status != 200 || !strings.Contains(page, test.good) {
			t.Errorf("%d %s", status, page)
		}
		if status, page := w.browse("POST", test.link, test.form); status < 400 || !strings.Contains(page, test.again) {
			t.Errorf("again: %d %s", status, page)
		}
	}
	if status, _ := w.browse("GET", w.sim.AppURL()+"/api/nothing", ""); status != 404 {
		t.Errorf("unknown page: %d", status)
	}
	if members := w.sim.State().Tenants[0].Members; len(members) != 2 {
		t.Errorf("members %v", members)
	}
	// The page shows names as text.
	w.want(w.do("PUT", "/tenants/"+w.acme, w.signIn("owner@example.com"), map[string]string{"name": "<i>Acme</i>"}), 200)
	w.want(w.invite(w.signIn("owner@example.com"), "next@example.com"), 201)
	if _, page := w.browse("POST", w.mails.last(t, "next@example.com").Link, ""); !strings.Contains(page, "&lt;i&gt;Acme") {
		t.Errorf("%s", page)
	}
	if calls := w.sim.Injector().Calls(); len(calls) == 0 {
		t.Error("no calls are kept")
	} else {
		for _, c := range calls {
			if regexp.MustCompile(`[0-9a-f]{64}`).MatchString(c.Query) {
				t.Errorf("the call list shows a token: %s", c.Query)
			}
		}
	}
}
