package workos

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

func organizationID(o *organization) string { return o.id }

func (s *Simulator) viewOrganization(o *organization) object {
	domains := []object{}
	for _, d := range o.domains {
		domains = append(domains, viewDomain(d))
	}
	m := object{"object": "organization", "id": o.id, "name": o.name, "domains": domains, "metadata": texts(o.metadata),
		"external_id": o.external, "created_at": stamp(o.created), "updated_at": stamp(o.updated)}
	if o.stripe != "" {
		m["stripe_customer_id"] = o.stripe
	}
	return m
}

func (s *Simulator) listOrganizations(c *call) reply {
	search := strings.ToLower(c.query.Get("search"))
	names := commaList(c, "domains")
	rows := slices.DeleteFunc(slices.Clone(s.orgs), func(o *organization) bool {
		owns := func(d *domain) bool {
			return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, d.name) })
		}
		return !o.ends.IsZero() || search != "" && !strings.Contains(strings.ToLower(o.name), search) ||
			len(names) > 0 && !slices.ContainsFunc(o.domains, owns)
	})
	return listReply(s, c, rows, organizationID, s.viewOrganization)
}

// commaList reads a list that is joined with commas or repeated (FACTS.md section 7).
func commaList(c *call, name string) []string {
	var out []string
	for _, key := range []string{name, name + "[]"} {
		for _, text := range c.query[key] {
			for item := range strings.SplitSeq(text, ",") {
				if item != "" {
					out = append(out, item)
				}
			}
		}
	}
	return out
}

func (s *Simulator) getOrganization(c *call) reply {
	o := s.organization(c.params["id"])
	if o == nil {
		return s.notFound("Organization", c.params["id"])
	}
	return ok(s.viewOrganization(o))
}

func (s *Simulator) getOrganizationByExternalID(c *call) reply {
	o := s.organizationByExternalID(c.params["external"])
	if o == nil {
		return s.notFound("Organization", c.params["external"])
	}
	return ok(s.viewOrganization(o))
}

func (s *Simulator) organizationByExternalID(id string) *organization {
	return find(s.orgs, func(o *organization) bool { return o.ends.IsZero() && o.external != nil && *o.external == id })
}

// organizationBody is what POST and PUT take; nil parts were not sent.
type organizationBody struct {
	name, stripe      string
	external          *string
	hasExternal       bool
	metadata          map[string]string
	hasMetadata, fine bool
	domains           []*domain
	hasDomains        bool
}

func (s *Simulator) readOrganization(c *call, update bool) (organizationBody, reply, bool) {
	f := s.read(c)
	var b organizationBody
	if _, sent := f.m["name"]; sent || !update {
		b.name = f.needed("name")
	}
	f.flag("allow_profiles_outside_organization", false)
	b.external, b.hasExternal = f.external()
	b.metadata, b.hasMetadata, b.fine = f.metadata()
	if update {
		b.stripe = f.text("stripe_customer_id")
	}
	names, plain := f.texts("domains")
	for _, name := range names {
		b.domains = append(b.domains, &domain{name: strings.ToLower(name), state: "legacy_verified"})
	}
	data, sent := f.get("domain_data")
	list, isList := data.([]any)
	if sent && !isList {
		f.wrong("domain_data", "invalid_type")
	}
	for _, item := range list {
		m, _ := item.(map[string]any)
		name, _ := m["domain"].(string)
		state, _ := m["state"].(string)
		if name == "" || state != "pending" && state != "verified" {
			f.wrong("domain_data", "invalid_domain")
			continue
		}
		b.domains = append(b.domains, &domain{name: strings.ToLower(name), state: state})
	}
	b.hasDomains = plain || sent
	if p, bad := f.refused(); bad {
		return b, p, false
	}
	if !b.fine {
		return b, badRequest("invalid_metadata"), false
	}
	return b, reply{}, true
}

// conflict looks for what another organization has already.
func (s *Simulator) conflict(self *organization, b organizationBody) (reply, bool) {
	if b.external != nil {
		if o := s.organizationByExternalID(*b.external); o != nil && o != self {
			return badRequest("external_id_already_used"), true
		}
	}
	if o := find(s.orgs, func(o *organization) bool { return b.stripe != "" && o.stripe == b.stripe && o != self }); o != nil {
		return badRequest("stripe_customer_id_already_used"), true
	}
	for _, d := range b.domains {
		if s.domainTaken(self, d.name) {
			return messageReply(http.StatusConflict, "The domain "+d.name+" is already in use by another organization."), true
		}
	}
	return reply{}, false
}

func (s *Simulator) domainTaken(self *organization, name string) bool {
	return slices.ContainsFunc(s.orgs, func(o *organization) bool {
		return o != self && slices.ContainsFunc(o.domains, func(d *domain) bool { return d.name == name })
	})
}

func (s *Simulator) postOrganization(c *call) reply {
	b, p, fine := s.readOrganization(c, false)
	if !fine {
		return p
	}
	if p, bad := s.conflict(nil, b); bad {
		return p
	}
	now := s.clock.Now()
	o := &organization{id: s.newID("org"), name: b.name, external: b.external, metadata: b.metadata, created: now, updated: now}
	s.orgs = append(s.orgs, o)
	s.setDomains(o, b.domains)
	s.emit("organization.created", o.id, s.viewOrganization(o))
	return created(s.viewOrganization(o))
}

func (s *Simulator) putOrganization(c *call) reply {
	b, p, fine := s.readOrganization(c, true)
	if !fine {
		return p
	}
	o := s.organization(c.params["id"])
	if o == nil {
		return s.notFound("Organization", c.params["id"])
	}
	if p, bad := s.conflict(o, b); bad {
		return p
	}
	if b.name != "" {
		o.name = b.name
	}
	if b.stripe != "" {
		o.stripe = b.stripe
	}
	if b.hasExternal {
		o.external = b.external
	}
	if b.hasMetadata {
		o.metadata = b.metadata
	}
	if b.hasDomains {
		s.setDomains(o, b.domains)
	}
	o.updated = s.clock.Now()
	s.emit("organization.updated", o.id, s.viewOrganization(o))
	return ok(s.viewOrganization(o))
}

// deleteOrganization answers 200, or 202 while it goes on (FACTS.md section 9).
func (s *Simulator) deleteOrganization(c *call) reply {
	o := s.organization(c.params["id"])
	if o == nil {
		return s.notFound("Organization", c.params["id"])
	}
	if s.q.OrganizationDeletionLagMS > 0 {
		o.ends = s.clock.Now().Add(time.Duration(s.q.OrganizationDeletionLagMS) * time.Millisecond)
		return empty(http.StatusAccepted)
	}
	s.dropOrganization(o)
	return empty(http.StatusOK)
}

// dropOrganization removes an organization with all that is in it.
func (s *Simulator) dropOrganization(o *organization) {
	for _, m := range slices.Clone(s.memberships) {
		if m.organization == o.id {
			s.dropMembership(m)
		}
	}
	s.invitations = slices.DeleteFunc(s.invitations, func(i *invitation) bool { return i.organization == o.id })
	s.roles = slices.DeleteFunc(s.roles, func(r *role) bool { return r.organization == o.id })
	s.orgs = slices.DeleteFunc(slices.Clone(s.orgs), func(x *organization) bool { return x == o })
	s.emit("organization.deleted", o.id, s.viewOrganization(o))
}
