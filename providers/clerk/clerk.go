package clerk

import (
	"errors"
	"strings"
	"time"

	"usher/identity"
	"usher/internal/keylock"
	"usher/providers"
	"usher/providers/clerk/internal"
)

// Provider is one connection to a Clerk instance.
type Provider struct {
	client   *internal.Client
	settings *settings
	deps     providers.Deps
	// lanes let one sending at a time look whether an address has an invitation and
	// create one. Where the vendor puts a second invitation in the place of the
	// first, two that looked at the same time would both be mailed.
	lanes *keylock.Locks
}

var (
	_ providers.Provider     = (*Provider)(nil)
	_ providers.InviteLister = (*Provider)(nil)
	_ providers.Resender     = (*Provider)(nil)
	_ providers.Revoker      = (*Provider)(nil)
	_ providers.Settler      = (*Provider)(nil)
	_ providers.MemberFinder = (*Provider)(nil)
	_ providers.RoleLister   = (*Provider)(nil)
	_ providers.BulkInviter  = (*Provider)(nil)
	_ providers.Pacer        = (*Provider)(nil)
)

// Open implements providers.Config.
func (c *Config) Open(d providers.Deps) (providers.Provider, error) {
	set, problems := c.settle()
	problems = append(problems, d.CheckRoles("key")...)
	if d.ActAsCaller {
		problems = append(problems, errors.New("act_as: the vendor's interface takes no token of a caller"))
	}
	if d.EmailRule == identity.EmailExact {
		problems = append(problems, errors.New("emails: the vendor keeps addresses in lower case, so they cannot be compared exactly"))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	d = d.For("clerk")
	http, err := d.HTTP(providers.HTTPOptions{Timeout: set.callTimeout, Quotas: c.Quotas()})
	if err != nil {
		return nil, err
	}
	return &Provider{
		client: internal.New(http, set.base, set.SecretKey, d.Now), settings: set, deps: d, lanes: keylock.New(),
	}, nil
}

// Describe implements providers.Provider.
func (p *Provider) Describe() providers.Description {
	return providers.Description{
		Provider: "clerk",
		Fields: providers.Fields{
			// The vendor could leave out the mail, but nobody would be given the link then.
			RedirectURL: true, ExpiresAt: true, MaxRoles: 1, Bulk: internal.MaxBulk,
			MinLife: day + margin, MaxLife: maxInviteDays * day, Life: time.Duration(p.settings.InviteDays) * day,
		},
		Emulated: map[providers.Capability]string{
			providers.CapResend: "the pending invitation is revoked and a new one is created, with a new link and the same life from now; " +
				"if the second step fails, no invitation is pending until the resend is tried again",
		},
	}
}

// Close implements providers.Provider. Nothing is held.
func (p *Provider) Close() error { return nil }

// email is an address as the vendor keeps it (FACTS.md section 11, 4).
func email(a identity.Address) string { return a.Key(identity.EmailLowercase) }

// isID reports whether a text can be an id of the vendor's, and stand in a path
// or a filter without meaning anything else there. Filters read a sign before
// an id.
func isID(s string) bool {
	return s != "" && s[0] != '-' && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '_' && r != '-'
	})
}

// checkOrg refuses an organization that no call can be made for.
func checkOrg(org identity.OrgRef) error {
	if !isID(org.ProviderID) {
		return identity.Errorf(identity.CodeNotFound, "The identity provider does not know the organization.")
	}
	return nil
}

// belongs refuses an invitation of another organization than the one asked
// about. Its own field may be left out.
func belongs(row *internal.Invitation, org identity.OrgRef) error {
	for _, named := range []string{row.OrganizationID, publicOrg(row)} {
		if named != "" && named != org.ProviderID {
			return wrongOrganization()
		}
	}
	return nil
}

func publicOrg(row *internal.Invitation) string {
	if row.Organization == nil {
		return ""
	}
	return row.Organization.ID
}

func wrongOrganization() error {
	return &identity.Error{
		Code: identity.CodeProviderError, Detail: "The identity provider answered for another organization than the one asked about.",
	}
}

// explain gives a vendor's error the words and the field a caller is shown.
func explain(err error) error {
	e := internal.AsAPIError(err)
	var known *identity.Error
	if e == nil || errors.As(err, &known) {
		return err
	}
	problem := e.Problem()
	return &identity.Error{
		Code: problem.Code, Field: problem.Field, Detail: problem.Detail, RetryAfter: e.Retry, Unknown: e.Acted, Err: err,
	}
}
