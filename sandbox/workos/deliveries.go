package workos

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// retries is how often a webhook is tried again (FACTS.md section 10).
const retries = 6

// delivery is one webhook on its way to one endpoint.
type delivery struct {
	endpoint *endpoint
	event    string // its name, for State
	body     []byte
	due      time.Time
	tries    int
	done     bool
}

// retryAfterTry is the pause after a failed try: about three days in all.
func retryAfterTry(tries int) time.Duration {
	return time.Minute * time.Duration([]int{5, 30, 2 * 60, 8 * 60, 20 * 60, 41 * 60}[tries-1])
}

// queue makes a webhook for each endpoint that wants an event.
func (s *Simulator) queue(e event) {
	for _, to := range s.endpoints {
		if to.status != "enabled" || !slices.Contains(to.events, e.name) {
			continue
		}
		body, err := json.Marshal(viewEvent(e))
		if err != nil { // not for plain maps
			continue
		}
		s.deliveries = append(s.deliveries, &delivery{endpoint: to, event: e.name, body: body, due: e.at})
	}
}

// DeliverWebhooks sends the webhooks that are due, one after the other, and
// returns when each was answered. What is not answered with 2xx is due again
// later, six times at most. Only addresses of this machine are called.
func (s *Simulator) DeliverWebhooks(ctx context.Context) {
	s.mu.Lock()
	s.settle()
	var due []*delivery
	for _, d := range s.deliveries {
		if !d.done && !d.due.After(s.clock.Now()) {
			due = append(due, d)
			if s.q.WebhooksDuplicated {
				due = append(due, d)
			}
		}
	}
	if s.q.WebhooksShuffled {
		slices.Reverse(due)
	}
	s.mu.Unlock()
	for _, d := range due {
		s.mu.Lock()
		address, secret := d.endpoint.url, d.endpoint.secret
		s.mu.Unlock()
		err := s.send(ctx, address, secret, d.body)
		s.mu.Lock()
		s.tried(d, err)
		s.mu.Unlock()
	}
}

func (s *Simulator) tried(d *delivery, err error) {
	if err == nil {
		d.done = true
		return
	}
	s.log.Warn("workos sandbox: webhook not delivered", "event", d.event, "error", err)
	if d.tries++; d.tries > retries {
		d.done = true
		return
	}
	d.due = s.clock.Now().Add(retryAfterTry(d.tries))
}

func (s *Simulator) send(ctx context.Context, address, secret string, body []byte) error {
	if u, err := url.Parse(address); err != nil || !local(u) {
		return fmt.Errorf("webhook: %s is not on this machine", address)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	r.Header.Set("Content-Type", kindJSON)
	r.Header.Set("WorkOS-Signature", s.signature(secret, body))
	res, err := s.webhookClient().Do(r)
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxBody)) // only the status counts
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("webhook: %s", res.Status)
	}
	return nil
}

// signature is of the time in milliseconds and the raw body (FACTS.md section 10).
func (s *Simulator) signature(secret string, body []byte) string {
	t := fmt.Sprint(s.clock.Now().UnixMilli())
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%s.%s", t, body)
	return "t=" + t + ", v1=" + hex.EncodeToString(mac.Sum(nil))
}

func (s *Simulator) webhookClient() *http.Client {
	if s.o.Client != nil {
		return s.o.Client
	}
	return &http.Client{
		Timeout:       10 * time.Second,
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
