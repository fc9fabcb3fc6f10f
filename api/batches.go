package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"usher/identity"
	"usher/invites"
	"usher/invites/roster"
)

// What a file of invitations may be: its bytes, and how long it may stand still
// while it arrives.
const (
	maxUpload  = 256 << 20
	uploadIdle = 30 * time.Second
)

// opSendBatch is the operation whose body is a file.
const opSendBatch = "sendInviteBatch"

// streams reports a route whose body is read row by row.
func (r route) streams() bool { return r.id == opSendBatch }

type (
	batchInput struct {
		InOrganization
		Batch string `path:"batch" example:"bat_0dhvc8kt7g6qeb8ugt3i8f7m9c" doc:"The batch's id."`
	}
	listBatchesInput struct {
		InOrganization
		Paging
	}
	listItemsInput struct {
		InOrganization
		Paging
		Batch   string `path:"batch" example:"bat_0dhvc8kt7g6qeb8ugt3i8f7m9c" doc:"The batch's id."`
		Outcome string `query:"outcome" enum:"queued,sending,uncertain,sent,skipped,failed,cancelled" doc:"Only rows with this outcome."`
	}

	batchAccepted struct {
		Location string `header:"Location" doc:"Where the batch can be read."`
		Body     Batch
	}
	batchOutput struct{ Body Batch }
	batchSeen   struct {
		RetryAfter waitSeconds `header:"Retry-After" doc:"How long it is until it is worth reading again, 1 to 60; absent once the batch is finished."`
		Body       Batch
	}
	batchesOutput struct{ Body BatchList }
	itemsOutput   struct{ Body BatchItemList }
)

// waitSeconds is a header of whole seconds; empty: it is absent.
type waitSeconds string

// Schema implements huma.SchemaProvider.
func (waitSeconds) Schema(huma.Registry) *huma.Schema { return &huma.Schema{Type: huma.TypeInteger} }

// waitOf rounds up; no time at all is the empty header.
func waitOf(d time.Duration) waitSeconds {
	if d <= 0 {
		return ""
	}
	return waitSeconds(strconv.Itoa(int(math.Ceil(d.Seconds()))))
}

func noBatch() error { return identity.Errorf(identity.CodeNotFound, "There is no such batch.") }

// receive reads the file of a batch and records its rows; the file's hash is
// what an Idempotency-Key is compared by.
func (a *API) receive(x *exchange, c *call) (*invites.BatchUpload, []byte, error) {
	gc := humagin.Unwrap(x)
	format, err := roster.FormatOf(gc.Request.Header.Get("Content-Type"))
	if err != nil {
		return nil, nil, err
	}
	tooLarge := identity.Errorf(identity.CodePayloadTooLarge, "The file may have %d bytes at most.", maxUpload)
	if gc.Request.ContentLength > maxUpload {
		return nil, nil, tooLarge
	}
	ctx := context.WithoutCancel(x.ctx)
	upload, err := a.service.ReceiveBatch(ctx, c.caller, c.org)
	if err != nil {
		return nil, nil, err
	}
	// What the server gives to answer counts from when the file began to arrive, and
	// may be over.
	defer func() { _ = http.NewResponseController(gc.Writer).SetWriteDeadline(time.Now().Add(a.timeout)) }()
	hash := sha256.New()
	hash.Write([]byte(format))
	body := &patient{Reader: http.MaxBytesReader(gc.Writer, gc.Request.Body, maxUpload), w: gc.Writer, idle: a.uploadIdle}
	err = readRows(ctx, roster.NewReader(io.TeeReader(body, hash), format, nil), upload)
	var over *http.MaxBytesError
	var known *identity.Error
	switch {
	case err == nil:
		setReadDeadline(gc.Writer, time.Time{})
		return upload, hash.Sum(nil), nil
	case errors.As(err, &over):
		err = tooLarge
	case !errors.As(err, &known):
		err = &identity.Error{Code: identity.CodeInvalidRequest, Detail: "The file did not arrive.", Err: err}
	}
	a.discard(x, upload)
	return nil, nil, err
}

