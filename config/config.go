package config

import (
	"time"

	"usher/identity"
	"usher/mail"
	"usher/oidc"
	"usher/providers"
)

// Config is the whole configuration of a gateway.
type Config struct {
	Listen          string              `json:"listen" default:"127.0.0.1:8080" help:"Address and port to serve on. Port 0 takes a free one."`
	PublicURL       string              `json:"public_url" help:"The address callers and invitees use, where it differs from listen: behind a proxy, say. The OpenAPI document names it, and links in mails begin with it. Default: none; the document then names no host, and links lead to listen where that is on loopback."`
	AllowDemoIssuer bool                `json:"allow_demo_issuer" default:"false" help:"Accept an issuer marked demo. Then listen, issuers and connections must all be on loopback."`
	Ledger          Ledger              `json:"ledger" help:"usher's own record."`
	Log             Log                 `json:"log" help:"What is written to standard error."`
	Audit           Audit               `json:"audit" help:"Who did what: one JSON line for each call that writes, and for each that was refused."`
	Tracing         *Tracing            `json:"tracing" help:"Where traces go. Without this section the environment variable OTEL_EXPORTER_OTLP_ENDPOINT decides: it is taken for endpoint, and not being set turns tracing off."`
	Limits          Limits              `json:"limits" help:"What a caller may send, and how often."`
	TrustedProxies  []string            `json:"trusted_proxies" help:"Addresses and networks (10.0.0.0/8) of the proxies before usher. Only from these is X-Forwarded-For believed, which limits on one source then go by. Default: none; a source is whoever connects."`
	ShutdownGrace   time.Duration       `json:"shutdown_grace" default:"30s" help:"How long requests under way may take to finish after SIGINT or SIGTERM, up to 10m."`
	Issuers         []oidc.IssuerConfig `json:"issuers" required:"true" help:"Whose tokens are accepted. At least one."`
	Connections     []Connection        `json:"connections" help:"The identity providers behind usher. Default: one connection named local, the built-in directory, with the roles admin (which admin may grant) and member, for all issuers."`
	Mail            *mail.Config        `json:"mail" help:"The mail server for the invitations that usher mails itself: those of connections that have no vendor, or one that does not mail. Default: none."`
	Organizations   []Organization      `json:"organizations" help:"Organizations to bind at start where they are not bound yet, as POST /v1/organizations does. Default: none."`
}

// Ledger is where the record is kept.
type Ledger struct {
	URL    LedgerURL `json:"url" default:"sqlite:usher.db" help:"sqlite: and the path of a file, for one process; or postgres://user:password@host:5432/database, for one or several. The options of Postgres' URLs go behind it, as in ?sslmode=verify-full. file: and a path, or ${NAME}, keep the password out of this file."`
	AutoUp bool      `json:"auto_up" default:"true" help:"Bring the schema up at start. Otherwise run usher ledger up."`
}

// Log is what the log looks like.
type Log struct {
	Level  string `json:"level" default:"info" enum:"debug,info,warn,error" help:"The least serious lines that are written."`
	Format string `json:"format" default:"json" enum:"json,text" help:"One JSON object a line, or key=value text."`
}

// Audit is where the record of who did what goes.
type Audit struct {
	Enabled bool   `json:"enabled" default:"true" help:"Write the record."`
	File    string `json:"file" help:"A file of its own, appended to, mode 0600, opened anew on SIGHUP. Default: standard error, where each of its lines begins with {\"stream\":\"audit\"."`
}

// Tracing is where traces go, over HTTP by the OpenTelemetry protocol.
type Tracing struct {
	Endpoint     string                     `json:"endpoint" help:"Base URL of a collector, such as http://127.0.0.1:4318; /v1/traces is added. https, or http where there are no headers or the collector is on loopback. Default: none; nothing is traced."`
	SampleRatio  float64                    `json:"sample_ratio" default:"1" help:"The share of requests that are traced, from 0 to 1."`
	Headers      map[string]identity.Secret `json:"headers" help:"Sent to the collector with each call: its credentials, for one. Default: none."`
	TrustCallers bool                       `json:"trust_callers" default:"false" help:"Go on with the trace of a caller's traceparent header, and let it decide what is sampled. Otherwise each request begins a trace of its own, which links to the caller's."`
}

