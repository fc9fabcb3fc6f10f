package crashtest

import (
	"math/rand/v2"
	"net/http"

	"usher/sandbox/fault"
)

// vendor is a simulator and what is known of its address.
type vendor struct {
	name, origin string
}

// counter is a fault that never strikes, and counts every call.
func counter() fault.Fault {
	return fault.Fault{Skip: 1 << 30, Do: fault.Action{Status: http.StatusTeapot}}
}

// wave is what goes wrong until the next kill: each fault once, at a call whose
// number is drawn.
type wave struct {
	vendors map[string][]fault.Fault
	mails   map[int]string
}

// faultShare is how many of a hundred calls meet a fault. A vendor that fails
// more often than half the time is left alone altogether, and nothing happens.
const faultShare = 8

// drawWave draws faults for the next calls of each vendor, and for mails.
func drawWave(r *rand.Rand, calls int) wave {
	w := wave{vendors: map[string][]fault.Fault{}, mails: map[int]string{}}
	for _, name := range vendorNames() {
		all := []fault.Fault{counter()}
		for range max(1, calls*faultShare/100) {
			all = append(all, fault.Fault{Skip: r.IntN(calls), Do: drawAction(r)})
		}
		w.vendors[name] = all
	}
	mails := calls/8 + 1
	for range max(1, mails*faultShare/100) {
		w.mails[r.IntN(mails)] = []string{mailLostBefore, mailLostAfter, mailRefused, mailBusy}[r.IntN(4)]
	}
	return w
}

func drawAction(r *rand.Rand) fault.Action {
	soon := map[string]string{"Retry-After": "1"}
	actions := []struct {
		weight int
		do     fault.Action
	}{
		{15, fault.Action{Cut: "before"}},
		{25, fault.Action{Cut: "after"}},
		{8, fault.Action{Status: http.StatusTooManyRequests}},
		{8, fault.Action{Status: http.StatusTooManyRequests, Headers: soon}},
		{8, fault.Action{Status: http.StatusInternalServerError}},
		{8, fault.Action{Status: http.StatusInternalServerError, After: true}},
		{5, fault.Action{Status: http.StatusServiceUnavailable}},
		{5, fault.Action{Status: http.StatusServiceUnavailable, Headers: soon}},
		{5, fault.Action{Status: http.StatusBadGateway, After: true, HTML: true}},
		{8, fault.Action{HalfBody: true, After: true}},
		{10, fault.Action{DelayMS: 50 + r.IntN(250)}},
	}
	all := 0
	for _, a := range actions {
		all += a.weight
	}
	n := r.IntN(all)
	for _, a := range actions {
		if n -= a.weight; n < 0 {
			return a.do
		}
	}
	panic("unreachable")
}

// arm puts a wave in the place of the one before. What hangs is let go.
func (w *world) arm(next wave) {
	w.t.Helper()
	w.calm()
	for _, v := range w.vendors {
		for _, f := range next.vendors[v.name] {
			w.addFault(v, f)
		}
	}
	w.relay.arm(next.mails)
}

func (w *world) addFault(v *vendor, f fault.Fault) (id string) {
	w.t.Helper()
	var added struct {
		ID string `json:"id"`
	}
	w.vendorAsk("POST", v.origin+"/_sandbox/faults", "", f, &added)
	return added.ID
}

// calm ends all faults.
func (w *world) calm() {
	w.t.Helper()
	for _, v := range w.vendors {
		w.vendorAsk("DELETE", v.origin+"/_sandbox/faults", "", nil, nil)
	}
	w.relay.arm(nil)
}

// rules returns a vendor's faults as they are.
func (w *world) rules(v *vendor) (all []fault.Rule) {
	w.t.Helper()
	w.vendorAsk("GET", v.origin+"/_sandbox/faults", "", nil, &all)
	return all
}

// calls returns how many calls the vendors and the relay have seen since the
// wave began, and which faults have struck.
func (w *world) calls() (all int, struck map[string]bool) {
	w.t.Helper()
	all, struck = w.relay.seen(), map[string]bool{}
	for _, v := range w.vendors {
		for n, rule := range w.rules(v) {
			if n == 0 {
				all += rule.Seen
			}
			if rule.Hits > 0 {
				struck[v.name+" "+rule.ID] = true
			}
		}
	}
	return all, struck
}
