package main

import (
	"context"
	"encoding/json"

	"usher/ledger"
)

// ledgerURL is the flags of the commands that open a ledger by themselves.
type ledgerURL struct {
	configFile
	URL  string `name:"ledger" placeholder:"URL" help:"The ledger, as in sqlite:usher.db or postgres://host/database. Default: ledger.url of the configuration."`
	JSON bool   `name:"json" help:"Print JSON."`
}

func (f ledgerURL) url(s *shell) (string, error) {
	if f.URL != "" {
		return f.URL, nil
	}
	c, err := f.load(s)
	if err != nil {
		return "", err
	}
	return string(c.Ledger.URL), nil
}

func (f ledgerURL) print(s *shell, versions []ledger.SchemaVersion, word string) error {
	if f.JSON {
		type row struct {
			Version   int64   `json:"version"`
			Name      string  `json:"name"`
			AppliedAt *string `json:"applied_at"`
		}
		rows := make([]row, 0, len(versions))
		for _, v := range versions {
			rows = append(rows, row{Version: v.Version, Name: v.Name, AppliedAt: timeText(v.AppliedAt)})
		}
		return json.NewEncoder(s.stdout).Encode(rows)
	}
	for _, v := range versions {
		state := word
		if at := timeText(v.AppliedAt); at != nil {
			state = "applied " + *at
		}
		if err := s.say("%5d  %-24s %s", v.Version, v.Name, state); err != nil {
			return err
		}
	}
	return nil
}

type ledgerUpCmd struct{ ledgerURL }

// Help implements kong.HelpProvider.
func (c *ledgerUpCmd) Help() string {
	return `serve does this by itself unless ledger.auto_up is false. A ledger in
a file must not be open in a gateway; one in Postgres may.

Examples:

    usher ledger up -c usher.yaml
    usher ledger up --ledger sqlite:usher.db
    usher ledger up --ledger "$LEDGER_URL"`
}

// Run brings the schema up.
func (c *ledgerUpCmd) Run(ctx context.Context, s *shell) error {
	url, err := c.url(s)
	if err != nil {
		return err
	}
	applied, err := ledger.Up(ctx, url)
	if err != nil {
		return err
	}
	if len(applied) == 0 && !c.JSON {
		return s.say("The ledger is up already.")
	}
	return c.print(s, applied, "applied")
}

type ledgerStatusCmd struct{ ledgerURL }

// Help implements kong.HelpProvider.
func (c *ledgerStatusCmd) Help() string {
	return `Examples:

    usher ledger status -c usher.yaml
    usher ledger status --ledger sqlite:usher.db --json`
}

// Run shows the schema.
func (c *ledgerStatusCmd) Run(ctx context.Context, s *shell) error {
	url, err := c.url(s)
	if err != nil {
		return err
	}
	versions, err := ledger.Status(ctx, url)
	if err != nil {
		return err
	}
	return c.print(s, versions, "pending: run usher ledger up")
}
