package roq_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"usher/internal/nodetest"
	"usher/sandbox/roq"
	"usher/sandbox/sandboxtest"
)

// The vendor's own SDK, unmodified, works with the simulator; where the
// vendor's schema is at hand, every exchange is held against it.
func TestSDK(t *testing.T) {
	box := &sandboxtest.Mailbox{}
	sim := roq.New(roq.Options{Mail: box})
	tenant := sim.AddTenant("Acme")
	sim.AddRole(roq.Role{Key: "admin", Name: "Administrator", Invites: []string{"member"}, Permissions: []string{"*"}})
	sim.AddRole(roq.Role{Key: "member", Name: "Member"})
	admin := sim.AddUser(roq.User{Email: "demo-admin@example.com", TenantID: tenant, Roles: []string{"admin"}})
	member := sim.AddUser(roq.User{Email: "demo-member@example.com", TenantID: tenant, Roles: []string{"member"}})
	var handler http.Handler = sim
	if v := held(t); v != nil {
		handler = v.Middleware(sim)
	}
	srv := httptest.NewServer(handler)
	defer srv.Close()
	mails := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all := box.To(strings.TrimPrefix(r.URL.Path, "/"))
		_, token, _ := strings.Cut(all[len(all)-1].Link, "token=")
		io.WriteString(w, token)
	}))
	defer mails.Close()
	nodetest.Run(t, "testdata/sdk.mjs", map[string]string{
		"ROQ_URL": srv.URL, "ROQ_ENVIRONMENT_ID": sim.EnvironmentID(), "ROQ_API_KEY": sim.APIKey(), "ROQ_TENANT_ID": tenant,
		"ROQ_INVITER_ID": admin, "ROQ_MEMBER_ID": member, "MAILS_URL": mails.URL,
	})
}
