package mail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/identity"
	"usher/mail"
	sandbox "usher/sandbox/mail"
)

// catcher is a real SMTP server, and a sender that delivers to it.
func catcher(t *testing.T, log *slog.Logger) (*sandbox.Catcher, *mail.Sender) {
	t.Helper()
	c, err := sandbox.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := mail.New(mail.Options{Config: config(t, c), Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	return c, s
}

func config(t *testing.T, c *sandbox.Catcher) mail.Config {
	t.Helper()
	host, text, err := net.SplitHostPort(c.SMTPAddr())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return mail.Config{Host: host, Port: port, TLS: mail.TLSNone, From: "Acme <invitations@acme.example>"}
}

const link = "https://usher.example/v1/invites/callback/hdl_S3cr3t"

// What is sent arrives once, whole, in the reader's language.
func TestRealServer(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	c, s := catcher(t, slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})))
	at := time.Date(2026, time.May, 1, 12, 0, 0, 0, time.UTC)
	err := s.SendInvitation(t.Context(), mail.Invitation{
		To: "jörg@bücher.example", Link: link, Organization: "Bücher & Söhne", Inviter: "ann@acme.example", GivenName: "Jörg", Locale: "de-AT",
		Message: ".\r\nWillkommen!", Roles: []string{"member"}, ExpiresAt: &at, InviteID: "inv_7", Attempt: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	all := c.Messages(sandbox.Filter{})
	if len(all) != 1 {
		t.Fatalf("%d mails arrived", len(all))
	}
	m := all[0]
	if m.From != "invitations@acme.example" || !slices.Equal(m.To, []string{"jörg@xn--bcher-kva.example"}) {
		t.Errorf("envelope %s to %v", m.From, m.To)
	}
	if m.Subject != "Einladung zu Bücher & Söhne" || !slices.Equal(m.Links, []string{link}) {
		t.Errorf("subject %q, links %v", m.Subject, m.Links)
	}
	for _, want := range []string{"Guten Tag Jörg,", "ann@acme.example lädt Sie zu Bücher & Söhne ein.", "Ihre Rolle: member", ". Willkommen!", "1. Mai 2026, 12:00 UTC"} {
		if !strings.Contains(m.Text, want) {
			t.Errorf("the text lacks %q:\n%s", want, m.Text)
		}
	}
	if strings.Contains(m.HTML, "Bücher & ") || !strings.Contains(m.HTML, "Bücher &amp; Söhne") {
		t.Errorf("the HTML is not escaped:\n%s", m.HTML)
	}
	if got := m.Headers["Message-Id"]; !slices.Equal(got, []string{"<inv_7.2@acme.example>"}) {
		t.Errorf("Message-ID %v", got)
	}
	if text := logged.String(); !strings.Contains(text, "inv_7") || strings.Contains(text, "S3cr3t") || strings.Contains(text, "jörg") {
		t.Errorf("the log holds too little or too much: %s", text)
	}
}

// Invitations that are sent at the same time do not get into one another.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	c, s := catcher(t, nil)
	locales := []string{"en", "de", "fr", "es"}
	var all sync.WaitGroup
	for n := range 16 {
		all.Go(func() {
			err := s.SendInvitation(t.Context(), mail.Invitation{
				To: fmt.Sprintf("p%d@example.com", n), Link: fmt.Sprintf("%s-%d-end", link, n), Organization: fmt.Sprintf("Org %d!", n),
				Locale: locales[n%len(locales)], InviteID: fmt.Sprintf("inv_%d", n),
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for n := range 16 {
		got := c.Messages(sandbox.Filter{To: fmt.Sprintf("p%d@example.com", n)})
		if len(got) != 1 {
			t.Fatalf("%d mails for p%d", len(got), n)
		}
		if !slices.Equal(got[0].Links, []string{fmt.Sprintf("%s-%d-end", link, n)}) || !strings.Contains(got[0].Subject, fmt.Sprintf("Org %d!", n)) {
			t.Errorf("p%d got %q %v", n, got[0].Subject, got[0].Links)
		}
	}
}

// A server that is gone is a definite failure.
func TestServerIsGone(t *testing.T) {
	t.Parallel()
	c, s := catcher(t, nil)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	err := s.SendInvitation(t.Context(), mail.Invitation{To: "bob@example.com", Link: link, Organization: "Acme", InviteID: "inv_1"})
	var e *mail.Error
	if !errors.As(err, &e) || e.Code != identity.CodeProviderUnavailable || e.MayHaveActed() {
		t.Errorf("%v", err)
	}
}

func ExampleSender_SendInvitation() {
	ctx := context.Background()
	caught, err := sandbox.Open(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = caught.Close() }()
	host, text, _ := net.SplitHostPort(caught.SMTPAddr())
	port, _ := strconv.Atoi(text)
	sender, err := mail.New(mail.Options{Config: mail.Config{Host: host, Port: port, TLS: mail.TLSNone, From: "Acme <invitations@acme.example>"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = sender.SendInvitation(ctx, mail.Invitation{
		To: "bob@example.com", Link: "https://usher.example/v1/invites/callback/hdl_1", Organization: "Acme", InviteID: "inv_1", Attempt: 1,
	})
	var failure *mail.Error
	if errors.As(err, &failure) && failure.MayHaveActed() {
		fmt.Println("the mail may be on its way: do not send it again")
	}
	fmt.Println(err, caught.Messages(sandbox.Filter{})[0].Subject)
	// Output: <nil> Invitation to Acme
}
