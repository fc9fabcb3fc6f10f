package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"usher/config"
	"usher/identity"
)

// The exit codes, as the help documents them.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitConfig      = 3
	exitNotFound    = 4
	exitConflict    = 5
	exitDenied      = 6
	exitUnavailable = 7
	exitInterrupted = 130 // as shells have it for SIGINT
)

// shell is what a command may touch of the world around it.
type shell struct {
	env            map[string]string
	stdin          io.Reader
	stdout, stderr io.Writer
}

// lookup is an environment variable for the configuration.
func (s *shell) lookup(name string) (string, bool) {
	value, set := s.env[name]
	return value, set
}

// say writes a line for people to standard output.
func (s *shell) say(format string, args ...any) error {
	_, err := fmt.Fprintf(s.stdout, format+"\n", args...)
	return err
}

// usageError is a mistake in the flags that kong cannot see.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return &usageError{text: fmt.Sprintf(format, args...)}
}

// errInterrupted is the error of a command that somebody has stopped.
var errInterrupted = errors.New("interrupted")

// run is the program. It returns an exit code.
func run(ctx context.Context, args, env []string, stdin io.Reader, stdout, stderr io.Writer) int {
	s := &shell{env: map[string]string{}, stdin: stdin, stdout: stdout, stderr: stderr}
	for _, line := range env {
		if name, value, ok := strings.Cut(line, "="); ok {
			s.env[name] = value
		}
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	ended := false // kong printed help
	parser, err := newParser(ctx, s, &ended)
	if err != nil {
		return s.fail(err)
	}
	command, err := parser.Parse(args)
	switch {
	case ended:
		return exitOK
	case err != nil:
		return s.fail(hint(err))
	}
	return s.fail(command.Run())
}

// newParser makes the command line's grammar. Flags with a variable tag take
// their default from that environment variable.
func newParser(ctx context.Context, s *shell, ended *bool) (*kong.Kong, error) {
	return kong.New(&grammar{},
		kong.Name("usher"),
		kong.Description(description),
		kong.Writers(s.stdout, s.stderr),
		kong.Exit(func(int) { *ended = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100, NoAppDescFormat: true}),
		kong.Resolvers(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
			if value := s.env[flag.Tag.Get("variable")]; value != "" {
				return value, nil
			}
			return nil, nil
		})),
		kong.Bind(s),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
}

// hint points from a mistake in the arguments to the help of the command.
func hint(err error) error {
	path := ""
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil {
		if node := parse.Context.Selected(); node != nil {
			path = " " + node.Path()
		}
	}
	return usagef("%v (see usher%s --help)", err, path)
}

// fail prints an error as its own line or lines and returns the exit code.
func (s *shell) fail(err error) int {
	if err == nil {
		return exitOK
	}
	var problems config.Problems
	if errors.As(err, &problems) {
		for _, p := range problems {
			_, _ = fmt.Fprintln(s.stderr, p.Error()) // nowhere left to complain
		}
		return exitConfig
	}
	var answer *apiError
	if errors.As(err, &answer) && answer.raw != nil {
		_, _ = fmt.Fprintf(s.stderr, "%s\n", answer.raw)
		return exitCode(err)
	}
	_, _ = fmt.Fprintf(s.stderr, "usher: %s\n", oneLine(err.Error()))
	return exitCode(err)
}

func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

func exitCode(err error) int {
	var usage *usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	if errors.Is(err, errInterrupted) {
		return exitInterrupted
	}
	var coder identity.Coder
	if !errors.As(err, &coder) {
		return exitFailure
	}
	switch coder.IdentityCode() {
	case identity.CodeNotFound:
		return exitNotFound
	case identity.CodeConflict, identity.CodeAlreadyMember, identity.CodeInvitePending, identity.CodeInviteNotPending,
		identity.CodeIdempotencyInProgress, identity.CodeOrganizationMoving, identity.CodeInviteExpired, identity.CodePreconditionFailed:
		return exitConflict
	case identity.CodeUnauthenticated, identity.CodePermissionDenied, identity.CodeRoleNotGrantable, identity.CodeWrongAccount,
		identity.CodeQuotaExceeded:
		return exitDenied
	case identity.CodeRateLimited, identity.CodeProviderRateLimited, identity.CodeProviderUnavailable, identity.CodeProviderTimeout,
		identity.CodeProviderError, identity.CodeProviderCredentials:
		return exitUnavailable
	default:
		return exitFailure
	}
}
