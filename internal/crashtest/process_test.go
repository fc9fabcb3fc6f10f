package crashtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"usher/internal/processtest"
)

func TestMain(m *testing.M) { processtest.Main(m) }

// process is a child that is killed.
type process struct {
	command *exec.Cmd
	done    chan struct{}
	meant   atomic.Bool // its end is
}

// run starts the program; what it says is added to a file.
func run(t *testing.T, dir, log string, args ...string) (*process, error) {
	path, err := processtest.Binary()
	if err != nil {
		return nil, err
	}
	said, err := os.OpenFile(filepath.Join(dir, log), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer said.Close()
	p := &process{command: exec.Command(path, args...), done: make(chan struct{})}
	p.command.Dir, p.command.Stdout, p.command.Stderr = dir, said, said
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.command.Wait()
		close(p.done)
	}()
	t.Cleanup(p.kill)
	return p, nil
}

// kill ends the process without a warning and waits until it is gone.
func (p *process) kill() {
	p.meant.Store(true)
	_ = p.command.Process.Kill()
	<-p.done
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// eventually asks until the answer is yes. It waits for other processes, which
// have no event to offer. It returns false when the time is over.
func eventually(limit, every time.Duration, ask func() bool) bool {
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	over := time.After(limit)
	for !ask() {
		select {
		case <-ticks.C:
		case <-over:
			return false
		}
	}
	return true
}
