package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	File string // as it was named to Load; empty for Parse
	Line int    // from 1
	Path string // such as connections[0].settings.client_secret; empty: the whole file
	Text string // what is wrong; holds no secret
}

// Error implements error: file:line: path: text.
func (p Problem) Error() string {
	text := p.Text
	if p.Path != "" {
		text = p.Path + ": " + text
	}
	file := p.File
	if file == "" {
		file = "configuration"
	}
	return fmt.Sprintf("%s:%d: %s", file, p.Line, text)
}

// Problems is everything that is wrong with a configuration, in the order of
// the file. It is never empty when returned as an error.
type Problems []Problem

// Error implements error: one line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// sorted orders by line and drops what is said twice about one place.
func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), strings.Compare(a.Path, b.Path))
	})
	return slices.Compact(p)
}
