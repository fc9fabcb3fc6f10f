package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"usher/identity"
	"usher/internal/httpx"
)

type tokenCmd struct {
	Issuer        string        `variable:"USHER_ISSUER" placeholder:"URL" help:"The demo issuer (or USHER_ISSUER)."`
	Kind          string        `enum:"admin,reader,outsider" default:"admin" help:"Whose token: ${enum}. Default: ${default}."`
	Organizations []string      `name:"organization" sep:"none" placeholder:"SLUG" help:"Make it a person's token for this demo organization; may be repeated. Default: a service's token for all of them."`
	TTL           time.Duration `placeholder:"DURATION" help:"How long it lives. Default: 24h."`
	Claims        string        `placeholder:"JSON" help:"Claims to overlay, as a JSON object; null takes one out."`
	JSON          bool          `name:"json" help:"Print the whole answer, with the expiry."`
}

// Help implements kong.HelpProvider.
func (c *tokenCmd) Help() string {
	return `Only a running demo or sandbox hands tokens out like this.

Examples:

    . ./usher.env
    usher token
    usher token --kind reader --ttl 5m
    usher token --organization acme-asgardeo --claims '{"email_verified":false}'`
}

// Run prints a token.
func (c *tokenCmd) Run(ctx context.Context, s *shell) error {
	if c.Issuer == "" {
		return usagef("--issuer or USHER_ISSUER is needed: start usher demo --env-file usher.env, then run . ./usher.env")
	}
	body := map[string]any{"kind": c.Kind}
	if len(c.Organizations) > 0 {
		body["organizations"] = c.Organizations
	}
	if c.TTL != 0 {
		body["ttl"] = c.TTL.String()
	}
	if c.Claims != "" {
		var claims map[string]any
		if err := json.Unmarshal([]byte(c.Claims), &claims); err != nil || claims == nil {
			return usagef("--claims is not a JSON object")
		}
		body["claims"] = claims
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	call := httpx.Call{
		Op: "get a token", Method: http.MethodPost, URL: strings.TrimRight(c.Issuer, "/") + "/_sandbox/token",
		Header: http.Header{"Content-Type": {"application/json"}}, Body: text, Repeatable: true,
	}
	answer, err := httpx.New(nil).Do(ctx, call)
	if err != nil {
		return unreachable("the issuer "+c.Issuer, err)
	}
	return c.print(s, call, answer)
}

func (c *tokenCmd) print(s *shell, call httpx.Call, answer *httpx.Response) error {
	var token struct {
		AccessToken string `json:"access_token"`
		Description string `json:"error_description"`
	}
	if err := answer.JSON(call, &token); err != nil || (token.AccessToken == "" && token.Description == "") {
		return fmt.Errorf("%s is not a demo issuer: it answers %d", c.Issuer, answer.Status)
	}
	if answer.Status != http.StatusOK {
		return &plainError{code: identity.CodeInvalidRequest, text: "the demo issuer refuses: " + token.Description}
	}
	if c.JSON {
		_, err := s.stdout.Write(answer.Body)
		return err
	}
	return s.say("%s", token.AccessToken)
}
