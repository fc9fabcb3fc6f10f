package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// hangups calls f for each SIGHUP. stop must be called; it waits for f.
func hangups(f func()) (stop func()) {
	signals, quit, done := make(chan os.Signal, 1), make(chan struct{}), make(chan struct{})
	signal.Notify(signals, syscall.SIGHUP)
	go func() {
		defer close(done)
		for {
			select {
			case <-signals:
				f()
			case <-quit:
				return
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(quit)
		<-done
	}
}

// interrupts returns a context that ends with the first SIGINT or SIGTERM, to
// begin a graceful end, and one that ends with the second, to end at once.
// From the third on the system's default holds. stop must be called.
func interrupts(ctx context.Context) (soft, hard context.Context, stop func()) {
	hard, endHard := context.WithCancel(ctx)
	soft, endSoft := context.WithCancel(hard)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, end := range []context.CancelFunc{endSoft, endHard} {
			select {
			case <-signals:
				end()
			case <-hard.Done():
				return
			}
		}
		signal.Stop(signals)
	}()
	return soft, hard, func() {
		signal.Stop(signals)
		endHard()
		<-done
	}
}
