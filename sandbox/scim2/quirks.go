package scim2

import (
	"net/http"
	"slices"

	"usher/sandbox/stage"
)

// Quirks are the switches of the simulator. DefaultQuirks gives a service that
// does what the RFCs say, and all of it; every other value is something that
// real services do, be it allowed or not. GET and PATCH /_sandbox/quirks read
// and change them at run time. Sections are of RFC 7644 unless said otherwise.
type Quirks struct {
	// What is supported; /ServiceProviderConfig says the same (section 4).
	NoPatch       bool `json:"no_patch"`       // PATCH is refused with PatchRefusal
	PatchRefusal  int  `json:"patch_refusal"`  // 501 (section 3.12), or 403 or 405
	NoBulk        bool `json:"no_bulk"`        // POST /Bulk answers 501
	MaxOperations int  `json:"max_operations"` // operations of one bulk request
	MaxPayload    int  `json:"max_payload"`    // bytes of one bulk request
	NoSort        bool `json:"no_sort"`        // sortBy is ignored
	NoETag        bool `json:"no_etag"`        // no versions; If-Match and If-None-Match are ignored

	// Discovery (section 4; RFC 7643 section 5).
	NoDiscovery         bool `json:"no_discovery"`          // /ServiceProviderConfig, /ResourceTypes and /Schemas answer 404
	DiscoveryNeedsToken bool `json:"discovery_needs_token"` // /ServiceProviderConfig too

	// Searching and paging (section 3.4.2).
	Filters                  string `json:"filters"`                    // "full", "eq" (one eq comparison alone), "none" (refused) or "ignored" (everything is found)
	UnknownAttributesInvalid bool   `json:"unknown_attributes_invalid"` // a filter with an attribute that no schema has answers 400 instead of finding nothing
	CaseExactUserNames       bool   `json:"case_exact_user_names"`      // userName compares by case, also for uniqueness
	DefaultCount             int    `json:"default_count"`              // page size when no count is asked; 0: all
	MaxCount                 int    `json:"max_count"`                  // largest page
	IgnoreStartIndex         bool   `json:"ignore_start_index"`         // every page is the first one
	TotalResults             string `json:"total_results"`              // "true", or "page" (the page's size)
	OmitEmptyResources       bool   `json:"omit_empty_resources"`       // no Resources key when nothing is found
	Members                  string `json:"members"`                    // of groups: "default", "get" (not in lists), "request" (only if attributes names them) or "never"
	NoUserGroups             bool   `json:"no_user_groups"`             // users have no groups attribute

	// Writing (sections 3.3 and 3.5).
	PatchNoContent     bool   `json:"patch_no_content"`     // 204 instead of 200 with the resource
	DuplicateStatus    int    `json:"duplicate_status"`     // 409, or 400
	UniqueEmails       bool   `json:"unique_emails"`        // an address belongs to one user
	UniqueGroupNames   bool   `json:"unique_group_names"`   // a displayName belongs to one group
	UnknownAttributes  string `json:"unknown_attributes"`   // in bodies: "ignore", or "refuse"
	UnknownMembers     string `json:"unknown_members"`      // members that do not exist: "refuse", or "ignore"
	RemoveWithValue    string `json:"remove_with_value"`    // remove of a whole list, with a value: "all" (section 3.5.2.2), "listed" (the values alone) or "refuse"
	RemoveMissing      bool   `json:"remove_missing"`       // removing values that are not there succeeds instead of noTarget
	LenientSchemas     bool   `json:"lenient_schemas"`      // bodies need no schemas
	LenientBooleans    bool   `json:"lenient_booleans"`     // "True" is taken for true
	StringBooleans     bool   `json:"string_booleans"`      // answers say "true" instead of true
	NumericStatus      bool   `json:"numeric_status"`       // status of errors is a number
	AsJSON             bool   `json:"as_json"`              // Content-Type application/json instead of application/scim+json
	DeactivateOnDelete bool   `json:"deactivate_on_delete"` // DELETE of a user only makes it inactive

	// Eventual consistency, in milliseconds of the simulated clock.
	ListLagMS   int `json:"list_lag_ms"`   // until lists and searches show what was created
	LookupLagMS int `json:"lookup_lag_ms"` // until it is found by its id
	UpdateLagMS int `json:"update_lag_ms"` // until readers see a change

	// Limits (RFC 6585 section 4).
	RateLimits    bool `json:"rate_limits"`
	RatePerMinute int  `json:"rate_per_minute"` // of one credential
	NoRetryAfter  bool `json:"no_retry_after"`  // 429 without Retry-After
}

// DefaultQuirks is a service that follows the RFCs, with rate limits off.
func DefaultQuirks() Quirks {
	return Quirks{
		PatchRefusal: http.StatusNotImplemented, MaxOperations: 1000, MaxPayload: maxBody,
		Filters: "full", MaxCount: 200, DefaultCount: 100, TotalResults: "true", Members: "default",
		DuplicateStatus: http.StatusConflict, UnknownAttributes: "ignore", UnknownMembers: "refuse", RemoveWithValue: "all",
		RatePerMinute: 600,
	}
}

func (q Quirks) check() error {
	var c stage.Check
	c.OneOf("filters", q.Filters, "full", "eq", "none", "ignored")
	c.OneOf("total_results", q.TotalResults, "true", "page")
	c.OneOf("members", q.Members, "default", "get", "request", "never")
	c.OneOf("unknown_attributes", q.UnknownAttributes, "ignore", "refuse")
	c.OneOf("unknown_members", q.UnknownMembers, "refuse", "ignore")
	c.OneOf("remove_with_value", q.RemoveWithValue, "all", "listed", "refuse")
	status := func(name string, value int, allowed ...int) {
		c.Unless(slices.Contains(allowed, value), "%s: %d is none of %d", name, value, allowed)
	}
	status("patch_refusal", q.PatchRefusal, http.StatusNotImplemented, http.StatusForbidden, http.StatusMethodNotAllowed)
	status("duplicate_status", q.DuplicateStatus, http.StatusConflict, http.StatusBadRequest)
	for name, n := range map[string]int{"max_operations": q.MaxOperations, "max_payload": q.MaxPayload, "max_count": q.MaxCount, "rate_per_minute": q.RatePerMinute} {
		c.Unless(n >= 1, "%s: %d is less than 1", name, n)
	}
	for name, n := range map[string]int{"default_count": q.DefaultCount, "list_lag_ms": q.ListLagMS, "lookup_lag_ms": q.LookupLagMS, "update_lag_ms": q.UpdateLagMS} {
		c.Unless(n >= 0, "%s: %d is negative", name, n)
	}
	return c.Err()
}
