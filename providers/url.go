package providers

import (
	"errors"
	"net/url"
	"strings"

	"usher/internal/loopback"
)

// CheckBaseURL reports what is wrong with the address of a vendor's interface,
// to whose path others are added. Credentials travel there, so it insists on
// https, but on this machine.
func CheckBaseURL(raw string) error {
	u, err := url.Parse(raw)
	if err == nil && u.Host != "" && (u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(raw, "#")) {
		return errors.New("may hold no user, query or fragment")
	}
	return CheckURL(raw)
}

// CheckURL is CheckBaseURL for an address that is used as it is: it may have a
// query.
func CheckURL(raw string) error {
	if raw == "" {
		return errors.New("is missing")
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return errors.New("is not an absolute URL")
	case u.User != nil || strings.Contains(raw, "#"):
		return errors.New("may hold no user or fragment")
	case u.Scheme == "https" || u.Scheme == "http" && loopback.Is(u.Hostname()):
		return nil
	default:
		return errors.New("must be https unless the host is loopback")
	}
}
