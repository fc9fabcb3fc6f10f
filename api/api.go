package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"usher/identity"
	"usher/internal/audit"
	"usher/invites"
	"usher/ledger"
	"usher/oidc"
)

// The limits that apply where Options says nothing.
const (
	DefaultMaxBody = 64 << 10
	DefaultTimeout = 2 * time.Minute
)

// Authenticator tells who holds a bearer token. An error with code
// unauthenticated refuses the token; any other is our own trouble, a 500. The
// context tells the origin of the request (oidc.WithOrigin). It is called
// concurrently.
type Authenticator interface {
	Authenticate(ctx context.Context, bearer string) (*oidc.Principal, error)
}

// Options configures New. Service, Auth and Ledger are required.
type Options struct {
	Service *invites.Service
	Auth    Authenticator
	Ledger  *ledger.Ledger
	Logger  *slog.Logger // nil: slog.Default
	// Registry is what /metrics shows, and where the metrics of the API itself
	// are registered. nil: a registry of its own.
	Registry *prometheus.Registry
	Version  string // of the program, for the OpenAPI document; empty: "dev"
	// PublicURL is the server named in the OpenAPI document, and its path stands
	// before all others in answers; empty: "/".
	PublicURL string
	MaxBody   int64 // of a request body in bytes; 0: DefaultMaxBody
	// Timeout bounds an operation that writes, all vendor calls included;
	// 0: DefaultTimeout. It is the outer bound: connections have their own.
	Timeout time.Duration
	// TrustedProxies are whose X-Forwarded-For is believed. nil: nobody's.
	TrustedProxies []netip.Prefix
	// RateLimit holds each principal to a rate. The zero value limits nobody.
	RateLimit RateLimit
	// Tracer makes a span for each request. nil: none are made.
	Tracer trace.Tracer
	// TrustTraces: a caller's traceparent is gone on with, not just linked to.
	TrustTraces bool
	// Audit takes the record of who did what. nil: there is none.
	Audit *audit.Log
	Now   func() time.Time // nil: time.Now
}

// API is the HTTP handler. It may be used concurrently.
type API struct {
	service *invites.Service
	// organization loads what a caller means by an id, a slug or "current". It
	// is the service's.
	organization func(ctx context.Context, by invites.Caller, ref string) (*identity.Organization, error)

	auth    Authenticator
	ledger  *ledger.Ledger
	log     *slog.Logger
	audit   *audit.Log
	tracer  trace.Tracer
	metrics *metrics
	limiter *limiter // nil: no limit
	maxBody int64
	timeout time.Duration
	proxies []netip.Prefix
	now     func() time.Time

	base       string        // the path before all others, as callers and browsers see them
	bodyTime   time.Duration // how long a client may take to send a body
	uploadIdle time.Duration // how long an upload may stand still

	trustTraces bool

	engine    *gin.Engine
	templates map[string]string // Gin's route pattern → the template of the OpenAPI document
	document  []byte
}

// New returns the handler of the whole HTTP face. It makes no call.
func New(o Options) (*API, error) {
	if o.Service == nil || o.Auth == nil || o.Ledger == nil {
		return nil, errors.New("api: Service, Auth and Ledger are required")
	}
	setGlobals()
	a := &API{
		service: o.Service, organization: o.Service.Organization, auth: o.Auth, ledger: o.Ledger,
		tracer: o.Tracer, trustTraces: o.TrustTraces, audit: o.Audit,
		log: o.Logger, maxBody: o.MaxBody, timeout: o.Timeout, proxies: o.TrustedProxies, now: o.Now,
		bodyTime: bodyTime, uploadIdle: uploadIdle,
		engine: gin.New(), templates: map[string]string{},
	}
	public, err := url.Parse(o.PublicURL)
	if err != nil {
		return nil, fmt.Errorf("api: public URL: %w", err)
	}
	a.base = strings.TrimRight(public.EscapedPath(), "/")
	if a.log == nil {
		a.log = slog.Default()
	}
	if a.maxBody <= 0 {
		a.maxBody = DefaultMaxBody
	}
	if a.timeout <= 0 {
		a.timeout = DefaultTimeout
	}
	if a.now == nil {
		a.now = time.Now
	}
	registry := o.Registry
	if registry == nil {
		registry = prometheus.NewRegistry()
	}
	if a.limiter, err = newLimiter(o.RateLimit); err != nil {
		return nil, err
	}
	if a.metrics, err = newMetrics(registry); err != nil {
		return nil, fmt.Errorf("api: register metrics: %w", err)
	}
	if err := a.configureEngine(); err != nil {
		return nil, err
	}
	doc, err := a.register(o.Version, o.PublicURL)
	if err != nil {
		return nil, err
	}
	if a.document, err = json.MarshalIndent(doc, "", "  "); err != nil {
		return nil, fmt.Errorf("api: write the OpenAPI document: %w", err)
	}
	return a, a.serveOperations(registry, doc)
}

