package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The one client whose tokens everything is called with.
const (
	audience = "usher-bench"
	client   = "bench-backend"
)

// issuer is any number of OpenID providers, one below each path, with one key.
type issuer struct {
	server      *http.Server
	base        string
	signer      jose.Signer
	discoveries atomic.Int64
}

func startIssuer(ctx context.Context) (*issuer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	i := &issuer{}
	options := (&jose.SignerOptions{}).WithHeader("kid", "bench").WithType("at+jwt")
	if i.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, options); err != nil {
		return nil, err
	}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "bench", Algorithm: "RS256", Use: "sig"}}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, "application/json", set) })
	mux.HandleFunc("GET /{name}/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		i.discoveries.Add(1)
		reply(w, http.StatusOK, "application/json", map[string]any{"issuer": i.base + "/" + r.PathValue("name"), "jwks_uri": i.base + "/keys"})
	})
	i.server, i.base, err = serve(ctx, mux, nil)
	return i, err
}

// serve starts an HTTP server on loopback.
func serve(ctx context.Context, h http.Handler, state func(net.Conn, http.ConnState)) (*http.Server, string, error) {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	server := &http.Server{Handler: h, ConnState: state, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // ends with Close, and has nothing else to say
	return server, "http://" + listener.Addr().String(), nil
}

func reply(w http.ResponseWriter, status int, kind string, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		status, text = http.StatusInternalServerError, nil
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // fails only where nobody reads
}

// name is that of the nth issuer.
func (i *issuer) name(n int) string { return fmt.Sprintf("issuer%d", n) }

// token is the client's own token of the nth issuer. Tokens differ by id.
func (i *issuer) token(n, id int) (string, error) {
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"iss": i.base + "/" + i.name(n), "sub": client, "client_id": client, "aud": audience, "jti": id,
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	})
	if err != nil {
		return "", err
	}
	signed, err := i.signer.Sign(claims)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// config is the issuers' part of a configuration.
func (i *issuer) config(count int) string {
	var text strings.Builder
	text.WriteString("issuers:\n")
	for n := range count {
		fmt.Fprintf(&text, "  - {name: %s, issuer: %q, audiences: [%s], services: [{client: %s, role: admin, "+
			"grant: [\"invites:read\", \"invites:write\", \"members:read\"], organizations: [{connection: bench, all: true}]}]}\n",
			i.name(n), i.base+"/"+i.name(n), audience, client)
	}
	return text.String()
}
