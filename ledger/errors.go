package ledger

import (
	"database/sql"
	"errors"

	"usher/identity"
)

// DatabaseError says what is wrong with the database the ledger is kept in, and
// what an operator can do about it.
type DatabaseError struct {
	Database string // a file's path, or a URL without its password
	Problem  string // "is not a database"
	Remedy   string // "restore it from a backup"
	// Passes: what was asked for may succeed later, by itself or once somebody has
	// applied the remedy, without a restart.
	Passes bool
	Err    error // the cause; may be nil
}

// Error implements error.
func (e *DatabaseError) Error() string {
	text := "ledger " + e.Database + " " + e.Problem + ": " + e.Remedy
	if e.Err != nil {
		text += " (" + e.Err.Error() + ")"
	}
	return text
}

// Unwrap returns the cause.
func (e *DatabaseError) Unwrap() error { return e.Err }

// IdentityCode implements identity.Coder.
func (e *DatabaseError) IdentityCode() identity.Code { return identity.CodeInternal }

// Passes reports that err comes from a trouble of the ledger's database that may
// be over the next time.
func Passes(err error) bool {
	e, ok := errors.AsType[*DatabaseError](err)
	return ok && e.Passes
}

// trouble is err, with what to do about it where it is a trouble that passes.
func trouble(d database, err error) error {
	if err == nil || !d.passes(err) {
		return err
	}
	return d.diagnose(err)
}

// failed wraps what the database said. Errors that already have a code, and
// nil, stay as they are.
func failed(op string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*identity.Error](err); ok {
		return err
	}
	if isForeignKey(err) { // something is recorded about a row that is not there
		return &identity.Error{Code: identity.CodeNotFound, Op: op, Err: err}
	}
	return &identity.Error{Code: identity.CodeInternal, Op: op, Err: err}
}

// missing is failed, with not_found for no row.
func missing(op string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return &identity.Error{Code: identity.CodeNotFound, Op: op}
	}
	return failed(op, err)
}