// OpenAPI returns the OpenAPI 3.1 document as it is served.
func (a *API) OpenAPI() ([]byte, error) { return a.document, nil }

// setGlobals sets what Gin and Huma keep in package variables, once for the
// process: strict field names, arrays that are never null, and our own
// problem documents.
var setGlobals = sync.OnceFunc(func() {
	gin.SetMode(gin.ReleaseMode)
	huma.ValidateStrictCasing = true
	huma.DefaultArrayNullable = false
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		return validationProblem(status, msg, errs)
	}
	huma.NewErrorWithContext = humaProblem
})

// configureEngine takes Gin's conveniences away: nothing is redirected, no
// header says who the client is, an encoded slash stays within its segment.
func (a *API) configureEngine() error {
	e := a.engine
	e.RedirectTrailingSlash = false
	e.RedirectFixedPath = false
	e.HandleMethodNotAllowed = true
	e.UseRawPath = true
	e.UnescapePathValues = true
	e.ForwardedByClientIP = false
	if err := e.SetTrustedProxies(nil); err != nil {
		return fmt.Errorf("api: %w", err)
	}
	if a.tracer != nil {
		e.Use(a.traced)
	}
	e.Use(a.observe, a.recoverPanic, secure)
	e.NoRoute(a.noRoute)
	e.NoMethod(a.noMethod)
	return nil
}

// register puts every operation of the route table on the engine and into the
// document.
func (a *API) register(version, publicURL string) (*huma.OpenAPI, error) {
	h := humagin.New(a.engine, humaConfig(version, publicURL))
	documents := operationDocuments()
	for _, r := range a.routes() {
		doc, ok := documents[r.id]
		if !ok || r.permission == "" || r.function == nil {
			return nil, fmt.Errorf("api: operation %s %s lacks a description, a permission or a function", r.method, r.path)
		}
		op := operation(r, doc, h.OpenAPI().Components.Schemas)
		op.Middlewares = huma.Middlewares{a.guard(r)}
		r.function(h, op)
		a.templates[ginPattern(r.path)] = r.path
	}
	return h.OpenAPI(), nil
}

// handle makes a typed operation registrable.
func handle[I, O any](f func(context.Context, *I) (*O, error)) func(huma.API, huma.Operation) {
	return func(h huma.API, op huma.Operation) { huma.Register(h, op, f) }
}

// ServeHTTP implements http.Handler. A body has a deadline from the start, which is
// taken away once it has been read: what nobody has read the server itself reads
// before it answers, for as long as it is allowed to.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		setReadDeadline(w, time.Now().Add(a.bodyTime))
	}
	a.engine.ServeHTTP(w, a.prepare(r))
}

// setReadDeadline bounds how long the rest of a body may take; the zero time: it has
// arrived. Not every writer has deadlines; the server's own limits remain.
func setReadDeadline(w http.ResponseWriter, at time.Time) {
	_ = http.NewResponseController(w).SetReadDeadline(at)
}
