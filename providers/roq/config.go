package roq

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"usher/identity"
	"usher/providers"
)

// Config is one connection's settings. Durations are texts such as "5s". The
// settings after CallTimeout are about facts that were inferred or are unknown
// (FACTS.md): change one where your instance behaves otherwise.
type Config struct {
	BaseURL       string          `json:"base_url" help:"Address of your platform instance, as the ROQ console tells it. Required; there is no default."`
	EnvironmentID string          `json:"environment_id" help:"Id of the environment. Required."`
	APIKey        identity.Secret `json:"api_key" help:"API key of the environment. Required."`

	ServiceAccount string            `json:"service_account,omitempty" help:"E-mail address of the environment's service account. Default project-service-account@roq.tech."`
	InviterID      string            `json:"inviter_id,omitempty" help:"ROQ id of the user in whose name people are invited, where the caller is no user of the organization. Default: none, and then only such users can invite."`
	Inviters       map[string]string `json:"inviters,omitempty" help:"The same for single organizations: their ROQ tenant id and the user's id. Default: inviter_id for all."`
	InviterFrom    string            `json:"inviter_from,omitempty" help:"How the caller is found among the users of the organization: by email (proven), by subject (the user's reference is the caller's subject), or not at all (settings). Default email."`

	BulkSize int `json:"bulk_size,omitempty" help:"How many invitations go in one call at most, where several are sent at once; 1: each in a call of its own. Your instance may take fewer. Default 10."`

	Locales       []string `json:"locales,omitempty" help:"Locales that the environment is set up for; others are not sent. Default en-US and de-DE."`
	DefaultLocale string   `json:"default_locale,omitempty" help:"Locale of invitations that ask for none, or for one that is not set up. Default: the vendor's."`
	CallTimeout   string   `json:"call_timeout,omitempty" help:"Longest single call. Default 10s."`

	Operations       string `json:"operations,omitempty" help:"Generation of the operation that sends: v2, or v1 for instances from before November 2023. Default v2."`
	InviteLife       string `json:"invite_life,omitempty" help:"How long an invitation lives; 0s: not known, and the vendor alone says when one has expired. Default 24h."`
	InviterAnyTenant *bool  `json:"inviter_any_tenant,omitempty" help:"Let a configured inviter who belongs to one organization invite to others. The vendor's documents say that invited people share the inviter's organization. Default false."`
	ResendShows      *bool  `json:"resend_shows,omitempty" help:"Your instance changes an invitation's times when it sends it again. Without, a resend whose answer was lost stays uncertain unless a change is seen. Default false."`
}

// Where the caller is looked for.
const (
	inviterByEmail   = "email"
	inviterBySubject = "subject"
	inviterFixed     = "settings"
)

const (
	defaultBulk = 10 // FACTS.md section 7
	maxBulk     = 200
)

// settings are a Config with its defaults filled in.
type settings struct {
	Config
	v1, inviterAnyTenant, resendShows bool
	inviteLife, callTimeout           time.Duration
}

// Validate implements providers.Config.
func (c *Config) Validate() []error {
	_, faults := c.settle()
	return faults
}

// settle fills in the defaults and reports every problem.
func (c *Config) settle() (*settings, []error) {
	s := &settings{Config: *c}
	var faults providers.Faults
	faults.Check("base_url", providers.CheckBaseURL(c.BaseURL))
	s.BaseURL = strings.TrimRight(c.BaseURL, "/")
	if strings.TrimSpace(c.EnvironmentID) == "" {
		faults.Add("environment_id", "is missing")
	}
	if strings.ContainsAny(c.EnvironmentID, ": \t\r\n") {
		faults.Add("environment_id", "may hold neither a colon nor blanks")
	}
	if strings.TrimSpace(c.APIKey.Reveal()) == "" {
		faults.Add("api_key", "is missing")
	}
	s.ServiceAccount = cmp.Or(s.ServiceAccount, "project-service-account@roq.tech")
	if _, err := identity.ParseEmail(s.ServiceAccount); err != nil {
		faults.Add("service_account", "is not an e-mail address")
	}
	s.people(&faults)
	if s.BulkSize == 0 {
		s.BulkSize = defaultBulk
	}
	if s.BulkSize < 1 || s.BulkSize > maxBulk {
		faults.Add("bulk_size", "must be from 1 to %d", maxBulk)
	}
	s.locales(&faults)
	s.Operations = cmp.Or(s.Operations, "v2")
	if s.Operations != "v1" && s.Operations != "v2" {
		faults.Add("operations", "is v1 or v2")
	}
	s.v1 = s.Operations == "v1"
	s.inviteLife = faults.Duration("invite_life", s.InviteLife, 24*time.Hour, 0)
	s.callTimeout = faults.Duration("call_timeout", s.CallTimeout, 10*time.Second, time.Millisecond)
	s.inviterAnyTenant, s.resendShows = isSet(c.InviterAnyTenant), isSet(c.ResendShows)
	return s, faults
}

// people checks who may invite.
func (s *settings) people(faults *providers.Faults) {
	if s.InviterID != "" && uuid.Validate(s.InviterID) != nil {
		faults.Add("inviter_id", "is a UUID, the user's id at ROQ")
	}
	for _, tenant := range slices.Sorted(maps.Keys(s.Inviters)) {
		if uuid.Validate(tenant) != nil || uuid.Validate(s.Inviters[tenant]) != nil {
			faults.Add("inviters."+tenant, "maps a tenant's id to a user's id, both UUIDs")
		}
	}
	s.InviterFrom = cmp.Or(s.InviterFrom, inviterByEmail)
	switch {
	case !slices.Contains([]string{inviterByEmail, inviterBySubject, inviterFixed}, s.InviterFrom):
		faults.Add("inviter_from", "is email, subject or settings")
	case s.InviterFrom == inviterFixed && s.InviterID == "" && len(s.Inviters) == 0:
		faults.Add("inviter_from", "settings needs inviter_id or inviters")
	}
}

func (s *settings) locales(faults *providers.Faults) {
	if s.Locales == nil {
		s.Locales = []string{"en-US", "de-DE"}
	}
	for n, locale := range s.Locales {
		if locale == "" || strings.ContainsAny(locale, " \t\r\n") {
			faults.Add(fmt.Sprintf("locales[%d]", n), "is one locale such as en-US")
		}
	}
	if s.DefaultLocale != "" && !slices.Contains(s.Locales, s.DefaultLocale) {
		faults.Add("default_locale", "is not one of locales")
	}
}

// locale returns the locale to send for one that is asked for: the same, else
// the first that is set up in its language. carried is false if there is none.
func (s *settings) locale(asked string) (locale string, carried bool) {
	if asked != "" {
		for _, known := range s.Locales {
			if strings.EqualFold(strings.ReplaceAll(asked, "_", "-"), known) {
				return known, true
			}
		}
		language := languageOf(asked)
		for _, known := range s.Locales {
			if language == asked && strings.EqualFold(languageOf(known), language) {
				return known, true
			}
		}
	}
	return s.DefaultLocale, asked == ""
}

// languageOf returns what stands before the region.
func languageOf(locale string) string {
	language, _, _ := strings.Cut(strings.ReplaceAll(locale, "_", "-"), "-")
	return language
}

// inviterFor returns the configured inviter of an organization, or "".
func (s *settings) inviterFor(tenant string) string {
	for id, inviter := range s.Inviters {
		if sameID(id, tenant) {
			return inviter
		}
	}
	return s.InviterID
}

// isSet reads a switch that is off unless it is turned on.
func isSet(b *bool) bool { return b != nil && *b }

var _ providers.Config = (*Config)(nil)
