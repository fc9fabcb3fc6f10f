package clerk

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"usher/identity"
	"usher/internal/quota"
	"usher/providers"
	"usher/providers/providertest/scripted"
)

// A vendor that answers with another organization's rows ends everything before
// anything is changed: mixed-up tenants are the worst that can happen here.
func TestOtherOrganizationsRows(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(r *rig, again providers.ResendRequest) error{
		"invite": func(r *rig, _ providers.ResendRequest) error {
			_, err := r.client().Invite(r.t.Context(), r.request("a@example.com"))
			return err
		},
		"invite many": func(r *rig, _ providers.ResendRequest) error {
			_, err := r.client().InviteMany(r.t.Context(), r.several("b@example.com", "c@example.com"))
			return err
		},
		"invite many, and one is a member": func(r *rig, _ providers.ResendRequest) error {
			r.With(func() { r.orgs[orgOne].invitations = nil })
			_, err := r.client().InviteMany(r.t.Context(), r.several("member@example.com", "c@example.com"))
			return err
		},
		"resend": func(r *rig, again providers.ResendRequest) error {
			_, err := r.client().Resend(r.t.Context(), again)
			return err
		},
		"revoke": func(r *rig, again providers.ResendRequest) error {
			return r.client().Revoke(r.t.Context(), providers.InviteRef{Org: again.Org, ProviderID: again.ProviderID, Address: again.Address})
		},
		"revoke without an id": func(r *rig, again providers.ResendRequest) error {
			return r.client().Revoke(r.t.Context(), providers.InviteRef{Org: again.Org, Address: again.Address})
		},
		"settle": func(r *rig, again providers.ResendRequest) error {
			_, err := r.client().Settle(r.t.Context(), again.InviteRequest)
			return err
		},
		"list invites": func(r *rig, again providers.ResendRequest) error {
			_, err := r.client().ListInvites(r.t.Context(), again.Org, identity.PageRequest{})
			return err
		},
		"list members": func(r *rig, again providers.ResendRequest) error {
			_, err := r.client().ListMembers(r.t.Context(), again.Org, identity.PageRequest{})
			return err
		},
		"find member": func(r *rig, again providers.ResendRequest) error {
			address, _ := identity.ParseEmail("member@example.com")
			_, err := r.client().FindMember(r.t.Context(), providers.InviteRef{Org: again.Org, Address: address})
			return err
		},
		"list roles": func(r *rig, again providers.ResendRequest) error {
			r.Inject(scripted.Mishap{Op: "organization", Status: 200, Body: `{"id":"` + orgTwo + `","role_set_key":"role_set:` + orgTwo + `"}`})
			_, err := r.client().ListRoles(r.t.Context(), again.Org)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.addMember(orgOne, "member@example.com", "org:member")
			again := r.sendFirst("a@example.com", nil)
			r.With(func() { r.wrongOrg = true })
			wantCode(t, call(r, again), identity.CodeProviderError)
			if r.Count("create") != 1 || r.Count("bulk") != 0 || r.Count("revoke") != 0 || r.Count("users") > 1 || r.Count("set") != 0 {
				t.Errorf("calls %v", r.Calls)
			}
		})
	}
}

// No id leaves its place in a path: what is none reaches the vendor in no form.
func TestIDs(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c := r.client()
	for _, id := range []string{"", ".", "..", "../users", "a/b", "org_1?x=1", "org_1#x", "org 1", "-" + orgOne, "org%2F", "örg"} {
		request := r.request("a@example.com")
		request.Org.ProviderID = id
		ref := providers.InviteRef{Org: request.Org, ProviderID: "orginv_1", Address: request.Address}
		page := identity.PageRequest{}
		_, invited := c.Invite(t.Context(), request)
		_, resent := c.Resend(t.Context(), providers.ResendRequest{InviteRequest: request, ProviderID: "orginv_1"})
		_, settled := c.Settle(t.Context(), request)
		_, members := c.ListMembers(t.Context(), request.Org, page)
		_, listed := c.ListInvites(t.Context(), request.Org, page)
		_, roles := c.ListRoles(t.Context(), request.Org)
		_, found := c.FindMember(t.Context(), ref)
		for n, err := range []error{invited, resent, settled, members, listed, roles, found, c.Revoke(t.Context(), ref)} {
			if identity.CodeOf(err) != identity.CodeNotFound {
				t.Errorf("%q, call %d: %v", id, n, err)
			}
		}
	}
	if r.Total() != 0 {
		t.Errorf("calls %v", r.Calls)
	}
}

