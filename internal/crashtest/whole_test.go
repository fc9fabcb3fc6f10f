package crashtest

import (
	"maps"
	"slices"
)

// strangers looks for what nobody asked for, at the vendors and in the ledger.
func (j *judge) strangers() {
	byPlace := map[place]*organization{}
	for _, o := range j.orgs {
		for _, g := range o.groups {
			byPlace[place{o.connection, o.providerID, g.email}] = o
		}
		for _, email := range o.pending {
			byPlace[place{o.connection, o.providerID, email}] = o
		}
	}
	for at := range j.truth.invitations {
		if byPlace[at] == nil && j.before.invitations[at] == nil {
			j.fail("%s has a stranger: %+v", at.connection, at)
		}
	}
	for _, o := range j.orgs {
		if o.connection == "asgardeo" {
			j.accounts(o, byPlace)
		}
	}
	if j.truth.people != j.before.people {
		j.fail("scim2: people or groups have changed:\n%s\nwere\n%s", j.truth.people, j.before.people)
	}
	for id, i := range j.invites {
		o := j.of[id]
		live := i.State == "pending" || i.State == "uncertain" && o.mailed() || j.replaced(i)
		if byPlace[place{o.connection, o.providerID, i.Email}] == nil && i.Email != member || !live && i.Email != member {
			j.fail("%s has an invite too many, or one that did not end well: %s %s", o.tag, i.Email, i)
		}
	}
}

// replaced: the vendor failed before anything was sent, and another row has
// invited the address since.
func (j *judge) replaced(i *invite) bool {
	if i.State != "failed" || text(i.Reason) != "provider_error" {
		return false
	}
	for id, other := range j.invites {
		if other.Email == i.Email && j.of[id] == j.of[i.ID] && (other.State == "pending" || other.State == "uncertain") {
			return true
		}
	}
	return false
}

// accounts looks for people whom an organization of Asgardeo has not invited, or
// who are there twice.
func (j *judge) accounts(o *organization, byPlace map[place]*organization) {
	for email, n := range j.truth.accounts {
		if invited := byPlace[place{o.connection, o.providerID, email}] != nil; n != 1 || !invited && j.before.accounts[email] == 0 {
			j.fail("asgardeo has %d accounts of %s: %s", n, email, j.truth.about(o, email))
		}
	}
}

// mails compares the vendors' mails by kind, and usher's own.
func (j *judge) mails() {
	want := map[string]map[string]int{}
	own := map[string]bool{}
	for _, v := range j.w.vendors {
		want[v.name] = maps.Clone(j.before.mails[v.name])
	}
	for _, o := range j.orgs {
		emails := slices.Clone(o.pending)
		for _, g := range o.groups {
			emails = append(emails, g.email)
		}
		for _, email := range emails {
			for _, kind := range mailsOf(o.connection) {
				want[o.connection][kind+" to "+email]++
			}
			own[email] = own[email] || o.mailed()
		}
	}
	for name, mails := range want {
		for what := range merged(mails, j.truth.mails[name]) {
			if got := j.truth.mails[name][what]; got != mails[what] {
				j.fail("%s: %d mails %s, want %d", name, got, what, mails[what])
			}
		}
	}
	for email, n := range j.w.relay.delivered {
		if !own[email] || n > 1 {
			j.fail("usher mailed %s %d times", email, n)
		}
	}
}

func merged(a, b map[string]int) map[string]int {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}
