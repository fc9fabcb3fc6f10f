package oidc

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"
)

const (
	oneAddress     = "192.0.2.1"
	anotherAddress = "198.51.100.9"
)

func TestSourceOf(t *testing.T) {
	t.Parallel()
	of := func(s string) source { return sourceOf(netip.MustParseAddr(s)) }
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
		{"2001:db8:1:2::1", "2001:db8:1:3::1", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
		{"192.0.2.1", "2001:db8::1", false},
	} {
		if same := of(tt.a) == of(tt.b); same != tt.same {
			t.Errorf("%s and %s are the same source: %v", tt.a, tt.b, same)
		}
	}
	if (sourceOf(netip.Addr{}) != source{}) {
		t.Error("no address is a source")
	}
}

// Beyond its limit a source's bad tokens cost no request, its good ones are
// taken as ever, and other sources notice nothing.
func TestLimitOfASource(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newAskedIssuer(t)
	a := open(t, &Options{Now: clock.Now, SourceFailures: 20, SourceWindow: time.Minute}, i.config("i"))
	here, there := from(oneAddress, ""), from(anotherAddress, "")
	for _, token := range []string{"known", "fresh", "fresh2"} {
		i.say(token, i.active(clock.Now(), nil))
	}
	accepted(t, a, here, "known")
	clock.Advance(introspectFor)

	for n := range 20 {
		refusedFor(t, a, here, fmt.Sprint("bad", n), reasonInactive)
	}
	i.wantInquiries(t, 21)
	for n := range 1000 {
		refusedFor(t, a, here, fmt.Sprint("worse", n), reasonTooManyFailures)
	}
	refusedFor(t, a, here, "fresh", reasonTooManyFailures)
	i.wantInquiries(t, 21)

	accepted(t, a, here, "known") // asked about again: it was good before
	i.wantInquiries(t, 22)
	accepted(t, a, here, "known")
	i.wantInquiries(t, 22)
	accepted(t, a, here, mint("k", firstKey(), claims(i.url, clock.Now(), nil)))
	accepted(t, a, there, "fresh")
	accepted(t, a, here, "fresh") // remembered, whoever brought it first
	refusedFor(t, a, there, "bad-there", reasonInactive)
	i.wantInquiries(t, 24)

	clock.Advance(time.Minute / 20) // one more
	accepted(t, a, here, "fresh2")
	refusedFor(t, a, here, "late", reasonInactive)
	refusedFor(t, a, here, "later", reasonTooManyFailures)
	i.wantInquiries(t, 26)
	clock.Advance(time.Minute)
	refusedFor(t, a, here, "a-minute-later", reasonInactive)

	i.say("known", nil) // revoked: no longer one that was good before
	refusedFor(t, a, here, "known", reasonInactive)
	clock.Advance(time.Minute) // the refusal is forgotten, and the limit is whole
	for n := range 20 {
		refusedFor(t, a, here, fmt.Sprint("worst", n), reasonInactive)
	}
	i.wantInquiries(t, 48)
	refusedFor(t, a, here, "known", reasonTooManyFailures)
	i.wantInquiries(t, 48)
}

// A token that is tried again and again counts once, so that one broken client
// does not use up the limit of its network.
func TestRepeatedTokenCountsOnce(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newAskedIssuer(t)
	a := open(t, &Options{Now: clock.Now, SourceFailures: 3}, i.config("i"))
	clock.Advance(time.Second)
	here := from(oneAddress, "")
	unknown := mint("nobody", firstKey(), claims(i.url, clock.Now(), nil))
	for range 100 {
		refusedFor(t, a, here, "broken", reasonInactive)
		refusedFor(t, a, here, unknown, reasonUnknownKey)
	}
	i.wantInquiries(t, 1)
	i.say("good", i.active(clock.Now(), nil))
	accepted(t, a, here, "good")
}

