package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"usher/api"
	"usher/identity"
)

type inviteSendCmd struct {
	apiFlags
	Email          string            `arg:"" help:"The address to invite."`
	Roles          []string          `name:"role" required:"" sep:"none" placeholder:"ROLE" help:"A role to give, as usher's configuration calls it; may be repeated."`
	GivenName      string            `placeholder:"NAME" help:"Given name."`
	FamilyName     string            `placeholder:"NAME" help:"Family name."`
	Locale         string            `placeholder:"TAG" help:"Language, such as en-GB."`
	RedirectURL    string            `placeholder:"URL" help:"The page to end on; one of those configured."`
	Message        string            `placeholder:"TEXT" help:"Plain text to add, without links."`
	ExpiresAt      *time.Time        `placeholder:"TIME" help:"When it expires, such as 2030-01-31T12:00:00Z."`
	Metadata       map[string]string `mapsep:"none" placeholder:"KEY=TEXT" help:"Something of yours to attach; may be repeated."`
	NoNotify       bool              `help:"Ask the provider not to mail the person."`
	IdempotencyKey string            `placeholder:"KEY" help:"Makes it safe to run this command again: the same key sends once. Default: a fresh one."`
}

// Help implements kong.HelpProvider.
func (c *inviteSendCmd) Help() string {
	return `What the provider cannot carry is refused (not_carried), never dropped. Within one run, repetitions are safe; give a key of your own to be safe across runs.

Examples:

    usher invite send ada@example.com --role member --organization acme
    usher invite send ada@example.com -o acme --role member --given-name Ada --family-name Lovelace
    usher invite send ada@example.com -o acme --role admin --idempotency-key order-4711 --json`
}

