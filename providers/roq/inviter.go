package roq

import (
	"errors"

	"usher/identity"
	"usher/providers/roq/internal"
)

// callerAs says how the caller is looked for, or nil. An e-mail address is only
// there if it was proven.
func (p *Provider) callerAs(by identity.Actor) *internal.Caller {
	switch p.settings.InviterFrom {
	case inviterByEmail:
		address, err := identity.ParseEmail(by.Email)
		if err != nil {
			return nil
		}
		return &internal.Caller{Emails: p.spellings(address)}
	case inviterBySubject:
		if by.Subject == "" {
			return nil
		}
		return &internal.Caller{References: []string{by.Subject}}
	default:
		return nil
	}
}

// inviter returns the user in whose name the invitation is sent: the caller, or
// the configured one, who must be of this tenant.
func (s *sending) inviter() (string, error) {
	if s.seen.caller != nil {
		return s.seen.caller.ID, nil
	}
	refuse := func(detail string) (string, error) {
		return "", &identity.Error{Code: identity.CodeProviderCredentials, Detail: detail, Err: errors.New("roq: no inviter")}
	}
	configured := s.seen.inviter
	switch {
	case s.settings.inviterFor(s.tenant) == "":
		return refuse("The gateway has nobody at the identity provider in whose name it could invite to this organization.")
	case configured == nil || configured.Deactivated():
		return refuse("The identity provider does not know the user in whose name the gateway invites.")
	case configured.TenantID != "" && !sameID(configured.TenantID, s.tenant) && !s.settings.inviterAnyTenant:
		return refuse("The user in whose name the gateway invites belongs to another organization at the identity provider.")
	default:
		return configured.ID, nil
	}
}
