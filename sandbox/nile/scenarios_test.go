package nile_test

import (
	"strings"
	"testing"

	"usher/sandbox/nile/contract"
)

// scenario drives one part of the vendor's API and checks what it answers. All
// run twice: on their own, and with every exchange held against the documents.
type scenario struct {
	name    string
	run     func(*world)
	noRoute bool // goes where no document has a route
}

func scenarios() []scenario {
	return []scenario{
		{name: "cookies", run: cookies}, {name: "sessions", run: sessions}, {name: "csrf", run: csrf}, {name: "password", run: passwords}, {name: "broken sign-in", run: brokenSignIn},
		{name: "magic link", run: magicLinks}, {name: "reset", run: resets}, {name: "reset refused", run: resetsRefused}, {name: "verify e-mail", run: verifications},
		{name: "sign-up", run: signUps}, {name: "me", run: myself}, {name: "tenants", run: tenants}, {name: "members", run: members}, {name: "link", run: links},
		{name: "invite checks", run: inviteChecks}, {name: "invite again", run: inviteAgain}, {name: "mail fails", run: mailFails}, {name: "mail texts", run: mailTexts},
		{name: "accept", run: accepting}, {name: "accept refused", run: acceptRefused}, {name: "accept burns", run: acceptBurns},
		{name: "refusals", run: refusals}, {name: "unknown routes", run: unknownRoutes, noRoute: true}, {name: "front", run: front}, {name: "deployments", run: deployments},
	}
}

func TestScenarios(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.run(newWorld(t, nil))
		})
	}
}

// notSimulated are operations of the vendor's document that are left out.
func notSimulated() []string { return []string{"/auth/mfa"} }

// TestContract validates each request and answer of the scenarios, and wants
// every operation driven.
func TestContract(t *testing.T) {
	t.Parallel()
	v := contract.NewValidator(t)
	for _, s := range scenarios() {
		if !s.noRoute {
			s.run(newWorld(t, v.Middleware))
		}
	}
	for _, operation := range v.Operations() {
		name := strings.TrimPrefix(strings.TrimPrefix(operation, "openapi.yaml "), "openapi.observed.yaml ")
		left := false
		for _, part := range notSimulated() {
			left = left || strings.HasSuffix(name, part)
		}
		if !left && !v.Seen("openapi.observed.yaml "+name) && !v.Seen("openapi.yaml "+name) {
			t.Errorf("%s was never driven", operation)
		}
	}
	if len(v.Unused()) > 0 {
		t.Errorf("exemptions nothing needs: %q", v.Unused())
	}
}
