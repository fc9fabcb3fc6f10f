// Package sandboxtest is what the tests of the simulators share: a server for
// a simulator, a mailbox for its mails, and answers to look into. What a world
// of one vendor is made of, and how its calls look, is in that vendor's tests.
package sandboxtest
