package scim2

import (
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"usher/identity"
	"usher/providers"
)

func whole(etag bool) func(*vendor, *Config, *providers.Deps) {
	return func(v *vendor, _ *Config, _ *providers.Deps) { v.patch, v.etag = false, etag }
}

// Many accept at once, and each group is written as a whole each time: nobody
// may be lost.
func TestManyAcceptAtOnce(t *testing.T) {
	t.Parallel()
	for _, etag := range []bool{true, false} {
		t.Run(fmt.Sprintf("entity tags %v", etag), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, whole(etag))
			r.join(acme, r.addUser("before@example.com"))
			const n = 16
			var group sync.WaitGroup
			errs := make([]error, n)
			for k := range n {
				a := accepting(t, fmt.Sprintf("p%d@example.com", k), "member")
				group.Go(func() { _, errs[k] = r.c.Accept(t.Context(), a) })
			}
			group.Wait()
			for _, err := range errs {
				if err != nil {
					t.Error(err)
				}
			}
			if in, of := len(r.members(acme)), len(r.members(acme+"-mem")); in != n+1 || of != n {
				t.Errorf("%d in the organization and %d in the role, want %d and %d", in, of, n+1, n)
			}
			if log := r.log.String(); strings.Contains(log, "members left") {
				t.Error(log)
			}
		})
	}
}

// dawdler lets others get in between a look at the people and what follows.
type dawdler struct{ http.RoundTripper }

func (d dawdler) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := d.RoundTripper.RoundTrip(r)
	for range 200 {
		if strings.HasSuffix(r.URL.Path, "/Users") && r.Method == http.MethodGet {
			runtime.Gosched()
		}
	}
	return answer, err
}

