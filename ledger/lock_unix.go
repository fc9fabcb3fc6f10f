//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package ledger

import (
	"errors"
	"os"
	"syscall"
)

// lockFile takes an exclusive lock on the file, until unlockFile or the death
// of the process.
func lockFile(path string) (*os.File, error) {
	h, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(h.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err == nil {
		return h, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = errLocked
	}
	return nil, errors.Join(err, h.Close())
}

// unlockFile gives the lock back explicitly: a process that is being started
// at this moment has the file open too, until it becomes its own program.
func unlockFile(h *os.File) error {
	return errors.Join(syscall.Flock(int(h.Fd()), syscall.LOCK_UN), h.Close())
}
