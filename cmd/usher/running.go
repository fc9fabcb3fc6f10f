package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"usher/identity"
)

// url is where this process can be reached from this machine.
func (g *gateway) url() string {
	address := g.listener.Addr().String()
	if tcp, ok := g.listener.Addr().(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		address = net.JoinHostPort("127.0.0.1", fmt.Sprint(tcp.Port))
	}
	return "http://" + address
}

// serve answers requests until soft ends; then it takes no more, and finishes
// what is under way within the configured grace, or until hard ends. ready is
// called once the gateway answers.
func (g *gateway) serve(soft, hard context.Context, ready func() error) error {
	requests, cancelRequests := context.WithCancel(context.WithoutCancel(hard))
	defer cancelRequests()
	g.server.BaseContext = func(net.Listener) context.Context { return requests }
	failed := make(chan error, 1)
	go func() { failed <- g.server.Serve(g.listener) }()

	err := whenReady(soft, g.url(), ready)
	if err == nil {
		select {
		case err = <-failed:
			err = fmt.Errorf("serve: %w", err)
		case <-soft.Done():
		}
	}
	grace, cancel := context.WithTimeout(hard, g.config.ShutdownGrace)
	defer cancel()
	g.log.Info("shutting down", "grace", g.config.ShutdownGrace.String())
	if late := g.server.Shutdown(grace); late != nil {
		cancelRequests()
		err = errors.Join(err, errors.New("requests were still under way at the end of the grace and were cut"), ignoreClosed(g.server.Close()))
	}
	if late := g.service.Close(grace); late != nil {
		err = errors.Join(err, fmt.Errorf("background work was still under way at the end of the grace: %w", late))
	}
	return errors.Join(err, g.traces.Close(grace), g.close())
}

// close closes what has been opened, last first. It may be called again.
func (g *gateway) close() error {
	var errs []error
	for _, closer := range slices.Backward(g.closers) {
		errs = append(errs, closer())
	}
	g.closers = nil
	return errors.Join(errs...)
}

// whenReady calls ready once the gateway at base says that it is.
func whenReady(ctx context.Context, base string, ready func() error) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := askReady(ctx, base); err != nil {
		if errors.Is(err, context.Canceled) {
			return nil // asked to end before it began
		}
		return err
	}
	return ready()
}

// askReady asks a gateway for /readyz.
func askReady(ctx context.Context, base string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/readyz", nil)
	if err != nil {
		return usagef("%s is not the URL of a gateway", base)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return unreachable(base, err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)); err != nil {
		return unreachable(base, err)
	}
	if answer.StatusCode != http.StatusOK {
		return &plainError{code: identity.CodeProviderUnavailable, text: base + " is not ready: it answers " + answer.Status}
	}
	return nil
}
