package api_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"usher/identity"
	"usher/ledger/ledgertest"
	"usher/providers/memory"
)

// Fifty clients repeat requests at random, over every instance there is, while
// the vendor fails now and then and loses answers: nobody is mailed twice, and
// whoever was told that an invite was sent is told the same again.
func TestRandomRetries(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a volume suite")
	}
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		h := buildOn(t, "sqlite:"+filepath.Join(t.TempDir(), "usher.db"))
		retryAtRandom(h, []*house{h})
	})
	t.Run("two on Postgres", func(t *testing.T) {
		t.Parallel()
		h := buildOn(t, ledgertest.Postgres(t))
		retryAtRandom(h, []*house{h, h.twin()})
	})
}

const (
	retryClients  = 50
	retryRequests = 10_000
	retryKeys     = 700
)

func retryAtRandom(h *house, instances []*house) {
	h.t.Helper()
	faults := []memory.Fault{
		{Op: "invite", Code: identity.CodeProviderUnavailable},
		{Op: "invite", Code: identity.CodeProviderTimeout, Acted: true},
		{Op: "invite", Code: identity.CodeProviderTimeout, Unclear: true},
		{Op: "settle", Code: identity.CodeProviderUnavailable},
	}
	var given sync.Map // by key, the answer that told of success
	var asked atomic.Int64
	var clients sync.WaitGroup
	for client := range retryClients {
		clients.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(client)))
			for asked.Add(1) <= retryRequests {
				if random.IntN(40) == 0 {
					h.vendor.Inject(faults[random.IntN(len(faults))])
				}
				n := random.IntN(retryKeys)
				got := instances[random.IntN(len(instances))].keyed(admin, invitesPath, retryBody(n), retryKey(n))
				switch got.status {
				case 201:
					if before, twice := given.LoadOrStore(n, got.body); twice && before != got.body {
						h.t.Errorf("key %d: answered %s, and before %s", n, got.body, before)
					}
				case 409, 429, 502, 503, 504:
				default:
					h.t.Errorf("key %d: %d %s", n, got.status, got.body)
				}
			}
		})
	}
	clients.Wait()
	h.vendor.Heal()
	for n := range retryKeys {
		for tries := 0; ; tries++ {
			if got := instances[n%len(instances)].keyed(admin, invitesPath, retryBody(n), retryKey(n)); got.status == 201 {
				break
			} else if tries == 50 {
				h.t.Fatalf("key %d is not answered: %d %s", n, got.status, got.body)
			}
		}
		address := fmt.Sprintf("person%d@example.com", n)
		if mails := h.vendor.Mails("one", address); mails != 1 {
			h.t.Errorf("%s got %d mails", address, mails)
		}
	}
}

func retryKey(n int) string { return fmt.Sprintf("key-%d", n) }

func retryBody(n int) string {
	return fmt.Sprintf(`{"email":"person%d@example.com","roles":["member"]}`, n)
}
