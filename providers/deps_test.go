package providers_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"usher/providers"
)

// An adapter finds everything it works with, and what tests set stays.
func TestDepsFor(t *testing.T) {
	t.Parallel()
	if d := (providers.Deps{}).For("vendor"); d.Logger == nil || d.Now == nil || d.Sleep == nil || d.Jitter == nil || time.Since(d.Now()) > time.Hour {
		t.Errorf("got %+v", d)
	}
	var log bytes.Buffer
	at := time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)
	d := providers.Deps{
		Connection: "main", Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Now: func() time.Time { return at }, Jitter: func() float64 { return 0.25 },
	}.For("vendor")
	if d.Logger.Info("hello"); !strings.Contains(log.String(), "connection=main provider=vendor") {
		t.Errorf("logged %s", &log)
	}
	if !d.Now().Equal(at) || d.Jitter() != 0.25 {
		t.Error("what was set is replaced")
	}
}

func TestCheckRoles(t *testing.T) {
	t.Parallel()
	d := providers.Deps{Roles: map[string]string{"b": " ", "admin": "org:admin", "a": ""}}
	var got []string
	for _, problem := range d.CheckRoles("key") {
		got = append(got, problem.Error())
	}
	if want := "roles.a: the role has no key at the provider|roles.b: the role has no key at the provider"; strings.Join(got, "|") != want {
		t.Errorf("got %q", got)
	}
}
