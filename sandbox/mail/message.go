package mail

import (
	"strings"
	"time"

	"usher/identity"
)

// KindHeader names the header in which a simulated vendor says what a mail is
// for. Real vendors send no such header.
const KindHeader = "X-Sandbox-Kind"

// Message is a caught mail. It is never changed once it is caught.
type Message struct {
	ID string    `json:"id"` // counts up from 1
	At time.Time `json:"at"`
	// From and To are the envelope's addresses, which decide the delivery. The
	// headers may say otherwise.
	From    string   `json:"from"`
	To      []string `json:"to"`
	Subject string   `json:"subject"` // decoded
	Kind    string   `json:"kind"`    // of KindHeader; empty where there is none
	// Text and HTML are the decoded bodies; attachments are left out. Of
	// something that is no mail, Text holds all of it.
	Text string `json:"text"`
	HTML string `json:"html"`
	// Links are the http and https addresses of both bodies, each once, in
	// their order.
	Links   []string            `json:"links"`
	Headers map[string][]string `json:"headers"` // decoded, by canonical name

	size int64
}

// Filter selects messages; what is empty selects all.
type Filter struct {
	To   string // one of the recipients, compared without case
	Kind string // exactly
}

// Match reports whether the filter selects m.
func (f Filter) Match(m *Message) bool {
	if f.Kind != "" && f.Kind != m.Kind {
		return false
	}
	if f.To == "" {
		return true
	}
	for _, to := range m.To {
		if strings.EqualFold(to, f.To) || identity.SameEmail(to, f.To, identity.EmailLowercase) {
			return true
		}
	}
	return false
}
