package scim2

import (
	"encoding/json"
	"fmt"
	"strings"

	filter "github.com/scim2/filter-parser/v2"
)

// maxFilter bounds a filter's length, and with it the parser's depth.
const maxFilter = 8 << 10

// expression is a parsed filter with the filters of its value paths apart:
// the parser knows at most two comparisons between brackets, where RFC 7644
// section 3.4.2.2 allows any filter.
type expression struct {
	top    filter.Expression
	inner  []*expression // by the number that stands for each in a value path
	inPath bool          // between brackets
}

// parseFilter reads a filter by the grammar of RFC 7644 section 3.4.2.2.
func parseFilter(text string) (*expression, error) { return parseExpression(text, false) }

func parseExpression(text string, inPath bool) (*expression, error) {
	if len(text) > maxFilter {
		return nil, fmt.Errorf("the filter is longer than %d bytes", maxFilter)
	}
	outer, parts, err := splitBrackets(text)
	if err != nil {
		return nil, err
	}
	if inPath && len(parts) > 0 {
		return nil, fmt.Errorf("brackets within brackets")
	}
	e := &expression{inPath: inPath}
	if e.inner, err = parseParts(parts); err != nil {
		return nil, err
	}
	e.top, err = filter.ParseFilter([]byte(strings.TrimSpace(outer)))
	return e, err
}

func parseParts(parts []string) (out []*expression, err error) {
	for _, part := range parts {
		e, err := parseExpression(part, true)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// splitBrackets replaces what stands between brackets by "n eq NUMBER" and
// returns it apart. Within strings it spells \u escapes as the parser knows
// them, with capitals.
func splitBrackets(text string) (outer string, parts []string, err error) {
	var b, part strings.Builder
	out := &b
	for i := 0; i < len(text); i++ {
		switch ch := text[i]; {
		case ch == '"':
			end := stringEnd(text, i)
			if end < 0 {
				return "", nil, fmt.Errorf("a string has no end")
			}
			out.WriteString(capitalEscapes(text[i : end+1]))
			i = end
		case ch == '[' && out == &b:
			out = &part
		case ch == ']' && out == &part:
			fmt.Fprintf(&b, "[n eq %d]", len(parts))
			parts = append(parts, part.String())
			part.Reset()
			out = &b
		default:
			out.WriteByte(ch)
		}
	}
	if out == &part {
		return "", nil, fmt.Errorf("a bracket is not closed")
	}
	return b.String(), parts, nil
}

// stringEnd is where the string that begins at start ends; -1: nowhere.
func stringEnd(text string, start int) int {
	for i := start + 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

func capitalEscapes(literal string) string {
	out := []byte(literal)
	for i := 0; i+5 < len(out); i++ {
		if out[i] != '\\' {
			continue
		}
		if out[i+1] == 'u' {
			copy(out[i+2:], strings.ToUpper(literal[i+2:i+6]))
		}
		i++
	}
	return string(out)
}

// innerOf is the filter of a value path.
func (e *expression) innerOf(v filter.Expression) *expression {
	a, ok := v.(*filter.AttributeExpression)
	if !ok {
		return nil
	}
	n, ok := a.CompareValue.(int)
	if !ok || n < 0 || n >= len(e.inner) {
		return nil
	}
	return e.inner[n]
}

// literal is the value of a comparison; the parser leaves escapes in strings.
func literal(v any) (any, error) {
	text, ok := v.(string)
	if !ok {
		return v, nil
	}
	var out string
	if err := json.Unmarshal([]byte(`"`+text+`"`), &out); err != nil {
		return nil, fmt.Errorf("a string is not valid: %w", err)
	}
	return out, nil
}

// path is the path of a PATCH operation (RFC 7644 section 3.5.2).
type path struct {
	attribute filter.AttributePath
	where     *expression // value filter; nil: none
	sub       *string     // behind the filter
}

func parsePath(text string) (*path, error) {
	if len(text) > maxFilter {
		return nil, fmt.Errorf("the path is longer than %d bytes", maxFilter)
	}
	outer, parts, err := splitBrackets(text)
	if err != nil {
		return nil, err
	}
	read, err := filter.ParsePath([]byte(strings.TrimSpace(outer)))
	if err != nil {
		return nil, err
	}
	p := &path{attribute: read.AttributePath, sub: read.SubAttribute}
	if len(parts) == 1 && read.ValueExpression != nil {
		p.where, err = parseExpression(parts[0], true)
	} else if len(parts) > 0 || read.ValueExpression != nil {
		err = fmt.Errorf("more than one value filter")
	}
	return p, err
}
