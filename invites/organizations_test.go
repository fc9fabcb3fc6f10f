package invites_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"usher/identity"
	"usher/invites"
	"usher/providers/memory"
)

func claimed(ids ...string) invites.Caller {
	c := invites.Caller{}
	for _, id := range ids {
		c.Access.Claimed = append(c.Access.Claimed, identity.Alias{Connection: "main", ProviderID: id})
	}
	return c
}

func TestOrganizationIsTheCallersOrNotThere(t *testing.T) {
	t.Parallel()
	h := build(t)
	cases := []struct {
		name string
		by   invites.Caller
		ref  string
		want string // empty: not_found
	}{
		{"by id", claimed("one"), h.org.ID, h.org.ID},
		{"by slug", claimed("one"), "acme", h.org.ID},
		{"current", claimed("one"), "current", h.org.ID},
		{"somebody else's by id", claimed("two"), h.org.ID, ""},
		{"somebody else's by slug", claimed("two"), "acme", ""},
		{"by the vendor's id", claimed("one"), "one", ""},
		{"nothing of that name", claimed("one"), "nowhere", ""},
		{"no organizations at all", invites.Caller{}, "acme", ""},
		{"current without organization", invites.Caller{}, "current", ""},
		{"current of many", h.admin, "current", ""},
		{"claim of an unknown organization", claimed("three"), "current", ""},
		{"all of the connection", h.admin, "other", h.other.ID},
	}
	for _, tc := range cases {
		got, err := h.service.Organization(t.Context(), tc.by, tc.ref)
		if tc.want == "" {
			wantCode(t, err, identity.CodeNotFound)
			continue
		}
		if err != nil || got.ID != tc.want {
			t.Errorf("%s: got %+v, %v; want %s", tc.name, got, err, tc.want)
		}
	}
}

func TestListOrganizations(t *testing.T) {
	t.Parallel()
	h := build(t)
	page, err := h.service.ListOrganizations(t.Context(), claimed("two"), identity.PageRequest{})
	must(t, err)
	if len(page.Items) != 1 || page.Items[0].ID != h.other.ID {
		t.Errorf("one sees %+v", page.Items)
	}
	page, err = h.service.ListOrganizations(t.Context(), h.admin, identity.PageRequest{Limit: 1})
	must(t, err)
	if len(page.Items) != 1 || page.Next == "" {
		t.Fatalf("first page %+v", page)
	}
	_, err = h.service.ListOrganizations(t.Context(), claimed("two"), identity.PageRequest{Cursor: page.Next})
	wantCode(t, err, identity.CodeInvalidRequest)
	page, err = h.service.ListOrganizations(t.Context(), h.admin, identity.PageRequest{Limit: 1, Cursor: page.Next})
	must(t, err)
	if len(page.Items) != 1 || page.Next != "" {
		t.Errorf("second page %+v", page)
	}
}

func TestCreateOrganization(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.vendor.AddOrganization("three")
	limited := h.admin
	limited.Access = identity.Access{Rules: []identity.AccessRule{{Connection: "main", Organizations: []string{"acme"}}}}
	cases := []struct {
		name  string
		by    invites.Caller
		n     invites.NewOrganization
		code  identity.Code
		field string
	}{
		{"good", h.admin, invites.NewOrganization{Connection: "main", ProviderID: "three", Slug: "third"}, "", ""},
		{"again", h.admin, invites.NewOrganization{Connection: "main", ProviderID: "three", Slug: "fourth"}, identity.CodeConflict, "/provider_id"},
		{"slug taken", h.admin, invites.NewOrganization{Connection: "main", ProviderID: "three", Slug: "acme"}, identity.CodeConflict, ""},
		{"unknown at the vendor", h.admin, invites.NewOrganization{Connection: "main", ProviderID: "nine"}, identity.CodeInvalidRequest, "/provider_id"},
		{"no connection", h.admin, invites.NewOrganization{ProviderID: "three"}, identity.CodeInvalidRequest, "/connection"},
		{"no provider id", h.admin, invites.NewOrganization{Connection: "main"}, identity.CodeInvalidRequest, "/provider_id"},
		{"unknown connection", h.admin, invites.NewOrganization{Connection: "x", ProviderID: "three"}, identity.CodeInvalidRequest, "/connection"},
		{"reserved slug", h.admin, invites.NewOrganization{Connection: "main", ProviderID: "three", Slug: "current"}, identity.CodeInvalidRequest, "/slug"},
		{"slug like an id", h.admin, invites.NewOrganization{Connection: "main", ProviderID: "three", Slug: "org_x"}, identity.CodeInvalidRequest, "/slug"},
		{"not an operator", claimed("three"), invites.NewOrganization{Connection: "main", ProviderID: "three"}, identity.CodePermissionDenied, ""},
		{"some organizations only", limited, invites.NewOrganization{Connection: "main", ProviderID: "three"}, identity.CodePermissionDenied, ""},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			org, err := h.service.CreateOrganization(t.Context(), tc.by, tc.n, nil)
			known := wantCode(t, err, tc.code)
			if known != nil && tc.field != "" && known.Field != tc.field {
				t.Errorf("field %q, want %q", known.Field, tc.field)
			}
			if err == nil && (org.ID == "" || org.Name != "third") {
				t.Errorf("created %+v", org)
			}
		})
	}
}

