package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/sandbox/asgardeo"
)

func TestWorldsSideBySide(t *testing.T) {
	t.Parallel()
	a, b := start(t, nil), start(t, nil)
	if got, want := names(a.Env()), []string{
		"USHER_ISSUER", "USHER_TOKEN", "USHER_TOKEN_READER", "USHER_TOKEN_OUTSIDER", "USHER_MAIL_URL",
		"USHER_SANDBOX_ASGARDEO_URL", "USHER_SANDBOX_ASGARDEO_CLIENT_ID", "USHER_SANDBOX_ASGARDEO_CLIENT_SECRET", "USHER_SANDBOX_ASGARDEO_ORGANIZATION_ID",
	}; !reflect.DeepEqual(got[:len(want)], want) {
		t.Errorf("variables %v, want %v", got, want)
	}
	other := env(t, b)
	for _, v := range a.Env() {
		if v.Value == "" || v.Value == other[v.Name] && v.Name != "USHER_SANDBOX_ASGARDEO_ORGANIZATION_ID" && v.Name != "USHER_SANDBOX_NILE_EMAIL" {
			t.Errorf("%s is empty or the same in both worlds", v.Name)
		}
	}
	for _, s := range []*Sandbox{a, b} {
		for _, address := range s.addresses() {
			host, _, err := net.SplitHostPort(address)
			if err != nil || host != "127.0.0.1" {
				t.Errorf("listens on %s", address)
			}
		}
	}
}

func names(env []EnvVar) []string {
	var all []string
	for _, v := range env {
		all = append(all, v.Name)
	}
	return all
}

// addresses are all that the world listens on.
func (s *Sandbox) addresses() []string {
	all := []string{s.SMTPAddr()}
	for _, one := range s.sites.all {
		all = append(all, one.listener.Addr().String())
	}
	return all
}

func TestFacts(t *testing.T) {
	t.Parallel()
	s := start(t, &Options{VendorLimits: true})
	vars := env(t, s)
	var access []AccessFacts
	for _, c := range s.Facts().Connections {
		access = append(access, AccessFacts{Connection: c.Name, All: true})
	}
	all := []string{"invites:read", "invites:write", "members:read", "organizations:write", "connections:read"}
	reading := []string{"invites:read", "members:read", "connections:read"}
	people := []string{"invites:read", "invites:write", "members:read", "connections:read"}
	smtp := netip.MustParseAddrPort(s.SMTPAddr())
	want := Facts{
		VendorLimits: true, Mail: MailFacts{Host: "127.0.0.1", Port: int(smtp.Port())},
		Issuer: IssuerFacts{
			Name: "demo", Issuer: vars["USHER_ISSUER"], Preset: "none", Audiences: []string{"usher-demo"},
			Algorithms: []string{"RS256"}, Types: []string{"at+jwt"}, Demo: true,
			Claims: ClaimFacts{"org_id", "scope", "roles", "email", "email_verified", "client_id"},
			Roles:  map[string]string{"admin": "admin", "member": "member"},
			Permissions: []PermissionFacts{
				{Scope: "invites:read", Grant: []string{"invites:read"}},
				{Scope: "invites:write", Grant: []string{"invites:write"}},
				{Scope: "members:read", Grant: []string{"members:read"}},
				{Scope: "organizations:write", Grant: []string{"organizations:write"}},
				{Scope: "connections:read", Grant: []string{"connections:read"}},
				{Role: "admin", Grant: people},
			},
			Services: []ServiceFacts{
				{Client: "demo-admin", Role: "admin", Grant: all, Organizations: access},
				{Client: "demo-reader", Grant: reading, Organizations: access},
			},
		},
		Connections: []ConnectionFacts{{
			Name: "asgardeo", Provider: "asgardeo", Issuers: []string{"demo"}, ActAs: "service", Emails: "lowercase",
			Roles: []RoleFacts{{Key: "admin", Provider: "Administrator", GrantableBy: []string{"admin"}}, {Key: "member", Provider: "Member"}},
			Settings: map[string]any{
				"base_url": vars["USHER_SANDBOX_ASGARDEO_URL"], "client_id": vars["USHER_SANDBOX_ASGARDEO_CLIENT_ID"],
				"client_secret": vars["USHER_SANDBOX_ASGARDEO_CLIENT_SECRET"], "application": "Team App",
			},
		}},
		Organizations: []Organization{{
			Slug: "acme-asgardeo", Name: "Acme", Connection: "asgardeo", ProviderID: vars["USHER_SANDBOX_ASGARDEO_ORGANIZATION_ID"],
		}},
	}
	// first is the facts with nothing of the vendors after the first.
	first := func() Facts {
		f := s.Facts()
		f.Connections, f.Organizations = f.Connections[:1], f.Organizations[:1]
		return f
	}
	got := first()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	// What a reader changes is his own.
	got.Connections[0].Settings["base_url"] = "x"
	got.Connections[0].Roles[0].GrantableBy[0] = "x"
	got.Organizations[0].Slug = "x"
	got.Issuer.Services[0].Organizations[0].All = false
	if again := first(); !reflect.DeepEqual(again, want) {
		t.Errorf("changed from outside: %+v", again)
	}
}

