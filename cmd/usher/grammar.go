package main

import "time"

const description = `usher sends invitations to organizations through any identity provider.
A B2B application talks to one API; usher translates for the provider behind it.

Try it:             usher demo --env-file usher.env
Then, elsewhere:    . ./usher.env && usher invite send ada@example.com --role member --organization acme-asgardeo
For real:           usher config example > usher.yaml, edit it, usher serve -c usher.yaml

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 wrong configuration, 4 not found, 5 conflict,
6 not allowed, 7 the server or the provider cannot do it now (try again), 130 interrupted.`

// grammar is the command line: one field a command.
type grammar struct {
	Serve   serveCmd   `cmd:"" help:"Run the gateway."`
	Demo    demoCmd    `cmd:"" help:"Run the gateway with everything around it simulated, on this machine alone."`
	Sandbox sandboxCmd `cmd:"" help:"Run the simulated vendors, issuer and mail catcher alone."`
	Token   tokenCmd   `cmd:"" help:"Get a token from the demo issuer."`
	Config  struct {
		Check   configCheckCmd   `cmd:"" help:"Check a configuration and report every problem in it."`
		Schema  configSchemaCmd  `cmd:"" help:"Print the JSON Schema of the configuration, for editors."`
		Example configExampleCmd `cmd:"" help:"Print a commented configuration to start from."`
	} `cmd:"" help:"Check a configuration, or start one."`
	Invite struct {
		Send   inviteSendCmd   `cmd:"" help:"Invite a person to an organization."`
		List   inviteListCmd   `cmd:"" help:"List an organization's invites, newest first."`
		Get    inviteGetCmd    `cmd:"" help:"Show one invite with its history."`
		Resend inviteResendCmd `cmd:"" help:"Send an invite again."`
		Revoke inviteRevokeCmd `cmd:"" help:"Withdraw an invite."`
		Import inviteImportCmd `cmd:"" help:"Invite everybody in a file."`
		Batch  struct {
			Get    batchGetCmd    `cmd:"" help:"Show how far a batch is."`
			Cancel batchCancelCmd `cmd:"" help:"Take back what a batch has not sent yet."`
			Retry  batchRetryCmd  `cmd:"" help:"Send the failed rows of a batch again."`
		} `cmd:"" help:"Look after a batch that an import began."`
	} `cmd:"" help:"Send and look after invites, as a client of a running gateway."`
	Ledger struct {
		Up     ledgerUpCmd     `cmd:"" help:"Create the ledger or bring its schema up to this version."`
		Status ledgerStatusCmd `cmd:"" help:"Show the schema versions and which are applied."`
	} `cmd:"" help:"Look after usher's own record."`
	Health  healthCmd  `cmd:"" help:"Ask a running gateway whether it is ready."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// requestTimeout bounds one command that talks to a server.
const requestTimeout = 2 * time.Minute
