package providers_test

import (
	"testing"

	"usher/providers"
)

func TestCheckURL(t *testing.T) {
	t.Parallel()
	const (
		missing = "is missing"
		no      = "is not an absolute URL"
		holds   = "may hold no user or fragment"
		extra   = "may hold no user, query or fragment"
		clear   = "must be https unless the host is loopback"
	)
	for _, tc := range []struct{ raw, base, plain string }{
		{"https://vendor.example", "", ""},
		{"https://vendor.example:8443/t/acme/", "", ""},
		{"http://localhost:8080", "", ""},
		{"http://127.0.0.1/x", "", ""},
		{"http://[::1]:80", "", ""},
		{"", missing, missing},
		{"vendor.example", no, no},
		{"https:vendor.example", no, no},
		{"https://", no, no},
		{"/path", no, no},
		{"https://vendor.example/%zz", no, no},
		{"https://user@vendor.example", extra, holds},
		{"https://:secret@vendor.example", extra, holds},
		{"https://vendor.example/#", extra, holds},
		{"https://vendor.example/#part", extra, holds},
		{"https://vendor.example/?q=1", extra, ""},
		{"https://vendor.example/?", extra, ""},
		{"http://vendor.example", clear, clear},
		{"http://localhost.vendor.example", clear, clear},
		{"ftp://localhost", clear, clear},
	} {
		for name, got := range map[string]struct {
			err  error
			want string
		}{"base": {providers.CheckBaseURL(tc.raw), tc.base}, "plain": {providers.CheckURL(tc.raw), tc.plain}} {
			text := ""
			if got.err != nil {
				text = got.err.Error()
			}
			if text != got.want {
				t.Errorf("%s %q: got %q, want %q", name, tc.raw, text, got.want)
			}
		}
	}
}
