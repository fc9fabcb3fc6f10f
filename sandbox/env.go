package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// makeEnv mints the three tokens and lists the variables of DESIGN.md's
// environment file, USHER_URL apart.
func (s *Sandbox) makeEnv() ([]EnvVar, error) {
	env := []EnvVar{{"USHER_ISSUER", s.issuer.URL()}}
	for _, t := range []struct{ name, kind string }{
		{"USHER_TOKEN", KindAdmin}, {"USHER_TOKEN_READER", KindReader}, {"USHER_TOKEN_OUTSIDER", KindOutsider},
	} {
		token, err := s.Token(TokenRequest{Kind: t.kind})
		if err != nil {
			return nil, err
		}
		env = append(env, EnvVar{t.name, token.Value})
	}
	env = append(env, EnvVar{"USHER_MAIL_URL", s.mailURL + "/api/messages"})
	for _, v := range s.vendors {
		for _, e := range v.env {
			env = append(env, EnvVar{"USHER_SANDBOX_" + strings.ToUpper(v.provider) + "_" + e.Name, e.Value})
		}
	}
	return env, nil
}

// WriteEnvFile writes shell lines `export NAME=value` to path, readable by the
// owner alone. The file appears whole or not at all: it is written beside path
// and renamed. A file that was there is replaced.
func WriteEnvFile(path string, vars []EnvVar) (err error) {
	content, err := envLines(vars)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	// CreateTemp makes it with mode 0600.
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.WriteString(content)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func envLines(vars []EnvVar) (string, error) {
	name := regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	var b strings.Builder
	for _, v := range vars {
		if !name.MatchString(v.Name) {
			return "", fmt.Errorf("%q is no name of a variable", v.Name)
		}
		if strings.ContainsRune(v.Value, 0) {
			return "", errors.New(v.Name + " has a zero byte")
		}
		fmt.Fprintf(&b, "export %s=%s\n", v.Name, shellQuote(v.Value))
	}
	return b.String(), nil
}

// shellQuote leaves plain values as they are, for readers.
func shellQuote(s string) string {
	plain := regexp.MustCompile(`^[A-Za-z0-9_./:@%+=,-]+$`)
	if plain.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
