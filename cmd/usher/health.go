package main

import (
	"context"
	"fmt"
	"time"

	"usher/identity"
)

type healthCmd struct {
	URL     string        `default:"http://127.0.0.1:8080" variable:"USHER_URL" placeholder:"URL" help:"The gateway (or USHER_URL). Default: ${default}."`
	Timeout time.Duration `default:"5s" help:"How long to wait. Default: ${default}."`
}

// Help implements kong.HelpProvider.
func (c *healthCmd) Help() string {
	return `Asks /readyz: a gateway is ready when its ledger answers. The exit code is 0, or 7 where it is not ready. Made for Docker's HEALTHCHECK.

Examples:

    usher health
    usher health --url http://127.0.0.1:9090`
}

// Run asks once.
func (c *healthCmd) Run(ctx context.Context, s *shell) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	if err := askReady(ctx, c.URL); err != nil {
		return err
	}
	return s.say("ready")
}

// unreachable is the error of a server that does not answer.
func unreachable(address string, err error) error {
	return &plainError{code: identity.CodeProviderUnavailable, text: fmt.Sprintf("no answer from %s: %v", address, err), err: err}
}

// plainError is an error with a code whose text is complete as it stands.
type plainError struct {
	code identity.Code
	text string
	err  error
}

// Error implements error.
func (e *plainError) Error() string { return e.text }

// Unwrap returns the cause.
func (e *plainError) Unwrap() error { return e.err }

// IdentityCode implements identity.Coder.
func (e *plainError) IdentityCode() identity.Code { return e.code }
