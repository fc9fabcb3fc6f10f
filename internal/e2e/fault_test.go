package e2e

import (
	"encoding/base64"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"usher/internal/processtest"
)

const (
	createPath = `^/t/[^/]+/scim2/Users$`
	invitePath = `/o/api/server/v1/guests/invite$`
	tokenPath  = `/oauth2/token$`
	lookupPath = createPath
)

// impatient shortens what the gateway waits for, so that slowness can be
// tested.
func impatient(config string) string {
	return regexp.MustCompile(`(?m)^(\s*)(- )?name: "?asgardeo"?$`).ReplaceAllString(config, "$0\n$1  timeout: 3s")
}

// Whatever goes wrong on the way: the documented code, a ledger that is true,
// and in the end one mail of each kind.
func TestFaults(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name         string
		method, path string
		do           map[string]any
		times        int
		status       int
		code         string
		state        string // of the invite right after, "" if there is none
		password     int    // mails right after
		guest        int
	}{
		{"429 with Retry-After", "POST", invitePath, map[string]any{"status": 429, "headers": map[string]string{"Retry-After": "6"}}, -1, 429, "provider_rate_limited", "failed", 1, 0},
		{"429 without Retry-After", "POST", invitePath, map[string]any{"status": 429}, -1, 429, "provider_rate_limited", "failed", 1, 0},
		{"429 once", "POST", invitePath, map[string]any{"status": 429, "headers": map[string]string{"Retry-After": "1"}}, 1, 201, "", "pending", 1, 1},
		{"500 at the invitation", "POST", invitePath, map[string]any{"status": 500, "body": `{"code":"OUI-65001","message":"x"}`}, 1, 502, "provider_error", "failed", 1, 0},
		{"500 at the creation", "POST", createPath, map[string]any{"status": 500, "body": "boom"}, 1, 502, "provider_error", "failed", 0, 0},
		{"answer lost at the creation", "POST", createPath, map[string]any{"cut": "after"}, 1, 0, "", "", 1, 0},
		{"answer lost at the invitation", "POST", invitePath, map[string]any{"cut": "after"}, 1, 201, "", "pending", 1, 1},
		{"500 though it was carried out", "POST", invitePath, map[string]any{"status": 500, "after": true}, 1, 201, "", "pending", 1, 1},
		{"connection dropped", "POST", invitePath, map[string]any{"cut": "before"}, 1, 503, "provider_unavailable", "failed", 1, 0},
		{"HTML", "POST", invitePath, map[string]any{"html": true}, 1, 502, "provider_error", "failed", 1, 0},
		{"HTML at the look-up", "GET", lookupPath, map[string]any{"html": true}, -1, 502, "provider_error", "failed", 0, 0},
		{"half an answer", "POST", invitePath, map[string]any{"half_body": true, "after": true}, 1, 201, "", "pending", 1, 1},
		{"endless body", "POST", invitePath, map[string]any{"endless": true}, 1, 502, "provider_error", "failed", 1, 0},
		{"no answer", "POST", invitePath, map[string]any{"hang": true}, 1, 504, "provider_timeout", "failed", 1, 0},
		{"slow", "POST", invitePath, map[string]any{"delay_ms": 700}, 1, 201, "", "pending", 1, 1},
		{"token endpoint down", "POST", tokenPath, map[string]any{"status": 503}, -1, 503, "provider_unavailable", "failed", 0, 0},
		{"credentials refused", "POST", tokenPath, map[string]any{"status": 401, "body": `{"error":"invalid_client"}`}, -1, 502, "provider_rejected_credentials", "failed", 0, 0},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := open(t, impatient)
			const email = "fault@example.com"
			w.fault(tc.method, tc.path, tc.times, 0, tc.do)
			key := []string{"Idempotency-Key", "fault"}
			got := w.ask("POST", invites, invite(email), key...)
			if tc.status != 0 {
				w.want(got, tc.status, tc.code)
				w.wantMails(email, tc.password, tc.guest)
			} else if got.status != 201 && got.status < 500 {
				t.Fatalf("got %s", got)
			}
			id := got.str("id")
			if id == "" {
				id = got.str("invite_id")
			}
			if tc.state != "" && w.state(id) != tc.state {
				t.Errorf("the invite is %s, want %s", w.state(id), tc.state)
			}
			if tc.status == 429 && got.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			for _, secret := range []string{"OUI-", "boom", "<html", w.env["USHER_SANDBOX_ASGARDEO_CLIENT_SECRET"]} {
				if strings.Contains(got.text, secret) {
					t.Errorf("the vendor's words reach the caller: %s", got)
				}
			}
			w.heal()
			// The same request again, with the same key: the same invite.
			var again *answer
			eventually(t, "the vendor may be called again", func() bool {
				again = w.ask("POST", invites, invite(email), key...)
				// A pause lasts, and a token that somebody asked for before the
				// vendor was well again answers for all who wait for it.
				return (tc.status != 429 && tc.path != tokenPath) || again.status != tc.status
			})
			w.want(again, 201, "")
			if again.str("id") != id {
				t.Errorf("the repeated request made %s, the first one %s", again.str("id"), id)
			}
			w.wantMails(email, 1, 1)
			w.openMails(email)
			w.refresh()
			if got := w.state(id); got != "accepted" {
				t.Errorf("in the end the invite is %s", got)
			}
		})
	}
}

