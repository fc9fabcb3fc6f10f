//go:build unix

package main

import (
	"os/signal"
	"syscall"
)

// meetFileLimits has a limit on the size of files met like a full disk: the writing
// fails, and the process lives.
func meetFileLimits() { signal.Ignore(syscall.SIGXFSZ) }
