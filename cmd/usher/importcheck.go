package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"usher/api"
	"usher/identity"
	"usher/invites/roster"
)

// findings count what a dry run found, in the words of a batch.
type findings struct {
	Rows    int `json:"rows"`
	Good    int `json:"good"`
	Skipped int `json:"skipped"`
	Failed  int `json:"failed"`
}

// dryRun prints what is wrong with a file.
func (c *inviteImportCmd) dryRun(s *shell, file *importFile) error {
	found, err := c.examine(file, func(i api.BatchItem) error {
		if c.JSON {
			return printDocument(s, i)
		}
		return s.say("%s", describeItem(i))
	})
	if err != nil {
		return err
	}
	if c.JSON {
		err = printDocument(s, found)
	} else {
		err = s.say("%d rows: %d good, %d skipped, %d wrong. Nothing was sent.", found.Rows, found.Good, found.Skipped, found.Failed)
	}
	if err == nil && found.Failed > 0 {
		err = fmt.Errorf("%d of %d rows are wrong", found.Failed, found.Rows)
	}
	return err
}

// examine reads a file and tells of each row that would not be sent, as far as
// that can be seen here. Its error is about the file.
func (c *inviteImportCmd) examine(file *importFile, tell func(api.BatchItem) error) (*findings, error) {
	found, seen, now := &findings{}, map[string]int{}, time.Now()
	rows := roster.NewReader(bytes.NewReader(file.text), file.format, &roster.Options{Roles: c.Roles})
	for {
		row, err := rows.Next()
		if err == io.EOF {
			return found, nil
		}
		if err != nil {
			return nil, badFile(err)
		}
		found.Rows++
		item := api.BatchItem{Row: row.Number, Line: row.Line, Email: row.Request.Email}
		if row.Err == nil {
			row.Err = row.Request.Check(now)
		}
		var known *identity.Error
		switch first, twice := seen[addressKey(row.Request.Email)]; {
		case errors.As(row.Err, &known):
			found.Failed++
			item.Outcome, item.Code, item.Field, item.Detail = string(identity.OutcomeFailed), optional(string(known.Code)), optional(known.Field), optional(known.Detail)
		case twice:
			found.Skipped++
			item.Outcome, item.Code, item.Field = string(identity.OutcomeSkipped), optional(string(identity.CodeDuplicateRow)), optional("/email")
			item.Detail = optional(fmt.Sprintf("Row %d has this address too.", first))
		default:
			found.Good++
			seen[addressKey(row.Request.Email)] = row.Number
			continue
		}
		if err := tell(item); err != nil {
			return nil, err
		}
	}
}

// addressKey is what two rows are compared by; empty: the address is none.
func addressKey(email string) string {
	address, err := identity.ParseEmail(email)
	if err != nil {
		return ""
	}
	return address.Key(identity.EmailLowercase)
}

// describeItem is a row and what became of it, for people.
func describeItem(i api.BatchItem) string {
	text := fmt.Sprintf("line %d, row %d: ", i.Line, i.Row)
	if i.Email != "" {
		text += i.Email + ": "
	}
	text += i.Outcome
	if i.Code != nil {
		text += " (" + *i.Code + ")"
	}
	if i.Field != nil {
		text += " at " + *i.Field
	}
	if i.Detail != nil {
		text += ": " + *i.Detail
	}
	return text
}

// printDocument prints a value as JSON on one line.
func printDocument(s *shell, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return printJSON(s, text)
}
