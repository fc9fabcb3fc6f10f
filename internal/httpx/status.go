package httpx

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"usher/identity"
)

// StatusCode is what an HTTP status means where a vendor's own error code says
// nothing more exact.
func StatusCode(status int) identity.Code {
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return identity.CodeProviderCredentials
	case status == http.StatusNotFound || status == http.StatusGone:
		return identity.CodeNotFound
	case status == http.StatusTooManyRequests:
		return identity.CodeProviderRateLimited
	case status == http.StatusRequestTimeout || status == http.StatusGatewayTimeout:
		return identity.CodeProviderTimeout
	case status == http.StatusServiceUnavailable:
		return identity.CodeProviderUnavailable
	default:
		return identity.CodeProviderError
	}
}

// ActedStatus reports whether a vendor that answers a write with this status
// may have carried it out all the same. An answer below 400 that the adapter
// did not expect, such as a redirect after a POST, leaves it open too.
func ActedStatus(method string, status int) bool {
	if method == http.MethodGet || method == http.MethodHead {
		return false
	}
	return status < 400 || status >= 500 || status == http.StatusRequestTimeout
}

// maxRetryAfter bounds RetryAfter.
const maxRetryAfter = 24 * time.Hour

// RetryAfter reads the Retry-After header (RFC 9110 section 10.2.3), in
// seconds or as a date, rounded up to whole seconds and at most a day. 0 means
// that there is none that makes sense.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value != "" && strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(maxRetryAfter/time.Second) { // it is out of range
			return maxRetryAfter
		}
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil || !at.After(now) {
		return 0
	}
	wait := min(at.Sub(now), maxRetryAfter)
	if part := wait % time.Second; part > 0 {
		wait += time.Second - part
	}
	return wait
}
