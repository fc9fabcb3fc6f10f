package clerk

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// peopleFilter reads the filters that lists of users and of memberships share
// (FACTS.md sections 6.2 and 6.3).
func (s *Simulator) peopleFilter(c *call) (func(*user) bool, *failure) {
	var tests []func(*user) bool
	for _, read := range []func(*call) (func(*user) bool, *failure){s.byIdentifier, s.byID, byWords, byTimes} {
		test, f := read(c)
		if f != nil {
			return nil, f
		}
		tests = append(tests, test)
	}
	return func(u *user) bool {
		return s.shown(u.made) && !slices.ContainsFunc(tests, func(test func(*user) bool) bool { return !test(u) })
	}, nil
}

// byIdentifier keeps users with any of the listed addresses and any of the
// listed names; nobody has phone numbers, wallets or accounts elsewhere.
func (s *Simulator) byIdentifier(c *call) (func(*user) bool, *failure) {
	lists := map[string][]string{}
	for _, name := range []string{"email_address", "username", "phone_number", "web3_wallet", "provider_user_id"} {
		values, f := c.listed(name)
		if f != nil {
			return nil, f
		}
		if name == "email_address" && !s.q.ExactAddressFilter {
			for i := range values {
				values[i] = strings.ToLower(values[i])
			}
		}
		if len(values) > 0 {
			lists[name] = values
		}
	}
	return func(u *user) bool {
		for name, values := range lists {
			switch {
			case name == "email_address" && slices.ContainsFunc(u.emails, func(e *email) bool { return slices.Contains(values, e.address) }):
			case name == "username" && u.username != nil && slices.Contains(values, *u.username):
			default:
				return false
			}
		}
		return true
	}, nil
}

// byID keeps users by ids with a sign: their own, the callers', organizations'.
func (s *Simulator) byID(c *call) (func(*user) bool, *failure) {
	own, f := c.signed("user_id")
	if f != nil {
		return nil, f
	}
	external, f := c.signed("external_id")
	if f != nil {
		return nil, f
	}
	in, f := c.signed("organization_id")
	if f != nil {
		return nil, f
	}
	return func(u *user) bool {
		var orgs []string
		for _, m := range s.members {
			if m.user == u {
				orgs = append(orgs, m.org.id)
			}
		}
		return own(u.id) && external(value(u.externalID)) && in(orgs...)
	}, nil
}

// byWords keeps users by parts of what they are called.
func byWords(c *call) (func(*user) bool, *failure) {
	addresses := func(u *user) (out []string) {
		for _, e := range u.emails {
			out = append(out, e.address)
		}
		return out
	}
	names := func(u *user) []string {
		return []string{value(u.first), value(u.last), value(u.first) + " " + value(u.last)}
	}
	parts := map[string]func(*user) []string{
		"query": func(u *user) []string {
			return append(append(names(u), u.id, value(u.username)), addresses(u)...)
		},
		"email_address_query": addresses,
		"username_query":      func(u *user) []string { return []string{value(u.username)} },
		"name_query":          names,
		"phone_number_query":  func(*user) []string { return nil },
	}
	banned, has, f := c.flag("banned")
	if f != nil {
		return nil, f
	}
	return func(u *user) bool {
		if has && u.banned != banned {
			return false
		}
		for name, of := range parts {
			part := c.query(name)
			if part != "" && !slices.ContainsFunc(of(u), func(t string) bool { return folded(t, part) }) {
				return false
			}
		}
		return true
	}, nil
}

// byTimes keeps users by windows of time.
func byTimes(c *call) (func(*user) bool, *failure) {
	type window struct {
		of     func(*user) time.Time
		at     time.Time
		before bool
	}
	var windows []window
	for name, of := range map[string]func(*user) time.Time{
		"created_at":      func(u *user) time.Time { return u.created },
		"last_active_at":  func(u *user) time.Time { return u.active },
		"last_sign_in_at": func(u *user) time.Time { return u.signedIn },
	} {
		for _, side := range []string{"_before", "_after", "_since"} {
			at, ok, f := c.instant(name + side)
			if f != nil {
				return nil, f
			}
			if ok {
				windows = append(windows, window{of, at, side == "_before"})
			}
		}
	}
	return func(u *user) bool {
		return !slices.ContainsFunc(windows, func(w window) bool {
			at := w.of(u)
			return at.IsZero() || w.before && !at.Before(w.at) || !w.before && !at.After(w.at)
		})
	}, nil
}

// value is a text, "" for none.
func value(t *string) string {
	if t == nil {
		return ""
	}
	return *t
}

// peopleOrders are the orders of lists of people by what of returns.
func peopleOrders[T any](of func(*T) *user, created func(*T) time.Time) map[string]func(a, b *T) int {
	by := func(text func(*user) string) func(a, b *T) int {
		return func(a, b *T) int { return cmp.Compare(text(of(a)), text(of(b))) }
	}
	return map[string]func(a, b *T) int{
		"created_at":    func(a, b *T) int { return created(a).Compare(created(b)) },
		"email_address": by(func(u *user) string { return u.primaryAddress() }),
		"first_name":    by(func(u *user) string { return value(u.first) }),
		"last_name":     by(func(u *user) string { return value(u.last) }),
		"username":      by(func(u *user) string { return value(u.username) }),
		"phone_number":  by(func(*user) string { return "" }),
	}
}
