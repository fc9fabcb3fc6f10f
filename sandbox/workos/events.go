package workos

import (
	"net/http"
	"slices"
	"time"
)

// eventLife is how long events are kept (FACTS.md section 10).
const eventLife = 30 * 24 * time.Hour

type event struct {
	id, name, organization string
	data                   object
	at                     time.Time
}

func eventID(e event) string { return e.id }

func viewEvent(e event) object {
	return object{"object": "event", "id": e.id, "event": e.name, "data": e.data, "created_at": stamp(e.at), "context": object{}}
}

// emit notes an event and queues its webhooks.
func (s *Simulator) emit(name, organization string, data object) {
	e := event{id: s.newID("event"), name: name, organization: organization, data: data, at: s.clock.Now()}
	s.events = append(s.events, e)
	s.queue(e)
}

func (s *Simulator) dropEvents(now time.Time) {
	kept := slices.IndexFunc(s.events, func(e event) bool { return now.Before(e.at.Add(eventLife)) })
	if kept < 0 {
		kept = len(s.events)
	}
	s.events = s.events[kept:]
}

// listEvents wants to be told which events (FACTS.md section 10).
func (s *Simulator) listEvents(c *call) reply {
	names := commaList(c, "events")
	if len(names) == 0 {
		return invalid(problem{Field: "events", Code: "required"})
	}
	p, wrong := s.pageOf(c, s.q.EventsOrder)
	var from, to time.Time
	for name, t := range map[string]*time.Time{"range_start": &from, "range_end": &to} {
		text := c.query.Get(name)
		if text == "" {
			continue
		}
		var err error
		if *t, err = parseDate(text); err != nil {
			wrong = append(wrong, problem{Field: name, Code: "invalid_date"})
		}
	}
	if len(wrong) > 0 {
		return invalid(wrong...)
	}
	if !from.IsZero() && (p.after != "" || p.before != "") {
		return messageReply(http.StatusBadRequest, "range_start and a cursor exclude each other.")
	}
	org := c.query.Get("organization_id")
	rows := slices.DeleteFunc(slices.Clone(s.events), func(e event) bool {
		return !slices.Contains(names, e.name) || org != "" && e.organization != org ||
			e.at.Before(from) || !to.IsZero() && e.at.After(to)
	})
	return pageReply(s, p, rows, eventID, viewEvent)
}

// parseDate reads an ISO 8601 date, with or without a time of day.
func parseDate(text string) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t, nil
	}
	return time.Parse(time.RFC3339, text)
}
