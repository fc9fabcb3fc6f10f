package api

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"usher/identity"
	"usher/internal/redact"
)

// statusClientGone is what is logged and counted where the client went away
// before there was an answer.
const statusClientGone = 499

// metrics are those of the HTTP face.
type metrics struct {
	requests   *prometheus.CounterVec
	duration   *prometheus.HistogramVec
	inFlight   prometheus.Gauge
	unrecorded prometheus.Counter
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "usher_http_requests_total", Help: "Requests answered, by route template, method and status.",
		}, []string{"route", "method", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "usher_http_request_seconds", Help: "Time from a request's headers to its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"route", "method"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "usher_http_requests_in_flight", Help: "Requests being answered now.",
		}),
		unrecorded: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "usher_audit_failures_total", Help: "Calls that are missing in the audit record, since their line could not be written.",
		}),
	}
	return m, errors.Join(r.Register(m.requests), r.Register(m.duration), r.Register(m.inFlight), r.Register(m.unrecorded))
}

// observe writes one log line and counts one request, whatever becomes of it.
func (a *API) observe(c *gin.Context) {
	r := requestOf(c.Request.Context())
	c.Header(headerRequestID, r.id)
	a.metrics.inFlight.Inc()
	defer func() {
		a.metrics.inFlight.Dec()
		route, status := a.template(c.FullPath()), c.Writer.Status()
		if r.gone {
			status = statusClientGone
		}
		elapsed := a.now().Sub(r.started)
		a.metrics.requests.WithLabelValues(route, knownMethod(r.method), strconv.Itoa(status)).Inc()
		a.metrics.duration.WithLabelValues(route, knownMethod(r.method)).Observe(elapsed.Seconds())
		attributes := append(make([]slog.Attr, 0, mostAttributes),
			slog.String("request_id", r.id), slog.String("method", knownMethod(r.method)), slog.String("route", route),
			slog.Int("status", status), slog.Float64("duration_ms", float64(elapsed.Microseconds())/1000),
			slog.Int("bytes", max(c.Writer.Size(), 0)),
		)
		a.log.LogAttrs(c.Request.Context(), level(route, status), "request", r.describe(attributes)...)
	}()
	c.Next()
}

// mostAttributes is how many a request's log line can have.
const mostAttributes = 13

// describe adds what a log line says beyond the HTTP of it: no token, no e-mail, no
// query, and the subject only as a hash.
func (r *request) describe(list []slog.Attr) []slog.Attr {
	if r.trace != "" {
		list = append(list, slog.String("trace_id", r.trace))
	}
	if r.principal != nil {
		sum := sha256.Sum256([]byte(r.principal.Subject))
		list = append(list, slog.String("issuer", r.principal.Issuer), slog.String("subject_hash", hex.EncodeToString(sum[:6])))
	}
	if r.organization != "" {
		list = append(list, slog.String("organization", r.organization))
	}
	if r.replayed {
		list = append(list, slog.Bool("replayed", true))
	}
	if r.code != "" {
		list = append(list, slog.String("code", string(r.code)))
	}
	if r.failure != nil {
		list = append(list, slog.String("error", logged(r.failure.Error())))
	}
	return list
}

// template returns the route as the OpenAPI document writes it.
func (a *API) template(pattern string) string {
	if t, ok := a.templates[pattern]; ok {
		return t
	}
	return "unmatched"
}

// knownMethod keeps what a client makes up out of logs and labels.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	default:
		return "other"
	}
}

func level(route string, status int) slog.Level {
	switch {
	case status >= http.StatusInternalServerError:
		return slog.LevelError
	case isProbe(route):
		return slog.LevelDebug
	default:
		return slog.LevelInfo
	}
}

func isProbe(route string) bool {
	return route == pathLive || route == pathReady || route == pathMetrics
}

// maxLogged is how much of a cause the log keeps.
const maxLogged = 2000

// logged is a cause as the log shows it: it may quote a vendor, and a vendor
// may quote the request.
func logged(text string) string { return redact.Cut(redact.Text(text), maxLogged) }

// recoverPanic answers a panic with a problem document and keeps its stack for
// the log.
func (a *API) recoverPanic(c *gin.Context) {
	defer func() {
		value := recover()
		if value == nil {
			return
		}
		if err, ok := value.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(value)
		}
		a.log.ErrorContext(c.Request.Context(), "panic", "request_id", requestOf(c.Request.Context()).id,
			"panic", logged(fmt.Sprint(value)), "stack", string(debug.Stack()))
		if c.Writer.Written() {
			panic(http.ErrAbortHandler)
		}
		c.Abort()
		p := newProblem(identity.CodeInternal, "")
		p.cause = fmt.Errorf("panic: %v", value)
		answer(c, p)
	}()
	c.Next()
}

// answer writes a problem document outside of any operation.
func answer(c *gin.Context, p *Problem) {
	writeProblem(humagin.NewContext(&huma.Operation{}, c), p)
}

// secure sets the headers every answer has. No other origin is ever let in.
func secure(c *gin.Context) {
	maps.Copy(c.Writer.Header(), secureHeader)
}

// secureHeader is shared by all answers: none changes a value of it in place.
var secureHeader = http.Header{
	"X-Content-Type-Options":       {"nosniff"},
	"X-Frame-Options":              {"DENY"},
	"Referrer-Policy":              {"no-referrer"},
	"Content-Security-Policy":      {"default-src 'none'; frame-ancestors 'none'"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Cache-Control":                {"no-store"},
}

func (a *API) noRoute(c *gin.Context) {
	answer(c, newProblem(identity.CodeNotFound, "There is nothing at this path."))
}

// noMethod answers 405, and OPTIONS with what there is. Gin has listed the
// methods; HEAD goes wherever GET goes.
func (a *API) noMethod(c *gin.Context) {
	allow := strings.Replace(c.Writer.Header().Get("Allow"), http.MethodGet, http.MethodGet+", "+http.MethodHead, 1)
	c.Header("Allow", allow+", "+http.MethodOptions)
	if c.Request.Method == http.MethodOptions {
		c.Status(http.StatusNoContent)
		c.Writer.WriteHeaderNow()
		return
	}
	answer(c, newProblem(identity.CodeMethodNotAllowed, ""))
}
