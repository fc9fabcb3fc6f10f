package mail

import (
	"embed"
	"fmt"
	htmltemplate "html/template"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	texttemplate "text/template"
	"unicode/utf8"

	"golang.org/x/text/language"
)

//go:embed templates/invitation.*
var builtIn embed.FS

// maxTemplate bounds one template file.
const maxTemplate = 256 << 10

const (
	filePrefix    = "invitation."
	defaultLocale = "en"
)

// kinds are the files of each locale.
func kinds() []string { return []string{"subject", "txt", "html"} }

func fileName(tag language.Tag, kind string) string { return filePrefix + tag.String() + "." + kind }

// files are the texts of one locale by kind, with the name each came by.
type files map[string]struct{ name, text string }

// load reads the built-in templates and those of a directory, if there is one,
// and tries them all. It reports every problem.
func load(directory, locale string, report func(key, format string, args ...any)) *catalog {
	if locale == "" {
		locale = defaultLocale
	}
	refuse := func(format string, args ...any) { report("templates", format, args...) }
	found := map[language.Tag]files{}
	inside, err := fs.Sub(builtIn, "templates")
	if err != nil {
		refuse("%v", err)
		return nil
	}
	read(inside, found, refuse)
	if directory != "" {
		read(os.DirFS(directory), found, refuse)
	}
	var sets []*set
	for tag, texts := range found {
		if s := parse(tag, texts, refuse); s != nil {
			sets = append(sets, s)
		}
	}
	sortByTag(sets)
	tag, err := language.Parse(locale)
	if err != nil {
		report("default_locale", "is not a language tag such as en or pt-BR")
		return nil
	}
	preferred := find(sets, tag)
	if preferred == nil {
		report("default_locale", "there are no templates for %s", tag)
		return nil
	}
	return newCatalog(sets, preferred)
}

// read adds a directory's templates to those found, and replaces what is there
// already. Other files are none of its business.
func read(directory fs.FS, found map[language.Tag]files, refuse func(format string, args ...any)) {
	entries, err := fs.ReadDir(directory, ".")
	if err != nil {
		refuse("cannot read the directory: %v", err)
		return
	}
	for _, entry := range entries {
		name := entry.Name()
		rest, isOurs := strings.CutPrefix(name, filePrefix)
		locale, kind, _ := strings.Cut(rest, ".")
		if !isOurs || !slices.Contains(kinds(), kind) {
			continue
		}
		tag, err := language.Parse(locale)
		if err != nil || tag == language.Und {
			refuse("%s: %q is not a language tag such as en or pt-BR", name, locale)
			continue
		}
		text, err := content(directory, name)
		if err != nil {
			refuse("%s: %v", name, err)
			continue
		}
		if found[tag] == nil {
			found[tag] = files{}
		}
		found[tag][kind] = struct{ name, text string }{name, text}
	}
}

func content(directory fs.FS, name string) (string, error) {
	f, err := directory.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, maxTemplate+1))
	switch {
	case err != nil:
		return "", err
	case len(text) > maxTemplate:
		return "", fmt.Errorf("is longer than %d bytes", maxTemplate)
	case !utf8.Valid(text):
		return "", fmt.Errorf("is not UTF-8")
	default:
		return string(text), nil
	}
}

// parse makes a locale's templates and tries them; nil: there is a problem.
func parse(tag language.Tag, texts files, refuse func(format string, args ...any)) *set {
	complete := true
	for _, kind := range kinds() {
		if _, there := texts[kind]; !there {
			refuse("%s is missing; a locale needs .subject, .txt and .html", fileName(tag, kind))
			complete = false
		}
	}
	s := &set{tag: tag, date: dates(tag)}
	for _, kind := range slices.Sorted(maps.Keys(texts)) {
		if err := s.parse(kind, texts[kind].name, texts[kind].text); err != nil {
			refuse("%v", err)
			complete = false
		}
	}
	if !complete {
		return nil
	}
	for _, sample := range samples() {
		if _, problems := s.render(s.view(sample)); len(problems) > 0 {
			for _, err := range problems {
				refuse("%v", err)
			}
			return nil
		}
	}
	return s
}

func (s *set) parse(kind, name, text string) (err error) {
	switch kind {
	case "subject":
		s.subject, err = texttemplate.New(name).Funcs(functions()).Parse(text)
	case "txt":
		s.text, err = texttemplate.New(name).Funcs(functions()).Parse(text)
	default:
		s.html, err = htmltemplate.New(name).Funcs(functions()).Parse(text)
	}
	return err
}
