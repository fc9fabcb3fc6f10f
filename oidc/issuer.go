package oidc

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
)

// issuer is one configured issuer at work.
type issuer struct {
	name     string
	url      string
	policy   policy
	mapping  *mapping
	verifier gooidc.Config
	keys     *keySet // nil: it signs nothing, and is asked about everything
	counters *issuerCounters
	// inquiries are those about opaque tokens; nil: the issuer is not asked.
	inquiries *introspector
}

func (a *Authenticator) open(c IssuerConfig, trust []string, logger *slog.Logger) (*issuer, error) {
	m, err := newMapping(c, trust)
	if err != nil {
		return nil, err
	}
	counters := a.metrics.issuer(c.Name)
	i := &issuer{name: c.Name, url: c.Issuer, policy: newPolicy(c), mapping: m, counters: counters}
	if c.Preset == PresetNile {
		s := c.Session
		i.inquiries = newIntrospector(newNileSession(s, a.fetcher), s.Timeout, s.Concurrency, s.Failures)
	} else {
		a.trustKeys(i, c, logger)
	}
	if n := i.inquiries; n != nil {
		n.name, n.sources, n.admit, n.memory = c.Name, a.sources, i.admit, a.memory
		n.now, n.logger, n.counters = a.now, logger, counters
	}
	return i, nil
}

// trustKeys has an issuer accept what its keys verify, and be asked about
// opaque tokens where the configuration says so.
func (a *Authenticator) trustKeys(i *issuer, c IssuerConfig, logger *slog.Logger) {
	// Audience, exp and nbf are checked by policy, with one leeway.
	i.verifier = gooidc.Config{SupportedSigningAlgs: c.Algorithms, SkipClientIDCheck: true, SkipExpiryCheck: true}
	i.keys = &keySet{
		name: c.Name, issuer: c.Issuer, discoveryURL: c.DiscoveryURL, jwksURL: c.JWKSURL, algorithms: c.Algorithms,
		fetcher: a.fetcher, now: a.now, logger: logger, counters: i.counters, closing: make(chan struct{}),
	}
	n := c.Introspection
	if !n.on() {
		return
	}
	i.inquiries = newIntrospector(&introspection{
		endpoint: n.Endpoint, keys: i.keys, client: n.ClientID, secret: n.ClientSecret, inForm: n.ClientAuth == ClientSecretPost,
		fetcher: a.fetcher, now: a.now,
	}, n.Timeout, n.Concurrency, n.Failures)
	if n.Endpoint == "" {
		i.inquiries.believed = i.keys.used // which looks where the endpoint is, once a day
	}
}

// verify has go-oidc verify signature and issuer with the one key.
func (i *issuer) verify(ctx context.Context, t *token, key crypto.PublicKey) error {
	only := &gooidc.StaticKeySet{PublicKeys: []crypto.PublicKey{key}}
	verified, err := gooidc.NewVerifier(i.url, only, &i.verifier).Verify(ctx, t.raw)
	if err != nil {
		return err
	}
	var payload json.RawMessage
	if err := verified.Claims(&payload); err != nil {
		return err
	}
	if !bytes.Equal(payload, t.payload) {
		return errors.New("the verified claims are not those that were checked")
	}
	return nil
}

// IssuerStatus is how one issuer stands.
type IssuerStatus struct {
	Name      string
	Issuer    string
	Reachable bool      // the last fetch, or question about a session, succeeded; false before the first
	KeysAt    time.Time // when the keys in use were fetched; zero: there are none
	// LastError is the class of the last fetch's failure: timeout, connect,
	// status, too_long, not_json or mismatch. Empty: none.
	LastError string
}

func (i *issuer) status() IssuerStatus {
	if i.keys != nil {
		return i.keys.status()
	}
	s := i.inquiries.status()
	s.Name, s.Issuer = i.name, i.url
	return s
}
