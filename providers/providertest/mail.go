package providertest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"usher/identity"
	"usher/providers"
)

// Mailer is a mail server in memory: providers.Mailer for connections whose
// invitations usher mails itself.
type Mailer struct {
	mu    sync.Mutex
	mails map[string][]providers.InviteRequest // by address in lower case
	fault *MailFault
}

// MailFault makes every mail go wrong until it is taken back.
type MailFault struct {
	Code  identity.Code
	Acted bool // the mail may have gone out, as far as the sender can know
	Sent  bool // and it did
}

// Error implements error.
func (f *MailFault) Error() string { return "mail: " + string(f.Code) }

// IdentityCode implements identity.Coder.
func (f *MailFault) IdentityCode() identity.Code { return f.Code }

// MayHaveActed implements providers.Uncertainer.
func (f *MailFault) MayHaveActed() bool { return f.Acted }

// Fail makes mails go wrong; nil: not any more.
func (m *Mailer) Fail(f *MailFault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = f
}

// MailInvitation implements providers.Mailer.
func (m *Mailer) MailInvitation(ctx context.Context, r providers.InviteRequest, _ *time.Time) error {
	if err := ctx.Err(); err != nil {
		return &MailFault{Code: identity.CodeProviderTimeout}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fault != nil && !m.fault.Sent {
		return m.fault
	}
	if m.mails == nil {
		m.mails = map[string][]providers.InviteRequest{}
	}
	key := r.Address.Key(identity.EmailLowercase)
	m.mails[key] = append(m.mails[key], r)
	if m.fault != nil {
		return m.fault
	}
	return nil
}

// To returns the invitations that were mailed to an address, oldest first.
func (m *Mailer) To(email string) []providers.InviteRequest {
	address, err := identity.ParseEmail(email)
	if err != nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]providers.InviteRequest(nil), m.mails[address.Key(identity.EmailLowercase)]...)
}

// mailFailures: a mail that did not go out goes out when it is tried again; one
// that may have gone out is never mailed again under the same journal, and
// nobody claims to know.
func mailFailures(t *testing.T, v *Vendor) {
	c := v.Client(t)
	for n, f := range []MailFault{
		{Code: identity.CodeEmailNotDeliverable},
		{Code: identity.CodeProviderUnavailable},
		{Code: identity.CodeProviderCredentials},
		{Code: identity.CodeProviderTimeout, Acted: true},
		{Code: identity.CodeProviderTimeout, Acted: true, Sent: true},
	} {
		r := v.Request(t, fmt.Sprintf("mailfault%d@example.com", n))
		v.Mailer.Fail(&f)
		_, err := c.Invite(t.Context(), r)
		v.Mailer.Fail(nil)
		known, ok := err.(*identity.Error)
		if !ok || known.Code != f.Code || known.Unknown != f.Acted {
			t.Errorf("%+v: error %v", f, err)
			continue
		}
		settled, err := c.Settle(t.Context(), r)
		if err != nil {
			t.Fatalf("%+v: settle: %v", f, err)
		}
		_, err = c.Invite(t.Context(), r)
		mails, want := len(v.Mailer.To(r.Address.Typed)), 1
		if f.Acted && !f.Sent {
			want = 0
		}
		verdict := providers.VerdictNotSent
		if f.Acted {
			verdict = providers.VerdictUnknown
			wantCode(t, err, identity.CodeProviderTimeout)
		} else if err != nil {
			t.Errorf("%+v: going on: %v", f, err)
		}
		if settled.Verdict != verdict || mails != want {
			t.Errorf("%+v: verdict %s and %d mails, want %s and %d", f, settled.Verdict, mails, verdict, want)
		}
	}
}

