package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"usher/api"
	"usher/identity"
	"usher/internal/httpx"
	"usher/invites/roster"
)

// maxImportBytes is the longest file that is imported; gateways take no more.
const maxImportBytes = 256 << 20

type inviteImportCmd struct {
	apiFlags
	File    string   `arg:"" help:"NDJSON or CSV with a header, - for standard input."`
	Format  string   `enum:"auto,ndjson,csv" default:"auto" help:"How the file is written: ${enum}. Default: ${default}, by its name or its beginning."`
	Roles   []string `name:"role" sep:"none" placeholder:"ROLE" help:"A role for rows that name none; may be repeated."`
	DryRun  bool     `help:"Check the file and send nothing. Needs no gateway."`
	Results string   `placeholder:"FILE" help:"Write what became of each row to FILE.csv or FILE.ndjson (mode 0600) at the end."`
	Wait    bool     `default:"true" negatable:"" help:"Watch the batch until every row has its outcome. Default: ${default}."`
	Key     string   `placeholder:"KEY" help:"Names this import: the same key never begins a second batch. Default: a hash of organization and file."`
}

// Help implements kong.HelpProvider.
func (c *inviteImportCmd) Help() string {
	return `The gateway sends the rows in the background, as fast as the provider takes them. Wrong rows are reported with their line, and the others are sent. Members, pending invites and addresses listed twice are skipped.

Ctrl-C stops watching, not the batch. The same command again goes on with the same batch, whether it was interrupted or its connection was lost: nothing is sent twice. To send an unchanged file once more, give it a --key of its own.

The columns, or the fields of each JSON object: email, roles (several in one cell: a|b), given_name, family_name, locale, redirect_url, message, expires_at, metadata (columns: metadata.KEY), notify.

The exit code is 0 where all rows were sent or were there already, 1 where some were not, 2 for a file that cannot be read, 130 after Ctrl-C.

Examples:

    usher invite import team.csv -o acme --dry-run
    usher invite import team.csv -o acme --role member --results outcome.csv
    usher invite import - -o acme --format ndjson --no-wait < team.ndjson`
}

// Run checks the file, hands it to the gateway and watches what becomes of it.
func (c *inviteImportCmd) Run(ctx context.Context, s *shell) error {
	file, err := c.read(s)
	if err != nil {
		return err
	}
	if c.DryRun {
		return c.dryRun(s, file)
	}
	if err := c.prepare(file); err != nil {
		return err
	}
	w, err := c.watch(s, c.Results)
	if err != nil {
		return err
	}
	ctx, stop := watching(ctx)
	defer stop()
	answer, err := w.client.ask(ctx, c.upload(w, file))
	switch {
	case ctx.Err() != nil:
		return stopped(s, "The file may have arrived or not. The same command again goes on where this one stopped.")
	case err != nil:
		return refusedFile(err)
	}
	batch, err := w.begin(answer)
	if err != nil || !c.Wait {
		return err
	}
	return w.finish(ctx, batch, answer.Header)
}

// importFile is a file to import.
type importFile struct {
	text   []byte
	format roster.Format
}

// read reads the file and finds out how it is written.
func (c *inviteImportCmd) read(s *shell) (*importFile, error) {
	if c.File == "-" && c.TokenFile == "-" {
		return nil, usagef("standard input is either the file or the token")
	}
	if c.Results != "" && (c.DryRun || !c.Wait) {
		return nil, usagef("--results is written when the batch is finished: not with --dry-run or --no-wait")
	}
	text, err := readImport(s, c.File, maxImportBytes)
	if err != nil {
		return nil, err
	}
	file := &importFile{text, roster.Format(c.Format)}
	if c.Format == "auto" {
		file.format = guessFormat(c.File, text)
	}
	return file, nil
}

func readImport(s *shell, path string, most int64) (text []byte, err error) {
	in := s.stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, usagef("open the file: %v", err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		in = f
	}
	if text, err = io.ReadAll(io.LimitReader(in, most+1)); err != nil {
		return nil, usagef("read the file: %v", err)
	}
	if int64(len(text)) > most {
		return nil, usagef("the file has more than %d bytes", most)
	}
	return text, nil
}

// guessFormat goes by a file's name, and by how it begins where that says
// nothing.
func guessFormat(path string, text []byte) roster.Format {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".ndjson", ".jsonl", ".json":
		return roster.NDJSON
	case ".csv", ".tsv":
		return roster.CSV
	}
	if bytes.HasPrefix(bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff"))), []byte("{")) {
		return roster.NDJSON
	}
	return roster.CSV
}

// prepare finds out early what would fail late, and gives rows without a role
// theirs.
func (c *inviteImportCmd) prepare(file *importFile) error {
	if err := checkResults(c.Results); err != nil {
		return err
	}
	if _, err := c.examine(file, func(api.BatchItem) error { return nil }); err != nil {
		return err
	}
	if len(c.Roles) == 0 {
		return nil
	}
	var filled bytes.Buffer
	if err := roster.Fill(&filled, bytes.NewReader(file.text), file.format, &roster.Options{Roles: c.Roles}); err != nil {
		return badFile(err)
	}
	file.text = filled.Bytes()
	return nil
}

// upload is the call that hands the file in. It may be repeated, also by a
// later run of the program, since its key goes by what is handed in.
func (c *inviteImportCmd) upload(w *watch, file *importFile) httpx.Call {
	key := c.Key
	if key == "" {
		hash := sha256.New()
		fmt.Fprintf(hash, "%s\x00%s\x00", c.Organization, file.format)
		hash.Write(file.text)
		key = "imp_" + hex.EncodeToString(hash.Sum(nil))
	}
	call := w.call("hand a batch in", http.MethodPost)
	call.Body, call.Repeatable = file.text, true
	call.Header.Set("Idempotency-Key", key)
	call.Header.Set("Content-Type", file.format.MediaType())
	return call
}

// badFile is the error of a file that nobody can read.
func badFile(err error) error {
	var known *identity.Error
	if errors.As(err, &known) {
		return usagef("%s", known.Detail)
	}
	return err
}

// refusedFile is what the gateway says about a file as a whole.
func refusedFile(err error) error {
	switch identity.CodeOf(err) {
	case identity.CodeInvalidRequest, identity.CodePayloadTooLarge, identity.CodeUnsupportedMediaType:
		return &mistaken{err}
	}
	return err
}

// mistaken is an answer that blames what was given to the command.
type mistaken struct{ error }

// Unwrap returns the answer, for whoever prints it.
func (e *mistaken) Unwrap() []error { return []error{&usageError{text: e.Error()}, e.error} }

// decodeBatch reads a batch from an answer.
func decodeBatch(answer []byte) (*api.Batch, error) {
	var b api.Batch
	if err := json.Unmarshal(answer, &b); err != nil || b.ID == "" {
		return nil, errors.New("the answer is not a batch")
	}
	return &b, nil
}
