package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// The paths beside /v1. They need no token and are not in the document.
const (
	pathLive    = "/livez"
	pathReady   = "/readyz"
	pathMetrics = "/metrics"
	pathOpenAPI = "/openapi.json"
	pathDocs    = "/docs"
)

// readyTime is how long the ledger may take to show that it answers.
const readyTime = 2 * time.Second

// serveOperations puts what operators and readers need beside /v1.
func (a *API) serveOperations(registry *prometheus.Registry, doc *huma.OpenAPI) error {
	page, policy, err := renderDocs(doc)
	if err != nil {
		return err
	}
	metrics := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	for path, handler := range map[string]gin.HandlerFunc{
		pathLive:    func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"status": "alive"}) },
		pathReady:   a.ready,
		pathMetrics: gin.WrapH(metrics),
		pathOpenAPI: func(c *gin.Context) { c.Data(http.StatusOK, mediaJSON, a.document) },
		pathDocs: func(c *gin.Context) {
			c.Header("Content-Security-Policy", policy)
			c.Data(http.StatusOK, "text/html; charset=utf-8", page)
		},
	} {
		a.engine.GET(path, handler)
		a.templates[path] = path
	}
	pages, err := newAcceptPages(a)
	if err != nil {
		return err
	}
	a.engine.GET(pathAcceptPage, pages.handle(opOpenLink, pages.show))
	a.engine.POST(pathAcceptPage, pages.handle(opAccept, pages.accept))
	a.templates[pathAcceptPage] = pathAcceptPage
	return nil
}

// ready answers whether the ledger does. A vendor's trouble is no reason to
// take requests away from this instance.
func (a *API) ready(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), readyTime)
	defer cancel()
	if err := a.ledger.Ready(ctx); err != nil {
		requestOf(ctx).failure = err
		c.JSON(http.StatusServiceUnavailable, gin.H{"status": "unready"})
		return
	}
	c.JSON(http.StatusOK, gin.H{"status": "ready"})
}
