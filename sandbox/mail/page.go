package mail

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"slices"
)

// pagePolicy allows the page its own style sheet and frames, and no scripts.
const pagePolicy = "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// bodyPolicy is for mails' HTML: no scripts, no forms, nothing fetched, links
// in a new tab; shown in the page's own frame only.
const bodyPolicy = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"

// pageSize is how many messages the list page shows.
const pageSize = 200

//go:embed page/*
var pageFiles embed.FS

type listView struct {
	Filter   Filter
	Messages []*Message // newest first
	Total    int
}

func (c *Catcher) pageList(w http.ResponseWriter, r *http.Request) {
	f, _, err := filterOf(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	all := c.Messages(f)
	shown := slices.Clone(all[max(0, len(all)-pageSize):])
	slices.Reverse(shown)
	c.render(w, "list.html", listView{Filter: f, Messages: shown, Total: len(all)})
}

func (c *Catcher) pageMessage(w http.ResponseWriter, r *http.Request) {
	m := c.Message(r.PathValue("id"))
	if m == nil {
		http.Error(w, "There is no such message, or no longer.", http.StatusNotFound)
		return
	}
	c.render(w, "message.html", m)
}

// pageBody answers a mail's HTML as it came. Its policy makes a browser treat
// it as a foreign page that may not run anything.
func (c *Catcher) pageBody(w http.ResponseWriter, r *http.Request) {
	m := c.Message(r.PathValue("id"))
	if m == nil || m.HTML == "" {
		http.Error(w, "There is no such HTML body.", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Security-Policy", bodyPolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	// Links leave the frame, whatever the mail says.
	_, _ = w.Write([]byte(`<base target="_blank">` + m.HTML))
}

func pageStyle(w http.ResponseWriter, _ *http.Request) {
	css, err := pageFiles.ReadFile("page/style.css")
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(css)
}

// render writes a page once it is complete, so that an error is no half page.
func (c *Catcher) render(w http.ResponseWriter, name string, view any) {
	var page bytes.Buffer
	t, err := template.New(name).Funcs(template.FuncMap{"linked": linked}).ParseFS(pageFiles, "page/"+name, "page/layout.html")
	if err == nil {
		err = t.Execute(&page, view)
	}
	if err != nil {
		c.log.Error("mail catcher: page", "page", name, "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = page.WriteTo(w)
}

// piece is a part of a text: an address if Link is set.
type piece struct{ Text, Link string }

// linked cuts a text so that its addresses can be made clickable.
func linked(text string) []piece {
	var pieces []piece
	at := 0
	for _, span := range webAddress().FindAllStringIndex(text, -1) {
		address := trimSentence(text[span[0]:span[1]])
		if !isWeb(address) {
			continue
		}
		end := span[0] + len(address)
		pieces = append(pieces, piece{Text: text[at:span[0]]}, piece{Text: address, Link: address})
		at = end
	}
	return append(pieces, piece{Text: text[at:]})
}
