package sandbox

import (
	"cmp"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// form is a filled-in form.
type form struct {
	method string
	action string // as written; empty: the page itself
	values url.Values
}

// fill finds the page's first form and fills it in as a person would: fields
// keep what they show, passwords are typed, and the first button is pressed.
func (p *Person) fill(doc *html.Node) *form {
	for n := range elements(doc) {
		if n.Data != "form" {
			continue
		}
		f := &form{
			method: strings.ToUpper(cmp.Or(attr(n, "method"), http.MethodGet)),
			action: attr(n, "action"),
			values: url.Values{},
		}
		pressed := false
		for field := range elements(n) {
			p.fillField(f, field, &pressed)
		}
		return f
	}
	return nil
}

func (p *Person) fillField(f *form, n *html.Node, pressed *bool) {
	name := attr(n, "name")
	if has(n, "disabled") {
		return
	}
	if submits(n) {
		if !*pressed && name != "" {
			f.values.Add(name, attr(n, "value"))
		}
		*pressed = true
		return
	}
	if n.Data != "input" || name == "" {
		return
	}
	switch strings.ToLower(attr(n, "type")) {
	case "button", "reset":
	case "password":
		f.values.Add(name, cmp.Or(p.Password, defaultPassword))
	case "checkbox":
		// What must be ticked is ticked.
		if has(n, "checked") || has(n, "required") {
			f.values.Add(name, cmp.Or(attr(n, "value"), "on"))
		}
	default:
		f.values.Add(name, attr(n, "value"))
	}
}

// submits reports whether pressing n sends the form.
func submits(n *html.Node) bool {
	kind := strings.ToLower(attr(n, "type"))
	return n.Data == "button" && (kind == "" || kind == "submit") || n.Data == "input" && kind == "submit"
}

// elements walks the elements below n in the order of the page.
func elements(n *html.Node) iter.Seq[*html.Node] {
	return func(yield func(*html.Node) bool) {
		for d := range n.Descendants() {
			if d.Type == html.ElementNode && !yield(d) {
				return
			}
		}
	}
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

func title(doc *html.Node) string {
	for n := range elements(doc) {
		if n.Data == "title" {
			return text(n)
		}
	}
	return ""
}

// text returns what is written on a page, without scripts and styles.
func text(n *html.Node) string {
	var words []string
	for d := range n.Descendants() {
		if d.Type != html.TextNode || d.Parent != nil && (d.Parent.Data == "script" || d.Parent.Data == "style") {
			continue
		}
		words = append(words, strings.Fields(d.Data)...)
	}
	return strings.Join(words, " ")
}
