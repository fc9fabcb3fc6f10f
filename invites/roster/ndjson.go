package roster

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"usher/identity"
	"usher/internal/ijson"
	"usher/invites"
)

// object makes a row of a line of NDJSON.
func (r *Reader) object() (*Row, error) {
	text := bytes.Trim(r.lines.text, " \t")
	if len(text) == 0 {
		return nil, nil
	}
	q, err := decodeObject(text)
	return r.complete(q, err), nil
}

// decodeObject reads a line with the rules of a single request's body. With an
// error it returns the address if it can.
func decodeObject(text []byte) (q invites.SendRequest, err error) {
	if err := ijson.Check("The line", text); err != nil {
		return q, kept(err)
	}
	if text[0] != '{' {
		return q, wrong("", "The line is not a JSON object.")
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return q, wrong("", "The line is not valid JSON.")
	}
	var faults []error
	for _, name := range fieldNames() {
		if raw, ok := fields[name]; ok && string(raw) != "null" {
			if err := decodeField(&q, name, raw); err != nil {
				faults = append(faults, err)
			}
		}
		delete(fields, name)
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		return q, wrong("/"+ijson.Escape(name), "The field is not known here.")
	}
	if len(faults) > 0 {
		return q, faults[0]
	}
	return q, nil
}

// kept is what was found in a line, its pointer no longer than it may be here.
func kept(err error) error {
	if known, ok := err.(*identity.Error); ok {
		return wrong(known.Field, "%s", known.Detail)
	}
	return err
}

func decodeField(q *invites.SendRequest, name string, raw json.RawMessage) (err error) {
	field := "/" + name
	if text := textOf(q, name); text != nil {
		*text, err = decodeText(field, raw)
		return err
	}
	switch name {
	case fieldRoles:
		q.Roles, err = decodeRoles(raw)
	case fieldExpiresAt:
		text, wrongKind := decodeText(field, raw)
		if wrongKind != nil {
			return wrongKind
		}
		q.ExpiresAt, err = parseTime(field, text)
	case fieldMetadata:
		if json.Unmarshal(raw, &q.Metadata) != nil {
			return wrong(field, "An object is expected here.")
		}
	case fieldNotify:
		if json.Unmarshal(raw, &q.Notify) != nil {
			return wrong(field, "true or false is expected here.")
		}
	}
	return err
}

func decodeText(field string, raw json.RawMessage) (text string, err error) {
	if raw[0] != '"' || json.Unmarshal(raw, &text) != nil {
		return "", wrong(field, "A text is expected here.")
	}
	return text, nil
}

func decodeRoles(raw json.RawMessage) ([]string, error) {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return nil, wrong("/roles", "A list of roles is expected here.")
	}
	roles := make([]string, len(list))
	for n := range list {
		var err error
		if roles[n], err = decodeText("/roles/"+strconv.Itoa(n), list[n]); err != nil {
			return nil, err
		}
	}
	return roles, nil
}
