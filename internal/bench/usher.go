package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"usher/identity"
	"usher/ledger"
	"usher/ledger/ledgertest"
)

// usher is a running gateway with its own ledger.
type usher struct {
	*process
	address string // host:port
	dir     string
	ledger  string   // its URL
	orgs    []string // ids
	invites []string // the nth is of the nth organization, counted round and round
}

// world is what a gateway is started with.
type world struct {
	organizations, issuers int
	invites                int      // in all; fewer than organizations: one of each
	copies                 int      // so many more of each organization and invite
	ledger                 string   // its URL; empty: a file of its own
	clerk                  bool     // the vendor is Clerk, not Asgardeo
	env                    []string // beside the environment of this program
}

// start starts a gateway on a fresh ledger with organizations in it, each with
// its share of the invites.
func (b *bench) start(ctx context.Context, w world) (*usher, error) {
	dir, err := os.MkdirTemp(b.dir, "gateway-")
	if err != nil {
		return nil, err
	}
	u := &usher{dir: dir, ledger: cmp.Or(w.ledger, "sqlite:"+filepath.Join(dir, "usher.db"))}
	if err := u.stock(ctx, w); err != nil {
		return nil, fmt.Errorf("fill the ledger: %w", err)
	}
	if u.address, err = freeAddress(ctx); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "usher.yaml")
	if err := os.WriteFile(path, []byte(b.config(u, w)), 0o600); err != nil {
		return nil, err
	}
	command := exec.Command(b.binary, "serve", "-c", path)
	command.Dir, command.Env, command.Stderr = dir, append(os.Environ(), w.env...), b.log
	if u.process, err = start(ctx, command, nil); err != nil {
		return nil, err
	}
	if err := u.ready(ctx); err != nil {
		return nil, errors.Join(err, u.stop())
	}
	return u, nil
}

// config is that of a gateway in front of the vendor, with the limits on callers
// and on calls to the vendor out of the way. What it does not say is as it is by
// default, the log of each request too.
func (b *bench) config(u *usher, w world) string {
	issuers := max(1, w.issuers)
	provider, admin, member := "asgardeo", "Administrator", "Member"
	settings := fmt.Sprintf("{base_url: %q, client_id: gateway, client_secret: secret, application: Team App}", b.vendor.base)
	if w.clerk {
		provider, admin, member = "clerk", "org:admin", "org:member"
		settings = fmt.Sprintf("{base_url: %q, secret_key: sk_live_bench}", b.vendor.origin())
	}
	text := "listen: " + u.address + "\nledger: {url: \"" + u.ledger + "\"}\nlimits: {requests_per_minute: 0}\n" + b.issuer.config(issuers) +
		"connections:\n  - name: bench\n    provider: " + provider + "\n    issuers:\n"
	for n := range issuers {
		text += "      - " + b.issuer.name(n) + "\n"
	}
	return text + fmt.Sprintf("    roles: {admin: {provider: %q}, member: {provider: %q}}\n    limits: {all: {calls: 0}}\n    settings: %s\n", admin, member, settings)
}

func freeAddress(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// ready waits until the gateway answers.
func (u *usher) ready(ctx context.Context) error {
	every := time.NewTicker(10 * time.Millisecond)
	defer every.Stop()
	for {
		answer, err := http.Get("http://" + u.address + "/readyz")
		if err == nil {
			_, err = readAll(answer)
		}
		if err == nil && answer.StatusCode == http.StatusOK {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-u.done:
			return fmt.Errorf("usher serve ended: %w (-v shows its log)", u.err)
		case <-every.C:
		}
	}
}

// readAll reads an answer to its end and closes it.
func readAll(answer *http.Response) ([]byte, error) {
	body, err := io.ReadAll(answer.Body)
	return body, errors.Join(err, answer.Body.Close())
}

// stockAtOnce is how many invites go into one transaction.
const stockAtOnce = 5000

// stock fills a new ledger. The organizations count as compared with the
// vendor for the whole run: what is measured is reading, and a comparison,
// once a minute and organization, would be measured with it.
func (u *usher) stock(ctx context.Context, w world) error {
	if w.organizations == 0 {
		return nil
	}
	if _, err := ledger.Up(ctx, u.ledger); err != nil {
		return err
	}
	if err := u.record(ctx, w.organizations, max(w.organizations, w.invites)); err != nil || w.copies == 0 {
		return err
	}
	return u.multiply(ctx, w.copies)
}

// record records organizations and invites one by one.
func (u *usher) record(ctx context.Context, organizations, invites int) (err error) {
	l, err := ledger.Open(ctx, u.ledger, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	synced := time.Now().Add(time.Hour)
	for len(u.invites) < invites {
		if err := l.Write(ctx, func(tx *ledger.Tx) error {
			for range min(stockAtOnce, invites-len(u.invites)) {
				if len(u.orgs) < organizations {
					if err := u.addOrganization(tx, len(u.orgs), synced); err != nil {
						return err
					}
				}
				if err := u.addInvite(tx, len(u.invites)); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// multiply copies what the ledger has.
func (u *usher) multiply(ctx context.Context, copies int) error {
	if err := ledgertest.Multiply(ctx, u.ledger, copies); err != nil {
		return err
	}
	all := func(ids []string) (all []string) {
		all = slices.Clone(ids)
		for n := range copies {
			for _, id := range ids {
				all = append(all, ledgertest.CopyID(id, n))
			}
		}
		return all
	}
	var invites []string
	for round := range slices.Chunk(u.invites, len(u.orgs)) {
		invites = append(invites, all(round)...)
	}
	u.orgs, u.invites = all(u.orgs), invites
	return nil
}

func (u *usher) addOrganization(tx *ledger.Tx, n int, synced time.Time) error {
	name := strconv.Itoa(n)
	org := &identity.Organization{Slug: "org-" + name, Name: "Organization " + name, Connection: "bench", ProviderID: "vendor-org-" + name, SyncedAt: &synced}
	err := tx.InsertOrganization(org)
	u.orgs = append(u.orgs, org.ID)
	return err
}

// addInvite records the nth invite as a sending leaves it.
func (u *usher) addInvite(tx *ledger.Tx, n int) error {
	now := tx.Now()
	expires := now.Add(72 * time.Hour)
	actor := identity.Actor{Issuer: "https://issuer.example.com", Subject: client}
	email := "person" + strconv.Itoa(n) + "@example.com"
	i := &identity.Invite{
		OrganizationID: u.orgs[n%len(u.orgs)], Connection: "bench", Email: email, EmailKey: email, Roles: []string{"member"},
		State: identity.StatePending, GivenName: "Jane", FamilyName: "Doe", Locale: "en-GB", Metadata: map[string]any{"team": "blue"},
		Notify: true, NotCarried: []string{"locale", "metadata"}, Inviter: actor, ExpiresAt: &expires, SentAt: &now, SyncedAt: &now, Attempt: 1,
		Reference: map[string]string{"username": email, "user_domain": "DEFAULT"},
	}
	if err := tx.InsertInvite(i); err != nil {
		return err
	}
	for _, e := range []identity.InviteEvent{{State: identity.StateSending, Actor: actor}, {State: identity.StatePending}} {
		if err := tx.AppendEvent(i.ID, e); err != nil {
			return err
		}
	}
	u.invites = append(u.invites, i.ID)
	return nil
}

// path is that of the nth organization, or something below it.
func (u *usher) path(n int, below string) string {
	return "/v1/organizations/" + u.orgs[n] + below
}
