package ledger

import (
	"database/sql"
	"encoding/json"
	"time"
)

// Times are kept in microseconds since 1970, UTC.

func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func micros(t time.Time) int64 { return t.UnixMicro() }

func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }

func microsOrNull(t *time.Time) sql.NullInt64 {
	if t == nil {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: micros(*t), Valid: true}
}

func fromNullMicros(n sql.NullInt64) *time.Time {
	if !n.Valid {
		return nil
	}
	t := fromMicros(n.Int64)
	return &t
}

// Lists and maps are kept as JSON; empty ones as an empty text, and read nil.

func toJSON[T []string | map[string]string | map[string]any](v T) (string, error) {
	if len(v) == 0 {
		return "", nil
	}
	b, err := json.Marshal(v)
	return string(b), err
}

func fromJSON[T []string | map[string]string | map[string]any](text string, v *T) error {
	*v = nil
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), v)
}

func textOrNull(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

func instantOrNil(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	cut := instant(*t)
	return &cut
}