// People accept twice at once, in two organizations: one account each, one
// membership in each, though the service would make several accounts.
func TestPeopleAcceptTwiceAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(v *vendor, c *Config, d *providers.Deps) {
		whole(false)(v, c, d)
		v.lax, d.Transport = true, dawdler{v}
	})
	const people = 12
	var group sync.WaitGroup
	for k := range 4 * people {
		a := accepting(t, fmt.Sprintf("p%d@example.com", k/4), "member")
		a.Org = org([]string{acme, beta}[k%2])
		group.Go(func() {
			if _, err := r.c.Accept(t.Context(), a); err != nil && identity.CodeOf(err) != identity.CodeAlreadyMember {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if r.made != people || len(r.members(acme)) != people || len(r.members(beta)) != people {
		t.Errorf("%d accounts, members %v and %v", r.made, r.members(acme), r.members(beta))
	}
}

// A service that shows a write later than it takes it: who wrote the whole group
// next from the old sight of it would undo it.
func TestWritesThatAreSeenLate(t *testing.T) {
	t.Parallel()
	for _, patch := range []bool{true, false} {
		r := newRig(t, whole(false))
		r.patch, r.lag = patch, 2
		r.join(acme, r.addUser("before@example.com"))
		r.join(acme+"-mem", r.addUser("before2@example.com"))
		var group sync.WaitGroup
		for k := range 4 {
			a := accepting(t, fmt.Sprintf("p%d@example.com", k), "member")
			group.Go(func() {
				if _, err := r.c.Accept(t.Context(), a); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if in, of := len(r.members(acme)), len(r.members(acme+"-mem")); in != 5 || of != 5 {
			t.Errorf("patch %v: %d and %d members, want 5", patch, in, of)
		}
	}
}

// A service that keeps to itself who is in a group, and takes it as a whole
// only: everybody else in it would be lost.
func TestHiddenMembersAreNotWrittenAway(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*vendor){
		func(*vendor) {},
		func(v *vendor) { v.refuses["groups.value"] = true },
		func(v *vendor) { v.blind["groups.value"] = true },
	} {
		r := newRig(t, whole(true))
		r.hidden = "never"
		change(r.vendor)
		r.join(acme+"-mem", r.addUser("before@example.com"))
		a := accepting(t, "ada@example.com", "member")
		_, err := r.c.Accept(t.Context(), a)
		wantCode(t, err, identity.CodeUnsupported)
		if got := r.members(acme + "-mem"); len(got) != 1 || unknown(err) || a.Journal.Step(stepRole+"member").Begun {
			t.Errorf("members %v, %v", got, err)
		}
	}
}

// Somebody outside this process writes the group between our reading and our
// writing.
func TestOthersWriteInBetween(t *testing.T) {
	t.Parallel()
	for _, etag := range []bool{true, false} {
		r := newRig(t, whole(etag))
		other := r.addUser("other@example.com")
		times := 0
		r.before = func(v *vendor, method, path string) {
			switch {
			case path != "/Groups/"+acme:
			case etag && method == "PUT" && times < 2: // refused by its tag, and read again
				times++
				v.add(acme, map[string]any{"value": other})
				v.versions[acme]++
			case !etag && method == "GET" && strings.HasPrefix(strings.Join(v.Calls[max(0, len(v.Calls)-2):], ","), "PUT ") && times < 2:
				times++ // another whole group in the place of ours
				v.groups[acme]["members"] = []any{map[string]any{"value": other}}
			}
		}
		a := accepting(t, "ada@example.com", "member")
		if _, err := r.c.Accept(t.Context(), a); err != nil {
			t.Errorf("entity tags %v: %v", etag, err)
		}
		if got := r.members(acme); len(got) != 2 || times != 2 {
			t.Errorf("entity tags %v: members %v after %d others' writes", etag, got, times)
		}
	}
}

// A group that never holds still ends in a refusal that grants nothing.
func TestOthersNeverStopWriting(t *testing.T) {
	t.Parallel()
	r := newRig(t, whole(true))
	r.before = func(v *vendor, method, path string) {
		if method == "PUT" && path == "/Groups/"+acme {
			v.versions[acme]++
		}
	}
	a := accepting(t, "ada@example.com", "member")
	_, err := r.c.Accept(t.Context(), a)
	wantCode(t, err, identity.CodeProviderUnavailable)
	if unknown(err) || a.Journal.Step(stepOrganization).Begun || len(r.members(acme)) > 0 {
		t.Errorf("%v, step %+v", err, a.Journal.Step(stepOrganization))
	}
}

// Nothing of a group is lost or changed but that it has one member more.
func TestWholeGroupsKeepEverything(t *testing.T) {
	t.Parallel()
	r := newRig(t, whole(true))
	id := r.addUser("ada@example.com")
	const before = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group","urn:example:x"],"id":"` + acme + `","displayName":"Acme","externalId":"e-1",` +
		`"members":[{"value":"` + beta + `","type":"Group","display":"Beta","$ref":"../Groups/b"}],"urn:example:x":{"cost":12345678901234567890,"tags":["a","b"]}}`
	var g map[string]any
	decoder := json.NewDecoder(strings.NewReader(before))
	decoder.UseNumber()
	if err := decoder.Decode(&g); err != nil {
		t.Fatal(err)
	}
	r.groups[acme] = g
	if _, err := r.c.Accept(t.Context(), accepting(t, "ada@example.com", "member")); err != nil {
		t.Fatal(err)
	}
	var sent string
	for _, request := range r.asked() {
		if text, ok := strings.CutPrefix(request, "PUT /Groups/"+acme+"  "); ok {
			sent = text
		}
	}
	want := strings.Replace(before, `"../Groups/b"}]`, `"../Groups/b"},{"value":"`+id+`"}]`, 1)
	if !sameJSON(t, sent, want) {
		t.Errorf("sent %s\nwant %s", sent, want)
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	texts := [2]string{}
	for n, text := range []string{a, b} {
		var v any
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&v); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		canonical, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		texts[n] = string(canonical)
	}
	return texts[0] == texts[1]
}

// Members who are gone after a write are the operator's to look at.
func TestMembersLeaveMeanwhile(t *testing.T) {
	t.Parallel()
	r := newRig(t, whole(false))
	r.join(acme, r.addUser("leaves@example.com"))
	r.before = func(v *vendor, method, path string) {
		if members, _ := v.groups[acme]["members"].([]any); method == "GET" && path == "/Groups/"+acme && len(members) == 2 {
			v.groups[acme]["members"] = members[1:]
		}
	}
	if _, err := r.c.Accept(t.Context(), accepting(t, "ada@example.com", "member")); err != nil {
		t.Fatal(err)
	}
	if log := r.log.String(); !strings.Contains(log, "members left a group") || !strings.Contains(log, "members=1") {
		t.Errorf("log %s", log)
	}
	if got := r.members(acme); len(got) != 1 {
		t.Errorf("who was taken out is back: %v", got)
	}
}

// Nor is anybody written away where too many have to be looked through to know.
func TestHiddenMembersOfMany(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(v *vendor, c *Config, d *providers.Deps) {
		whole(true)(v, c, d)
		c.MaxScan = 3
	})
	r.hidden, r.refuses["groups.value"] = "never", true
	for n := range 3 {
		r.addUser(fmt.Sprintf("u%d@example.com", n))
	}
	r.join(acme+"-mem", r.addUser("before@example.com"))
	a := accepting(t, "ada@example.com", "member")
	_, err := r.c.Accept(t.Context(), a)
	wantCode(t, err, identity.CodeUnsupported)
	if got := r.members(acme + "-mem"); len(got) != 1 || unknown(err) || a.Journal.Step(stepRole+"member").Begun {
		t.Errorf("members %v, %v", got, err)
	}
}
