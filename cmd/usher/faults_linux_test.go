package main

import (
	"syscall"
	"testing"
	"unsafe"
)

// troubleOfFiles is a disk without room, as far as a test can have that: a limit
// on how large the gateway's files may grow, which is there from one moment to the
// next, and gone again.
func troubleOfFiles() []trouble {
	return []trouble{{name: "SQLite finds no room", reads: true, begin: func(k *keeping) func() {
		before := limitFiles(k.t, k.gateway.cmd.Process.Pid, nil)
		limitFiles(k.t, k.gateway.cmd.Process.Pid, &syscall.Rlimit{Cur: 1, Max: before.Max})
		return func() { limitFiles(k.t, k.gateway.cmd.Process.Pid, &before) }
	}}}
}

// limitFiles sets how large a process's files may grow, if it is told to, and
// returns what held before.
func limitFiles(t *testing.T, pid int, limit *syscall.Rlimit) (before syscall.Rlimit) {
	t.Helper()
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_FSIZE,
		uintptr(unsafe.Pointer(limit)), uintptr(unsafe.Pointer(&before)), 0, 0)
	if errno != 0 {
		t.Skipf("the limit cannot be set here: %v", errno)
	}
	return before
}