// mailCrashes stops an adapter at every journal entry of a send and goes on:
// never a second mail.
func mailCrashes(t *testing.T, v *Vendor) {
	c := v.Client(t)
	for n := 1; n <= 20; n++ {
		for _, recorded := range []bool{false, true} {
			r := v.Request(t, fmt.Sprintf("mailcrash%d-%v@example.com", n, recorded))
			j := NewJournal()
			j.CrashAt(n, recorded)
			r.Journal = j
			if _, err := c.Invite(t.Context(), r); err == nil {
				if n == 1 {
					t.Fatal("the adapter records no step")
				}
				return
			}
			j.CrashAt(0, false)
			before := len(v.Mailer.To(r.Address.Typed))
			settled, err := c.Settle(t.Context(), r)
			if err != nil {
				t.Fatalf("settle: %v", err)
			}
			_, err = c.Invite(t.Context(), r)
			mails := len(v.Mailer.To(r.Address.Typed))
			switch settled.Verdict {
			case providers.VerdictUnknown:
				wantCode(t, err, identity.CodeProviderTimeout)
				if mails != before {
					t.Errorf("entry %d, recorded %v: mailed again", n, recorded)
				}
			case providers.VerdictSent, providers.VerdictNotSent:
				if err != nil || mails != 1 {
					t.Errorf("entry %d, recorded %v: %s, %d mails, %v", n, recorded, settled.Verdict, mails, err)
				}
			default:
				t.Errorf("verdict %s", settled.Verdict)
			}
		}
	}
	t.Error("a send has no end")
}

// acceptByLink: who holds the link joins with the roles it was made for, once;
// an account is not changed by it (CVE-2017-4992).
func acceptByLink(t *testing.T, v *Vendor) {
	c := v.Client(t)
	need(t, c, providers.CapAccept)
	r := v.Request(t, "Link.Holder@example.com", v.role("admin"))
	r.GivenName, r.FamilyName = "Link", "Holder"
	sent := send(t, c, r)
	if v.Mailer != nil {
		if mails := v.Mailer.To("link.holder@example.com"); len(mails) != 1 || mails[0].Link != r.Link {
			t.Fatalf("mails %+v, want one with the link %s", mails, r.Link)
		}
	}
	if m := findListed(t, c, v.Org, "link.holder@example.com"); m != nil {
		t.Fatalf("something was granted before the invitation was accepted: %+v", m)
	}
	accept := providers.AcceptRequest{InviteRequest: r, ProviderID: sent.ProviderID}
	accept.Link = ""
	member, err := c.Accept(t.Context(), accept)
	if err != nil {
		t.Fatalf("accept: %v", err)
	}
	if !identity.SameEmail(member.Email, "link.holder@example.com", identity.EmailLowercase) || member.ProviderID == "" {
		t.Errorf("the member is %+v", member)
	}
	found := findListed(t, c, v.Org, "link.holder@example.com")
	if found == nil || found.ProviderID != member.ProviderID || !slices.Equal(found.Roles, r.Roles) {
		t.Errorf("listed %+v, want %+v with roles %v", found, member, r.Roles)
	}
	if m := findListed(t, c, v.Other, "link.holder@example.com"); m != nil {
		t.Errorf("a member of the other organization too: %+v", m)
	}
	_, err = c.Accept(t.Context(), accept)
	wantCode(t, err, identity.CodeAlreadyMember)
}

// acceptCrashes stops an adapter at every journal entry of an acceptance and
// accepts again: one membership in the end, whatever happened.
func acceptCrashes(t *testing.T, v *Vendor) {
	c := v.Client(t)
	need(t, c, providers.CapAccept)
	for n := 1; n <= 20; n++ {
		for _, recorded := range []bool{false, true} {
			r := v.Request(t, fmt.Sprintf("acceptcrash%d-%v@example.com", n, recorded))
			sent := send(t, c, r)
			j := NewJournal()
			j.CrashAt(n, recorded)
			r.Journal, r.Link = j, ""
			accept := providers.AcceptRequest{InviteRequest: r, ProviderID: sent.ProviderID}
			_, err := c.Accept(t.Context(), accept)
			if err == nil {
				return // an acceptance has fewer entries
			}
			j.CrashAt(0, false)
			if _, err = c.Accept(t.Context(), accept); err != nil && identity.CodeOf(err) != identity.CodeAlreadyMember {
				t.Errorf("entry %d, recorded %v: again: %v", n, recorded, err)
			}
			times := 0
			for m := range allMembers(t, c, v.Org) {
				if identity.SameEmail(m.Email, r.Address.Typed, identity.EmailLowercase) {
					times++
				}
			}
			if times != 1 {
				t.Errorf("entry %d, recorded %v: a member %d times", n, recorded, times)
			}
		}
	}
	t.Error("an acceptance has no end")
}
