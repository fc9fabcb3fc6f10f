package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"usher/config"
	"usher/internal/loopback"
	"usher/sandbox"
)

type demoCmd struct {
	outputs
	Listen       string `default:"127.0.0.1:8080" placeholder:"ADDRESS" help:"Where the gateway listens; loopback only, port 0 takes a free one. Default: ${default}."`
	VendorLimits bool   `help:"Turn the vendors' real rate limits on."`
	LogLevel     string `enum:"debug,info,warn,error" default:"warn" help:"The least serious log lines to show: ${enum}. Default: ${default}."`
}

// Help implements kong.HelpProvider.
func (c *demoCmd) Help() string {
	return `Starts simulated vendors, an OpenID Connect issuer, a mail catcher and the gateway in front of them, all on this machine. Nothing is kept: the ledger is temporary, keys are fresh each run.

Examples:

    usher demo
    usher demo --env-file usher.env --config-out demo.yaml
    usher demo --listen 127.0.0.1:0 --vendor-limits

and in another terminal:

    . ./usher.env
    usher invite send ada@example.com --role member --organization acme-asgardeo
    curl -sS "$USHER_MAIL_URL"`
}

// Run serves the demo until a signal.
func (c *demoCmd) Run(ctx context.Context, s *shell) error {
	if err := mustBeLoopback(c.Listen); err != nil {
		return err
	}
	if err := c.prepare(); err != nil {
		return err
	}
	soft, hard, stop := interrupts(ctx)
	defer stop()
	return ended(soft, c.run(soft, hard, s))
}

func (c *demoCmd) run(soft, hard context.Context, s *shell) (err error) {
	folder, err := os.MkdirTemp("", "usher-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for the demo's ledger: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()

	// The sandbox ends after the gateway, so that what is under way can finish.
	lasting, endSandbox := context.WithCancel(context.WithoutCancel(soft))
	defer endSandbox()
	stderr := &lockedWriter{w: s.stderr}
	log := newLogger(stderr, c.LogLevel, "text")
	world, err := sandbox.Start(lasting, &sandbox.Options{VendorLimits: c.VendorLimits, Logger: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, world.Close()) }()

	text, err := worldConfig(world.Facts(), c.Listen, "sqlite:"+filepath.Join(folder, "usher.db"), c.LogLevel)
	if err != nil {
		return err
	}
	options := s.configOptions()
	options.File = "demo"
	loaded, err := config.Parse(text, options)
	if err != nil {
		return err
	}
	g, err := openGateway(soft, loaded, log, stderr)
	if err != nil {
		return err
	}
	return g.serve(soft, hard, func() error {
		if err := c.write(withURL(g.url(), world.Env()), text); err != nil {
			return err
		}
		return s.say("%s", c.banner(g.url(), world))
	})
}

// mustBeLoopback keeps a demo on this machine.
func mustBeLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return usagef("--listen %s is not an address and port such as 127.0.0.1:8080", address)
	}
	if !loopback.Is(host) {
		return usagef("--listen %s is not on loopback: a demo's keys protect nothing, so it stays on this machine", address)
	}
	return nil
}

// banner tells people where everything is and what to try.
func (c *demoCmd) banner(url string, world *sandbox.Sandbox) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	facts := world.Facts()
	line("usher demo is ready. Ctrl-C ends it, and everything is forgotten then.")
	line("")
	line("  gateway   %s   (reference: %s/docs)", url, url)
	line("  mails     %s/", world.MailURL())
	line("  issuer    %s", facts.Issuer.Issuer)
	for _, o := range facts.Organizations {
		line("  vendor    %s, simulated, with the organization %s", o.Connection, o.Slug)
	}
	line("")
	line("Paste into another terminal:")
	line("")
	if c.EnvFile != "" {
		line("  %s", c.source())
	} else {
		for _, v := range withURL(url, world.Env()) {
			if v.Name == "USHER_URL" || v.Name == "USHER_TOKEN" || v.Name == "USHER_MAIL_URL" {
				line("  export %s=%s", v.Name, v.Value)
			}
		}
	}
	org := facts.Organizations[0].Slug
	line("")
	line("  # invite somebody")
	line(`  curl -sS "$USHER_URL/v1/organizations/%s/invites" -H "Authorization: Bearer $USHER_TOKEN" \`, org)
	line(`    -H 'Content-Type: application/json' -H "Idempotency-Key: first-try" \`)
	line(`    -d '{"email":"ada@example.com","roles":["member"]}'`)
	line("")
	line("  # see the invites, and the mails that went out")
	line(`  curl -sS "$USHER_URL/v1/organizations/%s/invites" -H "Authorization: Bearer $USHER_TOKEN"`, org)
	line(`  curl -sS "$USHER_MAIL_URL"`)
	line("")
	b.WriteString("Open the links in the mails in a browser to play the invited person.")
	return b.String()
}
