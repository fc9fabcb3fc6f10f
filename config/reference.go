package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// maxSecretFile bounds what a file: reference reads.
const maxSecretFile = 64 << 10

var reference = regexp.MustCompile(`\$?\$\{[^}]*\}?`)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Escape returns text so that a configuration file that holds it yields text
// again: ${ is not taken for a reference.
func Escape(text string) string { return strings.ReplaceAll(text, "${", "$${") }

// text reads a string node and resolves its references: ${NAME} anywhere,
// $${ for a literal ${, and for secrets file:PATH as the whole value.
func (d *decoder) text(n ast.Node, path string, secret bool) (string, bool) {
	var raw string
	switch s := n.(type) {
	case *ast.StringNode:
		raw = s.Value
	case *ast.LiteralNode:
		raw = s.Value.Value
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		d.problem(path, "must be text")
		return "", false
	default:
		d.problem(path, "must be text: put it in quotes")
		return "", false
	}
	text, ok := d.expand(raw, path)
	if !ok || !secret {
		return text, ok
	}
	if name, found := strings.CutPrefix(raw, "file:"); found {
		if name, ok = d.expand(name, path); !ok {
			return "", false
		}
		return d.secretFile(name, path)
	}
	if text == "" && raw != "" {
		d.problem(path, "%s is set, but empty", raw)
		return "", false
	}
	return text, true
}

// expand replaces each ${NAME}. Problems name variables, never values.
func (d *decoder) expand(raw, path string) (string, bool) {
	ok := true
	text := reference.ReplaceAllStringFunc(raw, func(match string) string {
		if strings.HasPrefix(match, "$$") {
			return match[1:]
		}
		name := strings.TrimSuffix(strings.TrimPrefix(match, "${"), "}")
		if !strings.HasSuffix(match, "}") || !variableName.MatchString(name) {
			d.problem(path, "%s is not a reference: write ${NAME}, or $${ for a literal ${", match)
			ok = false
			return ""
		}
		value, set := d.options.lookup(name)
		if !set {
			d.problem(path, "the environment variable %s is not set", name)
			ok = false
		}
		return value
	})
	return text, ok
}

// secretFile reads a secret; one line break at its end is not part of it. A
// relative name is below the folder of the configuration file.
func (d *decoder) secretFile(name, path string) (string, bool) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(d.options.File), name)
	}
	text, err := readSecret(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.problem(path, "the file %s does not exist", name)
	case err != nil:
		d.problem(path, "cannot read the secret: %v", err)
	case text == "":
		d.problem(path, "the file %s is empty", name)
	case len(text) > maxSecretFile:
		d.problem(path, "the file %s is too long for a secret", name)
	default:
		return text, true
	}
	return "", false
}

func readSecret(name string) (text string, err error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err := io.ReadAll(io.LimitReader(f, maxSecretFile+3))
	return strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), err
}