// Because of a source beyond its limit, keys are fetched once in two minutes at
// most: often enough for its good tokens, if it was a change of keys that made them
// fail, and no token of another source ever comes.
func TestLimitOfASourceAndKeys(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newTestIssuer(t, public("k", firstKey()))
	a := open(t, &Options{Now: clock.Now, SourceFailures: 5, SourceWindow: 1000 * time.Hour}, i.config("i"))
	here, there := from(oneAddress, ""), from(anotherAddress, "")
	unknown := func(n int) string { return mint(fmt.Sprint("x", n), firstKey(), claims(i.url, clock.Now(), nil)) }
	flood := func(from, to int) (fetches int64) {
		t.Helper()
		before := i.fetches.Load()
		for n := range to - from {
			refusedFor(t, a, here, unknown(from+n), reasonUnknownKey)
			wait(a)
		}
		return i.fetches.Load() - before
	}
	flood(0, 5)
	clock.Advance(keysFlooded - time.Second)
	if n := flood(100, 150); n != 0 {
		t.Errorf("%d fetches because of a source beyond its limit", n)
	}
	clock.Advance(time.Second)
	if n := flood(200, 250); n != 1 {
		t.Errorf("%d fetches after two minutes, want one", n)
	}

	i.publish(public("k2", secondKey()))
	rotated := func(who string) string {
		return mint("k2", secondKey(), claims(i.url, clock.Now(), fields{"sub": who}))
	}
	refusedFor(t, a, here, rotated("jane"), reasonUnknownKey)
	clock.Advance(keysFlooded)
	refusedFor(t, a, here, rotated("jane"), reasonUnknownKey) // not waited for
	wait(a)
	accepted(t, a, here, rotated("jane"))
	accepted(t, a, there, rotated("bob"))

	i.publish(public("k3", firstKey()))
	other := mint("k3", firstKey(), claims(i.url, clock.Now(), nil))
	clock.Advance(keyCooldown)
	refusedFor(t, a, here, other, reasonUnknownKey)
	accepted(t, a, there, other) // another source is listened to at once
	accepted(t, a, here, mint("k3", firstKey(), claims(i.url, clock.Now(), fields{"sub": "bob"})))
}

// Keys that are not to be had yet, or too old, are fetched whoever comes.
func TestLimitOfASourceWithoutKeys(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newTestIssuer(t, public("k", firstKey()))
	a := open(t, &Options{Now: clock.Now, SourceFailures: 1, SourceWindow: 1000 * time.Hour}, i.config("i"))
	here := from(oneAddress, "")
	refusedFor(t, a, here, mint("x", firstKey(), claims(i.url, clock.Now(), nil)), reasonUnknownKey)
	clock.Advance(keysExpire)
	accepted(t, a, here, mint("k", firstKey(), claims(i.url, clock.Now(), nil)))
}

// What many sources can make us ask in a minute is bounded as well, and those
// who were in stay in.
func TestLimitOfAllSources(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newAskedIssuer(t)
	c := i.config("i")
	c.Introspection.Failures = 100
	a := open(t, &Options{Now: clock.Now}, c)
	i.say("known", i.active(clock.Now(), nil))
	accepted(t, a, Origin{}, "known")
	clock.Advance(introspectFor)
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for n := range 1250 {
				address := netip.AddrFrom4([4]byte{10, byte(worker), byte(n >> 8), byte(n)})
				if _, err := a.Authenticate(WithOrigin(t.Context(), Origin{Source: address}), fmt.Sprintf("bad-%d-%d", worker, n)); err == nil {
					t.Error("accepted")
				}
			}
		})
	}
	group.Wait()
	if asked := i.inquiries.Load() - 1; asked < 100 || asked > 100+defaultInquiries {
		t.Errorf("10000 bad tokens from as many sources: asked %d times", asked)
	}
	before := i.inquiries.Load()
	accepted(t, a, from(oneAddress, ""), "known")
	i.wantInquiries(t, before+1)
	clock.Advance(inquiryWindow)
	i.say("new", i.active(clock.Now(), nil))
	accepted(t, a, from(oneAddress, ""), "new")
}

// A token past its exp, within the leeway, cannot be remembered, and is no way
// around the limits.
func TestExpiringTokenIsLimited(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newAskedIssuer(t)
	a := open(t, &Options{Now: clock.Now, SourceFailures: 10}, i.config("i"))
	i.say("tok", i.active(clock.Now(), fields{"exp": clock.Now().Unix() - 1}))
	for range 10 {
		accepted(t, a, Origin{}, "tok")
	}
	refusedFor(t, a, Origin{}, "tok", reasonTooManyFailures)
	i.wantInquiries(t, 10)
}

func TestSourcesAreBounded(t *testing.T) {
	t.Parallel()
	s, err := newSources(1, 0, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 2 * maxSources {
		s.failed(sourceOf(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})))
	}
	if n := s.buckets.Len(); n != maxSources {
		t.Errorf("%d sources are remembered", n)
	}
}
