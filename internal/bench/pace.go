package main

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"
)

// latencies of one open-loop turn, sorted.
type latencies []time.Duration

// at returns a quantile in milliseconds.
func (l latencies) at(quantile float64) float64 {
	if len(l) == 0 {
		return 0
	}
	return float64(l[min(len(l)-1, int(quantile*float64(len(l))))].Microseconds()) / 1000
}

func (l latencies) p50() float64 { return l.at(0.50) }
func (l latencies) p99() float64 { return l.at(0.99) }

// drain is how long a turn may take to finish what was due in it.
const drain = 3 * time.Second

// openLoop starts work at fixed times, whether what was started before is done
// or not, and measures each from the time it was due: a server that stalls is
// charged for everybody who waits (no coordinated omission). What has not begun
// at the end of the drain is given up, and counts as long as it has waited.
func openLoop(ctx context.Context, rate int, d time.Duration, work func(ctx context.Context, n int) error) (latencies, error) {
	total := int(d.Seconds() * float64(rate))
	late, cancel := context.WithTimeout(ctx, d+drain)
	defer cancel()
	type job struct {
		n   int
		due time.Time
	}
	jobs := make(chan job, total) // never full: whoever starts the work never waits
	took, errs := make(latencies, total), make([]error, total)
	var workers sync.WaitGroup
	for range min(total, 256) {
		workers.Go(func() {
			for j := range jobs {
				if late.Err() == nil {
					errs[j.n] = work(ctx, j.n)
				}
				took[j.n] = time.Since(j.due)
			}
		})
	}
	runtime.LockOSThread() // the pause below is the thread's
	defer runtime.UnlockOSThread()
	began := time.Now()
	for n := range total {
		due := began.Add(time.Duration(n) * time.Second / time.Duration(rate))
		for wait := time.Until(due); wait > 0 && ctx.Err() == nil; wait = time.Until(due) {
			pause(wait)
		}
		if ctx.Err() != nil {
			break
		}
		jobs <- job{n, due}
	}
	close(jobs)
	workers.Wait()
	slices.Sort(took)
	return took, errors.Join(append(firstFew(errs), ctx.Err())...)
}

// firstFew keeps a failed run readable.
func firstFew(errs []error) []error {
	const few = 3
	some := slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return err == nil })
	return some[:min(few, len(some))]
}
