package invites

import (
	"context"
	"sync"
	"time"

	"usher/identity"
	"usher/internal/redact"
	"usher/providers"
)

// How many organizations are looked at in one round of the background, how many
// of one connection are compared at a time, and how long a call of a comparison
// may wait for its turn.
const (
	cadenceRound    = 200
	cadenceAtOnce   = 2
	cadencePatience = 30 * time.Second
)

// cadence compares the organizations that have pending invites with their
// vendors, each as often as its connection says, until the service is closed.
// Those without are compared when somebody reads them.
func (s *Service) cadence() {
	after := ""
	for {
		ids, err := s.ledger.PendingOrganizations(s.background, after, cadenceRound)
		switch {
		case s.background.Err() != nil:
			return
		case err != nil:
			s.log.ErrorContext(s.background, "organizations with pending invites could not be read", "error", redact.Text(err.Error()))
		default:
			s.compareDue(s.background, ids)
		}
		if len(ids) == cadenceRound {
			after = ids[len(ids)-1]
			continue
		}
		after = ""
		select {
		case <-s.background.Done():
			return
		case <-s.options.After(s.options.SettleEvery):
		}
	}
}

// compareDue compares those organizations that were not compared for so long as
// their connections say. A vendor that is not to be had is left alone for this
// round.
func (s *Service) compareDue(ctx context.Context, ids []string) {
	due := map[*Connection][]*identity.Organization{}
	for _, id := range ids {
		org, err := s.ledger.Organization(ctx, id)
		if err != nil {
			continue
		}
		c, err := s.connectionOf(org)
		if err != nil || c.ActAsCaller || c.CompareEvery <= 0 {
			continue
		}
		if org.SyncedAt == nil || s.ledger.Now().Sub(*org.SyncedAt) >= c.CompareEvery {
			due[c] = append(due[c], org)
		}
	}
	var connections sync.WaitGroup
	for c, orgs := range due {
		connections.Go(func() { s.compareAll(ctx, c, orgs) })
	}
	connections.Wait()
}

func (s *Service) compareAll(ctx context.Context, c *Connection, orgs []*identity.Organization) {
	ctx, giveUp := context.WithCancel(providers.InBackground(ctx, cadencePatience))
	defer giveUp()
	queue := make(chan *identity.Organization)
	var workers sync.WaitGroup
	for range cadenceAtOnce {
		workers.Go(func() {
			for org := range queue {
				comparison := s.compare(ctx, c, org, org.ID)
				<-comparison.done
				if absent(comparison.err) {
					giveUp()
				}
			}
		})
	}
	for _, org := range orgs {
		select {
		case queue <- org:
		case <-ctx.Done():
		}
	}
	close(queue)
	workers.Wait()
}
