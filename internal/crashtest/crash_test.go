package crashtest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"usher/ledger/ledgertest"
)

// size is how much a run does.
type size struct {
	rows, kills int
	seed        uint64
}

func sizeOf(t *testing.T) size {
	t.Helper()
	number := func(name string, otherwise uint64) uint64 {
		text := os.Getenv(name)
		if text == "" {
			return otherwise
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n
	}
	return size{
		rows: int(number("USHER_CRASH_ROWS", 100)), kills: int(number("USHER_CRASH_KILLS", 2)), seed: number("USHER_CRASH_SEED", 1),
	}
}

// databases are where the ledger can be kept, and how many gateways share it.
func databases() []database {
	return []database{
		{name: "sqlite", instances: 1, url: func(_ *testing.T, dir string) string { return "sqlite:" + filepath.Join(dir, "usher.db") }},
		{name: "postgres", instances: 2, url: func(t *testing.T, _ string) string { return ledgertest.Postgres(t) }},
	}
}

// Nothing is lost and nothing is done twice, whatever fails and whenever a
// gateway is killed.
func TestCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("what is under test are other processes")
	}
	t.Parallel()
	s := sizeOf(t)
	for _, db := range databases() {
		t.Run(db.name, func(t *testing.T) {
			t.Logf("%d rows, %d kills, USHER_CRASH_SEED=%d", s.rows, s.kills, s.seed)
			crash(t, db, s)
		})
	}
}

// callsPerRow is about how many calls of vendors and mails a row costs.
const callsPerRow = 2

func crash(t *testing.T, db database, s size) {
	t.Helper()
	w := openWorld(t, db)
	began := time.Now()
	random := rand.New(rand.NewPCG(s.seed, 0))
	orgs := w.organizations()
	j := &judge{w: w, orgs: orgs, before: w.truth()}
	w.invitePending(orgs)
	j.files = (&planner{Rand: random, orgs: orgs}).files(s.rows)

	u := &uploads{w: w, files: j.files, kills: s.kills, tries: map[int]int{}}
	handed := u.run(random)
	k := &killer{w: w, uploads: u, rand: random, calls: callsPerRow * s.rows / max(s.kills, 1)}
	k.run(s.kills)
	<-handed
	k.starts.Wait()
	j.kills = k.kills
	w.calm()
	t.Logf("after %s all files are taken; answers to uploads by status, 0 for none: %v; the longest took %s", seconds(time.Since(began)), u.tries, seconds(u.longest))
	w.finish(j.files)
	t.Logf("after %s all batches are done", seconds(time.Since(began)))
	j.read()
	j.judge()
	t.Logf("after %s all is read; %d invites; mails that were lost or refused: %v; uncertain rows: %d by lost answers, %d by kills\n%s",
		seconds(time.Since(began)), len(j.invites), w.relay.faults, j.byMail, j.byKill, j.table())
	for _, what := range append(u.wrong, j.wrong...) {
		t.Error(what)
	}
}

// organizations returns those of the sandbox, and makes some more.
func (w *world) organizations() []*organization {
	w.t.Helper()
	known := func(o organization) *organization {
		o.groups = map[string]*same{}
		return &o
	}
	var all []*organization
	type bound struct {
		ID         string `json:"id"`
		Connection string `json:"connection"`
		ProviderID string `json:"provider_id"`
	}
	for _, o := range list[bound](w, "/v1/organizations", nil) {
		all = append(all, known(organization{id: o.ID, connection: o.Connection, providerID: o.ProviderID, tag: o.Connection}))
	}
	var clerk, workos struct {
		ID string `json:"id"`
	}
	w.vendorAsk("POST", w.env["USHER_SANDBOX_CLERK_URL"]+"/v1/organizations", w.env["USHER_SANDBOX_CLERK_SECRET_KEY"], map[string]any{"name": "Second"}, &clerk)
	w.vendorAsk("POST", w.env["USHER_SANDBOX_WORKOS_URL"]+"/organizations", w.env["USHER_SANDBOX_WORKOS_API_KEY"], map[string]any{"name": "Second"}, &workos)
	for _, o := range []organization{
		{connection: "clerk", providerID: clerk.ID}, {connection: "workos", providerID: workos.ID}, {connection: "local", providerID: "second"},
	} {
		o.second, o.tag = true, o.connection+"-second"
		o.id = w.create("/v1/organizations", map[string]any{"connection": o.connection, "provider_id": o.providerID, "name": "Second", "slug": o.tag})
		all = append(all, known(o))
	}
	return all
}

// invitePending gives each organization invites that live before the files come.
func (w *world) invitePending(orgs []*organization) {
	w.t.Helper()
	for _, o := range orgs {
		email := fmt.Sprintf("%s-pending@people.example", o.tag)
		w.create("/v1/organizations/"+o.id+"/invites", map[string]any{"email": email, "roles": []string{"member"}})
		o.pending = append(o.pending, email)
	}
}

// finish waits until every batch has ended, as long as anything of them moves.
func (w *world) finish(files []*file) {
	w.t.Helper()
	left, seen, moved := files, map[*file]string{}, time.Now()
	eventually(24*time.Hour, 100*time.Millisecond, func() bool {
		var still []*file
		for _, f := range left {
			var b batch
			w.get("/v1/organizations/"+f.org.id+"/invite-batches/"+f.batch, &b)
			if now := fmt.Sprintf("%s %s: %+v", f.org.tag, f.key, b); seen[f] != now {
				seen[f], moved = now, time.Now()
			}
			if b.State != "done" {
				still = append(still, f)
			}
		}
		left = still
		return len(left) == 0 || time.Since(moved) > patience
	})
	for _, f := range left {
		w.t.Errorf("a batch does not end: %s", seen[f])
	}
}
