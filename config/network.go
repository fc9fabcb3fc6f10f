package config

import (
	"errors"
	"net/netip"
)

// Proxies returns TrustedProxies as networks.
func (c *Config) Proxies() []netip.Prefix {
	var all []netip.Prefix
	for _, text := range c.TrustedProxies {
		if n, err := parseNetwork(text); err == nil {
			all = append(all, n)
		}
	}
	return all
}

// parseNetwork reads a network such as 10.0.0.0/8, or one address.
func parseNetwork(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	n, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return n, errors.New("must be an address or a network such as 10.0.0.0/8")
	case n.Bits() == 0:
		return n, errors.New("is everybody: name the proxies")
	case n != n.Masked():
		return n, errors.New("is neither one address nor a network: " + n.Masked().String() + " would be one")
	default:
		return n, nil
	}
}
