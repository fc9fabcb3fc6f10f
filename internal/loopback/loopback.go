// Package loopback tells what stays on this machine.
package loopback

import (
	"net"
	"strings"
)

// Is reports whether a host, without a port, is this machine itself: localhost,
// or an address of its loopback interface.
func Is(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || (ip != nil && ip.IsLoopback())
}
