// Package e2e holds the end-to-end tests: the real binary in processes of its
// own, asked over HTTP as an application would, against the sandbox in another
// process, with people who open their mails. It has no code of its own.
package e2e
