package main

import (
	"context"
	"errors"

	"usher/identity"
	"usher/sandbox"
)

type sandboxCmd struct {
	outputs
	Listen       string `default:"127.0.0.1:8080" placeholder:"ADDRESS" help:"Where the gateway will listen: for --config-out and USHER_URL. Default: ${default}."`
	Ledger       string `placeholder:"URL" help:"The gateway's ledger, for --config-out. Default: a fresh sqlite:usher-sandbox-….db each run, since each run has new organizations."`
	BasePort     int    `placeholder:"PORT" help:"The first of fixed ports for the sandbox's own servers. Default: any free ports."`
	VendorLimits bool   `help:"Turn the vendors' real rate limits on."`
	LogLevel     string `enum:"debug,info,warn,error" default:"warn" help:"The least serious log lines to show: ${enum}. Default: ${default}."`
}

// Help implements kong.HelpProvider.
func (c *sandboxCmd) Help() string {
	return `What usher demo runs around its gateway, as a process of its own: a gateway can be stopped and started in front of it, and vendors keep what they know.

Examples:

    usher sandbox --env-file usher.env --config-out sandbox.yaml
    usher serve -c sandbox.yaml

Tokens and secrets are good until the sandbox ends.`
}

// Run keeps the sandbox up until a signal.
func (c *sandboxCmd) Run(ctx context.Context, s *shell) (err error) {
	if err := mustBeLoopback(c.Listen); err != nil {
		return err
	}
	if err := c.prepare(); err != nil {
		return err
	}
	soft, _, stop := interrupts(ctx)
	defer stop()
	world, err := sandbox.Start(context.WithoutCancel(soft), &sandbox.Options{
		VendorLimits: c.VendorLimits, BasePort: c.BasePort, Logger: newLogger(s.stderr, c.LogLevel, "text"),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, world.Close()) }()
	ledgerURL := c.Ledger
	if ledgerURL == "" {
		ledgerURL = "sqlite:" + identity.NewID("usher-sandbox-") + ".db"
	}
	text, err := worldConfig(world.Facts(), c.Listen, ledgerURL, "info")
	if err != nil {
		return err
	}
	if err := c.write(withURL("http://"+c.Listen, world.Env()), text); err != nil {
		return err
	}
	if err := c.announce(s, world); err != nil {
		return err
	}
	<-soft.Done()
	return nil
}

func (c *sandboxCmd) announce(s *shell, world *sandbox.Sandbox) error {
	facts := world.Facts()
	lines := []string{
		"usher sandbox is ready. Ctrl-C ends it, and everything is forgotten then.", "",
		"  issuer    " + facts.Issuer.Issuer,
		"  mails     " + world.MailURL() + "/",
	}
	for _, o := range facts.Organizations {
		lines = append(lines, "  vendor    "+o.Connection+", simulated, with the organization "+o.Slug)
	}
	if c.ConfigOut != "" {
		lines = append(lines, "", "Start a gateway in front of it:  usher serve -c "+shellWord(c.ConfigOut))
	}
	if c.EnvFile != "" {
		lines = append(lines, "Variables for a shell:           "+c.source())
	}
	for _, line := range lines {
		if err := s.say("%s", line); err != nil {
			return err
		}
	}
	return nil
}
