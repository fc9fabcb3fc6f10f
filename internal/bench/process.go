package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// endTime is how long a process may take to end when asked to.
const endTime = 20 * time.Second

// buildUsher builds the program as `make build` does.
func buildUsher(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "usher")
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "usher/cmd/usher")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build usher: %w: %s", err, out)
	}
	return path, nil
}

// process is a child of this run.
type process struct {
	command *exec.Cmd
	input   io.Closer // the bare servers end with it; nil: none
	done    chan struct{}
	err     error // of its end; valid once done is closed
}

// start runs a program. The end of ctx ends it too.
func start(ctx context.Context, command *exec.Cmd, input io.Closer) (*process, error) {
	if err := command.Start(); err != nil {
		return nil, err
	}
	p := &process{command: command, input: input, done: make(chan struct{})}
	go func() {
		p.err = command.Wait()
		close(p.done)
	}()
	context.AfterFunc(ctx, func() { _ = command.Process.Kill() }) // it may have ended already
	return p, nil
}

// stop asks the process to end and waits for it.
func (p *process) stop() error {
	if p.input != nil {
		if err := p.input.Close(); err != nil {
			return err
		}
	} else if err := p.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
		return p.err
	case <-time.After(endTime):
		return errors.Join(errors.New("a process did not end when asked to"), p.command.Process.Kill())
	}
}

// proc reads a file of the process below /proc.
func (p *process) proc(path string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.command.Process.Pid), path))
	if err != nil {
		return nil, errNoProc
	}
	return text, nil
}

// errNoProc is why CPU time and memory cannot be read.
var errNoProc = errors.New("needs /proc, which this system has not")

// cpu returns the CPU time the process has used, of all its threads. Go keeps
// its threads, so that none is missed.
func (p *process) cpu() (time.Duration, error) {
	folder := filepath.Join("/proc", strconv.Itoa(p.command.Process.Pid), "task")
	tasks, err := os.ReadDir(folder)
	if err != nil {
		return 0, errNoProc
	}
	var all time.Duration
	for _, task := range tasks {
		text, err := os.ReadFile(filepath.Join(folder, task.Name(), "schedstat"))
		if err != nil {
			return 0, errNoProc
		}
		ran, _, _ := bytes.Cut(text, []byte(" "))
		nanos, err := strconv.ParseInt(string(ran), 10, 64)
		if err != nil {
			return 0, errNoProc
		}
		all += time.Duration(nanos)
	}
	return all, nil
}

// The lines of /proc/PID/status about memory.
const (
	residentNow  = "VmRSS"
	residentPeak = "VmHWM"
)

// memory returns one of them in MiB.
func (p *process) memory(line string) (float64, error) {
	text, err := p.proc("status")
	if err != nil {
		return 0, err
	}
	for l := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(l, ":"); ok && name == line {
			kib, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
			return kib / 1024, err
		}
	}
	return 0, errNoProc
}
