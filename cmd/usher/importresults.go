package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"usher/api"
	"usher/invites/roster"
)

// resultsFormat goes by the ending of a file of results.
func resultsFormat(path string) (roster.Format, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".csv":
		return roster.CSV, nil
	case ".ndjson", ".jsonl":
		return roster.NDJSON, nil
	}
	return "", usagef("%s ends neither with .csv nor with .ndjson", path)
}

// checkResults finds out before anything is sent whether the results can be
// written. An empty path is fine.
func checkResults(path string) error {
	if path == "" {
		return nil
	}
	if _, err := resultsFormat(path); err != nil {
		return err
	}
	probe, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return usagef("cannot write %s: %v", path, unwrapPath(err))
	}
	if info, statErr := os.Stat(path); statErr == nil && info.IsDir() {
		err = usagef("cannot write %s: it is a folder", path)
	}
	return errors.Join(err, probe.Close(), os.Remove(probe.Name()))
}

// writeResults writes what became of each row. The file is there once it is
// complete, and not before.
func (w *watch) writeResults(ctx context.Context, id string) (err error) {
	format, err := resultsFormat(w.results)
	if err != nil {
		return err
	}
	out, err := os.CreateTemp(filepath.Dir(w.results), "."+filepath.Base(w.results)+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", w.results, unwrapPath(err))
	}
	buffered := bufio.NewWriter(out)
	write, flush := ndjsonResults(buffered), func() error { return nil }
	if format == roster.CSV {
		write, flush = csvResults(buffered)
	}
	if err = w.eachItem(ctx, id, write); err == nil {
		err = errors.Join(flush(), buffered.Flush(), out.Sync())
	}
	if err = errors.Join(err, out.Close()); err == nil {
		err = os.Rename(out.Name(), w.results)
	}
	if err != nil {
		return errors.Join(err, os.Remove(out.Name()))
	}
	return nil
}

// eachItem goes through all rows of a batch.
func (w *watch) eachItem(ctx context.Context, id string, write func(json.RawMessage) error) error {
	query := url.Values{"limit": {strconv.Itoa(itemsPage)}}
	for {
		page, err := w.items(ctx, id, query)
		if err != nil {
			return err
		}
		for _, item := range page.Data {
			if err := write(item); err != nil {
				return err
			}
		}
		if page.NextCursor == nil {
			return nil
		}
		query.Set("cursor", *page.NextCursor)
	}
}

// ndjsonResults writes rows as the gateway does, one a line.
func ndjsonResults(out io.Writer) func(json.RawMessage) error {
	return func(item json.RawMessage) error {
		var line bytes.Buffer
		if err := json.Compact(&line, item); err != nil {
			return err
		}
		line.WriteByte('\n')
		_, err := out.Write(line.Bytes())
		return err
	}
}

// csvResults writes rows for spreadsheet programs.
func csvResults(out io.Writer) (write func(json.RawMessage) error, flush func() error) {
	w := csv.NewWriter(out)
	flush = func() error {
		w.Flush()
		return w.Error()
	}
	_ = w.Write([]string{"row", "line", "email", "outcome", "code", "field", "detail", "invite_id"}) // flush tells
	return func(item json.RawMessage) error {
		var i api.BatchItem
		if err := json.Unmarshal(item, &i); err != nil {
			return fmt.Errorf("the answer is not a list of rows: %w", err)
		}
		cells := []string{strconv.Itoa(i.Row), strconv.Itoa(i.Line), harmless(i.Email), i.Outcome}
		for _, cell := range []*string{i.Code, i.Field, i.Detail, i.InviteID} {
			text := ""
			if cell != nil {
				text = harmless(*cell)
			}
			cells = append(cells, text)
		}
		return w.Write(cells)
	}, flush
}

// harmless keeps spreadsheet programs from taking a text for a formula.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
