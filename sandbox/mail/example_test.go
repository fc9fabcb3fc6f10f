package mail_test

import (
	"context"
	"fmt"

	"usher/sandbox/mail"
)

func ExampleCatcher_Wait() {
	ctx := context.Background()
	catcher, err := mail.Open(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = catcher.Close() }()
	sender, err := mail.NewSender(catcher.SMTPAddr(), "no-reply@sandbox.example")
	if err != nil {
		fmt.Println(err)
		return
	}
	err = sender.Send(ctx, mail.Outgoing{
		Kind: "guest_invitation", To: "ann@example.com", Subject: "Join Acme", Text: "Accept: http://127.0.0.1:8080/accept?code=1",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := catcher.Wait(ctx, mail.Filter{To: "ann@example.com"}.Match)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Kind, m.Links)
	// Output: guest_invitation [http://127.0.0.1:8080/accept?code=1]
}