// An answer that only looks like an empty list does not make usher send again,
// and does not end every invite of an organization.
func TestNoList(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{}`, `null`, `[]`, `{"data":null,"total_count":0}`, `{"data":[],"total_count":3}`, `<html>`, ``} {
		r := newRig(t, nil)
		again := r.sendFirst("a@example.com", nil)
		for _, op := range []string{"list", "members"} {
			r.Inject(scripted.Mishap{Op: op, Times: -1, Status: 200, Body: body})
		}
		_, settled := r.client().Settle(t.Context(), again.InviteRequest)
		_, listed := r.client().ListInvites(t.Context(), again.Org, identity.PageRequest{})
		_, members := r.client().ListMembers(t.Context(), again.Org, identity.PageRequest{})
		for n, err := range []error{settled, listed, members} {
			if identity.CodeOf(err) != identity.CodeProviderError {
				t.Errorf("%q, call %d: %v", body, n, err)
			}
		}
		r.Inject(scripted.Mishap{Op: "users", Times: -1, Status: 200, Body: body})
		if _, err := r.client().FindMember(t.Context(), providers.InviteRef{Org: again.Org, Address: again.Address}); body != `[]` {
			wantCode(t, err, identity.CodeProviderError)
		}
	}
}

// The link in an answer, the key, and the vendor's own words reach neither the
// caller nor the log, however the answer is broken.
func TestNothingSecretIsSaid(t *testing.T) {
	t.Parallel()
	link := `"url":"https://clerk.example/v1/tickets/` + ticket + `"`
	for _, m := range []scripted.Mishap{
		{Acts: true, Half: true},
		{Acts: true, Status: 200, Body: `{"id":7,` + link + `}`},
		{Acts: true, Status: 200, Body: `{` + link + `}`},
		{Acts: true, Status: 200, Body: `{"id":"orginv_1",` + link + `,"email_address":"x@example.com"}`},
		{Status: 400, Body: `{"errors":[{"code":"https://` + ticket + `","meta":{"param_name":"` + secret + `@"}}],"clerk_trace_id":"a/` + ticket + `"}`},
		{Status: 422, Body: problem("form_param_value_invalid", map[string]any{"param_name": "somebody@example.com"})},
		{Status: 500, Body: `<html>` + ticket},
	} {
		var said bytes.Buffer
		log := slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug}))
		r := newRig(t, func(_ *vendor, _ *Config, d *providers.Deps) { d.Logger = log })
		m.Op, m.Times = "*", -1
		r.Inject(m)
		c := providers.NewClient("c", r.p, &providers.ClientOptions{Logger: log})
		request := r.request("a@example.com")
		again := providers.ResendRequest{InviteRequest: request, ProviderID: "orginv_1"}
		_, invited := c.Invite(t.Context(), request)
		_, resent := c.Resend(t.Context(), again)
		revoked := c.Revoke(t.Context(), providers.InviteRef{Org: request.Org, ProviderID: "orginv_1", Address: request.Address})
		for _, err := range []error{invited, resent, revoked} {
			if err != nil {
				said.WriteString(err.Error())
			}
		}
		r.Heal()
		m.Op = "create"
		r.Inject(m)
		if _, err := c.Invite(t.Context(), r.request("b@example.com")); err != nil {
			said.WriteString(err.Error())
		}
		for _, secret := range []string{secret, ticket, "tickets", "somebody@", "s3cr3t", "x@example.com"} {
			if strings.Contains(said.String(), secret) {
				t.Errorf("%s was said: %s", secret, said.String())
			}
		}
		if said.Len() == 0 {
			t.Error("nothing was said at all")
		}
	}
}

// Addresses with characters that mean something in a query reach the vendor as
// they are, and find nobody else.
func TestOddAddresses(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(v *vendor, _ *Config, _ *providers.Deps) { v.anything = true })
	for _, victim := range []string{"victim@example.com", "b@example.com"} {
		r.With(func() { r.invite(orgOne, invitation{email: victim, role: "org:member"}) })
		r.addMember(orgOne, "member-"+victim, "org:admin")
	}
	for _, odd := range []string{"a+b@example.com", "+b@example.com", "-b@example.com", "a&limit=1@example.com", "b%40example.com@example.com", "a=b@example.com"} {
		request := r.request(odd)
		sent, err := r.client().Invite(t.Context(), request)
		if err != nil {
			t.Errorf("%s: %v", odd, err)
			continue
		}
		if rows := r.rows(orgOne, odd, "pending"); len(rows) != 1 || rows[0].id != sent.ProviderID {
			t.Errorf("%s: rows %v, sent %+v", odd, rows, sent)
		}
		ref := providers.InviteRef{Org: request.Org, Address: request.Address}
		_, err = r.client().FindMember(t.Context(), ref)
		wantCode(t, err, identity.CodeNotFound)
		if err := r.client().Revoke(t.Context(), ref); err != nil {
			t.Errorf("%s: revoke: %v", odd, err)
		}
	}
	for _, victim := range []string{"victim@example.com", "b@example.com"} {
		if len(r.rows(orgOne, victim, "pending")) != 1 {
			t.Errorf("the invitation of %s is gone", victim)
		}
	}
}

// A fifth and later page is looked at as well: the pending invitation of an
// address that has many is found behind hundreds of others.
func TestLongLists(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(v *vendor, _ *Config, d *providers.Deps) {
		v.anything = true
		d.Quotas = quota.New(&quota.Options{Now: v.Clock.Now})
		t.Cleanup(func() { _ = d.Quotas.Close() })
	})
	r.With(func() {
		for range 1200 {
			r.invite(orgOne, invitation{email: "other@example.com", role: "org:member"})
		}
		r.invite(orgOne, invitation{email: "a@example.com", role: "org:member"})
	})
	_, err := r.client().Invite(t.Context(), r.request("a@example.com"))
	wantCode(t, err, identity.CodeInvitePending)
	if r.Count("list") != 3 || r.Count("create") != 0 {
		t.Errorf("calls %v", r.Calls)
	}
	n, page := 0, identity.PageRequest{Limit: 200}
	for {
		got, err := r.client().ListInvites(t.Context(), org(orgOne), page)
		if err != nil {
			t.Fatal(err)
		}
		if n += len(got.Items); got.Next == "" {
			break
		}
		page.Cursor = got.Next
	}
	if n != 1201 {
		t.Errorf("listed %d invitations", n)
	}
}

// A role set that is none does not say that an organization has no roles.
func TestNoRoleSet(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{}`, `null`, `{"roles":null}`, `{"message":"m"}`} {
		r := newRig(t, nil)
		r.Inject(scripted.Mishap{Op: "set", Times: -1, Status: 200, Body: body})
		roles, err := r.client().ListRoles(t.Context(), org(orgOne))
		if identity.CodeOf(err) != identity.CodeProviderError {
			t.Errorf("%s: %v, %v", body, roles, err)
		}
	}
}
