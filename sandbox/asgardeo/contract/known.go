package contract

import (
	"regexp"

	"usher/internal/contracttest"
)

// known is the table of exemptions, and the only one.
func known() []contracttest.Exemption {
	re := regexp.MustCompile
	undocumented := re(`status is not supported|no answer of this status`)
	return []contracttest.Exemption{
		{Status: 429, Error: undocumented, Reason: "section 12: rate limits, in no document"},
		{Status: 401, Error: undocumented, Reason: "section 11: every call can be refused by the authentication layer"},
		{Status: 403, Error: undocumented, Reason: "section 11: as 401"},
		{Status: 413, Error: undocumented, Reason: "section 12: bulk too large"},
		{Status: 401, Error: re(`code.*(must be a string|type)|Error at "/code"`), Reason: "section 11: numeric code from the authentication layer"},
		{Status: 403, Error: re(`code.*(must be a string|type)|Error at "/code"`), Reason: "section 11: numeric code from the authentication layer"},
		{Document: "scim2.yaml", Status: 401, Error: re(`status|schemas|"/schema"|Content-Type`), Reason: "section 11: numeric status at the root, the server API envelope below /o/"},
		{Document: "scim2.yaml", Status: 403, Error: re(`status|schemas|"/schema"|Content-Type`), Reason: "section 11: as 401; the document's required \"schema\" is a slip for schemas"},
		{Document: "scim2.yaml", Status: 400, Error: undocumented, Reason: "sections 2.1, 8 and 9: filters, values and shared accounts are refused with 400"},
		{Document: "scim2.yaml", Status: 500, Error: undocumented, Reason: "section 2.1: or, not and unknown attributes in filters"},
		{Document: "scim2.yaml", Status: 501, Error: undocumented, Reason: "section 2.1: sort"},
		{Document: "scim2.yaml", Error: re(`property "schema" is missing`), Reason: "section 11: the document's required \"schema\" is a slip for schemas"},
		{Document: "scim2.yaml", Path: re(`^/Bulk$`), Error: re(`"/Operations`), Reason: "section 16: Operations is a list and status.code a number"},
		{Document: "identity-user.yaml", Path: re(`^/resend-code$`), Status: 201, Error: re(`Content-Type has unexpected value: ""`), Reason: "section 7: an empty 201 when the server mails"},
		{Document: "guest-invitations.yaml", Path: re(`^/guests/invitations$`), Method: "GET", Status: 400, Error: undocumented, Reason: "section 5: paging parameters and other filters are refused"},
	}
}

// uncovered are routes that FACTS.md describes and no document has.
func uncovered() []*regexp.Regexp {
	re := regexp.MustCompile
	return []*regexp.Regexp{
		re(`^(/o)?/api/server/v1/applications(/[^/]+)?$`), // section 8
		re(`^/oauth2/revoke$`),                            // section 13
		re(`^/o/oauth2/token$`),                           // section 1.2: applications registered inside an organization
		re(`^(/o)?/accountrecoveryendpoint/`),             // section 4.2: people's pages
	}
}
