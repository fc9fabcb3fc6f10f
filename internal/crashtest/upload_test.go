package crashtest

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// uploads hands the files in, each until it was taken. Files come as kills do,
// so that there is always something to be sent.
type uploads struct {
	w      *world
	files  []*file
	kills  int
	killed atomic.Int64

	mu      sync.Mutex
	next    int
	trap    *trap // for the next upload
	shut    *trap // that has caught one
	tries   map[int]int
	longest time.Duration // until one was taken
	wrong   []string
}

// trap holds an upload at a place in its file until the gateway was killed that
// it goes to.
type trap struct {
	whole   bool // the whole file has arrived; otherwise half of it
	caught  chan upload
	release chan struct{}
}

// upload is one that a trap has caught.
type upload struct {
	to *gateway
	of *organization
}

const uploaders = 2

// run hands everything in. done is closed when all was taken.
func (u *uploads) run(r *rand.Rand) (done chan struct{}) {
	done = make(chan struct{})
	var all sync.WaitGroup
	for range uploaders {
		own := rand.New(rand.NewPCG(r.Uint64(), 0))
		all.Go(func() {
			for f := u.take(); f != nil; f = u.take() {
				if !u.hand(own, f) {
					return
				}
			}
		})
	}
	go func() {
		all.Wait()
		close(done)
	}()
	return done
}

// take returns the next file once it is its turn; nil: there is none left.
func (u *uploads) take() *file {
	u.mu.Lock()
	n := u.next
	u.next++
	u.mu.Unlock()
	if n >= len(u.files) {
		return nil
	}
	due := int64(n*u.kills/len(u.files)) - 1
	eventually(patience, 5*time.Millisecond, func() bool { return u.killed.Load() >= due })
	return u.files[n]
}

// hand repeats the upload of a file under its key until a gateway has taken it.
func (u *uploads) hand(r *rand.Rand, f *file) bool {
	began := time.Now()
	taken := eventually(patience, 50*time.Millisecond, func() bool {
		g := u.w.gateways[r.IntN(len(u.w.gateways))]
		got, err := u.w.upload(g, f, u.body(g, f))
		switch {
		case err != nil:
			u.note(0)
			return false
		case got.status == http.StatusAccepted:
			f.batch = got.id()
			u.note(got.status)
			return true
		}
		u.note(got.status)
		if got.status < 500 && got.status != http.StatusConflict && got.status != http.StatusTooManyRequests {
			u.fail("%s was refused: %s", f.key, got)
			return true
		}
		return false
	})
	u.mu.Lock()
	u.longest = max(u.longest, time.Since(began))
	u.mu.Unlock()
	if !taken {
		u.fail("%s was never taken", f.key)
	}
	return taken
}

func (w *world) upload(g *gateway, f *file, body io.Reader) (*answer, error) {
	path := "/v1/organizations/" + f.org.id + "/invite-batches"
	return w.ask(g, "POST", path, body, map[string]string{"Content-Type": f.kind, "Idempotency-Key": f.key})
}

func (u *uploads) note(status int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.tries[status]++
}

func (u *uploads) fail(format string, args ...any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.wrong = append(u.wrong, fmt.Sprintf(format, args...))
}

// lay lays a trap for the next upload. The gateway that it goes to is sent when
// it was caught.
func (u *uploads) lay(whole bool) (caught chan upload) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.trap = &trap{whole: whole, caught: make(chan upload, 1), release: make(chan struct{})}
	return u.trap.caught
}

// spring takes the trap away, and lets go what is in it.
func (u *uploads) spring() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.shut != nil {
		close(u.shut.release)
	}
	u.trap, u.shut = nil, nil
}

// body is the file as it goes out, with room for a trap in its middle and at its
// end.
func (u *uploads) body(g *gateway, f *file) io.Reader {
	half := len(f.content) / 2
	return io.MultiReader(strings.NewReader(f.content[:half]), readerFunc(func() { u.pass(upload{g, f.org}, false) }),
		strings.NewReader(f.content[half:]), readerFunc(func() { u.pass(upload{g, f.org}, true) }))
}

// pass is where an upload meets a trap.
func (u *uploads) pass(one upload, whole bool) {
	u.mu.Lock()
	t := u.trap
	if t == nil || t.whole != whole {
		u.mu.Unlock()
		return
	}
	u.trap, u.shut = nil, t
	u.mu.Unlock()
	t.caught <- one // it has room for the one
	if !whole {
		<-t.release
	}
}

// readerFunc does something when it is reached, and is empty.
type readerFunc func()

// Read implements io.Reader.
func (f readerFunc) Read([]byte) (int, error) {
	f()
	return 0, io.EOF
}
