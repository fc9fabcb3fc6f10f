package crashtest

import (
	"encoding/json"
	"math/rand/v2"
	"sync"
	"time"

	"usher/sandbox/fault"
)

// The moments at which a gateway is killed.
const (
	atCall       = "at a call"             // when the vendors have seen so many
	answerHeld   = "vendor has acted"      // and its answer is held back
	callHeld     = "vendor has not acted"  // and the call is held back from it
	uploadHalf   = "half a file arrived"   // of an upload
	uploadWhole  = "a whole file arrived"  // of an upload
	uploadTaken  = "a file became a batch" // and the answer may be on its way
	whileSettles = "soon after it started" // while it settles what was interrupted
)

// moment is when a gateway is killed.
type moment struct {
	what  string
	calls int     // of all vendors since the last kill; no moment comes before
	at    *vendor // whose call is held
	skip  int     // how many of its calls are let pass before
	which *gateway
}

// draw draws the next moment.
func (k *killer) draw() moment {
	r, calls := k.rand, max(k.calls, 1)
	m := moment{
		calls: 1 + r.IntN(2*calls), at: k.w.vendors[r.IntN(len(k.w.vendors))], skip: r.IntN(4),
		which: k.w.gateways[r.IntN(len(k.w.gateways))],
	}
	switch n := r.IntN(100); {
	case n < 35:
		m.what = atCall
	case n < 60:
		m.what = answerHeld
	case n < 70:
		m.what = callHeld
	case n < 80:
		m.what = uploadHalf
	case n < 85:
		m.what = uploadWhole
	case n < 92:
		m.what = uploadTaken
	default:
		m.what, m.calls = whileSettles, 1+r.IntN(10)
	}
	return m
}

// kill is what was done to a gateway.
type kill struct {
	moment
	missed bool // the moment did not come, since nothing moved any more
	at     time.Time

	mu    sync.Mutex
	ready time.Time // zero: it was killed again before
}

func (k *kill) setReady(at time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ready = at
}

// killer kills gateways, and starts them again at once.
type killer struct {
	w       *world
	uploads *uploads
	rand    *rand.Rand
	calls   int // to be expected between two kills
	kills   []*kill

	starts sync.WaitGroup
}

// standstill is after how long without a call the moment is not waited for any
// longer: a vendor that refuses is left alone for some time.
const standstill = 3 * time.Second

func (k *killer) run(times int) {
	k.w.arm(drawWave(k.rand, max(k.calls, 4)))
	for range times {
		done := &kill{moment: k.draw()}
		done.missed = !k.await(&done.moment)
		done.which.kill()
		done.at = time.Now()
		k.kills = append(k.kills, done)
		k.uploads.spring()
		if err := k.w.serve(done.which); err != nil {
			k.w.t.Error(err)
			return
		}
		k.watch(done)
		k.w.arm(drawWave(k.rand, max(k.calls, 4)))
		k.uploads.killed.Add(1)
	}
}

// watch notes when the gateway answers again.
func (k *killer) watch(done *kill) {
	g := &gateway{name: done.which.name, url: done.which.url, process: done.which.process}
	k.starts.Go(func() {
		switch err := k.w.ready(g); {
		case err == nil:
			done.setReady(time.Now())
		case !g.meant.Load():
			k.w.t.Error(err)
		}
	})
}

// await waits for a moment. It returns false if it does not come.
func (k *killer) await(m *moment) (came bool) {
	held := ""
	var caught chan upload
	switch m.what {
	case answerHeld, callHeld:
		f := fault.Fault{Match: fault.Match{Method: "POST"}, Skip: m.skip, Do: fault.Action{Hang: true, After: m.what == answerHeld}}
		held = m.at.name + " " + k.w.addFault(m.at, f)
	case uploadHalf, uploadWhole, uploadTaken:
		caught = k.uploads.lay(m.what != uploadHalf)
	}
	last, moved := -1, time.Now()
	eventually(patience, 10*time.Millisecond, func() bool {
		select {
		case one := <-caught:
			m.which = one.to
			came = m.what != uploadTaken || k.w.taken(one)
			return true
		default:
		}
		calls, struck := k.w.calls()
		if calls != last {
			last, moved = calls, time.Now()
		}
		switch {
		case held != "":
			came = struck[held]
		case caught == nil:
			came = calls >= m.calls
		}
		return came || time.Since(moved) > standstill
	})
	return came
}

// taken waits until there is another batch of the upload's organization.
func (w *world) taken(u upload) bool {
	newest := func() (id string, err error) {
		got, err := w.ask(u.to, "GET", "/v1/organizations/"+u.of.id+"/invite-batches?limit=1", nil, nil)
		if err != nil {
			return "", err
		}
		var page struct{ Data []batch }
		if err := json.Unmarshal(got.body, &page); err != nil || len(page.Data) == 0 {
			return "", err
		}
		return page.Data[0].ID, nil
	}
	before, err := newest()
	return err == nil && eventually(standstill, time.Millisecond, func() bool {
		id, err := newest()
		return err == nil && id != before
	})
}
