package memory_test

import (
	"testing"
	"time"

	"usher/identity"
	"usher/internal/testclock"
	"usher/providers"
	"usher/providers/memory"
	"usher/providers/providertest"
)

func harness(change func(*memory.Options)) providertest.Harness {
	return providertest.Harness{Open: func(t *testing.T) *providertest.Vendor {
		clock := testclock.At(time.Now())
		vendor := memory.NewVendor(clock.Now, 72*time.Hour)
		vendor.AddOrganization("one")
		vendor.AddOrganization("two")
		vendor.AddMember("one", "member@example.com", "Member")
		names := map[string]string{"admin": "Administrator", "member": "Member"}
		blocked := make(chan struct{})
		t.Cleanup(func() { close(blocked) })
		options := memory.Options{Roles: names}
		change(&options)
		return &providertest.Vendor{
			Provider: memory.New(vendor, options),
			Org:      identity.OrgRef{ID: "org_1", ProviderID: "one"}, Other: identity.OrgRef{ID: "org_2", ProviderID: "two"},
			MemberEmail: "member@example.com",
			Accept: func(t *testing.T, org identity.OrgRef, email string) {
				if err := vendor.Accept(org.ProviderID, email); err != nil {
					t.Fatal(err)
				}
			},
			Elsewhere: func(_ *testing.T, org identity.OrgRef, email, role string) {
				vendor.AddInvite(org.ProviderID, email, names[role])
			},
			Invitations: func(_ *testing.T, email string) int { return vendor.Mails("one", email) },
			Expire:      func(*testing.T) { clock.Advance(73 * time.Hour) },
			Secrets:     func() []string { return nil },
			Timeout:     time.Second,
			Fail:        func(_ *testing.T, f providertest.Failure) { inject(vendor, f, blocked) },
		}
	}}
}

func inject(v *memory.Vendor, f providertest.Failure, blocked <-chan struct{}) {
	fault := memory.Fault{}
	switch f {
	case providertest.Back:
		v.Heal()
		return
	case providertest.Refused:
		fault.Code, fault.RetryAfter = identity.CodeProviderRateLimited, 7*time.Second
	case providertest.Credentials:
		fault.Code = identity.CodeUnauthenticated
	case providertest.Unreachable:
		fault.Code = identity.CodeProviderUnavailable
	case providertest.ServerError, providertest.NotJSON, providertest.EndlessBody:
		fault.Code, fault.Unclear = identity.CodeProviderError, true
	case providertest.AnswerLost:
		fault.Code, fault.Acted = identity.CodeProviderUnavailable, true
	case providertest.Hang:
		fault.Block = blocked
	default:
		return
	}
	for _, op := range []string{"invite", "invite many"} {
		fault.Op = op
		v.Inject(fault)
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*memory.Options){
		"one at a time": func(*memory.Options) {},
		"several":       func(o *memory.Options) { o.Fields.Bulk = 5 },
		"all or none":   func(o *memory.Options) { o.Fields.Bulk, o.BulkWhole = 5, true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, harness(change))
		})
	}
}

// What a connection's settings withhold answers unsupported_by_provider, and
// the suite still holds.
func TestConformanceWithheld(t *testing.T) {
	t.Parallel()
	providertest.Run(t, harness(func(o *memory.Options) {
		o.Fields.Bulk = 5
		o.Withheld = []providers.Capability{providers.CapResend, providers.CapRolesList, providers.CapInviteMany}
	}))
}
