package quota_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"usher/internal/quota"
)

// The pace of what takes several calls is that of the class it wears out first,
// as far as that is for the background.
func TestPaceOfSeveralCalls(t *testing.T) {
	t.Parallel()
	of := func(class string) func(string, string) bool {
		return func(_, path string) bool { return strings.HasPrefix(path, "/"+class) }
	}
	perMinute := func(calls int) quota.Limit { return quota.Limit{Calls: calls, Window: time.Minute} }
	cases := []struct {
		name                 string
		users, server, every int // calls a minute
		want                 int
	}{
		{"the class that is called twice", 200, 200, 0, 95},
		{"the class that is tighter", 200, 40, 0, 38},
		{"the class of all calls", 200, 200, 60, 19},
		{"less than one in a window", 1, 0, 0, 1},
		{"no limit", 0, 0, 0, 0},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := open(t, quota.Declaration{Quotas: []quota.Quota{
				{Class: "users", Limit: perMinute(tc.users), Counts: of("users")},
				{Class: "server", Limit: perMinute(tc.server), Counts: of("server")},
				{Class: "every", Limit: perMinute(tc.every)},
			}}, time.Second)
			pace := l.Pace("GET", "/users").Each(2).And(l.Pace("POST", "/server"))
			limit := pace.Limit()
			if limit.Calls != tc.want || tc.want > 0 && limit.Window != time.Minute {
				t.Errorf("%d in %v, want %d", limit.Calls, limit.Window, tc.want)
			}
		})
	}
	if limit := (quota.Pace{}).And(quota.Pace{}).Limit(); limit.Calls != 0 {
		t.Errorf("%d where nothing is limited", limit.Calls)
	}
}

// Who needs several calls waits until there is room for each of them.
func TestWaitForSeveralCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := open(t, quota.Declaration{Quotas: []quota.Quota{
			{Class: "users", Limit: quota.Limit{Calls: 1, Window: time.Minute}, Counts: func(_, path string) bool { return path == "/users" }},
			{Class: "server", Limit: quota.Limit{Calls: 1, Window: time.Hour}, Counts: func(_, path string) bool { return path == "/server" }},
		}}, time.Second)
		users, server := l.Pace("GET", "/users"), l.Pace("POST", "/server")
		wait := func(p quota.Pace) time.Duration {
			t.Helper()
			d, err := p.Wait(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		if d := wait(users.And(server)); d != 0 {
			t.Errorf("%v to wait where there is room", d)
		}
		p, err := l.Acquire(t.Context(), "POST", "/server")
		if err != nil {
			t.Fatal(err)
		}
		p.Release(true)
		if d := wait(users); d != 0 {
			t.Errorf("%v to wait for a class that has room", d)
		}
		if d := wait(users.And(server)); d < time.Hour {
			t.Errorf("%v to wait for a class that has none for an hour", d)
		}
		if d := wait(server.And(users)); d < time.Hour {
			t.Errorf("%v the other way round", d)
		}
	})
}
