package main

import (
	"syscall"
	"time"
)

// pause waits in the kernel, whose timers are finer than the runtime's. It may
// end early, on a signal.
func pause(d time.Duration) {
	wait := syscall.NsecToTimespec(d.Nanoseconds())
	_ = syscall.Nanosleep(&wait, nil)
}
