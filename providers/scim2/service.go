package scim2

import (
	"context"
	"sync/atomic"
	"time"

	"usher/identity"
	"usher/scim"
)

// How long what a service says of itself is believed; less if it says nothing.
const (
	believed   = time.Hour
	unbelieved = 5 * time.Minute
)

// features are what the service can do, as it says or as the settings say in
// its place (RFC 7643 section 5). What it turned out to refuse all the same is
// remembered with it, and tried again when it is asked anew.
type features struct {
	patch, filter, etag bool
	maxResults          int // 0: not said

	noOr, noEmails, noNames, noIDs, noGroups atomic.Bool
}

// service remembers the features: one caller asks, the others wait for it.
type service struct {
	now  func() time.Time
	turn chan struct{} // holds one thing while nobody is at it

	// Guarded by turn.
	features *features
	until    time.Time
}

func newService(now func() time.Time) *service {
	s := &service{now: now, turn: make(chan struct{}, 1)}
	s.turn <- struct{}{}
	return s
}

// features returns what the service can do. One that does not say is believed
// to do what every service must (RFC 7644 section 3).
func (p *Provider) features(ctx context.Context) (*features, error) {
	s := p.service
	select {
	case <-s.turn:
		defer func() { s.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, &identity.Error{Code: identity.CodeProviderTimeout, Op: "wait for the service's features", Err: ctx.Err()}
	}
	if s.features != nil && s.now().Before(s.until) {
		return s.features, nil
	}
	set, life := p.settings, believed
	said := &scim.ServiceProviderConfig{}
	if set.Patch == nil || set.Filter == nil || set.ETag == nil {
		err := p.call(ctx, func(ctx context.Context) (err error) {
			said, err = p.scim.ServiceProviderConfig(ctx)
			return err
		})
		switch identity.CodeOf(err) {
		case "":
		case identity.CodeNotFound, identity.CodeUnsupported:
			said, life = &scim.ServiceProviderConfig{}, unbelieved
		default:
			return nil, meant(opLook, err)
		}
	}
	f := &features{patch: said.Patch, filter: said.Filter, etag: said.ETag, maxResults: said.MaxResults}
	for _, override := range []struct {
		by *bool
		of *bool
	}{{set.Patch, &f.patch}, {set.Filter, &f.filter}, {set.ETag, &f.etag}} {
		if override.by != nil {
			*override.of = *override.by
		}
	}
	s.features, s.until = f, s.now().Add(life)
	return f, nil
}