// Limits bounds what a caller may send, and how often.
type Limits struct {
	BodyBytes         int64         `json:"body_bytes" default:"65536" help:"The longest request body, from 1024 to 1048576 bytes; longer ones answer 413."`
	RequestsPerMinute int           `json:"requests_per_minute" default:"6000" help:"How many requests one principal (issuer and subject) may make a minute in the long run, up to 1000000; more answer 429 rate_limited. 0 sets no limit."`
	RequestBurst      int           `json:"request_burst" default:"500" help:"How many requests one principal may make at once: 1 to 100000."`
	Mails             int           `json:"mails" default:"5" help:"How many invitations may be mailed to one address of an organization within mail_window, up to 1000; more answer 429 rate_limited. 0 sets no limit."`
	MailWindow        time.Duration `json:"mail_window" default:"10m" help:"The time in which invitations to one address are counted: 1s to 24h."`

	FailedTokens       int           `json:"failed_tokens" default:"60" help:"How many bad tokens that an issuer must be asked about (opaque ones, and ones signed with an unknown key) one source, an IPv4 address or an IPv6 /64, may present within failed_tokens_window, up to 100000. Beyond, its bad tokens answer 401 without any issuer being asked. 0 sets no limit."`
	FailedTokensWindow time.Duration `json:"failed_tokens_window" default:"1m" help:"The time in which a source's bad tokens are counted: 1s to 24h."`
}

// Connection is one configured instance of a provider.
type Connection struct {
	Name         string                 `json:"name" required:"true" help:"Name that rules, organizations, logs and metrics use: lower-case letters, digits and inner hyphens, up to 63. Unique."`
	Provider     string                 `json:"provider" required:"true" help:"The kind of backend. It decides what settings holds."`
	Issuers      []string               `json:"issuers" required:"true" help:"Names of the issuers it trusts: their organization claims resolve here, and rules for their clients may name it. At least one."`
	ActAs        string                 `json:"act_as" default:"service" enum:"service,caller" help:"Whose credential vendor calls use: usher's own, or the caller's token where the vendor should enforce too."`
	Register     string                 `json:"register" default:"manual" enum:"manual,auto" help:"auto makes an organization from a trusted claim that is not bound yet."`
	Emails       identity.EmailRule     `json:"emails" default:"lowercase" enum:"lowercase,exact" help:"How addresses are compared."`
	Timeout      time.Duration          `json:"timeout" default:"30s" help:"Longest time one operation may take, all vendor calls and waits included: 1s to 5m."`
	Limits       map[string]VendorLimit `json:"limits" help:"How often the vendor may be called, by class, where that differs from what the provider's page says. The name all is for every class that is not named. Default: as the provider's page says."`
	LimitWait    time.Duration          `json:"limit_wait" default:"10s" help:"Longest time a call waits for its turn under those limits, from 0s to 5m; one that would wait longer, or beyond the timeout, is not sent, and the answer is 429 provider_rate_limited."`
	CompareEvery time.Duration          `json:"compare_every" default:"10m" help:"How often an organization that has pending invites is compared with the vendor without being asked: from 1m, or 0s for never. Reading compares too, at most once a minute."`
	AcceptURL    string                 `json:"accept_url" help:"The application's page where the links of invitations lead on to, where invitees accept by a link to usher; it is given invite_token and invite_status. https, or http on loopback. Default: a page of usher's own."`
	RedirectURLs []string               `json:"redirect_urls" help:"The pages an invitation may lead to, compared exactly. https, or http on loopback. Default: none."`
	Roles        map[string]Role        `json:"roles" required:"true" help:"Portable roles (lower-case letters, digits, _ and -) and what they are at the vendor. At least one."`
	Settings     providers.Config       `json:"settings" help:"The provider's own settings."`
}

// VendorLimit is how often a vendor may be called in one class.
type VendorLimit struct {
	Calls  *int          `json:"calls" required:"true" help:"The most calls in any span of time of the window's length, up to 1000000. 0 sets no limit."`
	Window time.Duration `json:"window" help:"The length of the window, from 1s to 24h. Default: the declared one."`
}

// Role is what a portable role is on one connection.
type Role struct {
	Provider    string   `json:"provider" help:"The vendor's name of the role. Default: the portable role itself."`
	GrantableBy []string `json:"grantable_by" help:"Portable roles whose holders may invite to this one. Default: whoever may send invitations."`
}

// Organization is one to bind at start.
type Organization struct {
	Slug       string `json:"slug" required:"true" help:"Short name for paths: lower-case letters, digits and inner hyphens, up to 63. Unique; not current or me."`
	Name       string `json:"name" help:"Name for people. Default: the slug."`
	Connection string `json:"connection" required:"true" help:"Name of the connection it lives in."`
	ProviderID string `json:"provider_id" required:"true" help:"The vendor's id of it. Unique in its connection."`
}
