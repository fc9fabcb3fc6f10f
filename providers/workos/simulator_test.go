package workos_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/contracttest"
	"usher/internal/simtest"
	"usher/providers"
	"usher/providers/providertest"
	"usher/providers/workos"
	"usher/sandbox/fault"
	"usher/sandbox/sandboxtest"
	simulator "usher/sandbox/workos"
	"usher/sandbox/workos/contract"
)

const simulatorKey = "sk_test_0fTheSimulator"

// letters keeps the simulator's mails.
type letters struct{ sandboxtest.Mailbox }

// links returns the links mailed to an address, oldest first.
func (l *letters) links(email string) (links []string) {
	for _, m := range l.All() {
		if m.Kind == simulator.MailInvitation && identity.SameEmail(m.To, email, identity.EmailLowercase) {
			links = append(links, m.Link)
		}
	}
	return links
}

// The adapter and the simulator were written apart, both from the vendor's
// facts: together they pass the suite, with every request and every answer
// valid against the vendor's document, whatever nobody has seen of the vendor.
func TestConformanceOnTheSimulator(t *testing.T) {
	t.Parallel()
	loaded := contract.NewValidator(t)
	quirks := map[string]func(*simulator.Quirks){
		"as by default":       func(*simulator.Quirks) {},
		"renews what is sent": func(q *simulator.Quirks) { q.ResendRotatesToken, q.ResendExtends = true, true },
		"strict": func(q *simulator.Quirks) {
			q.RefuseUnknownFields, q.RefuseUnknownCursor, q.BeforeOnFirstPage, q.NotFoundWithoutCode = true, true, true, true
			q.EventsOrder, q.LowerEmails, q.FoldEmails = "asc", true, true
		},
		"memberships come and go": func(q *simulator.Quirks) {
			q.RevokeKeepsMembership, q.ExpiryRemovesMembership, q.StubsHidden = true, true, true
			q.LowerEmails, q.FoldEmails = false, false
		},
	}
	for name, change := range quirks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, providertest.Harness{Open: func(t *testing.T) *providertest.Vendor {
				return openSimulator(t, loaded.Fresh(t), change)
			}})
		})
	}
}

func openSimulator(t *testing.T, v *contracttest.Validator, change func(*simulator.Quirks)) *providertest.Vendor {
	q := simulator.DefaultQuirks()
	change(&q)
	mails := &letters{}
	site := simtest.Serve(t, v, func(base string) *simulator.Simulator {
		return simulator.New(simulator.Options{BaseURL: base, Mail: mails, Quirks: &q})
	})
	sim := site.Sim
	sim.AddKey(simulatorKey)
	one, two := sim.AddOrganization("One"), sim.AddOrganization("Two")
	sim.AddRole("", "admin", "Admin")
	sim.AddMember(one, sim.AddUser(simulator.Person{Email: simtest.MemberEmail}), "member")
	config := &workos.Config{BaseURL: site.Base, APIKey: simulatorKey, CallTimeout: "3s", EventWait: "0s"}
	line := &line{}
	vendor := site.Vendor(site.Open(t, config, providers.Deps{
		Roles: map[string]string{"admin": "admin", "member": "member"}, EmailRule: identity.EmailLowercase, Transport: line.transport(),
	}), one, two, 7*24*time.Hour)
	vendor.Accept = func(t *testing.T, _ identity.OrgRef, email string) {
		links := mails.links(email)
		if len(links) == 0 {
			t.Fatalf("nothing was mailed to %s", email)
		}
		if _, err := sim.Accept(links[len(links)-1], ""); err != nil {
			t.Fatal(err)
		}
	}
	vendor.Elsewhere = func(t *testing.T, org identity.OrgRef, email, role string) {
		request := sandboxtest.NewRequest(t, http.MethodPost, site.Base+"/user_management/invitations",
			map[string]string{"email": email, "organization_id": org.ProviderID, "role_slug": role})
		request.Header.Set("Authorization", "Bearer "+simulatorKey)
		if answer := sandboxtest.Send(t, http.DefaultClient, request); answer.Status != http.StatusCreated {
			t.Fatalf("invited elsewhere: %d", answer.Status)
		}
	}
	vendor.Invitations = func(_ *testing.T, email string) int { return len(mails.links(email)) }
	vendor.Secrets = func() []string { return []string{simulatorKey, "invitation_token"} }
	fail := site.Fail(fault.Match{Method: "POST", Path: "/user_management/invitations$"},
		`{"message":"Unauthorized"}`, `{"message":"Internal Server Error"}`)
	vendor.Fail = func(t *testing.T, f providertest.Failure) {
		line.down.Store(f == providertest.Unreachable)
		if f != providertest.Unreachable {
			fail(t, f)
		}
	}
	vendor.Timeout = 30 * time.Second
	return vendor
}

// line is the way to the simulator. While it is down nobody listens there.
type line struct{ down atomic.Bool }

func (l *line) transport() *http.Transport {
	var dialer net.Dialer
	return &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if l.down.Load() {
			return nil, errors.New("nobody listens")
		}
		return dialer.DialContext(ctx, network, address)
	}}
}
