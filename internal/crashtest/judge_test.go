package crashtest

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// judge compares what was asked for with what the gateway says and with what
// the vendors have.
type judge struct {
	w       *world
	orgs    []*organization
	files   []*file
	kills   []*kill
	before  *truth
	truth   *truth
	invites map[string]*invite // by id
	of      map[string]*organization
	items   map[*row]*item

	byKill, byMail int           // uncertain rows, by what made them so
	cut            map[*kill]int // those of each kill
	wrong          []string
}

func (j *judge) fail(format string, args ...any) {
	j.wrong = append(j.wrong, fmt.Sprintf(format, args...))
}

// read gets everything the gateway has. The organizations are compared with
// their vendors first: what was said before must still be so.
func (j *judge) read() {
	j.invites, j.of, j.items = map[string]*invite{}, map[string]*organization{}, map[*row]*item{}
	j.cut = map[*kill]int{}
	j.truth = j.w.truth()
	for _, o := range j.orgs {
		path := "/v1/organizations/" + o.id
		list[invite](j.w, path+"/invites", url.Values{"refresh": {"true"}})
		for _, i := range list[invite](j.w, path+"/invites", nil) {
			var whole invite
			j.w.get(path+"/invites/"+i.ID, &whole)
			j.invites[i.ID], j.of[i.ID] = &whole, o
		}
		j.batches(o)
	}
}

// batches reads an organization's batches: one for each file, with its rows.
func (j *judge) batches(o *organization) {
	path := "/v1/organizations/" + o.id + "/invite-batches"
	byID := map[string]batch{}
	for _, b := range list[batch](j.w, path, nil) {
		byID[b.ID] = b
	}
	for _, f := range o.files {
		b, known := byID[f.batch]
		if !known {
			j.fail("%s: its batch %q is not there, or another file's too", f.key, f.batch)
			continue
		}
		delete(byID, f.batch)
		items := list[item](j.w, path+"/"+f.batch+"/items", nil)
		if len(items) != len(f.rows) {
			j.fail("%s: %d rows, want %d", f.key, len(items), len(f.rows))
			continue
		}
		counts := map[string]int{"rows": len(items)}
		for n := range items {
			j.items[f.rows[n]] = &items[n]
			counts[items[n].Outcome]++
		}
		maps.DeleteFunc(b.Counts, func(_ string, n int) bool { return n == 0 })
		if b.State != "done" || !maps.Equal(counts, b.Counts) {
			j.fail("%s: the batch is %s and counts %v, its rows make %v", f.key, b.State, b.Counts, counts)
		}
		j.again(f)
	}
	for id := range byID {
		j.fail("%s: batch %s is nobody's", o.tag, id)
	}
}

// again hands a file in once more: the key's answer must still be the same.
func (j *judge) again(f *file) {
	got, err := j.w.upload(j.w.gateways[0], f, strings.NewReader(f.content))
	if err != nil || got.id() != f.batch || got.header.Get("Idempotency-Replayed") != "true" {
		j.fail("%s: handed in again: %v %v, want batch %s", f.key, got, err, f.batch)
	}
}

// judge compares all of it.
func (j *judge) judge() {
	for _, f := range j.files {
		for _, r := range f.rows {
			j.row(r)
		}
	}
	for _, o := range j.orgs {
		for _, email := range slices.Sorted(maps.Keys(o.groups)) {
			j.group(o, o.groups[email])
		}
		for _, email := range o.pending {
			j.there(o, email, email)
		}
	}
	j.strangers()
	j.mails()
}

// row checks a row by itself.
func (j *judge) row(r *row) {
	got := j.items[r]
	if got == nil {
		return // its batch was missed already
	}
	if got.Row != r.number || got.Line != r.line {
		j.differs(r, "want row %d, line %d", r.number, r.line)
	}
	if r.outcome != "" && !j.joined(r, got) && !j.behind(r, got) && (got.Outcome != r.outcome || got.Code == nil || *got.Code != r.code) {
		j.differs(r, "want %s %s", r.outcome, r.code)
	}
	if r.outcome == "failed" && got.InviteID != nil {
		j.differs(r, "want no invite")
	}
}

