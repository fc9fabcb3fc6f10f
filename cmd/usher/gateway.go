package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"usher/api"
	"usher/config"
	"usher/identity"
	"usher/internal/audit"
	"usher/internal/httpx"
	"usher/internal/quota"
	"usher/internal/quota/lease"
	"usher/internal/telemetry"
	"usher/invites"
	"usher/ledger"
	"usher/oidc"
	"usher/providers"
)

// Bounds of the HTTP server. There is none on reading a whole request: when it
// passed it would end the context of a request that is being answered; the API
// bounds the time a body may take. Answering may take as long as the slowest
// operation, so the write timeout follows the configuration.
const (
	readHeaderTimeout = 10 * time.Second
	writeSlack        = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// gateway is a running usher: everything that serve wires together.
type gateway struct {
	config   *config.Config
	log      *slog.Logger
	listener net.Listener
	ledger   *ledger.Ledger
	audit    *audit.Log // nil: no record
	service  *invites.Service
	server   *http.Server
	traces   *telemetry.Traces // nil: nothing is traced
	given    func() time.Time  // the clock of tests; nil otherwise
	now      func() time.Time

	closers []func() error // what has been opened, in that order
}

// openGateway opens everything a configuration names, the port first, so that
// a second gateway by mistake touches nothing. What is opened is closed again
// on an error.
func openGateway(ctx context.Context, c *config.Config, log *slog.Logger, stderr io.Writer) (*gateway, error) {
	return openGatewayAt(ctx, c, log, stderr, nil)
}

// openGatewayAt is openGateway with a clock; nil means the machine's, and for the
// ledger its database's. Limits on rates go by real time.
func openGatewayAt(ctx context.Context, c *config.Config, log *slog.Logger, stderr io.Writer, now func() time.Time) (_ *gateway, err error) {
	g := &gateway{config: c, log: log, given: now, now: now}
	if now == nil {
		g.now = time.Now
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, g.close())
		}
	}()
	if g.listener, err = listen(ctx, c.Listen); err != nil {
		return nil, err
	}
	g.closers = append(g.closers, func() error { return ignoreClosed(g.listener.Close()) })
	if err := g.openAudit(stderr); err != nil {
		return nil, err
	}
	if err := g.openLedger(ctx); err != nil {
		return nil, err
	}
	registry, metrics, err := newMetrics()
	if err != nil {
		return nil, err
	}
	if err := g.openTraces(ctx, registry); err != nil {
		return nil, err
	}
	connections, err := g.openConnections(ctx, metrics)
	if err != nil {
		return nil, err
	}
	if g.service, err = invites.New(ctx, g.ledger, connections, &invites.Options{
		Logger: log, Mails: c.Limits.Mails, MailWindow: c.Limits.MailWindow, Links: g.publicURL() + api.PathCallback,
	}); err != nil {
		return nil, err
	}
	auth, err := g.openAuthenticator(registry)
	if err != nil {
		return nil, err
	}
	if err := g.bindOrganizations(ctx); err != nil {
		return nil, err
	}
	slowest := operationTimeout(c)
	handler, err := api.New(api.Options{
		Service: g.service, Auth: auth, Ledger: g.ledger, Audit: g.audit, Logger: log, Registry: registry,
		Tracer: g.traces.Tracer(), TrustTraces: c.Tracing != nil && c.Tracing.TrustCallers,
		Version: programVersion(), PublicURL: c.PublicURL, MaxBody: c.Limits.BodyBytes, Timeout: slowest,
		TrustedProxies: c.Proxies(),
		RateLimit:      api.RateLimit{PerMinute: c.Limits.RequestsPerMinute, Burst: c.Limits.RequestBurst},
	})
	if err != nil {
		return nil, err
	}
	g.server = &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		WriteTimeout:      slowest + writeSlack,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	if err := g.service.Start(ctx); err != nil {
		return nil, err
	}
	return g, nil
}

// publicURL is where callers and invitees find the gateway.
func (g *gateway) publicURL() string {
	if g.config.PublicURL != "" {
		return strings.TrimRight(g.config.PublicURL, "/")
	}
	return "http://" + g.listener.Addr().String()
}

// listen opens the port and says in plain words why it cannot.
func listen(ctx context.Context, address string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("the address %s is in use by another program: stop it, or listen elsewhere", address)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("the address %s needs more rights than this user has: use a port from 1024 on", address)
	case err != nil:
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	return l, nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func newMetrics() (*prometheus.Registry, *providers.Metrics, error) {
	registry := prometheus.NewRegistry()
	metrics, err := providers.NewMetrics(registry)
	return registry, metrics, errors.Join(err,
		registry.Register(collectors.NewGoCollector()),
		registry.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})))
}

func (g *gateway) openLedger(ctx context.Context) error {
	url := string(g.config.Ledger.URL)
	if g.config.Ledger.AutoUp {
		applied, err := ledger.Up(ctx, url)
		if err != nil {
			return err
		}
		for _, v := range applied {
			g.log.Info("the ledger's schema was brought up", "version", v.Version, "name", v.Name)
		}
	}
	var err error
	if g.ledger, err = ledger.Open(ctx, url, &ledger.Options{Logger: g.log, Now: g.given}); err != nil {
		return err
	}
	g.closers = append(g.closers, g.ledger.Close)
	return nil
}

