package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"

	"usher/config"
	"usher/internal/quota"
	"usher/sandbox"
)

// worldConfig writes the configuration of a gateway in front of a sandbox, as
// the file a person would write.
func worldConfig(f sandbox.Facts, listen, ledgerURL, logLevel string) ([]byte, error) {
	file := yaml.MapSlice{
		{Key: "listen", Value: listen},
		{Key: "allow_demo_issuer", Value: true},
		{Key: "ledger", Value: yaml.MapSlice{{Key: "url", Value: ledgerURL}}},
		{Key: "log", Value: yaml.MapSlice{{Key: "level", Value: logLevel}, {Key: "format", Value: "text"}}},
		{Key: "issuers", Value: []any{worldIssuer(f.Issuer)}},
	}
	if !f.VendorLimits {
		file = append(file, yaml.MapItem{Key: "limits", Value: yaml.MapSlice{
			{Key: "requests_per_minute", Value: 0}, {Key: "mails", Value: 0}, {Key: "failed_tokens", Value: 0},
		}})
	}
	if logLevel == "warn" || logLevel == "error" { // who wants few lines on the terminal wants no record there
		file = append(file, yaml.MapItem{Key: "audit", Value: yaml.MapSlice{{Key: "enabled", Value: false}}})
	}
	file = append(file, yaml.MapItem{Key: "mail", Value: yaml.MapSlice{
		{Key: "host", Value: f.Mail.Host}, {Key: "port", Value: f.Mail.Port}, {Key: "tls", Value: "none"}, {Key: "from", Value: "usher demo <usher@sandbox.example>"},
	}})
	var connections, organizations []any
	for _, c := range f.Connections {
		connections = append(connections, worldConnection(c, f.VendorLimits))
	}
	for _, o := range f.Organizations {
		organizations = append(organizations, yaml.MapSlice{
			{Key: "slug", Value: o.Slug}, {Key: "name", Value: o.Name},
			{Key: "connection", Value: o.Connection}, {Key: "provider_id", Value: o.ProviderID},
		})
	}
	file = append(file, yaml.MapItem{Key: "connections", Value: connections}, yaml.MapItem{Key: "organizations", Value: organizations})
	text, err := yaml.MarshalWithOptions(file, yaml.IndentSequence(true))
	if err != nil {
		return nil, fmt.Errorf("write the demo configuration: %w", err)
	}
	const head = "# The gateway of a demo or sandbox. Keys and secrets are good for that run alone.\n"
	return append([]byte(head), text...), nil
}

func worldIssuer(i sandbox.IssuerFacts) yaml.MapSlice {
	var permissions, services []any
	for _, p := range i.Permissions {
		rule := yaml.MapSlice{}
		if p.Scope != "" {
			rule = append(rule, yaml.MapItem{Key: "scope", Value: p.Scope})
		}
		if p.Role != "" {
			rule = append(rule, yaml.MapItem{Key: "role", Value: p.Role})
		}
		permissions = append(permissions, append(rule, yaml.MapItem{Key: "grant", Value: p.Grant}))
	}
	for _, s := range i.Services {
		rule := yaml.MapSlice{{Key: "client", Value: s.Client}}
		if s.Role != "" {
			rule = append(rule, yaml.MapItem{Key: "role", Value: s.Role})
		}
		var organizations []any
		for _, a := range s.Organizations {
			organizations = append(organizations, yaml.MapSlice{{Key: "connection", Value: a.Connection}, {Key: "all", Value: a.All}})
		}
		services = append(services, append(rule,
			yaml.MapItem{Key: "grant", Value: s.Grant}, yaml.MapItem{Key: "organizations", Value: organizations}))
	}
	return yaml.MapSlice{
		{Key: "name", Value: i.Name}, {Key: "issuer", Value: i.Issuer}, {Key: "preset", Value: i.Preset},
		{Key: "audiences", Value: i.Audiences}, {Key: "algorithms", Value: i.Algorithms}, {Key: "types", Value: i.Types},
		{Key: "demo", Value: i.Demo},
		{Key: "claims", Value: yaml.MapSlice{
			{Key: "organization", Value: i.Claims.Organization}, {Key: "scopes", Value: i.Claims.Scopes},
			{Key: "roles", Value: i.Claims.Roles}, {Key: "email", Value: i.Claims.Email},
			{Key: "email_verified", Value: i.Claims.EmailVerified}, {Key: "client", Value: i.Claims.Client},
		}},
		{Key: "roles", Value: i.Roles},
		{Key: "permissions", Value: permissions},
		{Key: "services", Value: services},
	}
}

