package roq

import (
	"log/slog"
	"slices"
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

func config() *Config {
	return &Config{BaseURL: baseURL, EnvironmentID: environment, APIKey: secret, InviterID: inviterID, CallTimeout: "2s"}
}

func deps(v *vendor) providers.Deps {
	return providers.Deps{
		Connection: "test", Transport: v, Now: v.Clock.Now, EmailRule: identity.EmailLowercase,
		Roles: map[string]string{"admin": "org-admin", "member": "org-member"},
	}
}

func newRig(t *testing.T, change func(*Config, *providers.Deps)) *rig {
	t.Helper()
	v := newVendor()
	c, d := config(), deps(v)
	d.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	if change != nil {
		change(c, &d)
	}
	p := scripted.Open[*Provider](t, v.Vendor, c, d)
	return &rig{vendor: v, p: p, t: t}
}

func org(id string) identity.OrgRef {
	return identity.OrgRef{ID: "org_" + id[len(id)-2:], ProviderID: id}
}

func (r *rig) request(email string, roles ...string) providers.InviteRequest {
	r.t.Helper()
	address, err := identity.ParseEmail(email)
	if err != nil {
		r.t.Fatal(err)
	}
	if len(roles) == 0 {
		roles = []string{"member"}
	}
	return providers.InviteRequest{
		InviteID: "inv_1", Org: org(orgOne), Address: address, EmailKey: address.Key(identity.EmailLowercase),
		Roles: roles, Notify: true, Journal: providertest.NewJournal(),
	}
}

// invited sends an invitation and returns the request to send it again.
func (r *rig) invited(email string, roles ...string) providers.ResendRequest {
	r.t.Helper()
	request := r.request(email, roles...)
	sent, err := r.p.Invite(r.t.Context(), request)
	if err != nil {
		r.t.Fatal(err)
	}
	request.Journal, request.Reference = providertest.NewJournal(), sent.Reference
	return providers.ResendRequest{InviteRequest: request, ProviderID: sent.ProviderID}
}

// client is the connection as the house uses it.
func (r *rig) client() *providers.Client {
	return providers.NewClient("c", r.p, &providers.ClientOptions{Logger: slog.New(slog.NewTextHandler(r.t.Output(), nil))})
}

func (r *rig) ref(email, id string) providers.InviteRef {
	q := r.request(email)
	return providers.InviteRef{InviteID: q.InviteID, Org: q.Org, ProviderID: id, Address: q.Address, EmailKey: q.EmailKey}
}

// row returns the vendor's row of an invitation.
func (r *rig) row(id string) row {
	r.t.Helper()
	r.Lock()
	defer r.Unlock()
	n := slices.IndexFunc(r.invites, func(i row) bool { return i["id"] == id })
	if n < 0 {
		r.t.Fatalf("no invitation %s", id)
	}
	return r.invites[n]
}

// item returns the one row of a mutation that sent something.
func (r *rig) item(n int) (data, item row) {
	r.t.Helper()
	r.Lock()
	defer r.Unlock()
	if n >= len(r.sent) {
		r.t.Fatalf("%d mutations", len(r.sent))
	}
	for _, name := range []string{"data", "userInvites"} {
		if data, _ = r.sent[n][name].(row); data != nil {
			return data, data["userInvites"].([]any)[0].(row)
		}
	}
	r.t.Fatalf("sent %v", r.sent[n])
	return nil, nil
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

func yes() *bool {
	on := true
	return &on
}
