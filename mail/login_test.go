package mail

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"hash"
	"net"
	"slices"
	"strings"
	"testing"
)

// keeper is a server's side of logging in, for one account.
type keeper struct{ user, password string }

// login implements the mechanisms as their RFCs say: 4616, 2195, 5802, 7677,
// 9266 and the draft of LOGIN.
func (k keeper) login(c *conversation, line string) {
	words := strings.Fields(line)
	good := false
	switch name := words[1]; {
	case name == "PLAIN":
		good = decode(words[2]) == "\x00"+k.user+"\x00"+k.password
	case name == "LOGIN":
		good = k.ask(c, "Username:") == k.user && k.ask(c, "Password:") == k.password
	case name == "CRAM-MD5":
		const challenge = "<1.2@scripted>"
		mac := hmac.New(md5.New, []byte(k.password))
		mac.Write([]byte(challenge))
		good = k.ask(c, challenge) == fmt.Sprintf("%s %x", k.user, mac.Sum(nil))
	case strings.HasPrefix(name, "SCRAM-SHA-"):
		good = k.scram(c, name)
	}
	if good {
		c.say("235 2.7.0 welcome")
	} else {
		c.say("535 5.7.8 " + line + " is wrong")
	}
}

// ask sends a challenge and returns the decoded answer.
func (k keeper) ask(c *conversation, challenge string) string {
	c.say("334 " + base64.StdEncoding.EncodeToString([]byte(challenge)))
	answer, err := c.read()
	if err != nil {
		return ""
	}
	return decode(answer)
}

func decode(s string) string {
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return ""
	}
	return string(raw)
}

func (k keeper) scram(c *conversation, name string) bool {
	h := func() hash.Hash { return sha256.New() }
	if strings.HasPrefix(name, "SCRAM-SHA-1") {
		h = func() hash.Hash { return sha1.New() }
	}
	header, binding := "n,,", ""
	if strings.HasSuffix(name, "-PLUS") {
		state := c.conn.(*tls.Conn).ConnectionState()
		key, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
		if err != nil {
			return false
		}
		header, binding = "p=tls-exporter,,", string(key)
	}
	first := k.ask(c, "")
	bare, ok := strings.CutPrefix(first, header)
	_, nonce, found := strings.Cut(bare, ",r=")
	if !ok || !found || bare != "n="+k.user+",r="+nonce {
		return false
	}
	nonce += "scripted"
	serverFirst := "r=" + nonce + ",s=" + base64.StdEncoding.EncodeToString([]byte("salt")) + ",i=4096"
	final := k.ask(c, serverFirst)
	withoutProof, proof, _ := strings.Cut(final, ",p=")
	if withoutProof != "c="+base64.StdEncoding.EncodeToString([]byte(header+binding))+",r="+nonce {
		return false
	}
	mac := func(key []byte, text string) []byte {
		m := hmac.New(h, key)
		m.Write([]byte(text))
		return m.Sum(nil)
	}
	salted, err := pbkdf2.Key(h, k.password, []byte("salt"), 4096, h().Size())
	if err != nil {
		return false
	}
	message := bare + "," + serverFirst + "," + withoutProof
	client := mac(salted, "Client Key")
	stored := h()
	stored.Write(client)
	signature := mac(stored.Sum(nil), message)
	for i := range client {
		client[i] ^= signature[i]
	}
	if decode(proof) != string(client) {
		return false
	}
	k.ask(c, "v="+base64.StdEncoding.EncodeToString(mac(mac(salted, "Server Key"), message)))
	return true
}

func TestLogin(t *testing.T) {
	t.Parallel()
	cert, pool := authority(t, "")
	every := []string{"PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"}
	for _, test := range []struct {
		name    string
		auth    Mechanism
		offered []string
		clear   bool // without TLS
		want    string
	}{
		{"plain", AuthPlain, every, false, "PLAIN"},
		{"login", AuthLogin, every, false, "LOGIN"},
		{"cram-md5", AuthCRAMMD5, every, false, "CRAM-MD5"},
		{"scram-sha-1", AuthSCRAMSHA1, every, false, "SCRAM-SHA-1"},
		{"scram-sha-1-plus", AuthSCRAMSHA1Plus, every, false, "SCRAM-SHA-1-PLUS"},
		{"scram-sha-256", AuthSCRAMSHA256, every, false, "SCRAM-SHA-256"},
		{"scram-sha-256-plus", AuthSCRAMSHA256Plus, every, false, "SCRAM-SHA-256-PLUS"},
		{"auto takes the strongest", AuthAuto, every, false, "SCRAM-SHA-256-PLUS"},
		{"auto without channel binding", AuthAuto, []string{"PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"}, false, "SCRAM-SHA-256"},
		{"auto with the usual", AuthAuto, []string{"LOGIN", "CRAM-MD5", "PLAIN"}, false, "PLAIN"},
		{"auto in lower case", AuthAuto, []string{"login", "xoauth2"}, false, "LOGIN"},
		{"auto on loopback without TLS", AuthAuto, []string{"PLAIN", "SCRAM-SHA-256-PLUS"}, true, "PLAIN"},
		{"plain on loopback without TLS", AuthPlain, every, true, "PLAIN"},
		{"login on loopback without TLS", AuthLogin, every, true, "LOGIN"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := &scripted{cert: cert, implicit: !test.clear, extensions: []string{"AUTH " + strings.Join(test.offered, " ")}, login: keeper{"usher", "hunter2"}.login}
			server.start(t)
			o := options(t, server.address)
			if !test.clear {
				o.TLS = TLSImplicit
			}
			o.RootCAs, o.Auth, o.Username, o.Password = pool, test.auth, "usher", "hunter2"
			if err := newSender(t, o).SendInvitation(deadline(t), invitation()); err != nil {
				t.Fatal(err)
			}
			if got := strings.Fields(server.said("AUTH"))[1]; got != test.want {
				t.Errorf("logged in by %s, want %s", got, test.want)
			}
			server.message(t)
		})
	}
}

