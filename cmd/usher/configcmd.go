package main

import (
	"usher/config"
	"usher/providers/all"
)

// configFile is the flag of the commands that read a configuration.
type configFile struct {
	Config string `short:"c" default:"usher.yaml" placeholder:"FILE" variable:"USHER_CONFIG" help:"The configuration (or USHER_CONFIG)."`
}

func (f configFile) load(s *shell) (*config.Config, error) {
	return config.Load(f.Config, s.configOptions())
}

func (s *shell) configOptions() config.Options {
	return config.Options{Providers: all.Table(), Env: s.lookup}
}

type configCheckCmd struct {
	File  string `arg:"" optional:"" default:"usher.yaml" help:"The configuration."`
	Print bool   `help:"Also print what usher makes of it: with all defaults, without secrets."`
}

// Help implements kong.HelpProvider.
func (c *configCheckCmd) Help() string {
	return `Nothing is started and nobody is asked; references to secrets are looked up.

Examples:

    usher config check usher.yaml
    usher config check --print usher.yaml

Each problem is one line: file, line, where, what. The exit code is then 3.`
}

// Run checks a configuration.
func (c *configCheckCmd) Run(s *shell) error {
	loaded, err := configFile{Config: c.File}.load(s)
	if err != nil {
		return err
	}
	if !c.Print {
		return s.say("%s: ok", c.File)
	}
	text, err := loaded.Redacted()
	if err != nil {
		return err
	}
	_, err = s.stdout.Write(text)
	return err
}

type configSchemaCmd struct{}

// Help implements kong.HelpProvider.
func (c *configSchemaCmd) Help() string {
	return `Examples:

    usher config schema > usher.schema.json

and as the first line of usher.yaml, for editors with the YAML language server:

    # yaml-language-server: $schema=usher.schema.json`
}

// Run prints the schema.
func (c *configSchemaCmd) Run(s *shell) error {
	text, err := config.Schema(all.Table())
	if err != nil {
		return err
	}
	_, err = s.stdout.Write(text)
	return err
}

type configExampleCmd struct{}

// Help implements kong.HelpProvider.
func (c *configExampleCmd) Help() string {
	return `Examples:

    usher config example > usher.yaml`
}

// Run prints the example.
func (c *configExampleCmd) Run(s *shell) error {
	_, err := s.stdout.Write([]byte(config.Example()))
	return err
}