func TestUpdateOrganization(t *testing.T) {
	t.Parallel()
	h := build(t)
	slug, name, taken, none := "acme-2", "Acme Inc.", "other", ""
	org, err := h.service.UpdateOrganization(t.Context(), h.org, invites.OrganizationPatch{Slug: &slug, Name: &name})
	must(t, err)
	if org.Slug != slug || org.Name != name || org.ID != h.org.ID {
		t.Errorf("changed to %+v", org)
	}
	_, err = h.service.UpdateOrganization(t.Context(), h.org, invites.OrganizationPatch{Slug: &taken})
	if known := wantCode(t, err, identity.CodeConflict); known.Field != "/slug" {
		t.Errorf("field %q", known.Field)
	}
	org, err = h.service.UpdateOrganization(t.Context(), h.org, invites.OrganizationPatch{Slug: &none})
	if err != nil || org.Slug != "" || org.Name != name {
		t.Errorf("without slug: %+v, %v", org, err)
	}
	_, err = h.service.UpdateOrganization(t.Context(), h.org, invites.OrganizationPatch{Name: &none})
	wantCode(t, err, identity.CodeInvalidRequest)
}

// Organizations register themselves only where the connection says so.
func TestAutoRegister(t *testing.T) {
	t.Parallel()
	h := build(t)
	c, err := h.service.Connection("main")
	must(t, err)
	_, err = h.service.Organization(t.Context(), claimed("new"), identity.Current)
	wantCode(t, err, identity.CodeNotFound)
	c.AutoRegister = true
	var group sync.WaitGroup
	ids := make([]string, 8)
	for n := range ids {
		group.Go(func() {
			org, err := h.service.Organization(t.Context(), claimed("new"), identity.Current)
			if err != nil {
				t.Error(err)
				return
			}
			ids[n] = org.ID
		})
	}
	group.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("registered twice: %v", ids)
		}
	}
}

// A claim that can be no organization registers none, and is no fault of the request.
func TestAutoRegisterOfNoOrganization(t *testing.T) {
	t.Parallel()
	h := build(t)
	c, err := h.service.Connection("main")
	must(t, err)
	c.AutoRegister = true
	for _, id := range []string{strings.Repeat("x", 300), "a\x00b", "a\u202eb"} {
		_, err := h.service.Organization(t.Context(), claimed(id), identity.Current)
		if got := identity.CodeOf(err); got != identity.CodeNotFound {
			t.Errorf("%.10q: code %q, want not_found", id, got)
		}
		page, err := h.service.ListOrganizations(t.Context(), claimed(id), identity.PageRequest{})
		if err != nil || len(page.Items) != 0 {
			t.Errorf("%.10q: lists %+v, %v", id, page, err)
		}
	}
}

// Reading a stale organization starts one comparison in the background, and
// not one for each reader.
func TestStaleOrganizationIsComparedOnce(t *testing.T) {
	t.Parallel()
	h := build(t)
	i := h.send("x@example.com")
	must(t, h.vendor.Accept("one", "x@example.com"))
	h.clock.Advance(time.Second)
	for range 20 {
		got, err := h.service.Get(t.Context(), h.org, i.ID)
		if err != nil || len(got.History) == 0 {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	h.refresh() // waits for that comparison, and makes another
	if n := h.vendor.Calls("list invites"); n != 2 {
		t.Errorf("%d comparisons, want 2", n)
	}
	h.want(i.ID, identity.StateAccepted, "")
}

// A vendor that is down does not hold up readers, and is not asked by each.
func TestStaleOrganizationOfAVendorThatIsDown(t *testing.T) {
	t.Parallel()
	h := build(t)
	i := h.send("x@example.com")
	h.vendor.Inject(memory.Fault{Op: "list invites", Code: identity.CodeProviderUnavailable, Times: 100})
	for range 20 {
		if _, err := h.service.Get(t.Context(), h.org, i.ID); err != nil {
			t.Fatal(err)
		}
	}
	_, err := h.service.List(t.Context(), h.admin, h.org, invites.ListRequest{Refresh: true})
	wantCode(t, err, identity.CodeProviderUnavailable)
	must(t, h.service.Close(t.Context()))
	if n := h.vendor.Calls("list invites"); n > 2 {
		t.Errorf("asked %d times", n)
	}
	h.want(i.ID, identity.StatePending, "")
}