// The vendor is down altogether.
func TestVendorDown(t *testing.T) {
	t.Parallel()
	w := open(t, func(config string) string {
		return regexp.MustCompile(`base_url: "?http://127\.0\.0\.1:\d+`).ReplaceAllStringFunc(config, func(match string) string {
			return match[:strings.LastIndex(match, ":")] + fmt.Sprintf(":%d", processtest.FreePort(t))
		})
	})
	got := w.want(w.ask("POST", invites, invite("down@example.com")), 503, "provider_unavailable")
	if state := w.state(got.str("invite_id")); state != "failed" {
		t.Errorf("the invite is %s", state)
	}
	w.want(w.ask("GET", invites, nil), 200, "")
	w.want(w.ask("GET", invites+"?refresh=true", nil), 503, "provider_unavailable")
	w.want(w.ask("GET", org+"/members", nil), 503, "provider_unavailable")
	w.want(w.ask("GET", "/readyz", nil), 200, "")
}

// SIGKILL in the middle of a send, at each vendor call of it, with the vendor
// alive: on start it is settled, and the person gets one mail of each kind.
func TestKilledWhileSending(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, method, path string
		acted              bool
	}{
		{"at the look-up", "GET", lookupPath, false},
		{"at the creation, before it is carried out", "POST", createPath, false},
		{"at the creation, after it was carried out", "POST", createPath, true},
		{"at the invitation, before it is carried out", "POST", invitePath, false},
		{"at the invitation, after it was carried out", "POST", invitePath, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			const email = "killed@example.com"
			w.fault(tc.method, tc.path, 1, 0, map[string]any{"hang": true, "after": tc.acted})
			before := w.started(tc.method, tc.path)
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				_, _ = w.try("POST", invites, invite(email), "Idempotency-Key", "killed")
			}()
			eventually(t, "the vendor is being called", func() bool { return w.started(tc.method, tc.path) > before })
			w.gateway.stop(os.Kill)
			<-sent
			w.heal()
			w.serve()
			listed := w.ask("GET", invites+"?email="+email, nil)
			data, _ := listed.body["data"].([]any)
			if len(data) != 1 {
				t.Fatalf("listed %s", listed)
			}
			row := data[0].(map[string]any)
			eventually(t, "the invite is settled", func() bool {
				state := w.state(row["id"].(string))
				return state != "sending" && state != "uncertain"
			})
			w.wantMails(email, 1, 1)
			again := w.want(w.ask("POST", invites, invite(email), "Idempotency-Key", "killed"), 201, "")
			if again.str("id") != row["id"] || again.str("state") != "pending" {
				t.Errorf("the repeated request answered %s, the invite is %v", again, row["id"])
			}
			w.wantMails(email, 1, 1)
			w.openMails(email)
			w.refresh()
			if got := w.state(again.str("id")); got != "accepted" {
				t.Errorf("in the end the invite is %s", got)
			}
		})
	}
}

// started returns how often a fault on a route has struck: a call that hangs
// is not among the finished ones.
func (w *world) started(method, path string) int {
	w.t.Helper()
	var faults []struct {
		Hits  int
		Match struct{ Method, Path string }
	}
	w.admin("GET", w.vendor+"/_sandbox/faults", nil, &faults)
	n := 0
	for _, f := range faults {
		if f.Match.Method == method && f.Match.Path == path {
			n += f.Hits
		}
	}
	return n
}

// Ctrl-C lets what is under way finish.
func TestStopFinishesWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	w := open(t)
	const email = "stopping@example.com"
	w.fault("POST", invitePath, 1, 0, map[string]any{"delay_ms": 1500})
	got := make(chan *answer, 1)
	go func() {
		a, _ := w.try("POST", invites, invite(email))
		got <- a
	}()
	eventually(t, "the vendor is being called", func() bool { return w.started("POST", invitePath) > 0 })
	w.gateway.stop(os.Interrupt)
	if a := <-got; a == nil || a.status != 201 {
		t.Errorf("the request under way got %v", a)
	}
	if code := w.gateway.command.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d: %s", code, w.gateway.output)
	}
	w.wantMails(email, 1, 1)
}

