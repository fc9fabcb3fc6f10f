package workos

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"usher/identity"
	"usher/providers"
	"usher/providers/providertest"
	"usher/providers/providertest/scripted"
)

// definite wants an error that says that nothing was changed.
func definite(t *testing.T, name string, err error, want identity.Code) {
	t.Helper()
	var known *identity.Error
	if !errors.As(err, &known) || known.Code != want || known.Unknown {
		t.Errorf("%s: got %v, want the definite code %s", name, err, want)
	}
}

// No path names an organization, and the key reaches all of them: an id that
// leads into another one must change nothing there, and show nothing of it.
func TestIDOfAnotherOrganization(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(r *rig) *invitation{
		"another organization":               func(r *rig) *invitation { return r.elsewhere(orgTwo, "a@example.com", "member") },
		"another address":                    func(r *rig) *invitation { return r.elsewhere(orgOne, "b@example.com", "member") },
		"no organization":                    func(r *rig) *invitation { return r.elsewhere("", "a@example.com", "member") },
		"another organization, and accepted": func(r *rig) *invitation { return accepted(r, orgTwo) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			row := make(r)
			mails := r.mailed("a@example.com") + r.mailed("b@example.com")
			state := row.state
			request := r.request("a@example.com")
			sent := &providers.Sent{ProviderID: row.id}
			_, err := r.client().Resend(t.Context(), resend(request, sent))
			definite(t, "resend", err, identity.CodeProviderError)
			definite(t, "revoke", r.client().Revoke(t.Context(), providertest.Ref(request, sent)), identity.CodeProviderError)
			_, err = r.client().FindMember(t.Context(), providertest.Ref(request, sent))
			definite(t, "find member", err, identity.CodeProviderError)
			if after := r.mailed("a@example.com") + r.mailed("b@example.com"); after != mails || row.state != state || r.Count("resend")+r.Count("revoke")+r.Count("send") != 0 {
				t.Errorf("something was done: %d mails, state %s, calls %v", after, row.state, r.Calls)
			}
		})
	}
}

func accepted(r *rig, org string) *invitation {
	row := r.elsewhere(org, "a@example.com", "member")
	if err := r.accept(org, "a@example.com", "a@example.com"); err != nil {
		r.t.Error(err)
	}
	return row
}

// An id is asked for and another comes back.
func TestAnotherInvitationThanAskedFor(t *testing.T) {
	t.Parallel()
	r, request, sent := pendingRig(t, nil)
	body := `{"object":"invitation","id":"invitation_9","email":"a@example.com","state":"pending","organization_id":"` + orgOne + `"}`
	r.Inject(scripted.Mishap{Op: "get", Times: -1, Status: 200, Body: body})
	definite(t, "revoke", r.client().Revoke(t.Context(), providertest.Ref(request, sent)), identity.CodeProviderError)
	// Ids go into paths: what is listed under none is not touched.
	r.Inject(scripted.Mishap{Op: "list", Times: -1, Status: 200, Body: `{"object":"list","list_metadata":{"after":null},"data":[
		{"id":"../users/user_1","email":"a@example.com","state":"pending","organization_id":"` + orgOne + `"}]}`})
	ref := providertest.Ref(request, &providers.Sent{})
	wantCode(t, r.client().Revoke(t.Context(), ref), identity.CodeNotFound)
	if n := r.Count("revoke"); n != 0 {
		t.Errorf("%d revocations", n)
	}
}

// A filter that does not filter shows rows of others: none of them is believed.
func TestRowsOfAnotherOrganization(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.elsewhere(orgTwo, "a@example.com", "member")
	r.addMember(orgTwo, "member@example.com", "active", "org-admin")
	r.foreign = true
	client, request := r.client(), r.request("a@example.com")
	_, err := client.ListInvites(t.Context(), org(orgOne), identity.PageRequest{})
	definite(t, "list invites", err, identity.CodeProviderError)
	_, err = client.ListMembers(t.Context(), org(orgOne), identity.PageRequest{})
	definite(t, "list members", err, identity.CodeProviderError)
	_, err = client.FindMember(t.Context(), providertest.Ref(r.request("member@example.com"), &providers.Sent{}))
	definite(t, "find member", err, identity.CodeProviderError)
	_, err = client.Settle(t.Context(), request)
	definite(t, "settle", err, identity.CodeProviderError)
	definite(t, "revoke", client.Revoke(t.Context(), providertest.Ref(request, &providers.Sent{})), identity.CodeProviderError)
	_, err = client.Resend(t.Context(), resend(request, &providers.Sent{}))
	definite(t, "resend", err, identity.CodeProviderError)
	if n := r.Count("send") + r.Count("resend") + r.Count("revoke"); n != 0 {
		t.Errorf("%d writes", n)
	}
}

