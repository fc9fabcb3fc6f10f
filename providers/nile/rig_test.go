package nile

import (
	"log/slog"
	"testing"

	"usher/identity"
	"usher/providers"
	"usher/providers/providertest"
	"usher/providers/providertest/scripted"
)

// rig is an adapter on a vendor.
type rig struct {
	*vendor
	p *Provider
	t *testing.T
}

func newRig(t *testing.T, change func(*vendor, *Config, *providers.Deps)) *rig {
	t.Helper()
	v := newVendor()
	c := &Config{BaseURL: baseURL, Origin: origin, Email: service, Password: password, CallTimeout: "2s"}
	d := providers.Deps{
		Connection: "test", Transport: v, Now: v.Clock.Now, EmailRule: identity.EmailExact, Roles: map[string]string{"member": "Member"},
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	if change != nil {
		change(v, c, &d)
	}
	p := scripted.Open[*Provider](t, v.Vendor, c, d)
	return &rig{vendor: v, p: p, t: t}
}

func org(id string) identity.OrgRef {
	return identity.OrgRef{ID: "org_" + id[len(id)-2:], ProviderID: id}
}

func (r *rig) request(email string) providers.InviteRequest {
	r.t.Helper()
	address, err := identity.ParseEmail(email)
	if err != nil {
		r.t.Fatal(err)
	}
	return providers.InviteRequest{
		InviteID: "inv_1", Org: org(orgOne), Address: address, EmailKey: address.Key(identity.EmailExact),
		Roles: []string{"member"}, Notify: true, Attempt: 1, Link: pageLink, Journal: providertest.NewJournal(),
	}
}

// invited sends an invitation and returns the request to send it again.
func (r *rig) invited(email string) providers.ResendRequest {
	r.t.Helper()
	request := r.request(email)
	sent, err := r.p.Invite(r.t.Context(), request)
	if err != nil {
		r.t.Fatal(err)
	}
	return again(request, sent)
}

func again(request providers.InviteRequest, sent *providers.Sent) providers.ResendRequest {
	request.Journal, request.Reference = providertest.NewJournal(), sent.Reference
	request.Attempt++
	return providers.ResendRequest{InviteRequest: request, ProviderID: sent.ProviderID}
}

// accept is the request to take an invitation up.
func accept(r providers.ResendRequest) providers.AcceptRequest {
	r.Journal, r.Link = providertest.NewJournal(), ""
	return providers.AcceptRequest(r)
}

func (r *rig) ref(email, id string) providers.InviteRef {
	q := r.request(email)
	return providers.InviteRef{InviteID: q.InviteID, Org: q.Org, ProviderID: id, Address: q.Address, EmailKey: q.EmailKey}
}

// client is the adapter as the house uses it.
func (r *rig) client() *providers.Client {
	return providers.NewClient("c", r.p, &providers.ClientOptions{Logger: slog.New(slog.NewTextHandler(r.t.Output(), nil)), Now: r.Clock.Now})
}

func (r *rig) settle(request providers.InviteRequest) *providers.Settlement {
	r.t.Helper()
	settled, err := r.p.Settle(r.t.Context(), request)
	if err != nil {
		r.t.Fatal(err)
	}
	return settled
}

func wantCode(t *testing.T, err error, want identity.Code) {
	t.Helper()
	if got := identity.CodeOf(err); got != want {
		t.Fatalf("code %q, want %q (error: %v)", got, want, err)
	}
}

func wantActed(t *testing.T, err error, want bool) {
	t.Helper()
	if got := mayHaveActed(err); got != want {
		t.Errorf("may have acted: %v, want %v (error: %v)", got, want, err)
	}
}
