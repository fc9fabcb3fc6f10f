package mail

import (
	"errors"
	"strings"
	"testing"

	"usher/identity"
)

// The envelope is what decides who gets the mail, and it must say what the
// header says. International domains go out in ASCII, which every server takes.
func TestEnvelope(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"bob@example.com":                "bob@example.com",
		"Bob.O'Neil+x@Example.COM":       "Bob.O'Neil+x@example.com",
		"!#$%&'+-/=?^_`{|}~@example.com": "!#$%&'+-/=?^_`{|}~@example.com",
		"bob@bücher.example":             "bob@xn--bcher-kva.example",
		"bob@例え.テスト":                     "bob@xn--r8jz45g.xn--zckzah",
	} {
		server := (&scripted{extensions: []string{"8BITMIME", "SMTPUTF8"}}).start(t)
		i := invitation()
		i.To = typed
		if err := newSender(t, options(t, server.address)).SendInvitation(deadline(t), i); err != nil {
			t.Errorf("%s: %v", typed, err)
			continue
		}
		if got := server.said("RCPT"); got != "RCPT TO:<"+want+">" {
			t.Errorf("%s: %s", typed, got)
		}
		if got := server.said("MAIL"); got != "MAIL FROM:<invitations@acme.example> BODY=8BITMIME" {
			t.Errorf("%s: %s", typed, got)
		}
		if got := takeApart(t, []byte(server.message(t))).header.Get("To"); got != "<"+want+">" {
			t.Errorf("%s: To: %s", typed, got)
		}
		if got := server.said("EHLO"); got != "EHLO gateway.example" {
			t.Errorf("it greeted with %s", got)
		}
	}
}

// A local part beyond ASCII needs SMTPUTF8 on the way. Without it the mail
// would go to another address or be refused by a server further on.
func TestInternationalAddress(t *testing.T) {
	t.Parallel()
	i := invitation()
	i.To = "jörg@bücher.example"
	offers := (&scripted{extensions: []string{"8BITMIME", "SMTPUTF8"}}).start(t)
	if err := newSender(t, options(t, offers.address)).SendInvitation(deadline(t), i); err != nil {
		t.Fatal(err)
	}
	if got := offers.said("MAIL"); !strings.HasSuffix(got, " SMTPUTF8") {
		t.Error(got)
	}
	if got := offers.said("RCPT"); got != "RCPT TO:<jörg@xn--bcher-kva.example>" {
		t.Error(got)
	}
	if got := takeApart(t, []byte(offers.message(t))).header.Get("To"); got != "<jörg@xn--bcher-kva.example>" {
		t.Errorf("To: %s", got)
	}

	lacks := (&scripted{extensions: []string{"8BITMIME"}}).start(t)
	err := newSender(t, options(t, lacks.address)).SendInvitation(deadline(t), i)
	if got, want := outcomeOf(t, err), (outcome{phaseRecipient, undelivered, false, 0}); got != want {
		t.Errorf("got %+v, want %+v: %v", got, want, err)
	}
	if got := lacks.verbs(); len(got) != 2 || got[1] != "QUIT" {
		t.Errorf("the server heard %v", got)
	}
}

// Callers are told which field is at fault, in words of ours alone.
func TestRefusedAddressForCaller(t *testing.T) {
	t.Parallel()
	server := (&scripted{script: map[string]string{"RCPT": "550 5.1.1 the vendor's words"}}).start(t)
	err := newSender(t, options(t, server.address)).SendInvitation(deadline(t), invitation())
	var known *identity.Error
	if !errors.As(err, &known) || known.Field != "/email" || known.Detail != "The mail server refuses this address." {
		t.Errorf("the caller is told %+v", known)
	}
	if !strings.Contains(err.Error(), "550 5.1.1 the vendor's words") {
		t.Errorf("the log is not told why: %v", err)
	}
}