// A wider filter of addresses never reaches somebody else's invitation.
func TestRowsOfAnotherAddress(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.otherAddress = true
	r.elsewhere(orgOne, "other@example.com", "member")
	request := r.request("a@example.com")
	wantCode(t, r.client().Revoke(t.Context(), providertest.Ref(request, &providers.Sent{})), identity.CodeNotFound)
	settled(t, r, request, providers.VerdictNotSent)
	if _, err := r.client().Resend(t.Context(), resend(request, &providers.Sent{})); err != nil || r.mailed("other@example.com") != 1 || r.mailed("a@example.com") != 1 {
		t.Errorf("%v, mails %v", err, r.mails)
	}
	if rows := r.find("other@example.com"); rows[0].state != "pending" {
		t.Errorf("the other one is %s", rows[0].state)
	}
}

// queries keeps what was asked for.
type queries struct {
	http.RoundTripper
	mu    sync.Mutex
	asked []string
	keys  map[string]bool
}

func (q *queries) RoundTrip(r *http.Request) (*http.Response, error) {
	q.mu.Lock()
	q.asked = append(q.asked, r.URL.Query().Get("email"))
	for key := range r.URL.Query() {
		q.keys[key] = true
	}
	q.mu.Unlock()
	return q.RoundTripper.RoundTrip(r)
}

// An address is one value of a filter, whatever letters it has: it adds no
// parameter and loses nothing on the way.
func TestAddressesInFilters(t *testing.T) {
	t.Parallel()
	for n, email := range []string{
		"plus+tag@example.com", "a&organization_id=x@example.com", "q?a=b@example.com", "hash#tag@example.com", "a%40b@example.com",
		"a/%2e%2e/b@example.com", "o'brien@example.com", "{x}|y~@example.com", "a%26statuses@bücher.example",
	} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			seen := &queries{keys: map[string]bool{}}
			r := newRig(t, func(_ *Config, d *providers.Deps) { seen.RoundTripper, d.Transport = d.Transport, seen })
			request := r.request(email)
			if err := r.client().Check(request); err != nil {
				t.Fatal(err)
			}
			settled(t, r, request, providers.VerdictNotSent)
			want := request.Address.Key(identity.EmailLowercase)
			if !slices.Equal(seen.asked, []string{want, want}) { // invitations, users
				t.Errorf("asked for %q, want %q", seen.asked, want)
			}
			for key := range seen.keys {
				if !slices.Contains([]string{"organization_id", "email", "limit", "order"}, key) {
					t.Errorf("the address made a parameter %q", key)
				}
			}
		})
	}
}

// An adopted invitation may be to an address that the vendor's filter does not
// take: it is looked for in the whole list.
func TestAddressBeyondASCII(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for n := range 120 {
		r.elsewhere(orgOne, fmt.Sprintf("p%d@example.com", n), "member")
	}
	row := r.elsewhere(orgOne, "jürgen@example.com", "member")
	request := r.request("jürgen@example.com")
	settled(t, r, request, providers.VerdictSent)
	if err := r.client().Revoke(t.Context(), providertest.Ref(request, &providers.Sent{})); err != nil || row.state != "revoked" {
		t.Errorf("%v, state %s", err, row.state)
	}
}

// The vendor lists no invitations of an organization that it does not have, such
// as one of another environment than the key's (FACTS.md section 13.11): that does
// not end them. One that has none is another thing.
func TestOrganizationThatIsNotThere(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	nowhere := identity.OrgRef{ID: "org_nowhere", ProviderID: "org_01EHZNVPK3SFK441A1RGBFSHRX"}
	_, err := r.client().ListInvites(t.Context(), nowhere, identity.PageRequest{})
	definite(t, "nowhere", err, identity.CodeNotFound)
	page, err := r.client().ListInvites(t.Context(), org(orgOne), identity.PageRequest{})
	if err != nil || len(page.Items) != 0 {
		t.Errorf("%+v, %v", page, err)
	}
}
