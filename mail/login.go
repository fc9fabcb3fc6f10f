package mail

import (
	"slices"
	"strings"

	"github.com/wneessen/go-mail/smtp"

	"usher/internal/loopback"
)

// Mechanism is how usher logs in.
type Mechanism string

// The mechanisms. The zero value is AuthAuto.
const (
	AuthAuto            Mechanism = "auto"
	AuthPlain           Mechanism = "plain"
	AuthLogin           Mechanism = "login"
	AuthCRAMMD5         Mechanism = "cram-md5"
	AuthSCRAMSHA1       Mechanism = "scram-sha-1"
	AuthSCRAMSHA1Plus   Mechanism = "scram-sha-1-plus"
	AuthSCRAMSHA256     Mechanism = "scram-sha-256"
	AuthSCRAMSHA256Plus Mechanism = "scram-sha-256-plus"
)

// mechanism is what must be known of one to choose it. SASL names are
// mechanisms in upper case.
type mechanism struct {
	reveals bool // the server learns the password
	binds   bool // it is bound to the TLS connection
}

func mechanisms() map[Mechanism]mechanism {
	return map[Mechanism]mechanism{
		AuthPlain: {reveals: true}, AuthLogin: {reveals: true}, AuthCRAMMD5: {},
		AuthSCRAMSHA1: {}, AuthSCRAMSHA1Plus: {binds: true},
		AuthSCRAMSHA256: {}, AuthSCRAMSHA256Plus: {binds: true},
	}
}

// preferences are tried in this order by auto. Inside TLS a password that the
// server learns is better than CRAM-MD5, for which it must store it in clear.
func preferences() []Mechanism {
	return []Mechanism{
		AuthSCRAMSHA256Plus, AuthSCRAMSHA256, AuthSCRAMSHA1Plus, AuthSCRAMSHA1, AuthPlain, AuthLogin, AuthCRAMMD5,
	}
}

// login logs in if there is a username.
func (d *delivery) login() error {
	if d.settings.Username == "" {
		return nil
	}
	_, offered := d.client.Extension("AUTH")
	chosen := d.choose(strings.Fields(strings.ToUpper(offered)))
	if chosen == "" {
		return notice("the server offers no way to log in that usher may use")
	}
	return d.client.Auth(d.exchange(chosen))
}

// choose returns the mechanism to log in by; empty: there is none.
func (d *delivery) choose(offered []string) Mechanism {
	_, notEncrypted := d.client.GetTLSConnectionState()
	all := mechanisms()
	wanted := []Mechanism{d.settings.Auth}
	if d.settings.Auth == AuthAuto {
		wanted = preferences()
	}
	for _, m := range wanted {
		inClear := notEncrypted != nil && (all[m].binds || all[m].reveals && !loopback.Is(d.settings.Host))
		if !inClear && slices.Contains(offered, strings.ToUpper(string(m))) {
			return m
		}
	}
	return ""
}

func (d *delivery) exchange(m Mechanism) smtp.Auth {
	user, password, host := d.settings.Username, d.settings.Password.Reveal(), d.settings.Host
	state, _ := d.client.GetTLSConnectionState()
	switch m {
	case AuthLogin:
		return smtp.LoginAuth(user, password, host, loopback.Is(host))
	case AuthCRAMMD5:
		return smtp.CRAMMD5Auth(user, password)
	case AuthSCRAMSHA1:
		return smtp.ScramSHA1Auth(user, password)
	case AuthSCRAMSHA1Plus:
		return smtp.ScramSHA1PlusAuth(user, password, state)
	case AuthSCRAMSHA256:
		return smtp.ScramSHA256Auth(user, password)
	case AuthSCRAMSHA256Plus:
		return smtp.ScramSHA256PlusAuth(user, password, state)
	default:
		return smtp.PlainAuth("", user, password, host, loopback.Is(host))
	}
}
