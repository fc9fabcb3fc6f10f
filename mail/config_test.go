package mail

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/identity"
)

func TestConfigProblems(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*Config)
		want   []string
	}{
		{"none", func(*Config) {}, nil},
		{"everything missing", func(c *Config) { *c = Config{} }, []string{"host: is missing", "from: is missing"}},
		{"everything set", func(c *Config) {
			*c = Config{
				Host: "smtp.bücher.example", Port: 2525, TLS: TLSImplicit, Username: "u", Password: "p", Auth: AuthSCRAMSHA256Plus, From: "Büro <a@bücher.example>",
				ReplyTo: "b@acme.example", Hello: "[127.0.0.1]", Timeout: time.Minute, DefaultLocale: "fr-CA",
			}
		}, nil},
		{"host with a port", func(c *Config) { c.Host = "mail.example:25" }, []string{"host: is not a host name or an IP address"}},
		{"host with a line break", func(c *Config) { c.Host = "mail\r\n.example" }, []string{"host: is not a host name or an IP address"}},
		{"host of a container", func(c *Config) { c.Host = "mail_server" }, nil},
		{"IPv6 host", func(c *Config) { c.Host = "2001:db8::1" }, nil},
		{"port", func(c *Config) { c.Port = 65536 }, []string{"port: must be from 1 to 65535"}},
		{"negative port", func(c *Config) { c.Port = -1 }, []string{"port: must be from 1 to 65535"}},
		{"tls", func(c *Config) { c.TLS = "opportunistic" }, []string{"tls: is starttls, tls or none"}},
		{"clear text", func(c *Config) { c.TLS = TLSNone }, []string{"tls: none is for a server on loopback; allow_cleartext lifts that"}},
		{"clear text allowed", func(c *Config) { c.TLS, c.AllowCleartext = TLSNone, true }, nil},
		{"clear text on loopback", func(c *Config) { c.TLS, c.Host = TLSNone, "127.0.0.9" }, nil},
		{"no password", func(c *Config) { c.Username = "u" }, []string{"password: is missing"}},
		{"no username", func(c *Config) { c.Password = "p" }, []string{"username: is missing"}},
		{"auth", func(c *Config) { c.Auth, c.Username, c.Password = "ntlm", "u", "p" }, []string{"auth: is not one of the mechanisms that usher knows"}},
		{"auth without username", func(c *Config) { c.Auth = AuthPlain }, []string{"auth: needs a username"}},
		{"password in clear", func(c *Config) {
			c.TLS, c.AllowCleartext, c.Auth, c.Username, c.Password = TLSNone, true, AuthLogin, "u", "p"
		}, []string{"auth: login would send the password in clear"}},
		{"binding without TLS", func(c *Config) {
			c.Host, c.TLS, c.Auth, c.Username, c.Password = "localhost", TLSNone, AuthSCRAMSHA1Plus, "u", "p"
		}, []string{"auth: scram-sha-1-plus needs TLS"}},
		{"line break in the login", func(c *Config) { c.Username, c.Password = "u\r\nMAIL", "p\x00" }, []string{"username: holds control characters", "password: holds control characters"}},
		{"from", func(c *Config) { c.From = "Acme" }, []string{"from: is not an address such as Acme <invitations@acme.example>"}},
		{"from two", func(c *Config) { c.From = "a@acme.example, b@acme.example" }, []string{"from: is not an address such as Acme <invitations@acme.example>"}},
		{"from with quotes", func(c *Config) { c.From = `"a b"@acme.example` }, []string{"from: holds an address that cannot be mailed to"}},
		{"from beyond ASCII", func(c *Config) { c.From = "jörg@acme.example" }, []string{"from: holds an address with letters beyond ASCII before the @"}},
		{"line break in the name", func(c *Config) { c.From = "=?utf-8?q?a=0D=0ABcc?= <a@acme.example>" }, []string{"from: has a name with control characters"}},
		{"reply_to", func(c *Config) { c.ReplyTo = "a@b\r\nBcc: x@y.example" }, []string{"reply_to: is not an address such as Acme <invitations@acme.example>"}},
		{"hello", func(c *Config) { c.Hello = "a\r\nMAIL FROM:<x>" }, []string{"hello: is a host name, or an address in brackets"}},
		{"short timeout", func(c *Config) { c.Timeout = time.Millisecond }, []string{"timeout: must be from 1s to 5m0s"}},
		{"long timeout", func(c *Config) { c.Timeout = time.Hour }, []string{"timeout: must be from 1s to 5m0s"}},
		{"default_locale", func(c *Config) { c.DefaultLocale = "not a tag" }, []string{"default_locale: is not a language tag such as en or pt-BR"}},
		{"default_locale without templates", func(c *Config) { c.DefaultLocale = "ja" }, []string{"default_locale: there are no templates for ja"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := Config{Host: "smtp.example.com", From: "Acme <a@acme.example>"}
			test.change(&c)
			var got []string
			for _, err := range c.Validate() {
				got = append(got, err.Error())
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if _, err := New(Options{Config: c}); (err == nil) != (test.want == nil) {
				t.Errorf("New: %v", err)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	for mode, port := range map[TLSMode]int{"": 587, TLSStart: 587, TLSImplicit: 465, TLSNone: 25} {
		s := newSender(t, Options{Config: Config{Host: "localhost", TLS: mode, From: "a@acme.example"}})
		if s.settings.Port != port || s.settings.Timeout != defaultTimeout || s.settings.Hello == "" || s.settings.Auth != AuthAuto {
			t.Errorf("%q: %+v", mode, s.settings.Config)
		}
	}
}

// The reference of the configuration is written from the tags.
func TestEachSettingIsDescribed(t *testing.T) {
	t.Parallel()
	want := []string{
		"host", "port", "tls", "allow_cleartext", "username", "password", "auth", "from", "reply_to", "hello", "timeout", "templates", "default_locale",
	}
	var got []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		got = append(got, key)
		help := f.Tag.Get("help")
		if !strings.Contains(help, "Required.") && !strings.Contains(help, "Default") && !strings.Contains(help, "Required with") {
			t.Errorf("%s does not tell its default: %q", key, help)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("keys %v, want %v", got, want)
	}
}

// A password that is logged by accident is not one that is known.
func TestPasswordIsNotPrinted(t *testing.T) {
	t.Parallel()
	o := Options{Config: Config{Host: "localhost", From: "a@acme.example", Username: "u", Password: identity.Secret("hunter2")}}
	s := newSender(t, o)
	for _, text := range []string{fmt.Sprintf("%v %+v", o, o), fmt.Sprintf("%+v", s.settings.Config)} {
		if strings.Contains(text, "hunter2") {
			t.Error(text)
		}
	}
}
