package asgardeo

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode"

	"usher/identity"
	"usher/providers"
	"usher/providers/asgardeo/internal"
	"usher/scim"
)

// account is a user of the root organization.
type account struct {
	username string // without the store's prefix, as invitations want it
	domain   string // the user store
	id       string // empty: not known
	email    string // the primary address; empty: not known
	awaiting bool   // created, and its owner has not set a password yet
}

// unsafe reports characters that no filter, path or log should see.
func unsafe(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar
}

// cutStore separates the store's prefix from a user name (FACTS.md section 2).
func (p *Provider) cutStore(userName string) (domain, name string) {
	if store, name, ok := strings.Cut(userName, "/"); ok {
		return strings.ToUpper(store), name
	}
	return p.settings.UserDomain, userName
}

// same compares user names and addresses by the connection's rule. Texts that
// are no addresses are the same only if they are spelled the same.
func (p *Provider) same(a, b string) bool {
	return a == b || identity.SameEmail(a, b, p.deps.EmailRule) ||
		(p.deps.EmailRule != identity.EmailExact && strings.EqualFold(a, b))
}

func (p *Provider) accountOf(u scim.User) *account {
	a := &account{id: u.ID}
	a.domain, a.username = p.cutStore(u.UserName)
	if all := u.Addresses(); len(all) > 0 {
		a.email = all[0]
	}
	a.awaiting = u.Attribute("accountState", internal.Schema, scim.SchemaEnterprise) == "PENDING_AP"
	return a
}

// find asks the root organization for users by one attribute.
func (p *Provider) find(ctx context.Context, attribute, value string) ([]scim.User, error) {
	filter, err := equal(attribute, value)
	if err != nil {
		return nil, err
	}
	var users []scim.User
	err = p.atRoot(ctx, scopeListUsers, func(t *token) (err error) {
		users, err = p.client.FindUsers(ctx, t.value, internal.Root, filter)
		return err
	})
	return users, err
}

// errUnsearchable is the cause of refusing to look a name or an address up.
var errUnsearchable = errors.New("asgardeo: the value cannot be looked up safely")

// equal builds the filter of one comparison. What stands before a slash would
// be read as a user store (FACTS.md section 2.1).
func equal(attribute, value string) (scim.Filter, error) {
	filter, err := scim.Eq(scim.Words, attribute, value)
	if err == nil && !strings.Contains(value, "/") {
		return filter, nil
	}
	return scim.Filter{}, &identity.Error{
		Code: identity.CodeEmailNotDeliverable, Field: "/email", Err: errUnsearchable,
		Detail: "The identity provider of this organization cannot look this address up safely.",
	}
}

// lookUp finds the account of the person behind an address, or nil. An answer
// is never taken at its word: an account counts if its user name is the
// address, or if the vendor says that the address is verified. thorough also
// asks by user name when nobody carries the address.
func (p *Provider) lookUp(ctx context.Context, address string, thorough bool) (*account, error) {
	carrying, err := p.find(ctx, "emails", address)
	if err != nil {
		return nil, err
	}
	found, err := p.byUserName(carrying, address)
	if found != nil || err != nil {
		return found, err
	}
	if len(carrying) > 0 || thorough {
		if found, err := p.lookUpName(ctx, address); found != nil || err != nil {
			return found, err
		}
	}
	verified := slices.DeleteFunc(carrying, func(u scim.User) bool { return !p.provenOwner(u, address) })
	switch len(verified) {
	case 0:
		return nil, nil
	case 1:
		return p.accountOf(verified[0]), nil
	default:
		return nil, ambiguous()
	}
}

// lookUpName finds the account of a user name, or nil.
func (p *Provider) lookUpName(ctx context.Context, name string) (*account, error) {
	users, err := p.find(ctx, "userName", name)
	if err != nil {
		return nil, err
	}
	return p.byUserName(users, name)
}

// byUserName picks the user of that name. Of several, in several stores, the
// one in the store that new accounts are made in; else nobody can tell.
func (p *Provider) byUserName(users []scim.User, name string) (*account, error) {
	var all, preferred []*account
	for _, u := range users {
		a := p.accountOf(u)
		if !p.same(a.username, name) {
			continue
		}
		all = append(all, a)
		if a.domain == p.settings.UserDomain {
			preferred = append(preferred, a)
		}
	}
	switch {
	case len(all) == 0:
		return nil, nil
	case len(all) == 1:
		return all[0], nil
	case len(preferred) == 1:
		return preferred[0], nil
	default:
		return nil, ambiguous()
	}
}

func ambiguous() error {
	return identity.FieldError(identity.CodeConflict, "/email",
		"Several accounts at the identity provider could be this person, and none of them can be told to be.")
}

// provenOwner reports whether the vendor says that an account's address is
// verified. Merely carrying an address proves nothing: anybody may enter it.
func (p *Provider) provenOwner(u scim.User, address string) bool {
	if !p.settings.trustVerified || u.UserName == "" {
		return false
	}
	for _, schema := range []string{internal.Schema, scim.SchemaEnterprise} {
		for _, listed := range texts(u.Extensions[schema]["verifiedEmailAddresses"]) {
			if p.same(listed, address) {
				return true
			}
		}
	}
	return strings.EqualFold(u.Attribute("emailVerified", internal.Schema, scim.SchemaEnterprise), "true") &&
		slices.ContainsFunc(u.Emails, func(e scim.Email) bool { return e.Primary && p.same(e.Value, address) })
}

// texts reads a list of texts, or one text with commas.
func texts(value any) []string {
	switch v := value.(type) {
	case string:
		return strings.Split(v, ",")
	case []any:
		var list []string
		for _, one := range v {
			if s, ok := one.(string); ok {
				list = append(list, s)
			}
		}
		return list
	default:
		return nil
	}
}

// FindMember implements providers.MemberFinder: the account that was shared
// into the organization under the invitation's user name.
func (p *Provider) FindMember(ctx context.Context, ref providers.InviteRef) (*identity.Member, error) {
	names, err := p.names(ctx, ref.Address, ref.Reference, nil)
	if err != nil {
		return nil, explain(err)
	}
	for _, name := range names {
		member, err := p.member(ctx, ref.Org, name)
		if err != nil || member != nil {
			return member, explain(err)
		}
	}
	return nil, identity.Errorf(identity.CodeNotFound, "Nobody of that address is a member.")
}

// names returns the user names an invitation of the address can be under: the
// one it was sent under if that is known, else the address and whatever
// account a look-up finds.
func (p *Provider) names(ctx context.Context, a identity.Address, reference map[string]string, j providers.Journal) ([]string, error) {
	if name := reference[refUsername]; name != "" {
		return []string{name}, nil
	}
	if j != nil {
		if name := j.Step(stepCreate).Result[refUsername]; name != "" {
			return []string{name}, nil
		}
	}
	address := p.address(a)
	found, err := p.lookUp(ctx, address, false)
	var known *identity.Error
	switch {
	case errors.Is(err, errUnsearchable), errors.As(err, &known) && known.Code == identity.CodeConflict:
		return []string{address}, nil
	case err != nil:
		return nil, err
	case found == nil || p.same(found.username, address):
		return []string{address}, nil
	default:
		return []string{found.username, address}, nil
	}
}
