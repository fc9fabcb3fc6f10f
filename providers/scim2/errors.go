package scim2

import (
	"errors"

	"usher/identity"
	"usher/providers"
	"usher/scim/client"
)

// operation is what was attempted when the service refused it.
type operation int

const (
	opLook         operation = iota // a list, a user, a group of a role
	opOrganization                  // the organization's group
	opCreate                        // an account
	opJoin                          // into a group
)

// problem is what a refusal means to whoever is shown it.
type problem struct {
	code   identity.Code
	field  string
	detail string
}

// problems is the one table from what a status and scimType say (RFC 7644
// section 3.12, read by package scim/client) to usher's words. What is not in
// it means the same here.
func problems() map[operation]map[identity.Code]problem {
	const (
		stray = "The identity provider's answer makes no sense for a SCIM service: its address or version may be wrong."
		ours  = "The identity provider does not take the gateway's request."
	)
	return map[operation]map[identity.Code]problem{
		opLook: {
			identity.CodeNotFound:           {identity.CodeProviderError, "", stray},
			identity.CodeInvalidRequest:     {identity.CodeProviderError, "", ours},
			identity.CodeConflict:           {identity.CodeProviderError, "", ours},
			identity.CodePreconditionFailed: {identity.CodeProviderError, "", ours},
		},
		opOrganization: {
			identity.CodeNotFound:           {identity.CodeNotFound, "", "The identity provider does not know the organization."},
			identity.CodeInvalidRequest:     {identity.CodeProviderError, "", ours},
			identity.CodeConflict:           {identity.CodeProviderError, "", ours},
			identity.CodePreconditionFailed: {identity.CodeProviderError, "", ours},
		},
		opCreate: {
			identity.CodeNotFound: {identity.CodeProviderError, "", stray},
			identity.CodeInvalidRequest: {identity.CodeProviderError, "",
				"The identity provider makes no account for this person: it refuses the address, or demands more than is known."},
			identity.CodeConflict: {identity.CodeConflict, "/email",
				"The identity provider says that there is an account of this address, and shows none that is."},
			identity.CodePreconditionFailed: {identity.CodeProviderError, "", ours},
		},
		opJoin: {
			identity.CodeNotFound:           {identity.CodeProviderError, "", "The group or the account is gone at the identity provider."},
			identity.CodeInvalidRequest:     {identity.CodeProviderError, "", "The identity provider does not add this account to the group."},
			identity.CodeConflict:           {identity.CodeProviderUnavailable, "", "The group is being changed at the identity provider by others. Try again."},
			identity.CodePreconditionFailed: {identity.CodeProviderUnavailable, "", "The group is being changed at the identity provider by others. Try again."},
		},
	}
}

// meant gives a refusal of the service's its meaning. Other errors stay.
func meant(op operation, err error) error {
	var refused *client.Error
	var known *identity.Error
	if !errors.As(err, &refused) || errors.As(err, &known) {
		return err
	}
	e := &identity.Error{
		Code: refused.IdentityCode(), RetryAfter: refused.RetryAfter(), Unknown: refused.MayHaveActed(), Err: err,
	}
	if p, ok := problems()[op][e.Code]; ok {
		e.Code, e.Field, e.Detail = p.code, p.field, p.detail
	}
	return e
}

func unknownOrganization() error {
	return identity.Errorf(identity.CodeNotFound, "The identity provider does not know the organization.")
}

func alreadyMember() error {
	return identity.Errorf(identity.CodeAlreadyMember, "The address belongs to a member already.")
}

// tooMany refuses to look through more than the settings allow.
func (p *Provider) tooMany(what string) error {
	return identity.Errorf(identity.CodeUnsupported,
		"The identity provider cannot be asked for one of its %s, and has more than %d to look through.", what, p.settings.MaxScan)
}

// mayHaveActed reads an error. One that does not say may have.
func mayHaveActed(err error) bool {
	var u providers.Uncertainer
	return !errors.As(err, &u) || u.MayHaveActed()
}

// uncertain is an error after which the service may have acted.
type uncertain struct{ error }

// Unwrap returns the error itself.
func (u *uncertain) Unwrap() error { return u.error }

// MayHaveActed implements providers.Uncertainer.
func (u *uncertain) MayHaveActed() bool { return true }