func worldConnection(c sandbox.ConnectionFacts, vendorLimits bool) yaml.MapSlice {
	roles := yaml.MapSlice{}
	for _, r := range c.Roles {
		role := yaml.MapSlice{}
		if r.Provider != "" {
			role = append(role, yaml.MapItem{Key: "provider", Value: r.Provider})
		}
		if len(r.GrantableBy) > 0 {
			role = append(role, yaml.MapItem{Key: "grantable_by", Value: r.GrantableBy})
		}
		roles = append(roles, yaml.MapItem{Key: r.Key, Value: role})
	}
	settings := map[string]any{}
	for key, value := range c.Settings {
		if text, ok := value.(string); ok {
			value = config.Escape(text)
		}
		settings[key] = value
	}
	connection := yaml.MapSlice{
		{Key: "name", Value: c.Name}, {Key: "provider", Value: c.Provider}, {Key: "issuers", Value: c.Issuers},
		{Key: "act_as", Value: c.ActAs}, {Key: "emails", Value: c.Emails},
	}
	if !vendorLimits {
		none := yaml.MapSlice{{Key: quota.All, Value: yaml.MapSlice{{Key: "calls", Value: 0}}}}
		connection = append(connection, yaml.MapItem{Key: "limits", Value: none})
	}
	return append(connection, yaml.MapItem{Key: "roles", Value: roles}, yaml.MapItem{Key: "settings", Value: settings})
}

// outputs are the files a demo or a sandbox writes once everything answers.
type outputs struct {
	EnvFile   string `placeholder:"FILE" help:"Write shell lines 'export NAME=value' to FILE (mode 0600) once everything answers."`
	ConfigOut string `placeholder:"FILE" help:"Write the gateway's configuration to FILE (mode 0600); it holds this run's secrets."`
}

// prepare finds out early whether the files can be written, and takes away
// those of an earlier run, so that who waits for them does not read old ones.
func (o outputs) prepare() error {
	for _, path := range []string{o.EnvFile, o.ConfigOut} {
		if path == "" {
			continue
		}
		probe, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
		if err != nil {
			return fmt.Errorf("cannot write %s: %w", path, unwrapPath(err))
		}
		if err := probe.Close(); err != nil {
			return err
		}
		if err := os.Remove(probe.Name()); err != nil {
			return err
		}
		info, err := os.Lstat(path)
		switch {
		case err == nil && info.IsDir():
			return fmt.Errorf("cannot write %s: it is a folder", path)
		case err == nil:
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("cannot replace %s: %w", path, unwrapPath(err))
			}
		}
	}
	return nil
}

func (o outputs) write(env []sandbox.EnvVar, configuration []byte) error {
	if o.ConfigOut != "" {
		if err := os.WriteFile(o.ConfigOut, configuration, 0o600); err != nil {
			return err
		}
	}
	if o.EnvFile != "" {
		return sandbox.WriteEnvFile(o.EnvFile, env)
	}
	return nil
}

// source is the shell command that reads the environment file.
func (o outputs) source() string {
	path := o.EnvFile
	if !strings.Contains(path, "/") {
		path = "./" + path
	}
	return ". " + shellWord(path)
}

// shellWord is a text as one word of a shell's command.
func shellWord(text string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+=,"
	if text != "" && strings.Trim(text, plain) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// unwrapPath drops the name of a temporary file, which says nothing to people.
func unwrapPath(err error) error {
	if path, ok := err.(*os.PathError); ok {
		return path.Err
	}
	return err
}

// withURL puts the gateway's address before the sandbox's variables.
func withURL(url string, env []sandbox.EnvVar) []sandbox.EnvVar {
	return append([]sandbox.EnvVar{{Name: "USHER_URL", Value: url}}, env...)
}
