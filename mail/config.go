package mail

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"os"
	"regexp"
	"strings"
	"time"
	"unicode"

	"golang.org/x/net/idna"

	"usher/identity"
	"usher/internal/loopback"
)

// TLSMode is how the connection to the mail server is protected.
type TLSMode string

// The modes. The zero value is TLSStart. There is no mode that falls back to
// clear text.
const (
	TLSStart    TLSMode = "starttls"
	TLSImplicit TLSMode = "tls"
	TLSNone     TLSMode = "none"
)

// Config is what an operator sets.
type Config struct {
	Host           string          `json:"host" help:"The mail server: a host name or an IP address. Required."`
	Port           int             `json:"port,omitempty" help:"Its port, 1 to 65535. Default 587; 465 with tls: tls, 25 with tls: none."`
	TLS            TLSMode         `json:"tls,omitempty" help:"starttls: TLS begins after connecting, and nothing is sent without it; tls: from the first byte; none: only for a server on loopback, or with allow_cleartext. Default starttls."`
	AllowCleartext bool            `json:"allow_cleartext,omitempty" help:"Take tls: none for a server on another machine too: links that accept invitations then cross the network in clear. Default false."`
	Username       string          `json:"username,omitempty" help:"Who usher logs in as. Default: it does not log in."`
	Password       identity.Secret `json:"password,omitempty" help:"Its password. Required with username."`
	Auth           Mechanism       `json:"auth,omitempty" help:"How usher logs in: plain, login, cram-md5, scram-sha-1, scram-sha-1-plus, scram-sha-256, scram-sha-256-plus, or auto, the strongest that the server offers. Without TLS plain and login are for loopback alone. Default auto."`
	From           string          `json:"from" help:"Who the mails are from: an address, or Name <address>. Required."`
	ReplyTo        string          `json:"reply_to,omitempty" help:"Where answers go: an address, or Name <address>. Default: to from."`
	Hello          string          `json:"hello,omitempty" help:"The name usher greets the server with. Default: this machine's."`
	Timeout        time.Duration   `json:"timeout,omitempty" help:"Longest time one mail may take, from 1s to 5m. Default 30s."`
	Templates      string          `json:"templates,omitempty" help:"A directory with templates of your own: invitation.LOCALE.subject, .txt and .html. Default: the built-in ones alone, in English, German, French and Spanish."`
	DefaultLocale  string          `json:"default_locale,omitempty" help:"The language of mails to people whose own has no templates or is not known. Default en."`
}

// Bounds of what may be configured.
const (
	minTimeout, maxTimeout = time.Second, 5 * time.Minute
	defaultTimeout         = 30 * time.Second
)

var (
	hostName  = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,252})$`)
	helloName = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9.-]{0,252})|\[[0-9A-Za-z.:]{2,64}\])$`)
)

// settings are a Config with its defaults filled in and its templates read.
type settings struct {
	Config
	from, replyTo *mail.Address // domains in ASCII
	domain        string        // of from
	templates     *catalog
}

// Validate reports every problem, each beginning with the key it is about and
// a colon. It reads the templates.
func (c *Config) Validate() []error {
	_, problems := c.settle()
	return problems
}

