package mail

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// directory writes files and returns their folder.
func directory(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestLocaleIsMatched(t *testing.T) {
	t.Parallel()
	folder := directory(t, map[string]string{
		"invitation.pt-BR.subject": "Convite para {{.Organization}}", "invitation.pt-BR.txt": "{{.Link}}", "invitation.pt-BR.html": "{{.Link}}",
		"invitation.de-CH.subject": "Grüezi {{.Organization}}", "invitation.de-CH.txt": "{{.Link}}", "invitation.de-CH.html": "{{.Link}}",
	})
	for _, test := range []struct{ locale, preferred, want string }{
		{"", "", "en"}, {"en", "", "en"}, {"en-GB", "", "en"}, {"de", "", "de"}, {"de-AT", "", "de"}, {"de_AT", "", "de"}, {"DE-de", "", "de"},
		{"de-CH", "", "de-CH"}, {"fr-CA", "", "fr"}, {"es-419", "", "es"}, {"pt", "", "pt-BR"}, {"pt-BR", "", "pt-BR"},
		{"ja", "", "en"}, {"ja", "fr", "fr"}, {"", "de-AT", "de"}, {"xx-invalid-!", "es", "es"}, {"\r\nde", "", "de"},
		{"ja, de;q=0.8, en;q=0.5", "", "de"}, {strings.Repeat("de-", 5000), "", "en"},
	} {
		s := local(t, func(o *Options) { o.Templates, o.DefaultLocale = folder, test.preferred })
		if got := s.settings.templates.choose(test.locale).tag.String(); got != test.want {
			t.Errorf("%.20q with default %q: got %s, want %s", test.locale, test.preferred, got, test.want)
		}
	}
}

func TestBuiltInLocales(t *testing.T) {
	t.Parallel()
	for locale, want := range map[string]struct{ subject, greeting, expires string }{
		"en": {"Invitation to Acme", "Hello Bob,", "March 11, 2026, 05:06 UTC."},
		"de": {"Einladung zu Acme", "Guten Tag Bob,", "11. März 2026, 05:06 UTC."},
		"fr": {"Invitation à rejoindre Acme", "Bonjour Bob,", "11 mars 2026, 05:06 UTC."},
		"es": {"Invitación a Acme", "Hola Bob,", "11 de marzo de 2026, 05:06 UTC."},
	} {
		i := invitation()
		i.Locale = locale
		berlin := i.ExpiresAt.In(time.FixedZone("CET", 3600))
		i.ExpiresAt = &berlin
		p := compose(t, local(t, nil), i)
		if p.subject != want.subject || !strings.HasPrefix(p.text, want.greeting+"\n") || !strings.Contains(p.text, want.expires) {
			t.Errorf("%s: %s\n%s", locale, p.subject, p.text)
		}
		for _, word := range []string{want.greeting, want.expires} {
			if !strings.Contains(p.html, word) {
				t.Errorf("%s: the HTML lacks %q", locale, word)
			}
		}
		if got := p.header.Get("Content-Language"); got != locale {
			t.Errorf("%s: Content-Language %s", locale, got)
		}
	}
}

// One file of an operator takes the place of one built-in file.
func TestOwnTemplates(t *testing.T) {
	t.Parallel()
	folder := directory(t, map[string]string{
		"invitation.en.subject": "Join {{.Organization}}\r\nnow\r\n",
		"invitation.ja.subject": "{{.Organization}}への招待", "invitation.ja.txt": "{{.Expires}} {{.ExpiresAt}} {{.FamilyName}}\n{{.Link}}\n",
		"invitation.ja.html": `<p title="{{.FamilyName}}"><a href="{{.Link}}">招待</a>`, "README.md": "ours", "invitation.txt": "ours too",
	})
	s := local(t, func(o *Options) { o.Templates = folder })
	i := invitation()
	p := compose(t, s, i)
	if p.subject != "Join Acme now" || !strings.HasPrefix(p.text, "Hello Bob,") {
		t.Errorf("%s\n%s", p.subject, p.text)
	}
	i.Locale, i.FamilyName = "ja-JP", `Bell" onload="x`
	p = compose(t, s, i)
	if p.subject != "Acmeへの招待" || !strings.HasPrefix(p.text, "2026-03-11 05:06 UTC 2026-03-11 05:06:00 +0000 UTC Bell") {
		t.Errorf("%s\n%s", p.subject, p.text)
	}
	if !strings.Contains(p.html, `title="Bell&#34; onload=&#34;x"`) {
		t.Errorf("not escaped: %s", p.html)
	}
}

// A broken template stops the start, and not one invitation in a hundred at
// night; and all that is broken is told at once.
func TestTemplateProblems(t *testing.T) {
	t.Parallel()
	folder := directory(t, map[string]string{
		"invitation.de.subject": "{{.Organization", "invitation.de.txt": "{{.Nobody}}\n{{.Link}}", "invitation.de.html": "<a href={{.Link}",
		"invitation.fr.subject": "\n", "invitation.fr.txt": "Ici: {{.Link}}", "invitation.fr.html": "{{.Nobody}}", "invitation.es.html": "<p>Hola</p>", "invitation.it.txt": "{{.Link}}",
		"invitation.en.txt": "{{.Link}}\n{{if .Message}}{{.Message.Nothing}}{{end}}", "invitation.no_no_no_no_no.txt": "x",
		"invitation.nl.subject": "{{.Link}}", "invitation.nl.txt": "{{.Link}}\n{{.Link}}", "invitation.nl.html": "{{.Link}}",
		"invitation.sv.subject": "  \n", "invitation.sv.txt": "{{.Link}}", "invitation.sv.html": "{{.Link}}",
		"invitation.da.subject": "x", "invitation.da.txt": "\xff", "invitation.da.html": strings.Repeat("x", maxTemplate+1),
		"invitation.pl.subject": "{{index .Roles 0}}", "invitation.pl.txt": "{{.Link}}", "invitation.pl.html": "{{.Link}}",
		"invitation.cs.subject": "x", "invitation.cs.txt": "{{.Link}}", "invitation.cs.html": "{{if .Inviter}}<a href='{{end}}{{.Link}}",
	})
	c := Config{Host: "127.0.0.1", TLS: TLSNone, From: "a@acme.example", Templates: folder, DefaultLocale: "fr"}
	want := []string{
		"templates: invitation.no_no_no_no_no.txt: \"no_no_no_no_no\" is not a language tag",
		"templates: invitation.da.html: is longer than", "templates: invitation.da.txt: is not UTF-8",
		"templates: invitation.da.txt is missing", "templates: invitation.da.html is missing",
		"templates: invitation.it.subject is missing", "templates: invitation.it.html is missing",
		"templates: template: invitation.de.subject:1:", "templates: template: invitation.de.html:1:",
		"templates: invitation.en.txt: template: invitation.en.txt:2:",
		"templates: invitation.es.html: {{.Link}} is missing", "templates: invitation.fr.txt: {{.Link}} must stand alone",
		"templates: invitation.fr.subject: is empty", "templates: invitation.fr.html: template: invitation.fr.html:1:",
		"templates: invitation.nl.subject: must not hold the link", "templates: invitation.nl.txt: {{.Link}} must stand alone", "templates: invitation.pl.subject: template: invitation.pl.subject:1:",
		"templates: invitation.sv.subject: is empty", "templates: invitation.cs.html: ",
		"default_locale: there are no templates for fr",
	}
	problems := c.Validate()
	for _, err := range problems {
		n := slices.IndexFunc(want, func(w string) bool { return strings.HasPrefix(err.Error(), w) })
		if n < 0 {
			t.Errorf("unexpected: %v", err)
			continue
		}
		want = slices.Delete(want, n, n+1)
	}
	if len(want) > 0 {
		t.Errorf("not reported: %q", want)
	}
	if _, err := New(Options{Config: c}); err == nil {
		t.Error("New took it")
	}
}

func TestTemplatesFolderIsMissing(t *testing.T) {
	t.Parallel()
	c := Config{Host: "127.0.0.1", TLS: TLSNone, From: "a@acme.example", Templates: filepath.Join(t.TempDir(), "nowhere")}
	if err := errors.Join(c.Validate()...); err == nil || !strings.HasPrefix(err.Error(), "templates: cannot read the directory: ") {
		t.Error(err)
	}
}