func readRows(ctx context.Context, rows *roster.Reader, upload *invites.BatchUpload) error {
	for {
		row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = upload.Add(ctx, row.Line, row.Request, row.Err)
		}
		if err != nil {
			return err
		}
	}
}

// discard forgets a file that is not sent. What cannot be forgotten now is
// forgotten later.
func (a *API) discard(x *exchange, upload *invites.BatchUpload) {
	if err := upload.Discard(context.WithoutCancel(x.ctx)); err != nil {
		a.log.WarnContext(x.ctx, "an upload could not be forgotten", "request_id", requestOf(x.ctx).id, "error", logged(err.Error()))
	}
}

// patient reads a body that may take long but not stand still.
type patient struct {
	io.Reader
	w    http.ResponseWriter
	idle time.Duration
}

// Read implements io.Reader.
func (p *patient) Read(b []byte) (int, error) {
	setReadDeadline(p.w, time.Now().Add(p.idle))
	return p.Reader.Read(b)
}

// carryOutUpload is carryOut for an operation whose body is a file: its rows are
// recorded as they arrive, and count only once the operation publishes them.
func (a *API) carryOutUpload(x *exchange, r route, c *call, next func(huma.Context)) {
	upload, hash, err := a.receive(x, c)
	if err != nil {
		x.refuse(err)
		return
	}
	defer a.discard(x, upload)
	c.upload = upload
	a.carryOutOnce(x, r, c, hash, next)
}

func (a *API) sendBatch(ctx context.Context, _ *struct{ InOrganization }) (*batchAccepted, error) {
	c := callOf(ctx)
	b, err := c.upload.Publish(ctx, c.claim)
	if err != nil {
		return nil, err
	}
	return &batchAccepted{Location: a.base + "/v1/organizations/" + c.org.ID + "/invite-batches/" + b.ID, Body: newBatch(b)}, nil
}

func (a *API) listBatches(ctx context.Context, in *listBatchesInput) (*batchesOutput, error) {
	found, err := a.service.Batches(ctx, callOf(ctx).org, in.request())
	if err != nil {
		return nil, err
	}
	return &batchesOutput{BatchList{Data: items(found.Items, newBatch), NextCursor: optional(&found.Next)}}, nil
}

func (a *API) getBatch(ctx context.Context, in *batchInput) (*batchSeen, error) {
	b, err := a.batch(ctx, in.Batch, a.service.Batch)
	if err != nil {
		return nil, err
	}
	return &batchSeen{RetryAfter: waitOf(b.AskAgain), Body: newBatch(b)}, nil
}

func (a *API) cancelBatch(ctx context.Context, in *batchInput) (*batchOutput, error) {
	return a.changeBatch(ctx, in.Batch, a.service.CancelBatch)
}

func (a *API) retryBatch(ctx context.Context, in *batchInput) (*batchOutput, error) {
	return a.changeBatch(ctx, in.Batch, func(ctx context.Context, org *identity.Organization, id string) (*identity.Batch, error) {
		return a.service.RetryBatch(ctx, callOf(ctx).caller, org, id)
	})
}

// aboutBatch is what the service does with one batch.
type aboutBatch func(context.Context, *identity.Organization, string) (*identity.Batch, error)

func (a *API) changeBatch(ctx context.Context, id string, do aboutBatch) (*batchOutput, error) {
	b, err := a.batch(ctx, id, do)
	if err != nil {
		return nil, err
	}
	return &batchOutput{newBatch(b)}, nil
}

func (a *API) batch(ctx context.Context, id string, do aboutBatch) (*identity.Batch, error) {
	if !plausibleRef(id) {
		return nil, noBatch()
	}
	return do(ctx, callOf(ctx).org, id)
}

func (a *API) listBatchItems(ctx context.Context, in *listItemsInput) (*itemsOutput, error) {
	if !plausibleRef(in.Batch) {
		return nil, noBatch()
	}
	found, err := a.service.BatchItems(ctx, callOf(ctx).org, in.Batch, identity.Outcome(in.Outcome), in.request())
	if err != nil {
		return nil, err
	}
	return &itemsOutput{BatchItemList{Data: items(found.Items, newBatchItem), NextCursor: optional(&found.Next)}}, nil
}