// Every vendor has its organization, its roles, and what an SDK needs.
func TestEveryVendorsFacts(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	vars := env(t, s)
	f := s.Facts()
	if len(f.Connections) != len(vendorTable())+1 || len(f.Organizations) != len(f.Connections) {
		t.Fatalf("%d connections and %d organizations for %d vendors and the built-in directory", len(f.Connections), len(f.Organizations), len(vendorTable()))
	}
	for n, c := range f.Connections {
		o := f.Organizations[n]
		if o.Slug != "acme-"+c.Name || o.Connection != c.Name || o.Name != "Acme" || o.ProviderID == "" {
			t.Errorf("%s: organization %+v", c.Name, o)
		}
		if c.Provider != c.Name || !reflect.DeepEqual(c.Issuers, []string{"demo"}) || c.ActAs != "service" || c.Emails == "" || len(c.Settings) == 0 {
			t.Errorf("connection %+v", c)
		}
		if last := c.Roles[len(c.Roles)-1]; last.Key != RoleMember || len(last.GrantableBy) != 0 {
			t.Errorf("%s: roles %+v", c.Name, c.Roles)
		}
		if c.Name == "local" {
			continue
		}
		url := vars["USHER_SANDBOX_"+strings.ToUpper(c.Name)+"_URL"]
		if url == "" || c.Settings["base_url"] != url {
			t.Errorf("%s: the settings say %v, the environment %q", c.Name, c.Settings["base_url"], url)
		}
	}
}