// openConnections opens the adapter of each connection. All share one transport
// and the vendors' limits. No vendor is called.
func (g *gateway) openConnections(ctx context.Context, metrics *providers.Metrics) ([]*invites.Connection, error) {
	transport := httpx.NewTransport()
	leases := lease.Open(ctx, g.ledger, &lease.Options{Logger: g.log})
	quotas := quota.New(&quota.Options{Observer: metrics, Store: leases})
	g.closers = append(g.closers, func() error { transport.CloseIdleConnections(); return nil }, leases.Close, quotas.Close)
	mailer, err := g.openMailer()
	if err != nil {
		return nil, err
	}
	var connections []*invites.Connection
	for _, c := range g.config.Connections {
		vendorRoles, rules := map[string]string{}, map[string]invites.RoleRule{}
		for key, role := range c.Roles {
			vendorRoles[key] = cmp.Or(role.Provider, key)
			rules[key] = invites.RoleRule{GrantableBy: role.GrantableBy}
		}
		log := g.log.With("connection", c.Name)
		adapter, err := c.Settings.Open(providers.Deps{
			Connection: c.Name, Roles: vendorRoles, EmailRule: c.Emails,
			ActAsCaller: c.ActAs == "caller", Logger: log, Now: g.now,
			Transport: g.traces.Transport(c.Name, c.Provider, transport),
			Quotas:    quotas, Limits: vendorLimits(c.Limits), LimitWait: c.LimitWait, Metrics: metrics,
			Mailer: mailer, Directory: directory{g.ledger.Directory(c.Name)},
		})
		if err != nil {
			return nil, fmt.Errorf("open connection %s: %w", c.Name, err)
		}
		g.closers = append(g.closers, adapter.Close)
		connections = append(connections, &invites.Connection{
			Name:      c.Name,
			Client:    providers.NewClient(c.Name, adapter, &providers.ClientOptions{Timeout: c.Timeout, Logger: g.log, Metrics: metrics, Now: g.now}),
			Roles:     rules,
			EmailRule: c.Emails, ActAsCaller: c.ActAs == "caller", AutoRegister: c.Register == "auto", RedirectURLs: c.RedirectURLs,
			AcceptURL: c.AcceptURL, CompareEvery: c.CompareEvery,
		})
	}
	return connections, nil
}

// vendorLimits are a connection's overrides as its adapter takes them.
func vendorLimits(configured map[string]config.VendorLimit) map[string]quota.Limit {
	limits := map[string]quota.Limit{}
	for class, l := range configured {
		limits[class] = quota.Limit{Calls: *l.Calls, Window: l.Window}
	}
	return limits
}

// openAuthenticator begins to fetch the issuers' keys, and waits for none.
func (g *gateway) openAuthenticator(registry *prometheus.Registry) (*oidc.Authenticator, error) {
	limits := g.config.Limits
	if limits.FailedTokens == 0 {
		limits.FailedTokens = -1 // no limit
	}
	auth, err := oidc.New(g.config.Issuers, &oidc.Options{
		Trust: trust(g.config), Logger: g.log, Metrics: registry, Connection: g.connectionOf, Now: g.now,
		SourceFailures: limits.FailedTokens, SourceWindow: limits.FailedTokensWindow,
	})
	if err != nil {
		return nil, err
	}
	g.closers = append(g.closers, auth.Close)
	return auth, nil
}

// connectionOf returns the connection of an organization, "" if it has none or
// nobody can tell now: an opaque token is then shown to nobody.
func (g *gateway) connectionOf(ctx context.Context, organization string) string {
	o, err := g.ledger.Organization(ctx, organization)
	if err != nil {
		return ""
	}
	return o.Connection
}

// trust turns the connections' lists of issuers around.
func trust(c *config.Config) map[string][]string {
	by := map[string][]string{}
	for _, connection := range c.Connections {
		for _, issuer := range connection.Issuers {
			by[issuer] = append(by[issuer], connection.Name)
		}
	}
	return by
}

// operationTimeout is the outer bound of one request, beyond that of every
// connection.
func operationTimeout(c *config.Config) time.Duration {
	longest := api.DefaultTimeout
	for _, connection := range c.Connections {
		longest = max(longest, connection.Timeout+writeSlack)
	}
	return longest
}

// bindOrganizations binds the configured organizations that are not bound yet.
func (g *gateway) bindOrganizations(ctx context.Context) error {
	for _, o := range g.config.Organizations {
		alias := identity.Alias{Connection: o.Connection, ProviderID: o.ProviderID}
		bound, err := g.ledger.OrganizationByAlias(ctx, alias)
		switch {
		case err == nil && bound.Slug != o.Slug:
			g.log.Warn("an organization is bound under another slug than configured; the ledger's counts",
				"organization", bound.ID, "slug", bound.Slug, "configured", o.Slug)
			continue
		case err == nil:
			continue
		case identity.CodeOf(err) != identity.CodeNotFound:
			return err
		}
		bound, err = g.service.Bind(ctx, invites.NewOrganization{Connection: o.Connection, ProviderID: o.ProviderID, Name: o.Name, Slug: o.Slug})
		if identity.CodeOf(err) == identity.CodeConflict {
			if _, err := g.ledger.OrganizationByAlias(ctx, alias); err == nil {
				continue // another gateway that starts now was faster
			}
		}
		if err != nil {
			return fmt.Errorf("bind the configured organization %s: %w", o.Slug, err)
		}
		g.log.Info("an organization was bound", "organization", bound.ID, "slug", bound.Slug, "connection", bound.Connection)
	}
	return nil
}
