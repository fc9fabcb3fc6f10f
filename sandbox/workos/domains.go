package workos

import (
	"net/http"
	"slices"
	"strings"
)

func viewDomain(d *domain) object {
	m := object{"object": "organization_domain", "id": d.id, "organization_id": d.organization, "domain": d.name, "state": d.state,
		"verification_strategy": "manual", "created_at": stamp(d.created), "updated_at": stamp(d.updated)}
	if d.token != "" {
		m["verification_strategy"], m["verification_prefix"], m["verification_token"] = "dns", d.prefix, d.token
	}
	return m
}

// setDomains replaces an organization's domains; one that stays keeps its id.
func (s *Simulator) setDomains(o *organization, domains []*domain) {
	old := o.domains
	o.domains = nil
	for _, d := range domains {
		if kept := find(old, func(x *domain) bool { return x.name == d.name }); kept != nil {
			kept.state = d.state
			o.domains = append(o.domains, kept)
			continue
		}
		s.addDomain(o, d)
	}
}

func (s *Simulator) addDomain(o *organization, d *domain) *domain {
	d.id, d.organization = s.newID("org_domain"), o.id
	d.created = s.clock.Now()
	d.updated = d.created
	if d.state == "pending" {
		d.token, d.prefix = newSecret(25), "sandbox-domain-verification-"+strings.ToLower(newSecret(6))
	}
	o.domains = append(o.domains, d)
	s.emit("organization_domain.created", o.id, viewDomain(d))
	return d
}

func (s *Simulator) domain(id string) (*organization, *domain) {
	for _, o := range s.orgs {
		if d := find(o.domains, func(d *domain) bool { return d.id == id }); d != nil && o.ends.IsZero() {
			return o, d
		}
	}
	return nil, nil
}

func (s *Simulator) postDomain(c *call) reply {
	f := s.read(c)
	name, id := strings.ToLower(f.needed("domain")), f.needed("organization_id")
	if p, bad := f.refused(); bad {
		return p
	}
	o := s.organization(id)
	if o == nil {
		return s.notFound("Organization", id)
	}
	if s.domainTaken(nil, name) {
		return refusal(http.StatusConflict, "domain_already_exists")
	}
	return created(viewDomain(s.addDomain(o, &domain{name: name, state: "pending"})))
}

func (s *Simulator) getDomain(c *call) reply {
	_, d := s.domain(c.params["id"])
	if d == nil {
		return s.notFound("OrganizationDomain", c.params["id"])
	}
	return ok(viewDomain(d))
}

func (s *Simulator) deleteDomain(c *call) reply {
	o, d := s.domain(c.params["id"])
	if d == nil {
		return s.notFound("OrganizationDomain", c.params["id"])
	}
	o.domains = slices.DeleteFunc(o.domains, func(x *domain) bool { return x == d })
	s.emit("organization_domain.deleted", o.id, viewDomain(d))
	return empty(http.StatusNoContent)
}

// verifyDomain starts the verification, which the DNS of this world passes at once.
func (s *Simulator) verifyDomain(c *call) reply {
	o, d := s.domain(c.params["id"])
	switch {
	case d == nil:
		return s.notFound("OrganizationDomain", c.params["id"])
	case d.state == "verified":
		return badRequest("domain_already_verified")
	}
	d.state, d.updated = "verified", s.clock.Now()
	s.emit("organization_domain.verified", o.id, viewDomain(d))
	return created(viewDomain(d))
}
