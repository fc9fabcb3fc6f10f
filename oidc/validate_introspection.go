package oidc

import (
	"strings"
	"time"
)

// The bounds of IntrospectionConfig and SessionConfig.
const (
	maxInquiryTime                 = 30 * time.Second
	minInquiries, maxInquiries     = 2, 256
	minTokenPrefix, maxTokenPrefix = 2, 64
)

func (c IssuerConfig) checkIntrospection(p *problems) {
	n := c.Introspection
	if !n.on() {
		if n.Endpoint != "" || n.ClientSecret != "" || n.ClientAuth != "" || len(n.Prefixes) > 0 || n.Timeout != 0 || n.Concurrency != 0 || n.Failures != 0 {
			p.add("client_id", "is missing: without it nothing is asked")
		}
		return
	}
	if c.Preset == PresetClerk || c.Preset == PresetWorkOS {
		p.add("", "preset %s is for JWTs: leave introspection out", c.Preset)
	}
	if n.ClientSecret == "" {
		p.add("client_secret", "is missing")
	}
	if n.ClientAuth != "" && n.ClientAuth != ClientSecretBasic && n.ClientAuth != ClientSecretPost {
		p.add("client_auth", "%q is neither client_secret_basic nor client_secret_post", n.ClientAuth)
	}
	switch why := badAddress(n.Endpoint); {
	case n.Endpoint == "" && c.JWKSURL != "":
		p.add("endpoint", "is missing: with jwks_url there is no discovery that tells it")
	case n.Endpoint != "" && why != "":
		p.add("endpoint", "%q %s", n.Endpoint, why)
	}
	p.prefixes(n.Prefixes)
	p.inquiries(n.Timeout, n.Concurrency, n.Failures)
}

func (p *problems) prefixes(list []string) {
	p.words("prefixes", list)
	for _, prefix := range list {
		if len(prefix) < minTokenPrefix || len(prefix) > maxTokenPrefix || strings.ContainsFunc(prefix, notInToken) {
			p.add("prefixes", "%q is no prefix: %d to %d characters of those that tokens have", prefix, minTokenPrefix, maxTokenPrefix)
		} else if strings.HasPrefix("eyJ", prefix) || strings.HasPrefix(prefix, "eyJ") {
			p.add("prefixes", "%q is how JWTs begin", prefix)
		}
	}
}

func (p *problems) inquiries(timeout time.Duration, concurrency, failures int) {
	if timeout < 0 || timeout > maxInquiryTime {
		p.add("timeout", "%s is not between 0s and %s", timeout, maxInquiryTime)
	}
	if concurrency != 0 && (concurrency < minInquiries || concurrency > maxInquiries) {
		p.add("concurrency", "%d is not from %d to %d", concurrency, minInquiries, maxInquiries)
	}
	if failures < 0 {
		p.add("failures", "must not be negative")
	}
}

// notInToken tells the characters that no bearer token has (RFC 6750 section
// 2.1).
func notInToken(r rune) bool { return notInName(r) && !strings.ContainsRune("~+/=", r) }
