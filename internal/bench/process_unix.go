//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// together makes the end of the command's context the end of all the processes
// that it has started as well.
func together(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
}