func TestFirstPeople(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	state := s.Asgardeo().State()
	org := env(t, s)["USHER_SANDBOX_ASGARDEO_ORGANIZATION_ID"]
	got := map[string][]string{}
	for _, u := range state.Users {
		if u.OrganizationID == org {
			got[u.Email] = u.Roles
		}
	}
	want := map[string][]string{AdministratorEmail: {"Administrator"}, MemberEmail: {"Member"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("members %v, want %v", got, want)
	}
	if len(s.Mail().Messages(all())) != 0 || len(state.Invitations) != 0 {
		t.Error("the world does not start empty")
	}
	if q := s.Asgardeo().Quirks(); q.RateLimits {
		t.Error("rate limits are on")
	}
	if q := start(t, &Options{VendorLimits: true}).Asgardeo().Quirks(); !q.RateLimits {
		t.Error("rate limits are off")
	}
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{
		{Host: "0.0.0.0"}, {Host: "::"}, {Host: "192.0.2.1"}, {Host: "localhost.example.com"}, {Host: "localhost"}, {Host: "127.0.0.1:80"},
		{BasePort: -1}, {BasePort: 65530},
	} {
		if s, err := Start(t.Context(), &o); err == nil {
			_ = s.Close()
			t.Errorf("%+v: started", o)
		}
	}
}

func TestStartAfterTheEnd(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := Start(ctx, nil); !errors.Is(err, context.Canceled) {
		_ = s.Close()
		t.Errorf("error %v", err)
	}
}

func TestBasePort(t *testing.T) {
	t.Parallel()
	base := freeBase(t)
	s := start(t, &Options{BasePort: base})
	vars := env(t, s)
	for want, got := range map[string]string{
		fmt.Sprintf("http://127.0.0.1:%d", base):                vars["USHER_ISSUER"],
		fmt.Sprintf("http://127.0.0.1:%d/api/messages", base+1): vars["USHER_MAIL_URL"],
		fmt.Sprintf("127.0.0.1:%d", base+2):                     s.SMTPAddr(),
		fmt.Sprintf("http://127.0.0.1:%d/t/sandbox", base+10):   vars["USHER_SANDBOX_ASGARDEO_URL"],
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if twin, err := Start(t.Context(), &Options{BasePort: base}); err == nil {
		_ = twin.Close()
		t.Error("a second world took the same ports")
	}
	// The failed start gave back what it had taken, and left the first alone.
	plain(t).json(http.MethodGet, s.MailURL()+"/api/messages", "", nil, http.StatusOK, nil)
}

// freeBase finds a base port whose slots are free right now.
func freeBase(t *testing.T) int {
	t.Helper()
	var lc net.ListenConfig
	for base := 21000; base < 32000; base += 37 {
		free := true
		slots := []int{slotIssuer, slotMail, slotSMTP}
		for n := range vendorTable() {
			slots = append(slots, slotVendors+n)
		}
		for _, slot := range slots {
			l, err := lc.Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", base+slot))
			if err != nil {
				free = false
				break
			}
			_ = l.Close()
		}
		if free {
			return base
		}
	}
	t.Fatal("no free ports")
	return 0
}

func TestStopping(t *testing.T) {
	t.Parallel()
	stops := map[string]func(t *testing.T, s *Sandbox, cancel context.CancelFunc){
		"Close": func(t *testing.T, s *Sandbox, _ context.CancelFunc) {
			for range 2 {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
		},
		"context": func(t *testing.T, s *Sandbox, cancel context.CancelFunc) {
			cancel()
			// Close waits for whoever is closing already.
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		},
	}
	for name, stop := range stops {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s, err := Start(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			hung := hang(t, s)
			stop(t, s, cancel)
			select {
			case <-hung:
			case <-time.After(2 * time.Minute):
				t.Error("a hung request outlived the world")
			}
			var dialer net.Dialer
			for _, address := range s.addresses() {
				if conn, err := dialer.DialContext(t.Context(), "tcp", address); err == nil {
					_ = conn.Close()
					t.Errorf("%s still listens", address)
				}
			}
		})
	}
}

// TestClosingLetsRequestsEnd: a request under way learns that the world ends,
// and its answer still goes out.
func TestClosingLetsRequestsEnd(t *testing.T) {
	t.Parallel()
	opts, err := (&Options{}).withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	var servers sites
	servers.begin(t.Context(), opts)
	one, err := servers.listen(t.Context(), slotMail)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := servers.listen(t.Context(), slotIssuer); err != nil { // listens, and never serves
		t.Fatal(err)
	}
	entered := make(chan struct{})
	servers.serve(one, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		w.WriteHeader(http.StatusTeapot)
	}))
	b := plain(t)
	answered := make(chan int)
	go func() {
		status, _ := b.do(http.MethodGet, one.url, nil, nil)
		answered <- status
	}()
	<-entered
	if err := servers.close(); err != nil {
		t.Error(err)
	}
	if status := <-answered; status != http.StatusTeapot {
		t.Errorf("answered %d", status)
	}
}