// settle fills in the defaults and reports every problem.
func (c *Config) settle() (*settings, []error) {
	s := &settings{Config: *c}
	var problems []error
	report := func(key, format string, args ...any) {
		problems = append(problems, fmt.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
	}
	s.server(report)
	s.login(report)
	s.people(report)
	if s.Timeout == 0 {
		s.Timeout = defaultTimeout
	}
	if s.Timeout < minTimeout || s.Timeout > maxTimeout {
		report("timeout", "must be from %s to %s", minTimeout, maxTimeout)
	}
	s.templates = load(s.Templates, s.DefaultLocale, report)
	return s, problems
}

func (s *settings) server(report func(key, format string, args ...any)) {
	if s.TLS == "" {
		s.TLS = TLSStart
	}
	preset, known := map[TLSMode]int{TLSStart: 587, TLSImplicit: 465, TLSNone: 25}[s.TLS]
	if !known {
		report("tls", "is starttls, tls or none")
	}
	if s.Port == 0 {
		s.Port = preset
	}
	if s.Port < 0 || s.Port > 65535 {
		report("port", "must be from 1 to 65535")
	}
	host, err := asciiHost(s.Host)
	if err != nil {
		report("host", "%v", err)
		return
	}
	s.Host = host
	if s.TLS == TLSNone && !s.AllowCleartext && !loopback.Is(host) {
		report("tls", "none is for a server on loopback; allow_cleartext lifts that")
	}
}

func (s *settings) login(report func(key, format string, args ...any)) {
	if s.Auth == "" {
		s.Auth = AuthAuto
	}
	mechanism, known := mechanisms()[s.Auth]
	switch {
	case !known && s.Auth != AuthAuto:
		report("auth", "is not one of the mechanisms that usher knows")
	case s.Username == "" && s.Auth != AuthAuto:
		report("auth", "needs a username")
	case s.TLS == TLSNone && mechanism.binds:
		report("auth", "%s needs TLS", s.Auth)
	case s.TLS == TLSNone && mechanism.reveals && !loopback.Is(s.Host):
		report("auth", "%s would send the password in clear", s.Auth)
	}
	switch {
	case s.Username != "" && s.Password == "":
		report("password", "is missing")
	case s.Username == "" && s.Password != "":
		report("username", "is missing")
	}
	if strings.ContainsFunc(s.Username, unicode.IsControl) {
		report("username", "holds control characters")
	}
	if strings.ContainsFunc(s.Password.Reveal(), unicode.IsControl) {
		report("password", "holds control characters")
	}
}

func (s *settings) people(report func(key, format string, args ...any)) {
	var err error
	if s.From == "" {
		report("from", "is missing")
	} else if s.from, err = person(s.From); err != nil {
		report("from", "%v", err)
	} else {
		s.domain = s.from.Address[strings.LastIndexByte(s.from.Address, '@')+1:]
	}
	if s.ReplyTo != "" {
		if s.replyTo, err = person(s.ReplyTo); err != nil {
			report("reply_to", "%v", err)
		}
	}
	if s.Hello == "" {
		s.Hello = machine()
	}
	if !helloName.MatchString(s.Hello) {
		report("hello", "is a host name, or an address in brackets")
	}
}

// person reads an address with or without a name. The local part must be ASCII,
// so that mail to anybody can go through any server.
func person(s string) (*mail.Address, error) {
	parsed, err := mail.ParseAddress(s)
	if err != nil {
		return nil, errors.New("is not an address such as Acme <invitations@acme.example>")
	}
	address, err := identity.ParseEmail(parsed.Address)
	switch {
	case err != nil:
		return nil, errors.New("holds an address that cannot be mailed to")
	case !ascii(address.Local):
		return nil, errors.New("holds an address with letters beyond ASCII before the @")
	case strings.ContainsFunc(parsed.Name, unicode.IsControl):
		return nil, errors.New("has a name with control characters")
	}
	return &mail.Address{Name: parsed.Name, Address: address.Local + "@" + address.Domain}, nil
}

// machine is this machine's name, if it is one to greet with.
func machine() string {
	if name, err := os.Hostname(); err == nil && helloName.MatchString(name) {
		return name
	}
	return "localhost"
}

// asciiHost checks a host and returns it as DNS and certificates know it.
// Underscores are taken: networks of containers have such names.
func asciiHost(host string) (string, error) {
	if host == "" {
		return "", errors.New("is missing")
	}
	if net.ParseIP(host) != nil {
		return host, nil
	}
	name, err := idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false)).ToASCII(host)
	if err != nil || !hostName.MatchString(name) {
		return "", errors.New("is not a host name or an IP address")
	}
	return name, nil
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}
