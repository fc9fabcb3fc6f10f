package sandbox

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a world for the length of a test.
func start(t *testing.T, o *Options) *Sandbox {
	t.Helper()
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// fixedNow is far from the real time, so that no part may use its own clock.
func fixedNow() time.Time { return time.Date(2031, 3, 4, 5, 6, 7, 0, time.UTC) }

func env(t *testing.T, s *Sandbox) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, v := range s.Env() {
		all[v.Name] = v.Value
	}
	return all
}

// browserless is a plain HTTP client that keeps no connections.
type browserless struct {
	t      *testing.T
	client *http.Client
}

func plain(t *testing.T) browserless {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	return browserless{t: t, client: &http.Client{Transport: transport, Timeout: 20 * time.Second}}
}

func (b browserless) do(method, address string, header http.Header, body []byte) (int, []byte) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, address, bytes.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	res, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res.StatusCode, text
}

// json sends a JSON body and decodes the answer, which must have the status.
func (b browserless) json(method, address, token string, in any, status int, out any) {
	b.t.Helper()
	header := http.Header{"Accept": {"application/json"}}
	var body []byte
	if in != nil {
		header.Set("Content-Type", "application/json")
		var err error
		if body, err = json.Marshal(in); err != nil {
			b.t.Fatal(err)
		}
	}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	got, text := b.do(method, address, header, body)
	if got != status {
		b.t.Fatalf("%s %s: %d %s, want %d", method, address, got, text, status)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			b.t.Fatalf("%s %s: %v in %s", method, address, err, text)
		}
	}
}

// token asks a token endpoint, with the client in the header.
func (b browserless) token(base, id, secret string, form url.Values) string {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, base+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	res, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer.Token == "" {
		b.t.Fatalf("token: %s %v", res.Status, err)
	}
	return answer.Token
}