// A refused login is the operator's trouble and not the caller's, tells no
// password, and mails nothing.
func TestLoginRefused(t *testing.T) {
	t.Parallel()
	wrong := keeper{"usher", "another"}.login
	for _, test := range []struct {
		name   string
		auth   Mechanism
		server *scripted
		want   outcome
	}{
		{"plain", AuthPlain, &scripted{login: wrong}, outcome{phaseLogin, credentials, false, 535}},
		{"login", AuthLogin, &scripted{login: wrong}, outcome{phaseLogin, credentials, false, 535}},
		{"cram-md5", AuthCRAMMD5, &scripted{login: wrong}, outcome{phaseLogin, credentials, false, 535}},
		{"scram", AuthSCRAMSHA256, &scripted{login: wrong}, outcome{phaseLogin, credentials, false, 535}},
		{"temporarily", AuthPlain, &scripted{script: map[string]string{"AUTH": "454 4.7.0 aHVudGVyMg== later"}}, outcome{phaseLogin, unavailable, false, 454}},
		{"mechanism too weak", AuthPlain, &scripted{script: map[string]string{"AUTH": "534 5.7.9 hunter2 too weak"}}, outcome{phaseLogin, credentials, false, 534}},
		{"for good", AuthPlain, &scripted{script: map[string]string{"AUTH": "550 hunter2"}}, outcome{phaseLogin, credentials, false, 550}},
		{"cut", AuthPlain, &scripted{script: map[string]string{"AUTH": cut}}, outcome{phaseLogin, unavailable, false, 0}},
		{"no SMTP", AuthPlain, &scripted{script: map[string]string{"AUTH": "hunter2"}}, outcome{phaseLogin, unavailable, false, 0}},
		{"no base64", AuthCRAMMD5, &scripted{script: map[string]string{"AUTH": "334 S3cr3t!"}}, outcome{phaseLogin, credentials, false, 0}},
		{"no SCRAM", AuthSCRAMSHA256, &scripted{script: map[string]string{"AUTH": "334 aHVudGVyMg=="}}, outcome{phaseLogin, credentials, false, 0}},
		{"not offered", AuthSCRAMSHA1, &scripted{extensions: []string{"AUTH PLAIN LOGIN"}}, outcome{phaseLogin, credentials, false, 0}},
		{"no AUTH", AuthAuto, &scripted{extensions: []string{"SIZE 1000000"}}, outcome{phaseLogin, credentials, false, 0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := test.server
			if server.extensions == nil {
				server.extensions = []string{"AUTH PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256"}
			}
			server.start(t)
			o := options(t, server.address)
			o.Auth, o.Username, o.Password = test.auth, "usher", "hunter2"
			err := newSender(t, o).SendInvitation(deadline(t), invitation())
			if got := outcomeOf(t, err); got != test.want {
				t.Errorf("got %+v, want %+v: %v", got, test.want, err)
			}
			if slices.Contains(server.verbs(), "MAIL") {
				t.Errorf("it went on: %v", server.verbs())
			}
		})
	}
}

// Without TLS to another machine auto never shows the password.
func TestNoPasswordInClear(t *testing.T) {
	t.Parallel()
	server := (&scripted{extensions: []string{"AUTH PLAIN LOGIN"}, login: keeper{"usher", "hunter2"}.login}).start(t)
	o := options(t, server.address)
	o.Username, o.Password = "usher", "hunter2"
	s := newSender(t, o)
	s.settings.Host = "mail.example"
	dial := s.dial
	s.dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dial(ctx, network, server.address)
	}
	err := s.SendInvitation(deadline(t), invitation())
	if got, want := outcomeOf(t, err), (outcome{phaseLogin, credentials, false, 0}); got != want {
		t.Errorf("got %+v, want %+v: %v", got, want, err)
	}
	if server.said("AUTH") != "" {
		t.Errorf("it tried to: %v", server.verbs())
	}
}
