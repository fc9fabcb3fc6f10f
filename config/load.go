package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"usher/providers"
)

// Options are what reading a configuration depends on.
type Options struct {
	// File names the file in problems, and its folder is where relative file:
	// references start. Load sets it.
	File string
	// Providers makes the empty settings of each provider by name.
	Providers map[string]func() providers.Config
	// Env looks up an environment variable for ${NAME}; nil: none is set.
	Env func(name string) (value string, set bool)
}

func (o *Options) lookup(name string) (string, bool) {
	if o.Env == nil {
		return "", false
	}
	return o.Env(name)
}

func (o *Options) providerNames() []string { return slices.Sorted(maps.Keys(o.Providers)) }

// Load reads and checks a configuration file. What is wrong with its contents
// comes back as Problems, all of it; a file that cannot be read as an error
// that says so.
func Load(path string, o Options) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	o.File = path
	return Parse(data, o)
}

// Parse reads and checks a configuration. An error is Problems.
func Parse(data []byte, o Options) (*Config, error) {
	d := &decoder{options: &o, lines: map[string]int{"": 1}}
	c := &Config{}
	body := d.parse(data)
	if body == nil && len(d.problems) == 0 {
		d.problem("", "is empty: usher config example prints one to start from")
	}
	if body != nil {
		d.lines[""] = lineOf(body)
		d.value(body, reflect.ValueOf(c).Elem(), "")
	}
	if body != nil && body.Type() == ast.MappingType {
		d.builtIn(c)
		d.cross(c)
	}
	if len(d.problems) > 0 {
		return nil, d.problems.sorted()
	}
	return c, nil
}

// parse returns the one document's body; nil if there is none, or a problem.
func (d *decoder) parse(data []byte) ast.Node {
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	var syntax yaml.Error
	switch {
	case errors.As(err, &syntax):
		d.lines[""] = syntax.GetToken().Position.Line
		d.problem("", "not valid YAML: %s", syntax.GetMessage())
		return nil
	case err != nil:
		d.problem("", "not valid YAML: %v", err)
		return nil
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		return nil
	case 1:
		return bodies[0]
	default:
		d.lines[""] = lineOf(bodies[1])
		d.problem("", "holds more than one YAML document")
		return nil
	}
}
