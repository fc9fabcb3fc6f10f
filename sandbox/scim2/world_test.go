package scim2_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"usher/sandbox/sandboxtest"
	"usher/sandbox/scim2"
)

const (
	userSchema  = "urn:ietf:params:scim:schemas:core:2.0:User"
	groupSchema = "urn:ietf:params:scim:schemas:core:2.0:Group"
	enterprise  = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	messages    = "urn:ietf:params:scim:api:messages:2.0:"
)

type object = map[string]any

// world is one simulator on a server whose every exchange is checked against
// the RFCs.
type world struct {
	t     *testing.T
	sim   *scim2.Simulator
	srv   *httptest.Server
	check *checker
}

func fixedNow() time.Time { return time.Date(2031, 3, 4, 5, 6, 7, 0, time.UTC) }

func newWorld(t *testing.T, change ...func(*scim2.Quirks)) *world {
	t.Helper()
	q := scim2.DefaultQuirks()
	for _, f := range change {
		f(&q)
	}
	w := &world{t: t, sim: scim2.New(scim2.Options{Now: fixedNow, Quirks: &q})}
	w.check = &checker{sim: w.sim}
	w.srv = httptest.NewServer(w.check.middleware(w.sim))
	t.Cleanup(func() {
		w.srv.Close()
		w.check.report(t)
	})
	return w
}

func (w *world) quirks(change func(*scim2.Quirks)) {
	w.t.Helper()
	if err := w.sim.SetQuirks(change); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) advance(d time.Duration) { w.sim.Injector().Clock().Advance(d) }

// answer is what came back.
type answer struct {
	t      *testing.T
	call   string
	status int
	header http.Header
	raw    string
	body   any
}

// do calls a path below the service with the bearer token; header is name,
// value, name, value, …
func (w *world) do(method, path string, body any, header ...string) *answer {
	w.t.Helper()
	r := sandboxtest.NewRequest(w.t, method, w.srv.URL+w.sim.Path()+path, body)
	r.Header.Set("Authorization", "Bearer "+w.sim.Token())
	r.Header.Set("Content-Type", "application/scim+json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i+1] == "" {
			r.Header.Del(header[i])
		}
	}
	return send(w.t, r)
}

func send(t *testing.T, r *http.Request) *answer {
	t.Helper()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	a := &answer{t: t, call: r.Method + " " + r.URL.RequestURI(), status: res.StatusCode, header: res.Header, raw: string(raw)}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &a.body); err != nil {
			t.Fatalf("%s: %v in %s", a.call, err, raw)
		}
	}
	return a
}

// want fails the test unless the status, and the scimType where one is given,
// are as expected.
func (a *answer) want(status int, scimType ...string) *answer {
	a.t.Helper()
	if a.status != status || len(scimType) > 0 && a.get("scimType") != scimType[0] {
		a.t.Fatalf("%s: %d %s, want %d %v", a.call, a.status, a.raw, status, scimType)
	}
	return a
}

// get walks into the body by names and indexes; nil where there is nothing.
func (a *answer) get(path ...any) any { return sandboxtest.At(a.body, path...) }

func (a *answer) text(path ...any) string { return fmt.Sprint(a.get(path...)) }

// each collects one attribute of all resources of a list.
func (a *answer) each(path ...any) string {
	var all []string
	list, _ := a.get("Resources").([]any)
	for _, r := range list {
		all = append(all, fmt.Sprint(sandboxtest.At(r, path...)))
	}
	return strings.Join(all, " ")
}

func user(name string, more ...object) object {
	u := object{"schemas": []string{userSchema}, "userName": name}
	for _, m := range more {
		for k, v := range m {
			u[k] = v
		}
	}
	return u
}

func group(name string, members ...string) object {
	list := []object{}
	for _, id := range members {
		list = append(list, object{"value": id})
	}
	return object{"schemas": []string{groupSchema}, "displayName": name, "members": list}
}

func patch(operations ...object) object {
	return object{"schemas": []string{messages + "PatchOp"}, "Operations": operations}
}

func op(kind, path string, value ...any) object {
	o := object{"op": kind}
	if path != "" {
		o["path"] = path
	}
	if len(value) > 0 {
		o["value"] = value[0]
	}
	return o
}

func filtered(at, filter string) string { return at + "?filter=" + url.QueryEscape(filter) }