// An issuer that cannot be reached at start is a warning; its tokens fail
// until it is back, and only its.
func TestUnreachableIssuer(t *testing.T) {
	t.Parallel()
	dead := processtest.FreePort(t)
	w := open(t, func(config string) string {
		return strings.Replace(config, "\nissuers:\n", fmt.Sprintf(
			"\nissuers:\n  - name: away\n    issuer: http://127.0.0.1:%d/away\n    audiences: [x]\n    algorithms: [RS256]\n", dead), 1)
	})
	w.want(w.ask("GET", org, nil), 200, "")
	w.want(w.ask("GET", org, nil, "Authorization", "Bearer "+unsigned(fmt.Sprintf("http://127.0.0.1:%d/away", dead))), 401, "unauthenticated")
	eventually(t, "the log says that the issuer cannot be reached", func() bool {
		return strings.Contains(strings.ToLower(w.gateway.output.String()), "warn") && strings.Contains(w.gateway.output.String(), "away")
	})
}

// Nothing secret and no address of a person is in the gateway's log.
func TestLogHoldsNoSecrets(t *testing.T) {
	t.Parallel()
	w := open(t)
	const email = "logged@example.com"
	id := w.want(w.ask("POST", invites, invite(email)), 201, "").str("id")
	w.fault("POST", invitePath, 1, 0, map[string]any{"status": 500, "body": `{"confirmationCode":"0123-secret","access_token":"tok-secret"}`})
	w.ask("POST", invites, invite("second@example.com"))
	w.fault("POST", createPath, 1, 0, map[string]any{"status": 400, "body": `{"scimType":"invalidValue","detail":"Error in adding the user: third@example.com","status":"400"}`})
	w.ask("POST", invites, invite("third@example.com"))
	w.want(w.ask("POST", invites+"/"+id+"/resend", nil), 200, "")
	w.ask("GET", invites+"?email="+email, nil)
	w.gateway.stop(os.Interrupt)
	log := w.gateway.output.String()
	codes := regexp.MustCompile(`code=([0-9a-f-]{20,})`)
	secrets := []string{email, "second@example.com", "third@example.com", "0123-secret", "tok-secret", w.env["USHER_TOKEN"], w.env["USHER_SANDBOX_ASGARDEO_CLIENT_SECRET"]}
	for _, m := range w.mails(email, "") {
		for _, link := range m.Links {
			if found := codes.FindStringSubmatch(link); found != nil {
				secrets = append(secrets, found[1])
			}
		}
	}
	if len(secrets) < 8 {
		t.Error("the mails hold no codes to look for")
	}
	for _, secret := range secrets {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

// Nobody who cannot reach the demo issuer's keys is let in.
func unsigned(issuer string) string {
	encode := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	now := time.Now().Unix()
	return encode(`{"alg":"RS256","typ":"at+jwt","kid":"x"}`) + "." +
		encode(fmt.Sprintf(`{"iss":%q,"sub":"x","aud":"x","exp":%d,"iat":%d}`, issuer, now+600, now)) + ".AAAA"
}

// A resend is a deletion and a new invitation at this vendor. Whatever is lost
// on the way: the ledger says what is true, and the same request goes on.
func TestResendInterrupted(t *testing.T) {
	t.Parallel()
	const deletePath = `/guests/invitations/[^/]+$`
	for _, tc := range []struct {
		name, method, path string
		do                 map[string]any
		status             int
		code, state        string
		guest              int // mails right after
	}{
		{"deletion cut before it happened", "DELETE", deletePath, map[string]any{"cut": "before"}, 503, "provider_unavailable", "pending", 1},
		{"deletion cut after it happened", "DELETE", deletePath, map[string]any{"cut": "after"}, 503, "provider_unavailable", "failed", 1},
		{"deletion refused", "DELETE", deletePath, map[string]any{"status": 429, "headers": map[string]string{"Retry-After": "6"}}, 429, "provider_rate_limited", "pending", 1},
		{"invitation cut before it happened", "POST", invitePath, map[string]any{"cut": "before"}, 503, "provider_unavailable", "failed", 1},
		{"invitation cut after it happened", "POST", invitePath, map[string]any{"cut": "after"}, 200, "", "pending", 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			const email = "resent@example.com"
			id := w.want(w.ask("POST", invites, invite(email)), 201, "").str("id")
			w.openPassword(email)
			w.fault(tc.method, tc.path, 1, 0, tc.do)
			key := []string{"Idempotency-Key", "again"}
			w.want(w.ask("POST", invites+"/"+id+"/resend", nil, key...), tc.status, tc.code)
			if got := w.state(id); got != tc.state {
				t.Errorf("right after, the invite is %s, want %s", got, tc.state)
			}
			if n := len(w.mails(email, "guest_invitation")); n != tc.guest {
				t.Errorf("%d invitation mails right after, want %d", n, tc.guest)
			}
			w.want(w.ask("POST", invites+"/"+id+"/resend", nil, key...), 200, "")
			w.wantMails(email, 1, 2)
			w.refresh()
			if got := w.state(id); got != "pending" {
				t.Errorf("in the end the invite is %s", got)
			}
		})
	}
}
