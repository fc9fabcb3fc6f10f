package crashtest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// last returns when the invite last came into a state.
func (i *invite) last(state string) (at time.Time) {
	for _, e := range i.History {
		if e.State == state {
			at = e.At
		}
	}
	return at
}

// open reports that nobody could tell what becomes of an invite in a state.
func open(state string) bool { return state == "sending" || state == "uncertain" }

// settling returns when an invite that was open at a time was settled. known is
// false if it was not open then; the time is zero if it is open to this day.
func (i *invite) settling(at time.Time) (settled time.Time, known bool) {
	for _, e := range i.History {
		switch {
		case !e.At.After(at):
			known = open(e.State)
		case !known:
			return time.Time{}, false
		case !open(e.State):
			return e.At, true
		}
	}
	return time.Time{}, known
}

// table says of each kill how long it took until everything was settled that
// was open then.
func (j *judge) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%4s  %-7s %-22s %-7s %10s %6s %10s %6s\n", "kill", "gateway", "moment", "", "ready", "open", "settled", "left")
	var all []time.Duration
	for n, k := range j.kills {
		open, left, longest := 0, 0, time.Duration(0)
		for _, i := range j.invites {
			settled, known := i.settling(k.at)
			switch {
			case !known:
				continue
			case settled.IsZero():
				left++
			default:
				longest = max(longest, settled.Sub(k.at))
			}
			open++
		}
		all = append(all, longest)
		missed, ready := "", "killed"
		if k.missed {
			missed = "(idle)"
		}
		if !k.ready.IsZero() {
			ready = seconds(k.ready.Sub(k.at))
		}
		fmt.Fprintf(&b, "%4d  %-7s %-22s %-7s %10s %6d %10s %6d\n", n+1, k.which.name, k.what, missed, ready, open, seconds(longest), left)
	}
	slices.Sort(all)
	if len(all) > 0 {
		fmt.Fprintf(&b, "settled after a kill: median %s, nine in ten within %s, longest %s\n",
			seconds(all[len(all)/2]), seconds(all[(len(all)-1)*9/10]), seconds(all[len(all)-1]))
	}
	return b.String()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
