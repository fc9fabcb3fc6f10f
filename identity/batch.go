package identity

import "time"

// BatchState is where a batch of invitations stands.
type BatchState string

// The states of a batch.
const (
	BatchReceiving  BatchState = "receiving"  // its rows are still arriving; nobody sees it yet
	BatchRunning    BatchState = "running"    // its rows are being sent
	BatchCancelling BatchState = "cancelling" // what has not been sent is being taken back
	BatchDone       BatchState = "done"       // every row has its outcome
	BatchCancelled  BatchState = "cancelled"  // every row has its outcome, and some were not sent
)

// Outcome is what became of one row of a batch.
type Outcome string

// The outcomes of a row. The first three may still change by themselves.
const (
	OutcomeQueued    Outcome = "queued"    // has not been sent yet
	OutcomeSending   Outcome = "sending"   // being sent right now
	OutcomeUncertain Outcome = "uncertain" // the vendor may or may not have taken it
	OutcomeSent      Outcome = "sent"      // the vendor took it
	OutcomeSkipped   Outcome = "skipped"   // not needed: a member, invited already, or listed twice
	OutcomeFailed    Outcome = "failed"    // definitely not sent
	OutcomeCancelled Outcome = "cancelled" // taken back before it was sent
)

// Outcomes returns all outcomes.
func Outcomes() []Outcome {
	return []Outcome{OutcomeQueued, OutcomeSending, OutcomeUncertain, OutcomeSent, OutcomeSkipped, OutcomeFailed, OutcomeCancelled}
}

// CodeDuplicateRow is the code of a row whose address an earlier row of the
// same batch has. It is no problem code: no request is answered with it.
const CodeDuplicateRow Code = "duplicate_row"

// Batch is many invitations to one organization that were handed in together.
type Batch struct {
	ID             string // bat_…
	OrganizationID string
	State          BatchState
	Inviter        Actor
	Counts         map[Outcome]int // rows by outcome; what is absent is 0
	CreatedAt      time.Time
	UpdatedAt      time.Time
	FinishedAt     *time.Time // nil: not finished

	// EstimatedFinishAt follows from what is left and how much the vendor takes;
	// nil: finished, or not known.
	EstimatedFinishAt *time.Time
	// AskAgain is how long it is until it is worth reading again; 0: finished.
	AskAgain time.Duration
}

// BatchItem is one row of a batch and what became of it.
type BatchItem struct {
	Row     int // counted from 1
	Line    int // where the row begins in what was handed in
	Email   string
	Outcome Outcome
	// Code, Field and Detail say why a row was skipped, failed or cancelled, as a
	// problem document would; empty otherwise.
	Code     Code
	Field    string
	Detail   string
	InviteID string // empty: the row has no invite, or not yet
}
