package nile

import (
	"bytes"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
)

const (
	notAForm = `Content-Type was not one of "multipart/form-data" or "application/x-www-form-urlencoded".`
	badForm  = "Failed to parse body as FormData."
)

// form reads a body that must be a form; anything else, JSON among it, is 500.
func (c *call) form() (url.Values, reply, bool) {
	kind, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil {
		return nil, text(http.StatusInternalServerError, notAForm), false
	}
	switch kind {
	case "application/x-www-form-urlencoded":
		form := url.Values{}
		for _, p := range parseQuery(string(c.body)) {
			form.Add(p.name, p.value)
		}
		return form, reply{}, true
	case "multipart/form-data":
		form, err := multipart.NewReader(bytes.NewReader(c.body), params["boundary"]).ReadForm(maxBody)
		if err != nil {
			return nil, text(http.StatusInternalServerError, badForm), false
		}
		return form.Value, reply{}, true
	}
	return nil, text(http.StatusInternalServerError, notAForm), false
}

// formText is a field as the vendor's code reads some of them: absent is the
// word null.
func formText(form url.Values, name string) string {
	if !form.Has(name) {
		return "null"
	}
	return form.Get(name)
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
