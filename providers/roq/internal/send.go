package internal

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// NewInvite is an invitation to send. Both generations of the operation have
// these fields; what differs, Send fills in.
type NewInvite struct {
	CreatedByUserID string   `json:"createdByUserId"`
	Email           string   `json:"email"`
	FirstName       string   `json:"firstName,omitempty"`
	LastName        string   `json:"lastName,omitempty"`
	Locale          string   `json:"locale,omitempty"`
	Roles           []string `json:"roles"` // keys
	// Reference is ours. Only the older operation can hold it.
	Reference string `json:"-"`
}

// newInviteV1 is NewInvite for the older operation.
type newInviteV1 struct {
	NewInvite
	TenantID string            `json:"tenantId"`
	Data     map[string]string `json:"data,omitempty"`
}

// outcome is the answer to a sending. Either list may be null.
type outcome struct {
	Success []Invite `json:"success"`
	Errors  []struct {
		Email string `json:"email"`
		Error string `json:"error"`
	} `json:"errors"`
}

// Sent is what became of one row: an invitation, or an *APIError like any other.
type Sent struct {
	Invite *Invite
	Err    error
}

// Send sends invitations, no two of which differ by no more than the case of
// their addresses. A nil error means that the call succeeded: each row says what
// became of it. v1: with the operation of older instances.
func (c *Client) Send(ctx context.Context, token, tenant string, v1 bool, list ...NewInvite) ([]Sent, error) {
	var body struct {
		Outcome   *outcome `json:"sendUserInvitesV2"`
		OutcomeV1 *outcome `json:"sendUserInvites"`
	}
	send := operation{name: OpSend, document: sendDocument, writes: true}
	variables := map[string]any{"data": map[string]any{"tenantId": tenant, "userInvites": list}}
	if v1 {
		send.document = sendV1Document
		variables = map[string]any{"userInvites": map[string]any{"tenantId": tenant, "userInvites": older(tenant, list)}}
	}
	if err := c.do(ctx, token, send, variables, &body); err != nil {
		return nil, err
	}
	if v1 {
		body.Outcome = body.OutcomeV1
	}
	rows := make([]Sent, len(list))
	for n, i := range list {
		rows[n].Invite, rows[n].Err = body.Outcome.row(i.Email)
	}
	return rows, nil
}

// older is what the older operation is given.
func older(tenant string, list []NewInvite) []newInviteV1 {
	rows := make([]newInviteV1, len(list))
	for n, i := range list {
		rows[n] = newInviteV1{NewInvite: i, TenantID: tenant, Data: map[string]string{referenceKey: i.Reference}}
	}
	return rows
}

// row returns what became of an address. Rows have neither an index nor an id
// of ours, and no order is promised: the address is all there is (FACTS.md
// section 4.2).
func (o *outcome) row(email string) (*Invite, error) {
	if o == nil {
		o = &outcome{}
	}
	sent := slices.IndexFunc(o.Success, func(i Invite) bool { return strings.EqualFold(i.Email, email) && i.ID != "" })
	for _, failed := range o.Errors {
		if !strings.EqualFold(failed.Email, email) {
			continue
		}
		e := rowError(failed.Error)
		e.Acted = e.Acted || sent >= 0
		return nil, e
	}
	if sent < 0 {
		return nil, &APIError{Op: OpSend, Status: http.StatusOK, Acted: true, Message: "the answer does not say what became of the invitation"}
	}
	return &o.Success[sent], nil
}

// rowError reads the refusal of one row: a JSON document in a string, which
// may also be anything else. What is not understood may have happened all the
// same.
func rowError(text string) *APIError {
	var row response
	_ = json.Unmarshal([]byte(text), &row)
	e := &APIError{Op: OpSend, Status: http.StatusOK, Code: Short(row.ErrorCode), Property: row.property()}
	e.Message = excerpt(row.Message)
	if row.Message == "" && row.ErrorCode == "" {
		e.Message = "a row was refused without a code"
	}
	e.Acted = !e.refusal() && e.Property == ""
	return e
}