// joined: where a sending to a member was interrupted, the vendor shows that
// there is one, and not that nothing was sent: then the invite counts as accepted.
func (j *judge) joined(r *row, got *item) bool {
	i := j.invites[text(got.InviteID)]
	return r.code == "already_member" && got.Outcome == "sent" && i != nil && i.State == "accepted" && !i.last("uncertain").IsZero()
}

// behind: a member's row that stood behind another one of the member, which was
// being sent and then refused, or counts as accepted as in joined.
func (j *judge) behind(r *row, got *item) bool {
	i := j.invites[text(got.InviteID)]
	return r.code == "already_member" && got.Outcome == "skipped" && text(got.Code) == "invite_pending" && i != nil &&
		(i.State == "failed" && text(i.Reason) == "already_member" || i.State == "accepted" && !i.last("uncertain").IsZero())
}

// differs reports a row with all that is known of it.
func (j *judge) differs(r *row, format string, args ...any) {
	got := j.items[r]
	var i *invite
	if got.InviteID != nil {
		i = j.invites[*got.InviteID]
	}
	o := r.file.org
	j.fail("%s: %s\n      got %s\n      invite %s\n      vendor: %s\n      relay: %d delivered, %d lost", r, fmt.Sprintf(format, args...), got, i,
		j.truth.about(o, strings.ToLower(r.email)), j.w.relay.delivered[r.email], j.w.relay.lost[r.email])
}

// group checks the rows of one address: one was sent, and the others were
// skipped on account of it.
func (j *judge) group(o *organization, g *same) {
	var won []*row
	for _, r := range g.rows {
		got := j.items[r]
		switch {
		case got == nil:
			return
		case got.Outcome == "sent", got.Outcome == "uncertain" && o.mailed():
			won = append(won, r)
		case got.Outcome != "skipped" || text(got.Code) != "invite_pending":
			j.differs(r, "want sent, or skipped for another row")
			return
		}
	}
	if len(won) != 1 {
		j.differs(g.rows[0], "%d of its address were sent: %v", len(won), won)
		return
	}
	first := j.items[won[0]]
	for _, r := range g.rows {
		if got := j.items[r]; text(got.InviteID) != text(first.InviteID) {
			j.differs(r, "want the invite %s", text(first.InviteID))
		}
	}
	i := j.invites[text(first.InviteID)]
	switch {
	case i == nil || i.Email != g.email || j.of[i.ID] != o:
		j.differs(won[0], "want an invite of its address and organization")
	case first.Outcome == "uncertain":
		j.uncertain(won[0], i)
	case i.State != "pending":
		j.differs(won[0], "want its invite to be pending")
	}
	if !j.there(o, g.email, won[0].String()) {
		j.differs(won[0], "want it there once")
	}
}

// there reports whether an address was invited once, as the vendor or the mail
// server has it.
func (j *judge) there(o *organization, email, what string) bool {
	if !o.mailed() {
		if got := j.truth.invitations[place{o.connection, o.providerID, email}]; !slices.Equal(got, []string{pendingThere}) {
			j.fail("%s: the vendor has invitations %v, want a pending one", what, got)
			return false
		}
		return true
	}
	got := j.w.relay.delivered[email]
	if got == 1 {
		return true
	}
	for _, i := range j.invites {
		if i.Email == email && i.State == "uncertain" && got == 0 {
			return true
		}
	}
	j.fail("%s: %d mails, want 1", what, got)
	return false
}

// inFlight is how many mails can be under way at a time: of two connections, by
// as many senders as each has.
const inFlight = 2 * 4

// uncertain checks a mail that nobody can be asked about: a kill or a lost
// answer must be the reason.
func (j *judge) uncertain(r *row, i *invite) {
	if j.w.relay.lost[r.email] > 0 {
		j.byMail++
		return
	}
	begun, known := i.last("sending"), i.last("uncertain")
	for _, k := range j.kills {
		if k.at.After(begun) && k.at.Before(known) {
			j.byKill++
			if j.cut[k]++; j.cut[k] > inFlight {
				j.differs(r, "%d mails were under way at one kill, want %d at most", j.cut[k], inFlight)
			}
			return
		}
	}
	j.differs(r, "is uncertain for no reason")
}
