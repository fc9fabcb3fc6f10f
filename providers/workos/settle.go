package workos

import (
	"context"
	"net/http"
	"slices"
	"time"

	"usher/identity"
	"usher/providers"
	"usher/providers/workos/internal"
)

// Settle implements providers.Settler. not_sent is safe to act on: the vendor
// refuses a second invitation while one is pending, and Invite takes that
// refusal for its own lost call when its journal says that it made one.
func (p *Provider) Settle(ctx context.Context, r providers.InviteRequest) (*providers.Settlement, error) {
	settlement, err := p.newSending(r).settle(ctx)
	return settlement, explain(err)
}

func (s *sending) settle(ctx context.Context) (*providers.Settlement, error) {
	rows, err := s.rows(ctx, s.request.Org, s.address)
	if err != nil {
		return nil, err
	}
	row := s.about(rows)
	switch {
	case row == nil || (row.State == internal.StatePending && s.past(row)):
	case row.State == internal.StatePending:
		return s.standing(ctx, row)
	case row.State == internal.StateAccepted:
		return &providers.Settlement{Verdict: providers.VerdictMember}, nil
	case s.lostSend() && s.doubtful(row):
		return &providers.Settlement{Verdict: providers.VerdictUnknown}, nil
	case s.lostSend():
		// It was sent, and has ended since: the next comparison says how.
		return &providers.Settlement{Verdict: providers.VerdictSent, Sent: s.sent(row)}, nil
	}
	member, err := s.memberByAddress(ctx, s.request.Org, s.address)
	switch {
	case err != nil:
		return nil, err
	case member != nil:
		return &providers.Settlement{Verdict: providers.VerdictMember}, nil
	default:
		return &providers.Settlement{Verdict: providers.VerdictNotSent}, nil
	}
}

// lostSend reports that a send was begun whose answer never came.
func (s *sending) lostSend() bool {
	step := s.request.Journal.Step(stepSend)
	return step.Begun && !step.Done
}

// about returns the invitation that the attempt is about, or nil.
func (s *sending) about(rows []internal.Invitation) *internal.Invitation {
	if s.lostSend() {
		return s.mine(rows)
	}
	for _, id := range []string{
		s.request.Journal.Step(stepSend).Result[refID], s.beginning().id, s.request.Reference[refID],
	} {
		if standing := pending(rows, id); standing != nil {
			return standing
		}
		n := slices.IndexFunc(rows, func(row internal.Invitation) bool { return id != "" && row.ID == id })
		if n >= 0 {
			return &rows[n]
		}
	}
	return nil
}

// standing is what a pending invitation shows: that it was sent, or, where it
// was to be sent again, whether that happened.
func (s *sending) standing(ctx context.Context, row *internal.Invitation) (*providers.Settlement, error) {
	verdict := providers.VerdictSent
	if step := s.request.Journal.Step(stepResend); step.Begun && !step.Done {
		var err error
		if verdict, err = s.resent(ctx, row); err != nil {
			return nil, err
		}
	}
	return &providers.Settlement{Verdict: verdict, Sent: s.sent(row)}, nil
}

// resent asks whether a pending invitation was mailed again since the attempt
// began: sent, unchanged, or unknown where the vendor's log is not to be had. A
// new expiry shows it; else the log does. The log may be late, so its silence
// counts only when it lasts.
func (s *sending) resent(ctx context.Context, row *internal.Invitation) (providers.Verdict, error) {
	began := s.beginning()
	if row.ID != began.id {
		return providers.VerdictUnchanged, nil // another has taken the place of the one that was to be sent again
	}
	if began.expires != "" && stamp(row.ExpiresAt) != began.expires {
		return providers.VerdictSent, nil
	}
	quiet := s.deps.Now().Sub(began.at) >= s.settings.callTimeout+s.settings.eventWait
	for {
		logged, err := s.logged(ctx, row.ID, began.at.Add(-skew))
		if e := internal.AsAPIError(err); e != nil && (e.Status == http.StatusForbidden || e.Status == http.StatusNotFound) {
			return providers.VerdictUnknown, nil
		}
		switch {
		case err != nil:
			return "", err
		case logged:
			return providers.VerdictSent, nil
		case quiet || s.settings.eventWait == 0:
			return providers.VerdictUnchanged, nil
		}
		if err := s.deps.Sleep(ctx, s.settings.eventWait); err != nil {
			return "", &identity.Error{Code: identity.CodeProviderTimeout, Op: "ask the event log", Err: err}
		}
		quiet = true
	}
}

// logged reports whether the vendor's log holds that an invitation was sent
// again since a time.
func (s *sending) logged(ctx context.Context, id string, since time.Time) (bool, error) {
	after := ""
	for range maxPages {
		page, err := s.client.Resent(ctx, s.request.Org.ProviderID, since, after)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(page.Data, func(e internal.Event) bool {
			return e.Event == internal.EventResent && e.Data.ID == id && !e.CreatedAt.Before(since)
		}) {
			return true, nil
		}
		if err := nextPage(page.Metadata.After, after); err != nil {
			return false, err
		}
		if after = page.Metadata.After; after == "" {
			return false, nil
		}
	}
	return false, endless()
}
