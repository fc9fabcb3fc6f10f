package api

import (
	"time"

	"usher/identity"
)

// Batch is many invitations to one organization that were handed in together.
type Batch struct {
	_                 struct{}    `additionalProperties:"true"`
	ID                string      `json:"id" example:"bat_0dhvc8kt7g6qeb8ugt3i8f7m9c"`
	OrganizationID    string      `json:"organization_id" example:"org_0dhvc8ks3k6qe3o2l9p5v1b8t4"`
	State             string      `json:"state" enum:"running,cancelling,done,cancelled" example:"running" doc:"done, cancelled: every row has its outcome."`
	Counts            BatchCounts `json:"counts"`
	Inviter           *Actor      `json:"inviter" doc:"Who handed it in."`
	CreatedAt         time.Time   `json:"created_at"`
	UpdatedAt         time.Time   `json:"updated_at" doc:"When its state last changed."`
	FinishedAt        *time.Time  `json:"finished_at"`
	EstimatedFinishAt *time.Time  `json:"estimated_finish_at" doc:"From what is left and how much the provider takes; null: finished, or not known yet."`
}

// BatchCounts are a batch's rows by outcome.
type BatchCounts struct {
	_         struct{} `additionalProperties:"true"`
	Rows      int      `json:"rows" doc:"All of them."`
	Queued    int      `json:"queued"`
	Sending   int      `json:"sending"`
	Uncertain int      `json:"uncertain"`
	Sent      int      `json:"sent"`
	Skipped   int      `json:"skipped"`
	Failed    int      `json:"failed"`
	Cancelled int      `json:"cancelled"`
}

// BatchItem is one row of a batch and what became of it.
type BatchItem struct {
	_        struct{} `additionalProperties:"true"`
	Row      int      `json:"row" doc:"Counted from 1."`
	Line     int      `json:"line" doc:"Where the row begins in what was handed in."`
	Email    string   `json:"email" example:"jane@example.com" doc:"As it was typed; empty where it could not be read."`
	Outcome  string   `json:"outcome" enum:"queued,sending,uncertain,sent,skipped,failed,cancelled" example:"sent" doc:"skipped: not needed, as code says. uncertain: the provider may or may not have sent it, and is being asked."`
	Code     *string  `json:"code" example:"already_member" doc:"Why it was skipped or failed: a problem code, duplicate_row, or a reason that an invite can have."`
	Field    *string  `json:"field" example:"/email" doc:"The field at fault."`
	Detail   *string  `json:"detail"`
	InviteID *string  `json:"invite_id" example:"inv_0dhvc8kt7g6qeb8ugt3i8f7m9c" doc:"Its invite, or the living one that made it needless; null: it has none, or not yet."`
}

// BatchList is one page of batches, newest first.
type BatchList struct {
	_          struct{} `additionalProperties:"true"`
	Data       []Batch  `json:"data"`
	NextCursor *string  `json:"next_cursor" doc:"null: this was the last page."`
}

// BatchItemList is one page of a batch's rows, in their order.
type BatchItemList struct {
	_          struct{}    `additionalProperties:"true"`
	Data       []BatchItem `json:"data"`
	NextCursor *string     `json:"next_cursor" doc:"null: this was the last page."`
}

func newBatch(b *identity.Batch) Batch {
	counts := BatchCounts{
		Queued: b.Counts[identity.OutcomeQueued], Sending: b.Counts[identity.OutcomeSending], Uncertain: b.Counts[identity.OutcomeUncertain],
		Sent: b.Counts[identity.OutcomeSent], Skipped: b.Counts[identity.OutcomeSkipped], Failed: b.Counts[identity.OutcomeFailed],
		Cancelled: b.Counts[identity.OutcomeCancelled],
	}
	for _, n := range b.Counts {
		counts.Rows += n
	}
	return Batch{
		ID: b.ID, OrganizationID: b.OrganizationID, State: string(b.State), Counts: counts, Inviter: newActor(&b.Inviter),
		CreatedAt: utc(b.CreatedAt), UpdatedAt: utc(b.UpdatedAt),
		FinishedAt: optionalTime(b.FinishedAt), EstimatedFinishAt: optionalTime(b.EstimatedFinishAt),
	}
}

func newBatchItem(i *identity.BatchItem) BatchItem {
	return BatchItem{
		Row: i.Row, Line: i.Line, Email: i.Email, Outcome: string(i.Outcome), Code: optional((*string)(&i.Code)),
		Field: optional(&i.Field), Detail: optional(&i.Detail), InviteID: optional(&i.InviteID),
	}
}