// hang makes a request that the simulator never answers; the channel is closed
// when it ends.
func hang(t *testing.T, s *Sandbox) <-chan struct{} {
	t.Helper()
	vendor := s.Facts().Connections[0].Settings["base_url"].(string)
	root, err := url.Parse(vendor)
	if err != nil {
		t.Fatal(err)
	}
	b := plain(t)
	b.json(http.MethodPost, "http://"+root.Host+"/_sandbox/faults", "", map[string]any{
		"match": map[string]any{"method": "GET"}, "times": 1, "do": map[string]any{"hang": true},
	}, http.StatusCreated, nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, vendor+"/scim2/Users", nil)
		if err != nil {
			t.Error(err)
			return
		}
		if res, err := b.client.Do(r); err == nil {
			_ = res.Body.Close()
			t.Errorf("answered %s", res.Status)
		}
	}()
	// Until the simulator has it: its list of faults counts the hit.
	for {
		var faults []map[string]any
		b.json(http.MethodGet, "http://"+root.Host+"/_sandbox/faults", "", nil, http.StatusOK, &faults)
		if len(faults) == 1 && faults[0]["hits"] == float64(1) {
			return done
		}
		if t.Context().Err() != nil {
			t.Fatal("the request never arrived")
		}
	}
}

func TestGuard(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	b := plain(t)
	list, mint := s.MailURL()+"/api/messages", s.Issuer().URL()+"/_sandbox/token"
	port := func(address string) string {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		return u.Port()
	}
	kind := []byte(`{"kind":"admin"}`)
	tests := []struct {
		name, method, url string
		header            http.Header
		body              []byte
		want              int
	}{
		{"by address", "GET", list, nil, nil, 200},
		{"as localhost", "GET", list, http.Header{"Host": {"localhost:" + port(list)}}, nil, 200},
		{"as ::1", "GET", list, http.Header{"Host": {"[::1]:" + port(list)}}, nil, 200},
		{"by a foreign name", "GET", list, http.Header{"Host": {"evil.example:" + port(list)}}, nil, 421},
		{"by a name that looks local", "GET", list, http.Header{"Host": {"127.0.0.1.evil.example"}}, nil, 421},
		{"by another address", "GET", list, http.Header{"Host": {"192.0.2.1"}}, nil, 421},
		{"token by a program", "POST", mint, nil, kind, 200},
		{"token by a foreign page", "POST", mint, http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"http://evil.example"}}, kind, 403},
		{"token by an old browser's foreign page", "POST", mint, http.Header{"Origin": {"http://evil.example"}}, kind, 403},
		{"deletion by a foreign page", "DELETE", list, http.Header{"Sec-Fetch-Site": {"cross-site"}}, nil, 403},
		{"simulator by a foreign name", "GET", env(t, s)["USHER_SANDBOX_ASGARDEO_URL"] + "/scim2/Users", http.Header{"Host": {"evil.example"}}, nil, 421},
	}
	for _, test := range tests {
		if got, text := b.do(test.method, test.url, test.header, test.body); got != test.want {
			t.Errorf("%s: %d %s, want %d", test.name, got, text, test.want)
		}
	}
}

func TestVendorTable(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	seen := []string{}
	for n, row := range vendorTable() {
		v := s.vendors[n]
		if row.slug != "acme-"+row.provider || v.provider != row.provider || v.organization.Connection != row.provider || v.organization.Slug != row.slug {
			t.Errorf("row %+v made %+v", row, v)
		}
		var keys []string
		for _, r := range v.roles {
			keys = append(keys, r.Key)
		}
		if !slices.Contains(keys, RoleMember) {
			t.Errorf("%s has roles %v", row.provider, keys)
		}
		if slices.Contains(seen, row.provider) || strings.ToLower(row.provider) != row.provider {
			t.Errorf("provider %q", row.provider)
		}
		seen = append(seen, row.provider)
	}
	if _, ok := s.vendors[0].handler.(*asgardeo.Simulator); !ok || s.Asgardeo() == nil {
		t.Error("the first row is not Asgardeo: the ports of the others have moved")
	}
}
