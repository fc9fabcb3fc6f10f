package httpx_test

import (
	"net/http"
	"testing"
	"time"

	"usher/internal/httpx"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "-1": 0, "x": 0, "1.5": 0, "99999999999999999999": 24 * time.Hour, "+7": 0,
		"9999999": 24 * time.Hour, now.Add(time.Minute).Format(http.TimeFormat): time.Minute, now.Add(-time.Minute).Format(http.TimeFormat): 0,
		now.Add(30 * 24 * time.Hour).Format(http.TimeFormat): 24 * time.Hour, "Fri, 31 Dec 9999 23:59:59 GMT": 24 * time.Hour,
	} {
		if got := httpx.RetryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("Retry-After %q: got %v, want %v", value, got, want)
		}
	}
	late := now.Add(600 * time.Millisecond)
	if got := httpx.RetryAfter(http.Header{"Retry-After": {now.Add(10 * time.Second).Format(http.TimeFormat)}}, late); got != 10*time.Second {
		t.Errorf("a wait is rounded to %v, before its end", got)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, value := range []string{"7", "-1", "Fri, 31 Dec 9999 23:59:59 GMT", "9223372036854775808", "1e3"} {
		f.Add(value)
	}
	now := time.Date(2026, 11, 21, 9, 0, 0, 5e8, time.UTC)
	f.Fuzz(func(t *testing.T, value string) {
		d := httpx.RetryAfter(http.Header{"Retry-After": {value}}, now)
		if d < 0 || d > 24*time.Hour || d%time.Second != 0 {
			t.Errorf("%q is a wait of %v", value, d)
		}
	})
}