// Run sends one invite.
func (c *inviteSendCmd) Run(ctx context.Context, s *shell) error {
	client, err := c.open(s)
	if err != nil {
		return err
	}
	request := api.SendInvite{
		Email: c.Email, Roles: c.Roles, GivenName: optional(c.GivenName), FamilyName: optional(c.FamilyName),
		Locale: optional(c.Locale), RedirectURL: optional(c.RedirectURL), Message: optional(c.Message), ExpiresAt: c.ExpiresAt,
	}
	for key, value := range c.Metadata {
		if request.Metadata == nil {
			request.Metadata = map[string]any{}
		}
		request.Metadata[key] = value
	}
	if c.NoNotify {
		request.Notify = new(bool)
	}
	answer, err := client.post(ctx, "send an invite", client.organizationPath("invites"), keyOr(c.IdempotencyKey), request)
	if err != nil {
		return err
	}
	return c.printInvite(s, answer)
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// keyOr is the idempotency key given, or a fresh one.
func keyOr(key string) string {
	if key != "" {
		return key
	}
	return identity.NewID("cli_")
}

type inviteListCmd struct {
	apiFlags
	State        []string   `sep:"none" placeholder:"STATE" help:"Only invites in this state; may be repeated."`
	Email        string     `placeholder:"ADDRESS" help:"Only invites of this address."`
	Role         string     `placeholder:"ROLE" help:"Only invites with this role."`
	CreatedAfter *time.Time `placeholder:"TIME" help:"Only invites made after this time, such as 2030-01-31T12:00:00Z."`
	Refresh      bool       `help:"Compare with the provider first, and wait for it."`
	Limit        int        `default:"50" placeholder:"N" help:"How many at most, 1 to 200. Default: ${default}."`
	Cursor       string     `placeholder:"CURSOR" help:"Go on where an earlier page ended."`
	All          bool       `help:"Follow the pages to the end."`
}

// Help implements kong.HelpProvider.
func (c *inviteListCmd) Help() string {
	return `Examples:

    usher invite list -o acme
    usher invite list -o acme --state pending --state uncertain
    usher invite list -o acme --refresh --email ada@example.com --json

With --json each page is one line.`
}

// Run lists one page, or all.
func (c *inviteListCmd) Run(ctx context.Context, s *shell) error {
	client, err := c.open(s)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	query, path, next := c.query(), client.organizationPath("invites"), ""
	for {
		answer, err := client.get(ctx, "list invites", path, query)
		if err != nil {
			return err
		}
		var page api.InviteList
		if err := json.Unmarshal(answer, &page); err != nil {
			return fmt.Errorf("the answer is not a list of invites: %w", err)
		}
		if c.JSON {
			if err := printJSON(s, answer); err != nil {
				return err
			}
		}
		for _, i := range page.Data {
			if c.JSON {
				break
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", i.ID, i.State, i.Email, strings.Join(i.Roles, ","), i.CreatedAt.Format(time.RFC3339))
		}
		if page.NextCursor == nil {
			break
		}
		if !c.All {
			next = *page.NextCursor
			break
		}
		query.Set("cursor", *page.NextCursor)
		query.Del("refresh") // once is enough
	}
	if err := table.Flush(); err != nil || c.JSON || next == "" {
		return err
	}
	return s.say("There are more: --all, or --cursor %s", next)
}

func (c *inviteListCmd) query() url.Values {
	q := url.Values{"limit": {strconv.Itoa(c.Limit)}}
	for _, state := range c.State {
		q.Add("state", state)
	}
	for name, value := range map[string]string{"email": c.Email, "role": c.Role, "cursor": c.Cursor} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if at := timeText(c.CreatedAfter); at != nil {
		q.Set("created_after", *at)
	}
	if c.Refresh {
		q.Set("refresh", "true")
	}
	return q
}

type inviteGetCmd struct {
	apiFlags
	ID string `arg:"" help:"The invite's id: inv_…."`
}

// Help implements kong.HelpProvider.
func (c *inviteGetCmd) Help() string {
	return `Examples:

    usher invite get inv_0dhvc8kt7g6qeb8ugt3i8f7m9c -o acme`
}

// Run shows one invite.
func (c *inviteGetCmd) Run(ctx context.Context, s *shell) error {
	client, err := c.open(s)
	if err != nil {
		return err
	}
	answer, err := client.get(ctx, "get an invite", client.organizationPath("invites", c.ID), nil)
	if err != nil {
		return err
	}
	return c.printInvite(s, answer)
}

type inviteResendCmd struct {
	apiFlags
	ID             string `arg:"" help:"The invite's id: inv_…."`
	IdempotencyKey string `placeholder:"KEY" help:"Makes it safe to run this command again: the same key resends once. Default: a fresh one."`
}

// Help implements kong.HelpProvider.
func (c *inviteResendCmd) Help() string {
	return `The id stays. Allowed while the invite is pending, expired, failed or uncertain.

Examples:

    usher invite resend inv_0dhvc8kt7g6qeb8ugt3i8f7m9c -o acme`
}

// Run sends an invite again.
func (c *inviteResendCmd) Run(ctx context.Context, s *shell) error {
	return c.act(ctx, s, "resend", c.ID, c.IdempotencyKey)
}

type inviteRevokeCmd struct {
	apiFlags
	ID             string `arg:"" help:"The invite's id: inv_…."`
	IdempotencyKey string `placeholder:"KEY" help:"Makes it safe to run this command again. Default: a fresh one."`
}

// Help implements kong.HelpProvider.
func (c *inviteRevokeCmd) Help() string {
	return `Revoking twice changes nothing. An account that the provider made for the person stays.

Examples:

    usher invite revoke inv_0dhvc8kt7g6qeb8ugt3i8f7m9c -o acme`
}

// Run withdraws an invite.
func (c *inviteRevokeCmd) Run(ctx context.Context, s *shell) error {
	return c.act(ctx, s, "revoke", c.ID, c.IdempotencyKey)
}

// act posts to one of an invite's verbs and prints what it has become.
func (f apiFlags) act(ctx context.Context, s *shell, verb, id, key string) error {
	client, err := f.open(s)
	if err != nil {
		return err
	}
	answer, err := client.post(ctx, verb+" an invite", client.organizationPath("invites", id, verb), keyOr(key), nil)
	if err != nil {
		return err
	}
	return f.printInvite(s, answer)
}

// printInvite prints the server's own document, or what people want to know.
func (f apiFlags) printInvite(s *shell, answer []byte) error {
	if f.JSON {
		return printJSON(s, answer)
	}
	var i api.InviteDetail
	if err := json.Unmarshal(answer, &i); err != nil {
		return fmt.Errorf("the answer is not an invite: %w", err)
	}
	table := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(table, "%s\t%s\n", name, value)
		}
	}
	row("id", i.ID)
	row("email", i.Email)
	row("roles", strings.Join(i.Roles, ", "))
	row("state", i.State+reason(i.StateReason))
	row("organization", i.OrganizationID)
	row("connection", i.Provider.Connection)
	if at := timeText(i.ExpiresAt); at != nil {
		row("expires", *at)
	}
	row("not carried", strings.Join(i.NotCarried, ", "))
	for _, e := range i.History {
		row("history", e.At.UTC().Format(time.RFC3339)+" "+e.State+reason(e.Reason))
	}
	return table.Flush()
}

func reason(text *string) string {
	if text == nil {
		return ""
	}
	return " (" + *text + ")"
}

// printJSON prints a document on one line.
func printJSON(s *shell, document []byte) error {
	var line bytes.Buffer
	if err := json.Compact(&line, document); err != nil {
		return fmt.Errorf("the answer is not JSON: %w", err)
	}
	line.WriteByte('\n')
	_, err := s.stdout.Write(line.Bytes())
	return err
}
