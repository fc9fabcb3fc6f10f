package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/ledger/ledgertest"
)

// two are two gateways in processes of their own, on one ledger.
type two struct {
	t      *testing.T
	env    map[string]string
	urls   [2]string
	both   [2]*child
	faults string
}

// startTwo starts both at once, in front of one sandbox.
func startTwo(t *testing.T) *two {
	t.Helper()
	dir, database := t.TempDir(), ledgertest.Postgres(t)
	env, file := filepath.Join(dir, "usher.env"), filepath.Join(dir, "usher.yaml")
	listen, other := freeAddress(t), freeAddress(t)
	box := start(t, dir, "sandbox", "--listen", listen, "--env-file", env, "--config-out", file, "--ledger", database)
	box.waitFor("the sandbox is up", func() bool { _, err := os.Stat(env); return err == nil })
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	second := filepath.Join(dir, "second.yaml")
	if err := os.WriteFile(second, []byte(strings.ReplaceAll(string(text), listen, other)), 0o600); err != nil {
		t.Fatal(err)
	}
	g := &two{t: t, env: sourced(t.Fatalf, env), urls: [2]string{"http://" + listen, "http://" + other}}
	g.both = [2]*child{start(t, dir, "serve", "-c", file), start(t, dir, "serve", "-c", second)}
	for n, c := range g.both {
		c.waitFor("the gateway is ready", func() bool { return get(g.urls[n]+"/readyz") == http.StatusOK })
	}
	origin, _, _ := strings.Cut(g.env["USHER_SANDBOX_ASGARDEO_URL"], "/t/")
	g.faults = origin + "/_sandbox/faults"
	return g
}

// call asks one of the gateways and returns the answer.
func (g *two) call(n int, method, path, key, body string) answered {
	request, err := http.NewRequestWithContext(g.t.Context(), method, g.urls[n]+path, strings.NewReader(body))
	if err != nil {
		return answered{err: err}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+g.env["USHER_TOKEN"])
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return answered{err: err}
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answered{status: answer.StatusCode, body: string(text), err: err}
}

const invitesOfAcme = "/v1/organizations/acme-asgardeo/invites"

// mails counts the mails to an address.
func (g *two) mails(address string) int {
	g.t.Helper()
	answer, err := http.Get(g.env["USHER_MAIL_URL"])
	if err != nil {
		g.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	var all []json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		g.t.Fatalf("%v: %s", err, text)
	}
	count := 0
	for _, mail := range all {
		if strings.Contains(string(mail), address) {
			count++
		}
	}
	return count
}

// Twenty clients of two gateways with one key send one invitation, and what one
// gateway has sent the other reads.
func TestTwoGateways(t *testing.T) {
	t.Parallel()
	g := startTwo(t)
	control := g.call(0, http.MethodPost, invitesOfAcme, "", `{"email":"control@example.com","roles":["member"]}`)
	if control.status != http.StatusCreated {
		t.Fatalf("got %+v", control)
	}
	answers := make([]answered, 20)
	var clients sync.WaitGroup
	for n := range answers {
		clients.Go(func() {
			for end := time.Now().Add(patience); time.Now().Before(end); {
				answers[n] = g.call(n%2, http.MethodPost, invitesOfAcme, "one-key", `{"email":"ada@example.com","roles":["member"]}`)
				if !strings.Contains(answers[n].body, "idempotency_in_progress") {
					return
				}
			}
		})
	}
	clients.Wait()
	for n, a := range answers {
		if a.err != nil || a.status != http.StatusCreated || a.body != answers[0].body {
			t.Errorf("client %d got %+v, the first %+v", n, a, answers[0])
		}
	}
	if got, want := g.mails("ada@example.com"), g.mails("control@example.com"); got != want || want == 0 {
		t.Errorf("%d mails, where one invitation makes %d", got, want)
	}
	var invite struct{ ID string }
	if err := json.Unmarshal([]byte(answers[0].body), &invite); err != nil {
		t.Fatal(err)
	}
	// Compared with the vendor now, the invite is not changed by reading it.
	if compared := g.call(0, http.MethodGet, invitesOfAcme+"?refresh=true", "", ""); compared.status != http.StatusOK {
		t.Errorf("the comparison: %+v", compared)
	}
	first, second := g.call(0, http.MethodGet, invitesOfAcme+"/"+invite.ID, "", ""), g.call(1, http.MethodGet, invitesOfAcme+"/"+invite.ID, "", "")
	if first.status != http.StatusOK || first.body != second.body {
		t.Errorf("one reads %+v, the other %+v", first, second)
	}
	again := g.call(1, http.MethodPost, invitesOfAcme, "", `{"email":"ada@example.com","roles":["member"]}`)
	if again.status != http.StatusConflict || !strings.Contains(again.body, "invite_pending") || !strings.Contains(again.body, invite.ID) {
		t.Errorf("the same address at the other gateway: %+v", again)
	}
}

// What a gateway was sending when it was killed the other one settles.
func TestKilledGatewayIsSettledByTheOther(t *testing.T) {
	t.Parallel()
	g := startTwo(t)
	h := &house{faults: g.faults}
	fault := `{"match":{"method":"GET","path":"^/t/[^/]+/scim2/Users$"},"times":1,"do":{"hang":true}}`
	if code := send(t, g.faults, "", fault).status; code != http.StatusCreated {
		t.Fatalf("the fault answers %d", code)
	}
	cut := make(chan answered, 1)
	go func() {
		cut <- g.call(0, http.MethodPost, invitesOfAcme, "a-key", `{"email":"ada@example.com","roles":["member"]}`)
	}()
	g.both[0].waitFor("the vendor holds the request", h.held)
	if err := g.both[0].cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-g.both[0].done
	if got := <-cut; got.err == nil {
		t.Errorf("the client of a gateway that was killed got %+v", got)
	}
	h.letGo(t)
	g.both[1].waitFor("the other has settled it", func() bool {
		got := g.call(1, http.MethodGet, invitesOfAcme, "", "")
		return got.status == http.StatusOK && strings.Contains(got.body, "ada@example.com") && strings.Contains(got.body, `"state":"pending"`)
	})
	repeated := g.call(1, http.MethodPost, invitesOfAcme, "a-key", `{"email":"ada@example.com","roles":["member"]}`)
	if repeated.status != http.StatusCreated {
		t.Errorf("the same key at the other gateway: %+v", repeated)
	}
	control := g.call(1, http.MethodPost, invitesOfAcme, "", `{"email":"control@example.com","roles":["member"]}`)
	if control.status != http.StatusCreated {
		t.Fatalf("got %+v", control)
	}
	if got, want := g.mails("ada@example.com"), g.mails("control@example.com"); got != want || want == 0 {
		t.Errorf("%d mails, where one invitation makes %d", got, want)
	}
}
