package mail

import (
	"errors"
	"fmt"
	"html"
	htmltemplate "html/template"
	"io"
	"slices"
	"strings"
	texttemplate "text/template"
	"time"

	"golang.org/x/text/language"
)

// set is the templates of one locale.
type set struct {
	tag     language.Tag
	subject *texttemplate.Template
	text    *texttemplate.Template
	html    *htmltemplate.Template
	date    func(time.Time) string
}

// view is what templates see; doc.go describes it.
type view struct {
	Link, Organization, Inviter, GivenName, FamilyName string
	Message, Expires, Locale                           string
	Roles                                              []string
	ExpiresAt                                          *time.Time
}

// rendered is an invitation in words.
type rendered struct{ subject, text, html string }

func functions() map[string]any {
	return map[string]any{"join": func(all []string) string { return strings.Join(all, ", ") }}
}

// view makes the texts of an invitation safe for one line each.
func (s *set) view(i Invitation) view {
	v := view{
		Link: i.Link, Organization: line(i.Organization, maxName), Inviter: line(i.Inviter, maxName),
		GivenName: line(i.GivenName, maxName), FamilyName: line(i.FamilyName, maxName),
		Message: line(i.Message, maxMessage), Roles: lines(i.Roles), Locale: s.tag.String(),
	}
	if i.ExpiresAt != nil {
		at := i.ExpiresAt.UTC()
		v.ExpiresAt, v.Expires = &at, s.date(at)
	}
	return v
}

// render fills in the templates. The problems name the file and not the link.
func (s *set) render(v view) (*rendered, []error) {
	if v.Organization == "" {
		return nil, []error{errors.New("the organization has no name")}
	}
	r := &rendered{}
	var problems []error
	for _, part := range []struct {
		kind    string
		execute func(io.Writer, any) error
		into    *string
		check   func() string
	}{
		{"subject", s.subject.Execute, &r.subject, func() string { return r.checkSubject(v.Link) }},
		{"txt", s.text.Execute, &r.text, func() string { return r.checkText(v.Link) }},
		{"html", s.html.Execute, &r.html, func() string { return r.checkHTML(v.Link) }},
	} {
		var out strings.Builder
		why := ""
		if err := part.execute(&out, v); err != nil {
			why = conceal(err, v.Link)
		} else {
			*part.into = out.String()
			why = part.check()
		}
		if why != "" {
			problems = append(problems, fmt.Errorf("%s: %s", fileName(s.tag, part.kind), why))
		}
	}
	return r, problems
}

// checkSubject makes the subject one line and says what is wrong with it, or
// "". A subject in ASCII is not encoded, so one that looks encoded would be
// decoded by who reads it.
func (r *rendered) checkSubject(link string) string {
	r.subject = strings.ReplaceAll(line(r.subject, maxName), "=?", "= ?")
	switch {
	case r.subject == "":
		return "is empty"
	case strings.Contains(r.subject, link):
		return "must not hold the link"
	default:
		return ""
	}
}

func (r *rendered) checkText(link string) string {
	alone := 0
	for l := range strings.Lines(r.text) {
		if strings.TrimRight(l, "\r\n") == link {
			alone++
		}
	}
	if alone != 1 {
		return "{{.Link}} must stand alone on one line"
	}
	return ""
}

func (r *rendered) checkHTML(link string) string {
	if !strings.Contains(html.UnescapeString(r.html), link) {
		return "{{.Link}} is missing"
	}
	return ""
}

// samples are invitations that every template is tried with: one with all
// there can be, and one with the least.
func samples() []Invitation {
	at := time.Date(2026, time.March, 4, 5, 6, 0, 0, time.UTC)
	const link = "https://usher.example/v1/invites/callback/sample"
	return []Invitation{
		{
			Link: link, Organization: "Acme", Inviter: "ann@example.com", GivenName: "Bob", FamilyName: "Bell",
			Message: "Welcome!", Roles: []string{"admin", "member"}, ExpiresAt: &at,
		},
		{Link: link, Organization: "Acme"},
	}
}

// catalog is the templates of all locales, the default's first.
type catalog struct {
	sets    []*set
	matcher language.Matcher
}

func newCatalog(sets []*set, preferred *set) *catalog {
	c := &catalog{sets: []*set{preferred}}
	for _, s := range sets {
		if s != preferred {
			c.sets = append(c.sets, s)
		}
	}
	c.matcher = matcher(c.sets)
	return c
}

func matcher(sets []*set) language.Matcher {
	tags := make([]language.Tag, len(sets))
	for n, s := range sets {
		tags[n] = s.tag
	}
	return language.NewMatcher(tags)
}

// choose returns the templates that suit a locale best: the default's where
// none do.
func (c *catalog) choose(locale string) *set {
	_, index := language.MatchStrings(c.matcher, line(locale, maxName))
	return c.sets[index]
}

// find returns the templates for a tag, or nil if they are for other
// languages.
func find(sets []*set, tag language.Tag) *set {
	if len(sets) == 0 {
		return nil
	}
	_, index, confidence := matcher(sets).Match(tag)
	if confidence < language.High {
		return nil
	}
	return sets[index]
}

func sortByTag(sets []*set) {
	slices.SortFunc(sets, func(a, b *set) int { return strings.Compare(a.tag.String(), b.tag.String()) })
}
